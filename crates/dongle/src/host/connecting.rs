//! Merges what all handles want to connect to into the one attempt that a controller can make at a
//! time.
//!
//! Handles that want the same device share the attempt, and devices that are wanted with the same
//! parameters are looked for together, with the controller's filter accept list. Others take turns.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Poll, Waker};

use dongle_central::central::{ConnectConfig, is_worth_another_attempt};
use dongle_central::links::{LinkId, Links as _, Reason};
use embassy_time::{Duration, Instant, Timer};
use futures_channel::{mpsc, oneshot};
use futures_lite::future::or;

use super::hold::{HoldCommand, HostConnection};
use super::scanning::Scanning;
use super::{HostCentral, Job};
use crate::address::Address;
use crate::connection::Held;
use crate::dongle::Inner;
use crate::error::Error;
use crate::gatt::Database;
use crate::links::MAX_CONNECTIONS;

/// How many devices are looked for together at most.
const TOGETHER: usize = 8;
/// How long one attempt lasts while others wait that can't join it.
const TURN: Duration = Duration::from_millis(1500);
/// How long attempts may last before a waiting scan gets the radio again, and for how long it does.
const BEFORE_SCAN: Duration = Duration::from_secs(4);
const SCAN_SHARE: Duration = Duration::from_secs(1);
/// The pause after an attempt that failed at once.
const BREATH: Duration = Duration::from_millis(20);

/// Memory Capacity Exceeded: the filter accept list is full (Core Vol 1 Part F, 2.7).
const LIST_FULL: u8 = 0x07;

/// A handle's wish to be connected to a device.
pub(crate) struct ConnectRequest {
    pub(crate) id: u64,
    /// Keeps the dongle open as long as the connection exists.
    pub(crate) dongle: Arc<Inner>,
    pub(crate) peer: Address,
    pub(crate) config: ConnectConfig,
    /// Whether to ask for longer packets and the 2M PHY afterwards.
    pub(crate) tune: bool,
    pub(crate) deadline: Option<Instant>,
    pub(crate) reply: oneshot::Sender<Result<Arc<Held>, Error>>,
}

impl ConnectRequest {
    fn is_overdue(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    fn answer(self, result: Result<Arc<Held>, Error>) {
        // The caller may have given up.
        let _ = self.reply.send(result);
    }
}

/// A connection that handles share.
pub(super) struct Established {
    pub(super) handle: Weak<Held>,
    pub(super) commands: mpsc::UnboundedReceiver<HoldCommand>,
    /// Gets the reason when the connection ends.
    pub(super) ended: Arc<OnceLock<Reason>>,
    pub(super) tune: bool,
}

/// What is wanted, and what is connected.
#[derive(Default)]
pub(super) struct Connecting(RefCell<State>);

#[derive(Default)]
struct State {
    wanted: VecDeque<Wanted>,
    /// The controller is looking for devices, or being told to stop: a connection may still result.
    attempting: bool,
    holds: Vec<Hold>,
    next_hold: u64,
    /// Counts the changes.
    changes: u64,
    wakers: Vec<Waker>,
    /// How many devices fit into the controller's list, once it has refused more.
    list: Option<usize>,
}

/// A device, and the requests for it.
struct Wanted {
    peer: Address,
    config: ConnectConfig,
    /// The controller has a connection, but the device has not yet shown that it is there.
    answering: bool,
    waiters: Vec<ConnectRequest>,
}

/// A connection of the controller, from its beginning to its end.
struct Hold {
    number: u64,
    peer: Address,
    /// Dangling until the device has answered.
    held: Weak<Held>,
    answered: bool,
}

impl Hold {
    /// The connection, if further handles can share it.
    fn usable(&self) -> Option<Arc<Held>> {
        self.held.upgrade().filter(|held| held.is_usable())
    }

    fn is_ending(&self) -> bool {
        self.answered && self.usable().is_none()
    }
}

/// Devices that are looked for together.
#[derive(PartialEq)]
struct Group {
    peers: Vec<Address>,
    config: ConnectConfig,
    /// Other devices are waiting for their turn.
    crowded: bool,
}

impl Connecting {
    /// Adds a request for a device, or answers it at once with an existing connection.
    pub(super) fn add(&self, request: ConnectRequest) {
        if let Err(what) = request.config.check() {
            request.answer(Err(Error::InvalidParameter(what)));
            return;
        }
        let mut state = self.0.borrow_mut();
        let peer = request.peer;
        let hold = state
            .holds
            .iter()
            .find(|hold| hold.peer == peer && hold.usable().is_some());
        if let Some(held) = hold.and_then(Hold::usable) {
            request.answer(Ok(held));
            return;
        }
        match state.wanted.iter_mut().find(|wanted| wanted.peer == peer) {
            Some(wanted) => wanted.waiters.push(request),
            None => {
                let config = request.config.clone();
                let waiters = vec![request];
                state.wanted.push_back(Wanted {
                    peer,
                    config,
                    answering: false,
                    waiters,
                });
            }
        }
        state.change();
    }

    /// The caller of this request has given up.
    pub(super) fn remove(&self, id: u64) {
        let mut state = self.0.borrow_mut();
        for wanted in &mut state.wanted {
            wanted.waiters.retain(|waiter| waiter.id != id);
        }
        state.change();
    }

    /// Drops all requests.
    pub(super) fn close(&self) {
        let mut state = self.0.borrow_mut();
        state.wanted.clear();
        state.change();
    }

    /// All connections that handles have.
    pub(super) fn all_held(&self) -> Vec<Arc<Held>> {
        self.0
            .borrow()
            .holds
            .iter()
            .filter_map(|hold| hold.held.upgrade())
            .collect()
    }

    /// Whether nothing is connected or wanted.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.0.borrow();
        !state.attempting && state.holds.is_empty() && state.wanted.is_empty()
    }

    /// Keeps the controller looking for what is wanted. Each connection that it makes becomes a
    /// job.
    pub(super) async fn run<'c, 's, 'a>(
        &self,
        central: &'c HostCentral<'s, 'a>,
        scanning: &Scanning,
        jobs: &RefCell<VecDeque<Job<'c, 's, 'a>>>,
    ) {
        let mut since = Instant::now();
        loop {
            self.0.borrow_mut().expire(Instant::now(), &[]);
            let Some(group) = self.0.borrow_mut().group(true) else {
                self.change_or(self.next_deadline()).await;
                since = Instant::now();
                continue;
            };
            let peers: Vec<_> = group.peers.iter().map(|peer| peer.for_host()).collect();
            let stop = self.stop(&group, scanning, since);
            self.0.borrow_mut().attempting = true;
            let result = central.connect_first(&peers, &group.config, stop).await;
            self.0.borrow_mut().attempting = false;
            match result {
                Ok(Some(connection)) => self.found(&group, connection, jobs),
                Ok(None) => {}
                Err(error) => self.failed(&group, error).await,
            }
            if group.crowded {
                self.0.borrow_mut().rotate(&group.peers);
            }
            if scanning.is_wanted() && since.elapsed() >= BEFORE_SCAN {
                let until = Instant::now() + SCAN_SHARE;
                self.change_or(Some(until)).await;
                since = Instant::now();
            }
        }
    }

    /// Waits until the attempt for a group has to end.
    async fn stop(&self, group: &Group, scanning: &Scanning, since: Instant) {
        let began = Instant::now();
        loop {
            let turn = if group.crowded {
                began + TURN
            } else {
                since + BEFORE_SCAN
            };
            // Even if nothing wants to scan now, something may by then.
            let turn = turn.max(Instant::now() + BREATH);
            let until = self
                .next_deadline()
                .map_or(turn, |deadline| deadline.min(turn));
            self.change_or(Some(until)).await;
            let now = Instant::now();
            let waits = group.crowded || scanning.is_wanted();
            if waits && now >= turn {
                return;
            }
            let mut state = self.0.borrow_mut();
            if state.expire(now, &group.peers) || state.group(false).as_ref() != Some(group) {
                return;
            }
        }
    }

    /// The controller has made a connection.
    fn found<'c, 's, 'a>(
        &self,
        group: &Group,
        connection: HostConnection<'c, 's, 'a>,
        jobs: &RefCell<VecDeque<Job<'c, 's, 'a>>>,
    ) {
        let peer = match group.peers.as_slice() {
            // The requested address, to whichever identity the device's own was resolved.
            [peer] => *peer,
            _ => Address::from_host(connection.peer()),
        };
        let mut state = self.0.borrow_mut();
        if let Some(wanted) = state.wanted(peer) {
            wanted.answering = true;
        }
        state.next_hold += 1;
        let number = state.next_hold;
        state.holds.push(Hold {
            number,
            peer,
            held: Weak::new(),
            answered: false,
        });
        jobs.borrow_mut().push_back(Job::Hold {
            connection,
            peer,
            number,
        });
    }

    /// The attempt has failed.
    async fn failed(
        &self,
        group: &Group,
        error: dongle_central::central::Error<hci_transport::Error>,
    ) {
        use dongle_central::central::Error as Central;
        let pause = Timer::after(BREATH);
        match error {
            Central::Hci(status) if is_worth_another_attempt(status) => pause.await,
            Central::Hci(LIST_FULL) if group.peers.len() > 1 => {
                self.0.borrow_mut().list = Some(group.peers.len() / 2);
            }
            // A connection is ending, so there will be room.
            Central::ConnectionLimit if self.0.borrow().holds.iter().any(Hold::is_ending) => {
                pause.await;
            }
            // The whole host ends with this error and reports it.
            error if error.is_the_end() => std::future::pending().await,
            error => {
                let error = Error::from(error);
                for peer in &group.peers {
                    self.0.borrow_mut().answer(*peer, || Err(error.clone()));
                }
                pause.await;
            }
        }
    }

    /// The device has answered: all requests for it get the connection. None if there are no more.
    pub(super) fn established(
        &self,
        number: u64,
        peer: Address,
        id: LinkId,
        database: Arc<Database>,
    ) -> Option<Established> {
        let mut state = self.0.borrow_mut();
        let first = state
            .wanted(peer)
            .and_then(|wanted| wanted.waiters.first())?;
        let tune = first.tune;
        let dongle = Arc::clone(&first.dongle);
        let (held, commands) = Held::new(Arc::clone(&dongle), peer, id, database);
        let ended = Arc::clone(&held.ended);
        let held = Arc::new(held);
        let weak = Arc::downgrade(&held);
        dongle.shared.hold(Weak::clone(&weak));
        if let Some(hold) = state.holds.iter_mut().find(|hold| hold.number == number) {
            hold.held = Weak::clone(&weak);
            hold.answered = true;
        }
        state.answer(peer, || Ok(Arc::clone(&held)));
        drop(state);
        Some(Established {
            handle: weak,
            commands,
            ended,
            tune,
        })
    }

    /// The connection ended before the device answered.
    pub(super) fn refuse(&self, peer: Address, error: &Error) {
        self.0.borrow_mut().answer(peer, || Err(error.clone()));
    }

    /// Waits until there are no more requests for a device that has not answered yet, or until all
    /// of them have timed out.
    pub(super) async fn unwanted(&self, peer: Address, deadlines: &super::Deadlines) {
        loop {
            let next = {
                let mut state = self.0.borrow_mut();
                let now = Instant::now();
                let Some(wanted) = state.wanted(peer) else {
                    return;
                };
                if wanted.waiters.iter().all(|waiter| waiter.is_overdue(now)) {
                    return;
                }
                wanted.expire(now);
                wanted
                    .waiters
                    .iter()
                    .filter_map(|waiter| waiter.deadline)
                    .min()
            };
            or(self.change(), deadlines.at_most(next)).await;
        }
    }

    /// A connection has ended, or was never established.
    pub(super) fn ended(&self, number: u64, peer: Address) {
        let mut state = self.0.borrow_mut();
        let answered = state
            .holds
            .iter()
            .any(|hold| hold.number == number && hold.answered);
        state.holds.retain(|hold| hold.number != number);
        if !answered && let Some(wanted) = state.wanted(peer) {
            wanted.answering = false;
        }
        state.change();
    }

    fn next_deadline(&self) -> Option<Instant> {
        let state = self.0.borrow();
        let looking = state.wanted.iter().filter(|wanted| !wanted.answering);
        looking
            .flat_map(|wanted| &wanted.waiters)
            .filter_map(|waiter| waiter.deadline)
            .min()
    }

    /// Waits until something has changed.
    async fn change(&self) {
        let seen = self.0.borrow().changes;
        poll_fn(|cx| {
            let mut state = self.0.borrow_mut();
            if state.changes != seen {
                return Poll::Ready(());
            }
            if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                state.wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Waits until something has changed, or until `until`. It uses the host thread's own timer, so
    /// only the task that runs this may call it.
    async fn change_or(&self, until: Option<Instant>) {
        or(self.change(), async {
            match until {
                Some(at) => Timer::at(at).await,
                None => std::future::pending().await,
            }
        })
        .await;
    }
}

impl State {
    fn change(&mut self) {
        self.changes += 1;
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }

    fn wanted(&mut self, peer: Address) -> Option<&mut Wanted> {
        self.wanted.iter_mut().find(|wanted| wanted.peer == peer)
    }

    /// Answers all requests for a device.
    fn answer(&mut self, peer: Address, result: impl Fn() -> Result<Arc<Held>, Error>) {
        let Some(index) = self.wanted.iter().position(|wanted| wanted.peer == peer) else {
            return;
        };
        for waiter in self
            .wanted
            .remove(index)
            .into_iter()
            .flat_map(|wanted| wanted.waiters)
        {
            waiter.answer(result());
        }
        self.change();
    }

    /// Ends the requests that have timed out, unless nobody is left waiting for one of `peers`,
    /// which the controller is looking for: it must be stopped first, and this returns true.
    fn expire(&mut self, now: Instant, peers: &[Address]) -> bool {
        let mut must_stop = false;
        self.wanted.retain_mut(|wanted| {
            if wanted.answering {
                return true;
            }
            let in_vain = wanted.waiters.iter().all(|waiter| waiter.is_overdue(now));
            if in_vain && peers.contains(&wanted.peer) {
                must_stop = true;
                return true;
            }
            wanted.expire(now);
            !wanted.waiters.is_empty()
        });
        must_stop
    }

    /// What to look for next. If there is no room for another connection and `tell` is set, all
    /// requests are answered with that error.
    fn group(&mut self, tell: bool) -> Option<Group> {
        let is_up = |peer: Address| self.holds.iter().any(|hold| hold.peer == peer);
        let looking: Vec<_> = self
            .wanted
            .iter()
            .filter(|wanted| !wanted.answering && !is_up(wanted.peer))
            .collect();
        let free = MAX_CONNECTIONS.saturating_sub(self.holds.len());
        if free == 0 {
            let peers: Vec<_> = looking.iter().map(|wanted| wanted.peer).collect();
            if tell
                && !self
                    .holds
                    .iter()
                    .any(|hold| !hold.answered || hold.is_ending())
            {
                for peer in peers {
                    self.answer(peer, || Err(Error::ConnectionLimit));
                }
            }
            return None;
        }
        let config = looking.first()?.config.clone();
        let most = self.list.unwrap_or(TOGETHER).max(1);
        let alike = looking.iter().filter(|wanted| wanted.config == config);
        let peers: Vec<_> = alike.map(|wanted| wanted.peer).take(most).collect();
        let crowded = looking.len() > peers.len();
        Some(Group {
            peers,
            config,
            crowded,
        })
    }

    /// Moves these devices to the end of the queue.
    fn rotate(&mut self, peers: &[Address]) {
        for peer in peers {
            if let Some(index) = self.wanted.iter().position(|wanted| wanted.peer == *peer)
                && let Some(wanted) = self.wanted.remove(index)
            {
                self.wanted.push_back(wanted);
            }
        }
    }
}

impl Wanted {
    fn expire(&mut self, now: Instant) {
        let (overdue, left) = self
            .waiters
            .drain(..)
            .partition(|waiter| waiter.is_overdue(now));
        self.waiters = left;
        let overdue: Vec<ConnectRequest> = overdue;
        for waiter in overdue {
            waiter.answer(Err(Error::Timeout));
        }
    }
}

/// Waits until a link has ended.
pub(super) async fn closed(
    central: &HostCentral<'_, '_>,
    id: LinkId,
    deadlines: &super::Deadlines,
) {
    const PATIENCE: Duration = Duration::from_secs(2);
    let closed = async {
        central.mux().links().closed(id).await;
    };
    or(closed, deadlines.after(PATIENCE)).await;
}
