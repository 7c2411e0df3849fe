//! Connecting: what all handles want, on the one attempt that a controller can make at a time.
//!
//! Those who want the same device share the attempt, and devices that are wanted in the same way
//! are looked for together, by the controller's filter accept list. Others take turns.

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

/// Devices that are looked for together at most.
const TOGETHER: usize = 8;
/// How long one attempt goes on while others wait that can't join it.
const TURN: Duration = Duration::from_millis(1500);
/// How long attempts go on before a scan that waits has a share of the radio again, and its share.
const BEFORE_SCAN: Duration = Duration::from_secs(4);
const SCAN_SHARE: Duration = Duration::from_secs(1);
/// Between two attempts of which the first has failed at once.
const BREATH: Duration = Duration::from_millis(20);

/// Memory Capacity Exceeded: the filter accept list is full (Core Vol 1 Part F, 2.7).
const LIST_FULL: u8 = 0x07;

/// A device that a handle wants to be connected to.
pub(crate) struct ConnectRequest {
    pub(crate) id: u64,
    /// Keeps the dongle open while it is connected.
    pub(crate) dongle: Arc<Inner>,
    pub(crate) peer: Address,
    pub(crate) config: ConnectConfig,
    /// Ask for longer packets and 2M PHY afterwards.
    pub(crate) tune: bool,
    pub(crate) deadline: Option<Instant>,
    pub(crate) reply: oneshot::Sender<Result<Arc<Held>, Error>>,
}

impl ConnectRequest {
    fn is_overdue(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    fn answer(self, result: Result<Arc<Held>, Error>) {
        // Whoever asked may be gone.
        let _ = self.reply.send(result);
    }
}

/// A connection that handles have.
pub(super) struct Established {
    pub(super) handle: Weak<Held>,
    pub(super) commands: mpsc::UnboundedReceiver<HoldCommand>,
    /// Where the reason goes when it is over.
    pub(super) ended: Arc<OnceLock<Reason>>,
    pub(super) tune: bool,
}

/// What is wanted, and what is connected.
#[derive(Default)]
pub(super) struct Connecting(RefCell<State>);

#[derive(Default)]
struct State {
    wanted: VecDeque<Wanted>,
    /// The controller is looking, or is being told to stop: a connection may still come of it.
    attempting: bool,
    holds: Vec<Hold>,
    next_hold: u64,
    /// How often something has changed.
    changes: u64,
    wakers: Vec<Waker>,
    /// Devices that fit the controller's list, once it has refused more.
    list: Option<usize>,
}

/// A device, and those who want it.
struct Wanted {
    peer: Address,
    config: ConnectConfig,
    /// The controller has a connection, and the device has to show that it is there.
    answering: bool,
    waiters: Vec<ConnectRequest>,
}

/// A connection that the controller has, from its beginning to its end.
struct Hold {
    number: u64,
    peer: Address,
    /// Dangling until the device has answered.
    held: Weak<Held>,
    answered: bool,
}

impl Hold {
    /// What a handle can share.
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
    /// Others wait.
    crowded: bool,
}

impl Connecting {
    /// Wants a device, or shares the connection there is.
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

    /// Whoever asked this has gone away.
    pub(super) fn remove(&self, id: u64) {
        let mut state = self.0.borrow_mut();
        for wanted in &mut state.wanted {
            wanted.waiters.retain(|waiter| waiter.id != id);
        }
        state.change();
    }

    /// Wants nothing any more.
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

    /// Whether anything is connected, or on its way.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.0.borrow();
        !state.attempting && state.holds.is_empty() && state.wanted.is_empty()
    }

    /// Keeps the controller looking for what is wanted. What it finds becomes a job.
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
            // Nobody may want to scan now, but then.
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

    /// The controller has a connection.
    fn found<'c, 's, 'a>(
        &self,
        group: &Group,
        connection: HostConnection<'c, 's, 'a>,
        jobs: &RefCell<VecDeque<Job<'c, 's, 'a>>>,
    ) {
        let peer = match group.peers.as_slice() {
            // Whatever identity its address was resolved to.
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
            // A place will be free.
            Central::ConnectionLimit if self.0.borrow().holds.iter().any(Hold::is_ending) => {
                pause.await;
            }
            // The whole host ends with it, and says why.
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

    /// The device has answered: all who want it have the connection. None: nobody does.
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

    /// The device went away before it answered.
    pub(super) fn refuse(&self, peer: Address, error: &Error) {
        self.0.borrow_mut().answer(peer, || Err(error.clone()));
    }

    /// Waits until nobody wants a device any more that has not answered yet, or the time of all
    /// who do is up.
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

    /// A connection is over, or has not come about.
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

    /// Waits until something has changed, or until then. On the host's own timer: only for the
    /// one who runs this.
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

    /// Answers all who want a device.
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

    /// Ends the waits whose time is up. But the controller looks for `peers` now, and has to stop
    /// that first where nobody is left to look for: then this is true.
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

    /// What to look for next. `tell`: those who can't be connected because everything is taken are
    /// told so.
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

    /// Lets others go first.
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

/// Waits until a link is over.
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
