//! What a connection knows of a device's database, and how far that can be trusted.

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

/// How many changes are kept apart. Whatever is older than those counts as changed.
const MOST_CHANGES: usize = 256;

/// When something was discovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Age {
    /// How many changes were known by then.
    changes: usize,
    /// How many times there had been reason to doubt what is known.
    doubts: usize,
    /// It comes from an earlier connection.
    inherited: bool,
}

/// Identifies a state of the device's database. Each change begins a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Era(u64);

/// What the right to use known attributes depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Basis {
    /// The bond that the connection is encrypted with.
    pub(crate) bond: Option<u64>,
    /// How many times the program has cleared the device's cache.
    pub(crate) cleared: u64,
}

/// Which known attributes may be used on a connection.
pub(crate) enum Settled {
    /// None: the device is asked each time.
    Asking,
    /// Those that this connection discovers.
    Fresh,
    /// Those of an earlier connection as well.
    Inherited(Cached, Trust),
}

/// Why inherited attributes may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The device indicates changes.
    Told,
    /// The Database Hash is the same.
    Hash,
    /// They may change without notice: each is checked before it is used.
    Each,
}

/// The attempt to settle which attributes may be used.
pub(crate) type Settling = Boxed<'static, Result<(), crate::error::Error>>;

/// Whether an attribute can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    /// It may have been replaced.
    Doubtful,
    /// The device has indicated a change of it since it was discovered.
    Changed,
}

/// What one connection knows.
#[derive(Default)]
pub(crate) struct Database {
    state: Mutex<State>,
    /// The attempt to settle what may be used, while one is under way.
    settling: Mutex<Option<WeakShared<Settling>>>,
    /// Held while saving, so that the newest state is written last.
    saving: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Client Characteristic Configuration descriptors, by the value that they configure.
    configurations: HashMap<AttributeHandle, Configuration>,
    /// The handles that changed, in the order of the most recent changes, and how many changes
    /// there were before those.
    changes: VecDeque<HandleRange>,
    changes_before: usize,
    /// The value of Service Changed and its indications.
    service_changed: Option<(AttributeHandle, Subscription<SharedLinks>)>,
    /// What was discovered, as far as it may be used again.
    known: Attributes,
    hash: Option<Hash>,
    /// The handle at which a bonded server was told to indicate changes.
    told: Option<AttributeHandle>,
    /// As `told`, but we could not listen from the start of the connection.
    unheard: Option<AttributeHandle>,
    /// How many attributes were learnt.
    count: usize,
    era: Era,
    doubts: usize,
    /// Doubtful attributes that were checked and found unchanged.
    inspected: HashSet<(AttributeHandle, Sign)>,
    /// Whether `known` is used and added to.
    using: bool,
    inherited: bool,
    /// Whether each inherited attribute is checked before it is used.
    each: bool,
    basis: Option<Basis>,
    settled: bool,
    /// Whether there is something to save, and whether something saved has become invalid.
    learnt: bool,
    lost: bool,
    /// Wakes the task that saves.
    keeper: Option<Waker>,
}

/// A Client Characteristic Configuration descriptor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Configuration {
    pub(crate) place: Place,
    /// What the device has there. `None` if unknown, and while a write is under way.
    pub(crate) written: Option<ClientConfiguration>,
    /// How many times it was written.
    writes: u64,
}

impl Configuration {
    /// A descriptor of which only the place is known.
    pub(crate) fn at(place: Place) -> Self {
        Self {
            place,
            written: None,
            writes: 0,
        }
    }
}

impl Database {
    /// Starts with what an earlier connection knew. The device will indicate what has changed
    /// since.
    pub(crate) fn inherit(&self, client: &Client<SharedLinks>, basis: Basis, cached: Cached) {
        if let Some(value) = cached.service_changed
            && self.watch(client, value)
        {
            let era = self.begin(basis);
            self.settle(basis, era, Settled::Inherited(cached, Trust::Told));
        }
    }

    /// The age of something that is discovered now.
    pub(crate) fn age(&self) -> Age {
        self.state().age()
    }

    /// Whether an attribute that was discovered before can be used.
    pub(crate) fn standing(&self, place: &Place) -> Standing {
        self.heard().standing(place)
    }

    /// Whether an attribute is only known from an earlier connection.
    pub(crate) fn is_hearsay(&self, place: &Place) -> bool {
        place.age.inherited && !self.state().was_inspected(place)
    }

    /// Whether there is no reason to doubt an attribute that this connection has not checked.
    pub(crate) fn is_believed(&self, place: &Place) -> bool {
        let state = self.heard();
        let standing = state.standing(place);
        place.age.inherited && (standing == Standing::Good || state.using && state.each)
    }

    /// The device was asked, and the attribute is unchanged.
    pub(crate) fn inspected(&self, place: &Place) {
        self.state().inspected.insert((place.handle, place.sign));
    }

    /// The device has said that what is known is no longer valid.
    pub(crate) fn doubt(&self) {
        self.heard().doubt();
    }

    /// The device has changed without notice, so it isn't relied on to indicate changes either.
    pub(crate) fn distrust(&self) {
        let mut state = self.heard();
        state.told = None;
        state.doubt();
    }

    /// What is known, its age, and the era to which anything more of it belongs.
    pub(crate) fn known<T>(&self, f: impl FnOnce(&Attributes) -> T) -> (T, Age, Era) {
        let state = self.heard();
        match state.using {
            true => (f(&state.known), state.age_of_known(), state.era),
            false => (f(&Attributes::default()), state.age(), state.era),
        }
    }

    /// Adds to what is known, unless `era` is over.
    pub(crate) fn learn(&self, era: Era, f: impl FnOnce(&mut Attributes)) {
        let mut state = self.heard();
        if state.using && state.era == era {
            f(&mut state.known);
            state.learnt = true;
            state.count += 1;
            if state.count > MOST_ATTRIBUTES {
                // The device is asked each time, and nothing of it is saved.
                let told = state.told;
                state.lose(HandleRange::ALL);
                state.forget_all();
                state.told = told;
                state.settled = true;
            }
        }
    }

    /// Whether the device indicates changes.
    pub(crate) fn is_told(&self) -> bool {
        self.state().is_told()
    }

    /// The running attempt to settle what may be used, or a new one.
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

    /// Begins an attempt to settle what may be used.
    pub(crate) fn begin(&self, basis: Basis) -> Era {
        let mut state = self.heard();
        state.forget_all();
        state.told = None;
        state.using = true;
        state.basis = Some(basis);
        state.era
    }

    /// Sets what may be used from now on. Returns false, without effect, if something has changed
    /// since `era`.
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
                // They are older than this doubt.
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

    /// Takes over what an earlier connection knew of the same attributes.
    pub(crate) fn learn_attributes(&self, attributes: Attributes) {
        let mut state = self.state();
        state.known = attributes;
        state.inherited = true;
    }

    /// Receives changes from now on. `value` is the value of Service Changed (Core Vol 3 Part G,
    /// 7.1). Returns false if there is no room for it; then only the program's own subscriptions
    /// see changes.
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

    /// Remembers where the configuration of a value is.
    pub(crate) fn learn_configuration(&self, value: AttributeHandle, place: Place) {
        let mut state = self.state();
        state
            .configurations
            .entry(value)
            .or_insert(Configuration::at(place));
    }

    /// A configuration is about to be written. Returns the number of the write.
    pub(crate) fn configuring(&self, value: AttributeHandle) -> u64 {
        let mut state = self.state();
        let configuration = state.configurations.get_mut(&value);
        configuration.map_or(0, |configuration| {
            configuration.written = None;
            configuration.writes += 1;
            configuration.writes
        })
    }

    /// Somebody else is about to write the configuration at this handle.
    pub(crate) fn overwriting(&self, at: AttributeHandle) {
        let mut state = self.state();
        for configuration in state.configurations.values_mut() {
            if configuration.place.handle == at {
                configuration.written = None;
                configuration.writes += 1;
            }
        }
    }

    /// Write number `time` is done. It has no effect if there was a later one.
    pub(crate) fn configured(&self, value: AttributeHandle, time: u64, as_: ClientConfiguration) {
        let mut state = self.state();
        let configuration = state.configurations.get_mut(&value);
        if let Some(configuration) = configuration.filter(|c| c.writes == time) {
            configuration.written = Some(as_);
        }
    }

    /// Waits until something that may have been saved becomes invalid, so that it can be deleted
    /// soon.
    pub(crate) fn poll_lost(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        state.hear(Some(cx));
        if state.lost {
            return Poll::Ready(());
        }
        state.keeper = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Passes what should be saved to `keep`. `None` if what was saved has to be deleted.
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

    /// The state, after taking in all indications so far.
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

    /// The age of what is known. Inherited attributes have the same age.
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
            // The program has to discover it again.
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

    /// What is worth saving.
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

    /// What is known of these handles is no longer valid. If the device doesn't indicate all
    /// changes, neither is anything else.
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

    /// Forgets everything; it has to be settled again what may be used.
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

    /// Reads the indications so far without waiting for more. With a context, its waker is woken
    /// when there are more.
    fn hear(&mut self, mut waiting: Option<&mut Context<'_>>) {
        loop {
            let Some((_, subscription)) = &mut self.service_changed else {
                return;
            };
            let mut noop = Context::from_waker(Waker::noop());
            let cx = match &mut waiting {
                Some(cx) => cx,
                // Registering this waker would replace that of the waiting task.
                None if subscription.pending() == 0 => return,
                None => &mut noop,
            };
            let mut value = [0; 8];
            let changed = match subscription.poll_notified(cx, None, &mut value) {
                Poll::Ready(Ok(Notified::Value(len))) => {
                    value.get(..len).and_then(changed_services)
                }
                Poll::Ready(Err(Error::Disconnected(_))) | Poll::Pending => return,
                // A lost or malformed indication may mean any handle.
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
