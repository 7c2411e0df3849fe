//! What one connection knows of a device's database, and how far that is to be believed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use dongle_central::att::{AttributeHandle, HandleRange};
use dongle_central::bearer::ValueKind;
use dongle_central::client::{Client, Error, Notified, Subscription};
use dongle_central::gatt::{ClientConfiguration, changed_services};
use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};

use super::cache::{Attributes, Cached, Hash, MOST_ATTRIBUTES, Place, Sign};
use crate::call::Boxed;
use crate::links::SharedLinks;

/// Changes that are told apart: what is older than those counts as changed.
const MOST_CHANGES: usize = 256;

/// Of which time something that was discovered is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Age {
    /// So many changes were known of.
    changes: usize,
    /// So many times there had been reason to doubt what was known.
    doubts: usize,
    /// An earlier connection has left it.
    inherited: bool,
}

/// What is known at one time belongs together; after a change it is another era's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Era(u64);

/// What the right to use what is known rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Basis {
    /// The bond that the connection is encrypted with.
    pub(crate) bond: Option<u64>,
    /// How many times a program has thrown caches away.
    pub(crate) cleared: u64,
}

/// What may be used on a connection.
pub(crate) enum Settled {
    /// Nothing: the device is asked each time.
    Asking,
    /// What this connection learns.
    Fresh,
    /// What an earlier one has left, too.
    Inherited(Cached, Trust),
}

/// Why what is inherited may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The device tells of changes.
    Told,
    /// The Database Hash is the same.
    Hash,
    /// It may not: each attribute is looked at before.
    Each,
}

/// What finds out what may be used.
pub(crate) type Settling = Boxed<'static, Result<(), crate::error::Error>>;

/// How an attribute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// It may be another by now.
    Doubtful,
    /// The device said so since it was discovered.
    Changed,
}

/// The knowledge of one connection.
#[derive(Default)]
pub(crate) struct Database {
    state: Mutex<State>,
    /// How it is found out what may be used, while that is under way.
    settling: Mutex<Option<WeakShared<Settling>>>,
    /// Whose turn it is to keep it: the last to come has the newest.
    saving: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Client Characteristic Configuration descriptors by the value they are about.
    configurations: HashMap<AttributeHandle, Configuration>,
    /// Which handles were changed last, in the order of the changes, and how many changes were
    /// before those.
    changes: VecDeque<HandleRange>,
    changes_before: usize,
    /// Where the server tells of changes.
    service_changed: Option<(AttributeHandle, Subscription<SharedLinks>)>,
    /// What was discovered, if it is worth knowing.
    known: Attributes,
    hash: Option<Hash>,
    /// Where the server was told, for good, to indicate changes.
    told: Option<AttributeHandle>,
    /// The same, where we could not listen from the beginning.
    unheard: Option<AttributeHandle>,
    /// How many attributes were learnt.
    count: usize,
    era: Era,
    doubts: usize,
    /// Attributes that were doubtful, and were found to be what they were.
    inspected: HashSet<(AttributeHandle, Sign)>,
    /// Whether `known` is used and added to.
    using: bool,
    inherited: bool,
    /// Whether what is inherited is looked at before it is used.
    each: bool,
    basis: Option<Basis>,
    settled: bool,
    /// Whether there is something to keep, and something to lose that was kept.
    learnt: bool,
    lost: bool,
    /// Whoever keeps it.
    keeper: Option<Waker>,
}

/// A Client Characteristic Configuration descriptor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Configuration {
    pub(crate) place: Place,
    /// What the device has there; `None` while something is on its way to it, and where nobody knows.
    pub(crate) written: Option<ClientConfiguration>,
    /// How many times it was written.
    writes: u64,
}

impl Configuration {
    /// Of which nothing is known yet.
    pub(crate) fn at(place: Place) -> Self {
        Self {
            place,
            written: None,
            writes: 0,
        }
    }
}

impl Database {
    /// What a connection begins with, to a device that will tell of what has changed meanwhile.
    pub(crate) fn inherit(&self, client: &Client<SharedLinks>, basis: Basis, cached: Cached) {
        if let Some(value) = cached.service_changed
            && self.watch(client, value)
        {
            let era = self.begin(basis);
            self.settle(basis, era, Settled::Inherited(cached, Trust::Told));
        }
    }

    /// Now, for something that is discovered.
    pub(crate) fn age(&self) -> Age {
        self.state().age()
    }

    /// How an attribute stands that was discovered before.
    pub(crate) fn standing(&self, place: &Place) -> Standing {
        self.heard().standing(place)
    }

    /// Whether an attribute is only known from an earlier connection.
    pub(crate) fn is_hearsay(&self, place: &Place) -> bool {
        place.age.inherited && !self.state().was_inspected(place)
    }

    /// Whether nothing has spoken against an attribute of which the device was not asked.
    pub(crate) fn is_believed(&self, place: &Place) -> bool {
        let state = self.heard();
        let standing = state.standing(place);
        place.age.inherited && (standing == Standing::Good || state.using && state.each)
    }

    /// The device was asked, and the attribute is what it was.
    pub(crate) fn inspected(&self, place: &Place) {
        self.state().inspected.insert((place.handle, place.sign));
    }

    /// The device says that what is known does not hold any more.
    pub(crate) fn doubt(&self) {
        self.heard().doubt();
    }

    /// The device was not what it was said to be: nor does it tell of changes then.
    pub(crate) fn distrust(&self) {
        let mut state = self.heard();
        state.told = None;
        state.doubt();
    }

    /// What is known, of which time, and to which era more of it belongs.
    pub(crate) fn known<T>(&self, f: impl FnOnce(&Attributes) -> T) -> (T, Age, Era) {
        let state = self.heard();
        match state.using {
            true => (f(&state.known), state.age_of_known(), state.era),
            false => (f(&Attributes::default()), state.age(), state.era),
        }
    }

    /// Adds to what is known, unless it belongs to another era.
    pub(crate) fn learn(&self, era: Era, f: impl FnOnce(&mut Attributes)) {
        let mut state = self.heard();
        if state.using && state.era == era {
            f(&mut state.known);
            state.learnt = true;
            state.count += 1;
            if state.count > MOST_ATTRIBUTES {
                // It is asked each time, and nothing of it is kept.
                let told = state.told;
                state.lose(HandleRange::ALL);
                state.forget_all();
                state.told = told;
                state.settled = true;
            }
        }
    }

    /// Whether the device tells of changes.
    pub(crate) fn is_told(&self) -> bool {
        self.state().is_told()
    }

    /// The attempt to settle what may be used that is under way, or a new one.
    pub(crate) fn settling(&self, begin: impl FnOnce() -> Settling) -> Shared<Settling> {
        let mut settling = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = settling.as_ref().and_then(WeakShared::upgrade);
        match under_way.filter(|attempt| attempt.peek().is_none()) {
            Some(attempt) => attempt,
            None => {
                let attempt = begin().shared();
                *settling = attempt.downgrade();
                attempt
            }
        }
    }

    pub(crate) fn is_settled(&self, basis: Basis) -> bool {
        let state = self.heard();
        state.settled && state.basis == Some(basis)
    }

    /// Begins to settle what may be used.
    pub(crate) fn begin(&self, basis: Basis) -> Era {
        let mut state = self.heard();
        state.forget_all();
        state.told = None;
        state.using = true;
        state.basis = Some(basis);
        state.era
    }

    /// What may be used from now on; false: it was, but something has changed since `era`.
    pub(crate) fn settle(&self, basis: Basis, era: Era, settled: Settled) -> bool {
        let mut state = self.heard();
        if state.era != era || state.basis != Some(basis) {
            return false;
        }
        match settled {
            Settled::Asking => state.using = false,
            Settled::Fresh => state.learnt = true,
            Settled::Inherited(cached, trust) => {
                state.known = cached.attributes;
                state.hash = cached.hash;
                match trust {
                    Trust::Told => state.told = cached.service_changed,
                    Trust::Hash | Trust::Each => state.unheard = cached.service_changed,
                }
                state.inherited = true;
                // It is older than this doubt.
                state.doubts += usize::from(trust == Trust::Each);
                state.each = trust == Trust::Each;
            }
        }
        state.settled = true;
        true
    }

    pub(crate) fn learn_hash(&self, hash: Hash) {
        self.state().hash = Some(hash);
    }

    pub(crate) fn learn_told(&self, value: AttributeHandle) {
        self.state().told = Some(value);
    }

    /// Takes over what was learnt of the same attributes before.
    pub(crate) fn learn_attributes(&self, attributes: Attributes) {
        let mut state = self.state();
        state.known = attributes;
        state.inherited = true;
    }

    /// Hears of changes from now on. `value` is the value of Service Changed (Core Vol 3 Part G,
    /// 7.1). Without room for it, changes are only told to those who subscribe themselves: false.
    pub(crate) fn watch(&self, client: &Client<SharedLinks>, value: AttributeHandle) -> bool {
        let mut state = self.state();
        if state
            .service_changed
            .as_ref()
            .is_none_or(|(at, _)| *at != value)
        {
            let Ok(subscription) = client.subscribe(value, ValueKind::Indication) else {
                return false;
            };
            state.service_changed = Some((value, subscription));
            state.wake_keeper();
        }
        true
    }

    pub(crate) fn is_watching(&self, value: AttributeHandle) -> bool {
        let state = self.state();
        state
            .service_changed
            .as_ref()
            .is_some_and(|(at, _)| *at == value)
    }

    pub(crate) fn configuration(&self, value: AttributeHandle) -> Option<Configuration> {
        self.heard().configurations.get(&value).copied()
    }

    /// Where the configuration of a value was found.
    pub(crate) fn learn_configuration(&self, value: AttributeHandle, place: Place) {
        let mut state = self.state();
        state
            .configurations
            .entry(value)
            .or_insert(Configuration::at(place));
    }

    /// A configuration is about to be written; the number of this time.
    pub(crate) fn configuring(&self, value: AttributeHandle) -> u64 {
        let mut state = self.state();
        let configuration = state.configurations.get_mut(&value);
        configuration.map_or(0, |configuration| {
            configuration.written = None;
            configuration.writes += 1;
            configuration.writes
        })
    }

    /// A configuration that is at this handle is about to be written by somebody else.
    pub(crate) fn overwriting(&self, at: AttributeHandle) {
        let mut state = self.state();
        for configuration in state.configurations.values_mut() {
            if configuration.place.handle == at {
                configuration.written = None;
                configuration.writes += 1;
            }
        }
    }

    /// It was written, that time. Where it was written again since, that is what counts.
    pub(crate) fn configured(&self, value: AttributeHandle, time: u64, as_: ClientConfiguration) {
        let mut state = self.state();
        let configuration = state.configurations.get_mut(&value);
        if let Some(configuration) = configuration.filter(|c| c.writes == time) {
            configuration.written = Some(as_);
        }
    }

    /// Waits for the loss of something that may have been kept: the sooner it is lost there, too,
    /// the better.
    pub(crate) fn poll_lost(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        state.hear(Some(cx));
        if state.lost {
            return Poll::Ready(());
        }
        state.keeper = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Gives what is to be kept to `keep`; `None`: what was kept is to be lost.
    pub(crate) fn save(&self, keep: impl FnOnce(Basis, Option<Cached>)) {
        let _turn = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let (basis, cached) = {
            let mut state = self.heard();
            let lost = std::mem::take(&mut state.lost);
            let learnt = std::mem::take(&mut state.learnt) && state.settled && state.using;
            match state.basis {
                Some(basis) if lost || learnt => (basis, state.cached()),
                _ => return,
            }
        };
        keep(basis, cached);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, with what the server has told so far.
    fn heard(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.hear(None);
        state
    }
}

impl State {
    fn age(&self) -> Age {
        Age {
            changes: self.changes_before + self.changes.len(),
            doubts: self.doubts,
            inherited: false,
        }
    }

    /// Of which time what is known is. What is inherited counts as a whole.
    fn age_of_known(&self) -> Age {
        let doubts = self.doubts - usize::from(self.each && self.doubts > 0);
        Age {
            inherited: self.inherited,
            doubts,
            ..self.age()
        }
    }

    fn standing(&self, place: &Place) -> Standing {
        let changed = match place.age.changes.checked_sub(self.changes_before) {
            Some(known) => {
                let mut since = self.changes.iter().skip(known);
                since.any(|changed| changed.contains(place.handle))
            }
            None => true,
        };
        if changed && !place.age.inherited {
            // Whoever discovered it has to do so again.
            Standing::Changed
        } else if (changed || place.age.doubts < self.doubts) && !self.was_inspected(place) {
            Standing::Doubtful
        } else {
            Standing::Good
        }
    }

    fn was_inspected(&self, place: &Place) -> bool {
        self.inspected.contains(&(place.handle, place.sign))
    }

    fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// What lasts of it.
    fn cached(&self) -> Option<Cached> {
        (self.settled && self.using).then(|| Cached {
            attributes: self.known.clone(),
            hash: self.hash,
            service_changed: self.told.or(self.unheard),
        })
    }

    fn doubt(&mut self) {
        self.doubts += 1;
        self.inspected.clear();
        self.lose(HandleRange::ALL);
    }

    /// What is known of these handles does not hold any more. Of a device that does not tell of
    /// all changes, nothing else does either.
    fn lose(&mut self, range: HandleRange) {
        self.era.0 += 1;
        self.lost = true;
        self.count = 0;
        self.hash = None;
        match self.told {
            Some(_) => self.known.forget(range),
            None => self.forget_all(),
        }
        self.wake_keeper();
    }

    /// Nothing is known, and what may be used has to be settled.
    fn forget_all(&mut self) {
        self.era.0 += 1;
        self.known = Attributes::default();
        self.hash = None;
        self.using = false;
        self.settled = false;
        self.count = 0;
        self.unheard = None;
        self.inherited = false;
        self.each = false;
    }

    fn wake_keeper(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.wake();
        }
    }

    /// Reads what the server has told, without waiting for more; with a waker, that is woken when
    /// there is more.
    fn hear(&mut self, mut waiting: Option<&mut Context<'_>>) {
        loop {
            let Some((_, subscription)) = &mut self.service_changed else {
                return;
            };
            let mut noop = Context::from_waker(Waker::noop());
            let cx = match &mut waiting {
                Some(cx) => cx,
                // It would take the place of the one who waits.
                None if subscription.pending() == 0 => return,
                None => &mut noop,
            };
            let mut value = [0; 8];
            let changed = match subscription.poll_notified(cx, None, &mut value) {
                Poll::Ready(Ok(Notified::Value(len))) => {
                    value.get(..len).and_then(changed_services)
                }
                Poll::Ready(Err(Error::Disconnected(_))) | Poll::Pending => return,
                // What is missing or makes no sense can't be narrowed down.
                Poll::Ready(Ok(Notified::Missed(_)) | Err(_)) => None,
            };
            self.change(changed.unwrap_or(HandleRange::ALL));
        }
    }

    fn change(&mut self, changed: HandleRange) {
        self.configurations
            .retain(|handle, _| !changed.contains(*handle));
        self.inspected
            .retain(|(handle, _)| !changed.contains(*handle));
        self.changes.push_back(changed);
        if self.changes.len() > MOST_CHANGES {
            self.changes.pop_front();
            self.changes_before += 1;
        }
        self.lose(changed);
    }
}
