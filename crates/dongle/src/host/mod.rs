//! The host thread: it owns trouble-host and everything else that is not `Send`, and does what the
//! handles ask for.

mod channels;
mod connecting;
mod deadlines;
mod hold;
mod identity;
mod jobs;
mod pool;
mod scanning;
mod secure;
mod shared_waker;

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::future::{Future as _, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use bt_hci::param::DisconnectReason;
use dongle_central::central::{Central, Controller, ControllerInfo, HostStack};
use dongle_central::links::LinkId;
use dongle_central::mux::Mux;
use dongle_central::security::Privacy;
use embassy_time::{Duration, Instant, Timer};
use futures_channel::{mpsc, oneshot};
use futures_lite::Stream as _;
use futures_lite::future::or;
use futures_util::lock::{Mutex as LocalMutex, MutexGuard};
use futures_util::stream::FuturesUnordered;
use hci_transport::{Counters, HciChannel};
use trouble_host::HostResources;

use crate::address::Address;
use crate::device::for_host;
use crate::dongle::Shared;
use crate::error::Error;
use crate::links::{MAX_CONNECTIONS, SharedLinks, wake_after};
use crate::security::Context as SecurityContext;
pub(crate) use connecting::ConnectRequest;
use connecting::Connecting;
use deadlines::Deadlines;
pub(crate) use hold::HoldCommand;
pub(crate) use identity::{Identity, data_folder, file_in, is_lasting};
use jobs::Job;
pub(crate) use jobs::Query;
use pool::HeapPool;
pub(crate) use scanning::ScanRequest;
use scanning::Scanning;
use shared_waker::SharedWaker;

/// How many L2CAP channels can be open at once.
const MAX_CHANNELS: usize = 16;
/// How long ending all connections may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// The largest HCI packet, or ATT PDU with its header, that the mux passes.
const BUFFER: usize = 1100;

type HostMux<'l> = Mux<'l, HciChannel, SharedLinks, Scanning, BUFFER>;
type HostCentral<'s, 'a> = Central<'s, 'a, HciChannel, SharedLinks, HeapPool, Scanning, BUFFER>;

type TroubleHost<'a> = HostStack<'a, HciChannel, SharedLinks, HeapPool, Scanning, BUFFER>;

/// What the handles ask of the host thread.
pub(crate) enum Command {
    Connect(ConnectRequest),
    /// The caller of the connection request with this number has given up.
    CancelConnect(u64),
    Scan(ScanRequest),
    StopScan(u64),
    Query(Query),
    /// Answer at this time.
    Wake(Instant, oneshot::Sender<()>),
    Close,
}

/// What is known of a dongle once it is open.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) info: ControllerInfo,
    pub(crate) address: Address,
    pub(crate) counters: Counters,
}

/// Starts the host thread on the channel that `open` returns. The receiver learns when it is up or
/// why it failed; the shared state learns when it ends.
pub(crate) fn start(
    open: impl FnOnce() -> Result<HciChannel, Error> + Send + 'static,
    identity: Identity,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedReceiver<Command>,
) -> oneshot::Receiver<Result<Opened, Error>> {
    let (ready, opened) = oneshot::channel();
    let started = thread::Builder::new().name("dongle-host".into()).spawn({
        let shared = Arc::clone(&shared);
        move || {
            shared.begin();
            // However this thread ends, nothing is left waiting for it.
            let _last_word = LastWord(|why| shared.end(why));
            let channel = open().and_then(|channel| {
                let address = identity.address(&channel)?;
                Ok((channel, address))
            });
            match channel {
                Ok((channel, address)) => {
                    let error = run(channel, address, &shared, commands, ready);
                    shared.end(error);
                }
                Err(error) => {
                    shared.end(error.clone());
                    // Nobody receives this if opening was given up.
                    let _ = ready.send(Err(error));
                }
            }
        }
    });
    if let Err(error) = started {
        shared.end(Error::ControllerFailed(format!(
            "the host thread could not start: {error}"
        )));
    }
    opened
}

/// Reports the end if the host thread panics.
struct LastWord<F: Fn(Error)>(F);

impl<F: Fn(Error)> Drop for LastWord<F> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)(Error::ControllerFailed(
                "the host thread panicked, in a scan's filter or by a defect in Dongle".into(),
            ));
        }
    }
}

/// Runs from opening to the end, and returns why it ended. The handles learn the reason before
/// anything is dropped here.
fn run(
    channel: HciChannel,
    address: Address,
    shared: &Shared,
    commands: mpsc::UnboundedReceiver<Command>,
    ready: oneshot::Sender<Result<Opened, Error>>,
) -> Error {
    shared.security.bonds.open(address);
    let links = shared.links.clone();
    let reports = Scanning::new(Arc::clone(shared.security.bonds.identities()));
    let mux: HostMux<'_> = Mux::new(channel, &links, reports);
    let scanning = mux.reports();
    let mut resources: Box<HostResources<HeapPool, MAX_CONNECTIONS, MAX_CHANNELS>> =
        Box::new(HostResources::new());
    let mut stack = trouble_host::new(Controller::new(&mux), &mut *resources);
    let privacy = match private_address(address, shared) {
        Ok(privacy) => privacy,
        Err(error) => {
            let _ = ready.send(Err(error.clone()));
            return error;
        }
    };
    // Whether a channel is accepted is decided later, by a connection that waits for one.
    for spsm in 1..=255 {
        stack = stack.register_l2cap_spsm(spsm);
    }
    let stack = stack.build();
    let central = Central::with_host(&mux, &stack);
    central.set_random(&|octets| getrandom::fill(octets).is_ok());
    if address.is_random() {
        central.set_random_address(address.for_host().addr.into_inner());
    }
    let privacy = privacy.zip(shared.security.privacy);
    let renewed =
        privacy.map(|(privacy, interval)| central.go_private(privacy, for_host(interval)));
    let host = Host {
        central: &central,
        stack: &stack,
        scanning,
        security: &shared.security,
        listening: RefCell::default(),
        opening: Default::default(),
        channel_waker: SharedWaker::default(),
        connecting: Connecting::default(),
        deadlines: Deadlines::default(),
        jobs: RefCell::default(),
        commands: LocalMutex::new(()),
        updates: Default::default(),
    };
    let served = async {
        let info = central.controller_info().await;
        if let Err(error) = central.support_le().await {
            log::debug!("the controller refused LE host support: {error}");
        }
        let counters = mux.transport().counters();
        let _ = ready.send(Ok(Opened {
            info,
            address,
            counters,
        }));
        host.serve(commands).await
    };
    let run = async { Error::from(central.run().await) };
    let renew = async {
        match renewed {
            Some(renewed) => Error::from(renewed.await),
            None => pending().await,
        }
    };
    let mut until_the_end = pin!(or(served, or(run, renew)));
    let _last_word = LastWord(|why| shared.go_down(why));
    let turns = poll_fn(|cx| wake_after(|| until_the_end.as_mut().poll(cx)));
    let error = mux.transport().block_on(turns);
    shared.go_down(error.clone());
    scanning.end(&error);
    error
}

/// What a private address is made of, if one is wanted.
fn private_address(identity: Address, shared: &Shared) -> Result<Option<Privacy>, Error> {
    if shared.security.privacy.is_none() {
        return Ok(None);
    }
    let irk = shared.security.bonds.own_irk()?;
    let [a, b, c, _] = fastrand::u32(..).to_le_bytes();
    Ok(Some(Privacy::new(irk, identity.for_host(), [a, b, c])))
}

/// One lock per link, so that a slow device holds up no other.
type Turns = [LocalMutex<()>; MAX_CONNECTIONS];

async fn turn_on(turns: &Turns, id: LinkId) -> Option<MutexGuard<'_, ()>> {
    match turns.get(id.index()) {
        Some(turn) => Some(turn.lock().await),
        None => None,
    }
}

/// The part of the host thread that serves the handles.
struct Host<'c, 's, 'a> {
    central: &'c HostCentral<'s, 'a>,
    stack: &'s TroubleHost<'a>,
    scanning: &'c Scanning,
    security: &'c SecurityContext,
    /// The links that wait for a channel.
    listening: RefCell<HashSet<LinkId>>,
    /// Held while a channel is being opened.
    opening: Turns,
    /// Shared by all tasks that open or accept a channel.
    channel_waker: SharedWaker,
    connecting: Connecting,
    deadlines: Deadlines,
    /// Jobs to be started.
    jobs: RefCell<VecDeque<Job<'c, 's, 'a>>>,
    /// Held while the controller executes a command.
    commands: LocalMutex<()>,
    /// Held while connection parameters are being updated.
    updates: Turns,
}

impl<'c, 's, 'a> Host<'c, 's, 'a> {
    /// Does what the handles ask for until the last one is dropped or the dongle is closed. Then
    /// ends all connections in order.
    async fn serve(&self, mut commands: mpsc::UnboundedReceiver<Command>) -> Error {
        let mut tasks = FuturesUnordered::new();
        let mut scan = pin!(self.scanning.run(self.central));
        let mut connect = pin!(self.connecting.run(self.central, self.scanning, &self.jobs));
        let mut alarm = pin!(self.deadlines.run());
        // All of these except the tasks are polled with this thread's one waker and so share one
        // timer of the clock. The tasks don't use the clock.
        let mut drive = |cx: &mut Context<'_>| {
            loop {
                let _ = scan.as_mut().poll(cx);
                let _ = connect.as_mut().poll(cx);
                let jobs = std::mem::take(&mut *self.jobs.borrow_mut());
                let begun = !jobs.is_empty();
                tasks.extend(jobs.into_iter().map(|job| self.work(job)));
                let ended = matches!(pin!(&mut tasks).poll_next(cx), Poll::Ready(Some(())));
                // A finished task may have queued more work.
                if !begun && !ended && self.jobs.borrow().is_empty() {
                    break;
                }
            }
            let _ = alarm.as_mut().poll(cx);
        };
        loop {
            let command = poll_fn(|cx| {
                drive(cx);
                pin!(&mut commands).poll_next(cx)
            });
            match command.await {
                Some(Command::Connect(request)) => self.connecting.add(request),
                Some(Command::CancelConnect(id)) => self.connecting.remove(id),
                Some(Command::Scan(request)) => self.scanning.add(request),
                Some(Command::StopScan(id)) => self.scanning.remove(id),
                Some(Command::Query(query)) => {
                    self.jobs.borrow_mut().push_back(Job::Query(query));
                }
                Some(Command::Wake(at, reply)) => {
                    self.jobs.borrow_mut().push_back(Job::Wake(at, reply));
                }
                Some(Command::Close) | None => break,
            }
        }
        self.scanning.end(&Error::Closed);
        self.connecting.close();
        for held in self.connecting.all_held() {
            held.disconnect(HoldCommand::Disconnect(
                DisconnectReason::RemoteUserTerminatedConn,
            ));
        }
        // Ends the open links in order, as long as that doesn't take too long.
        let until = Instant::now() + FAREWELL;
        let mut late = pin!(Timer::at(until));
        poll_fn(|cx| {
            drive(cx);
            match self.connecting.is_idle() && !self.central.mux().links().any_open() {
                true => Poll::Ready(()),
                false => late.as_mut().poll(cx),
            }
        })
        .await;
        Error::Closed
    }
}

/// The time at which a timeout ends.
pub(crate) fn deadline(timeout: Option<std::time::Duration>) -> Option<Instant> {
    let timeout = Duration::try_from(timeout?).unwrap_or(Duration::MAX);
    Instant::now().checked_add(timeout)
}
