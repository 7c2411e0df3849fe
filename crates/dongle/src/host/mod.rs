//! The host thread: it owns trouble-host and everything that is not `Send`, and does what the
//! handles ask for.

mod hold;
mod identity;
mod pool;
mod scanning;

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::thread;

use bt_hci::controller::ExternalController;
use dongle_central::central::{Central, ConnectConfig, ControllerInfo};
use dongle_central::mux::Mux;
use embassy_time::{Duration, Instant, Timer};
use futures_channel::{mpsc, oneshot};
use futures_lite::future::{block_on, or};
use futures_lite::{FutureExt as _, Stream as _, StreamExt as _};
use futures_util::lock::Mutex as LocalMutex;
use futures_util::stream::FuturesUnordered;
use hci_transport::HciChannel;
use trouble_host::HostResources;

use crate::address::Address;
use crate::connection::Held;
use crate::dongle::{Inner, Shared};
use crate::error::Error;
use crate::links::{MAX_CONNECTIONS, SharedLinks};
pub(crate) use hold::HoldCommand;
use pool::HeapPool;
pub(crate) use scanning::ScanRequest;
use scanning::Scanning;

/// L2CAP channels at a time.
const MAX_CHANNELS: usize = 16;
/// Largest HCI packet, and ATT PDU with its header, that passes the mux.
const BUFFER: usize = 1100;

type HostMux<'l> = Mux<'l, HciChannel, SharedLinks, Scanning, BUFFER>;
type HostCentral<'s, 'a> = Central<'s, 'a, HciChannel, SharedLinks, HeapPool, Scanning, BUFFER>;

/// What the handles ask of the host thread.
pub(crate) enum Command {
    Connect {
        /// Keeps the dongle open while it is connected.
        dongle: Arc<Inner>,
        peer: Address,
        config: ConnectConfig,
        deadline: Option<Instant>,
        reply: oneshot::Sender<Result<Arc<Held>, Error>>,
    },
    Scan(ScanRequest),
    StopScan(u64),
    Close,
}

/// What a dongle is, once it is open.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) info: ControllerInfo,
    pub(crate) address: Address,
}

/// Starts the host thread on a channel that `open` gives. The receiver hears when it is up, or why
/// not; the shared state is told when it ends.
pub(crate) fn start(
    open: impl FnOnce() -> Result<HciChannel, Error> + Send + 'static,
    own_address: Option<Address>,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedReceiver<Command>,
) -> oneshot::Receiver<Result<Opened, Error>> {
    let (ready, opened) = oneshot::channel();
    let started = thread::Builder::new().name("dongle-host".into()).spawn({
        let shared = Arc::clone(&shared);
        move || {
            shared.begin();
            // However this thread ends, nobody is left waiting for it.
            let _last_word = LastWord(Arc::clone(&shared));
            let channel = open().and_then(|channel| {
                let address = identity::own_address(&channel, own_address)?;
                Ok((channel, address))
            });
            match channel {
                Ok((channel, address)) => {
                    let error = run(channel, address, &shared, commands, ready);
                    shared.end(error);
                }
                Err(error) => {
                    shared.end(error.clone());
                    // Nobody listens where the open itself was given up.
                    let _ = ready.send(Err(error));
                }
            }
        }
    });
    if let Err(error) = started {
        shared.end(Error::ControllerFailed(format!("the host thread could not start: {error}")));
    }
    opened
}

/// Says so if the host thread ends without having said why.
struct LastWord(Arc<Shared>);

impl Drop for LastWord {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end(Error::ControllerFailed("the host thread panicked: a defect in Dongle".into()));
        }
    }
}

/// Everything between opening and the end; why it ended.
fn run(
    channel: HciChannel,
    address: Address,
    shared: &Shared,
    commands: mpsc::UnboundedReceiver<Command>,
    ready: oneshot::Sender<Result<Opened, Error>>,
) -> Error {
    let links = shared.links.clone();
    let mux: HostMux<'_> = Mux::new(channel, &links, Scanning::default());
    let scanning = mux.reports();
    let mut resources: Box<HostResources<HeapPool, MAX_CONNECTIONS, MAX_CHANNELS>> =
        Box::new(HostResources::new());
    let mut stack = trouble_host::new(ExternalController::new(&mux), &mut *resources);
    if address.is_random() {
        stack = stack.set_random_address(address.for_host());
    }
    let stack = stack.build();
    let central = Central::new(&mux, &stack);
    let host = Host {
        central: &central,
        scanning,
        connecting: LocalMutex::new(()),
        held: RefCell::default(),
    };
    let served = async {
        let info = central.controller_info().await;
        let _ = ready.send(Ok(Opened { info, address }));
        host.serve(commands).await
    };
    let error = block_on(or(served, async { Error::from(central.run().await) }));
    scanning.end(&error);
    error
}

/// The handles' side of the host thread.
struct Host<'h, 's, 'a> {
    central: &'h HostCentral<'s, 'a>,
    scanning: &'h Scanning,
    /// Attempts to connect come one after another, each looking first whether it still has to.
    connecting: LocalMutex<()>,
    held: RefCell<HashMap<Address, Weak<Held>>>,
}

impl Host<'_, '_, '_> {
    /// Does what is asked for until the last handle is gone or the dongle is closed. Then all
    /// connections are ended in order.
    async fn serve(&self, mut commands: mpsc::UnboundedReceiver<Command>) -> Error {
        let mut tasks = FuturesUnordered::new();
        let mut scan = pin!(self.scanning.run(self.central));
        loop {
            let command = poll_fn(|cx| {
                // Whatever is done is done; more may have been waiting behind it.
                while let Poll::Ready(Some(())) = pin!(&mut tasks).poll_next(cx) {}
                let _ = scan.as_mut().poll(cx);
                commands.poll_next(cx)
            });
            match command.await {
                Some(Command::Connect { dongle, peer, config, deadline, reply }) => {
                    tasks.push(self.connect(dongle, peer, config, deadline, reply).boxed_local());
                }
                Some(Command::Scan(request)) => {
                    self.scanning.add(request);
                }
                Some(Command::StopScan(id)) => self.scanning.remove(id),
                Some(Command::Close) | None => break,
            }
        }
        self.scanning.end(&Error::Closed);
        for held in self.held.borrow().values().filter_map(Weak::upgrade) {
            held.command(HoldCommand::Disconnect);
        }
        // An attempt to connect that is still under way is cancelled by being dropped; the links
        // that are up are ended in order, as long as that takes no longer than it should.
        let quiet = async {
            while self.central.mux().links().any_open() {
                let _ = or(async { tasks.next().await.is_some() }, async {
                    Timer::after(Duration::from_millis(10)).await;
                    false
                })
                .await;
            }
        };
        or(quiet, async {
            Timer::after(Duration::from_secs(2)).await;
        })
        .await;
        Error::Closed
    }

    async fn connect(
        &self,
        dongle: Arc<Inner>,
        peer: Address,
        config: ConnectConfig,
        deadline: Option<Instant>,
        mut reply: oneshot::Sender<Result<Arc<Held>, Error>>,
    ) {
        let expired = async {
            match deadline {
                Some(deadline) => Timer::at(deadline).await,
                None => std::future::pending().await,
            }
            None
        };
        let turn = or(async { Some(self.connecting.lock().await) }, expired);
        let Some(turn) = turn.await else {
            let _ = reply.send(Err(Error::Timeout));
            return;
        };
        let existing = self.held.borrow().get(&peer).and_then(Weak::upgrade);
        if let Some(held) = existing.filter(|held| held.is_connected()) {
            let _ = reply.send(Ok(held));
            return;
        }
        let attempt = async { Some(self.central.connect(peer.for_host(), &config, deadline).await) };
        // The caller may go away; then the attempt is cancelled by being dropped.
        let gone = async {
            reply.cancellation().await;
            None
        };
        let Some(result) = or(attempt, gone).await else { return };
        drop(turn);
        let connection = match result {
            Ok(connection) => connection,
            Err(error) => {
                let _ = reply.send(Err(error.into()));
                return;
            }
        };
        let (held, commands) = Held::new(dongle, peer, connection.id());
        let held = Arc::new(held);
        self.held.borrow_mut().insert(peer, Arc::downgrade(&held));
        let _ = reply.send(Ok(held));
        hold::hold(self.central, connection, commands).await;
        let mut all = self.held.borrow_mut();
        if all.get(&peer).is_some_and(|h| h.upgrade().is_none_or(|h| !h.is_connected())) {
            all.remove(&peer);
        }
    }
}

/// The time a timeout ends.
pub(crate) fn deadline(timeout: Option<std::time::Duration>) -> Option<Instant> {
    let timeout = Duration::try_from(timeout?).unwrap_or(Duration::MAX);
    Instant::now().checked_add(timeout)
}
