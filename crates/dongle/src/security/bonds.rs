//! The bonds of a dongle, in memory and in the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use dongle_central::links;
use dongle_central::security::{self, Bond, Key, Security};
use zeroize::Zeroizing;

use super::document::{Document, Entry};
use super::identities::Identities;
use super::store::BondStore;
use crate::address::Address;
use crate::error::Error;
use crate::gatt::cache::Cached;

/// All bonds of a dongle.
pub(crate) struct Bonds {
    store: Arc<dyn BondStore>,
    /// Not locked during calls to the store, which may look at the bonds.
    state: Mutex<State>,
    /// Held during each change until it has been saved, so that changes are made one at a time.
    changes: Mutex<()>,
    /// The thread that is making a change.
    changer: Mutex<Option<ThreadId>>,
    identities: Arc<Identities>,
}

#[derive(Default)]
struct State {
    own: Option<Address>,
    document: Document,
    problem: Option<String>,
    /// The store may hold bonds that could neither be read nor set aside, so nothing is saved.
    keeps_out: bool,
    /// How many numbers have been given to bonds.
    numbered: u64,
}

/// A device with which there is a bond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bonded {
    /// Its identity address, whichever address it uses at the moment.
    pub address: Address,
    /// How secure a connection with it is.
    pub security: Security,
    /// Whether it may use changing addresses.
    pub private: bool,
}

impl Bonds {
    pub(crate) fn new(store: Arc<dyn BondStore>) -> Self {
        Self {
            store,
            state: Mutex::default(),
            changes: Mutex::default(),
            changer: Mutex::default(),
            identities: Arc::default(),
        }
    }

    /// Loads the bonds for the dongle's own address.
    pub(crate) fn open(&self, own: Address) {
        let Ok(_turn) = self.turn() else { return };
        let (mut read, mut keeps_out) = (None, false);
        let problem = match self.store.load(own) {
            Ok(None) => None,
            Ok(Some(text)) => match Document::read(&text) {
                Ok(document) => {
                    if document.unread() > 0 {
                        log::warn!(
                            "{} bonds are of a kind that this version does not know",
                            document.unread()
                        );
                    }
                    read = Some(document);
                    None
                }
                Err(why) => Some(match self.store.set_aside(own) {
                    Ok(place) => format!("the bonds can't be read ({why}); kept as {place}"),
                    Err(error) => {
                        keeps_out = true;
                        format!("the bonds can't be read ({why}), nor put aside: {error}")
                    }
                }),
            },
            Err(error) => {
                keeps_out = true;
                Some(format!("the bonds can't be read: {error}"))
            }
        };
        let mut state = self.state();
        state.own = Some(own);
        state.keeps_out |= keeps_out;
        if let Some(document) = read {
            state.document = document;
            state.number_all();
        }
        if let Some(problem) = &problem {
            log::warn!("{problem}");
        }
        state.problem = problem;
        self.identify(&state);
    }

    /// Which addresses belong to which device.
    pub(crate) fn identities(&self) -> &Arc<Identities> {
        &self.identities
    }

    fn identify(&self, state: &State) {
        let entries = &state.document.entries;
        self.identities.set(entries.iter().map(|entry| &entry.bond));
    }

    /// What was wrong with the store when it was loaded.
    pub(crate) fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    pub(crate) fn all(&self) -> Vec<Bonded> {
        let state = self.state();
        let bonds = state.document.entries.iter().map(|entry| &entry.bond);
        bonds
            .map(|bond| Bonded {
                address: Address::from_host(bond.identity),
                security: bond.security(),
                private: bond.irk.is_some(),
            })
            .collect()
    }

    /// The bond with the device that uses this address, if there is one.
    pub(crate) fn find(&self, peer: links::Address) -> Option<Bond> {
        let state = self.state();
        state
            .document
            .entries
            .iter()
            .map(|e| &e.bond)
            .find(|bond| bond.is_of(peer))
            .cloned()
    }

    /// Deletes a bond. Returns whether there was one.
    pub(crate) fn forget(&self, peer: Address) -> Result<bool, Error> {
        let turn = self.turn()?;
        let mut state = self.state();
        let before = state.document.entries.len();
        state
            .document
            .entries
            .retain(|entry| !entry.bond.is_of(peer.for_host()));
        if state.document.entries.len() == before {
            return Ok(false);
        }
        self.keep(&turn, state)?;
        Ok(true)
    }

    /// Our own identity resolving key. It is made when first requested.
    pub(crate) fn own_irk(&self) -> Result<Key, Error> {
        let turn = self.turn()?;
        let mut state = self.state();
        if let Some(irk) = &state.document.own_irk {
            return Ok(irk.clone());
        }
        let mut octets = Zeroizing::new([0; 16]);
        let made = getrandom::fill(&mut *octets);
        made.map_err(|error| Error::BondStore(format!("no key can be made: {error}")))?;
        let irk = Key::new(*octets);
        state.document.own_irk = Some(irk.clone());
        // Saved first: devices that received a key which is then lost would never recognise us
        // again.
        self.keep(&turn, state)?;
        Ok(irk)
    }

    fn add(&self, bond: &Bond) -> Result<(), Error> {
        let turn = self.turn()?;
        let mut state = self.state();
        let entries = &mut state.document.entries;
        let mut bond = bond.clone();
        // Any partner of a device knows its key, and could use it to pass for that device.
        let anothers = |entry: &Entry| {
            entry.bond.irk.is_some()
                && entry.bond.irk == bond.irk
                && !entry.bond.is_of(bond.identity)
        };
        if entries.iter().any(anothers) {
            log::warn!(
                "{:?} sent the identity resolving key of another device; it is not used",
                bond.identity
            );
            bond.irk = None;
        }
        match entries
            .iter_mut()
            .find(|entry| entry.bond.is_of(bond.identity))
        {
            Some(entry) => {
                entry.bond = bond;
                // The device may have reset what it remembers of us, too.
                entry.cached = None;
                entry.number = 0;
            }
            None => entries.push(Entry {
                bond,
                cached: None,
                number: 0,
                other: Default::default(),
            }),
        }
        state.number_all();
        self.keep(&turn, state)
    }

    /// The number of the bond with the device that uses this address.
    pub(crate) fn number(&self, peer: Address) -> Option<u64> {
        Some(self.state().entry(peer)?.number)
    }

    /// What is known of a device's attributes, and the number of its bond.
    pub(crate) fn cached(&self, peer: Address) -> Option<(u64, Cached)> {
        let mut state = self.state();
        let entry = state.entry(peer)?;
        Some((entry.number, entry.cached.clone()?))
    }

    /// Saves what is known of a device's attributes beside bond `number`, if that still exists.
    pub(crate) fn cache(&self, peer: Address, number: u64, cached: Option<Cached>) {
        let kept = self.turn().and_then(|turn| {
            let mut state = self.state();
            match state.entry(peer) {
                Some(entry) if entry.number == number && entry.cached != cached => {
                    entry.cached = cached;
                    self.keep(&turn, state)
                }
                _ => Ok(()),
            }
        });
        if let Err(error) = kept {
            log::warn!("what is known of {peer} can't be saved: {error}");
        }
    }

    /// Clears what is known of a device's attributes. Returns whether there was anything.
    pub(crate) fn clear_cache(&self, peer: Address) -> Result<bool, Error> {
        let turn = self.turn()?;
        let mut state = self.state();
        let Some(entry) = state.entry(peer) else {
            return Ok(false);
        };
        let cached = entry.cached.take();
        // With a new number, what an open connection knows can't be saved here any more.
        entry.number = 0;
        state.number_all();
        if cached.is_some() {
            self.keep(&turn, state)?;
        }
        Ok(cached.is_some())
    }

    /// Waits for the right to change the bonds. The store never gets it: it would wait for itself.
    fn turn(&self) -> Result<Turn<'_>, Error> {
        let this = thread::current().id();
        if *locked(&self.changer) == Some(this) {
            let why = "a store can't change the bonds that it is about to keep";
            return Err(Error::BondStore(why.into()));
        }
        let changes = locked(&self.changes);
        *locked(&self.changer) = Some(this);
        Ok(Turn {
            changer: &self.changer,
            _changes: changes,
        })
    }

    /// Saves the change that was made under this turn.
    fn keep(&self, _turn: &Turn<'_>, state: MutexGuard<'_, State>) -> Result<(), Error> {
        self.identify(&state);
        let Some(own) = state.own else { return Ok(()) };
        if state.keeps_out {
            let problem = state.problem.clone().unwrap_or_default();
            return Err(Error::BondStore(format!("not written over: {problem}")));
        }
        let text = state.document.write();
        drop(state);
        let kept = self.store.save(own, &text);
        kept.map_err(|error| Error::BondStore(error.to_string()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to change the bonds, held until the change has been saved.
struct Turn<'b> {
    changer: &'b Mutex<Option<ThreadId>>,
    _changes: MutexGuard<'b, ()>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *locked(self.changer) = None;
    }
}

impl State {
    fn entry(&mut self, peer: Address) -> Option<&mut Entry> {
        let peer = peer.for_host();
        let entries = &mut self.document.entries;
        entries.iter_mut().find(|entry| entry.bond.is_of(peer))
    }

    /// Numbers the entries that have no number yet.
    fn number_all(&mut self) {
        for entry in &mut self.document.entries {
            if entry.number == 0 {
                self.numbered += 1;
                entry.number = self.numbered;
            }
        }
    }
}

impl security::BondStore for Bonds {
    type Error = Error;

    async fn find(&self, peer: links::Address) -> Option<Bond> {
        Self::find(self, peer)
    }

    async fn save(&self, bond: &Bond) -> Result<(), Error> {
        self.add(bond)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{OnceLock, Weak, mpsc};
    use std::time::Duration;

    use super::*;

    const OWN: Address = Address::random([0xC1, 2, 3, 4, 5, 6]);

    /// A store that uses the bonds that it belongs to.
    #[derive(Default)]
    struct Curious {
        bonds: OnceLock<Weak<Bonds>>,
        seen: Mutex<Vec<(usize, Result<bool, String>)>>,
    }

    impl Curious {
        fn look(&self) {
            let bonds = self.bonds.get().and_then(Weak::upgrade).unwrap();
            let forgotten = bonds.forget(OWN).map_err(|error| error.to_string());
            locked(&self.seen).push((bonds.all().len(), forgotten));
        }
    }

    impl BondStore for Curious {
        fn load(&self, _: Address) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
            self.look();
            Ok(Some(Zeroizing::new(b"no bonds".to_vec())))
        }

        fn save(&self, _: Address, _: &[u8]) -> io::Result<()> {
            self.look();
            Ok(())
        }

        fn set_aside(&self, _: Address) -> io::Result<String> {
            self.look();
            Ok("aside".into())
        }
    }

    #[test]
    fn a_store_may_look_at_its_bonds_and_is_told_that_it_can_not_change_them() {
        let store = Arc::new(Curious::default());
        let bonds = Arc::new(Bonds::new(store.clone()));
        store.bonds.set(Arc::downgrade(&bonds)).unwrap();
        let (told, done) = mpsc::channel();
        thread::spawn(move || {
            bonds.open(OWN);
            told.send(bonds.own_irk().is_ok()).unwrap();
        });
        let done = done.recv_timeout(Duration::from_secs(60));
        assert_eq!(done, Ok(true), "nobody waits for himself");
        let seen = locked(&store.seen);
        assert_eq!(seen.len(), 3);
        for (bonds, forgotten) in seen.iter() {
            assert_eq!(*bonds, 0);
            assert!(forgotten.is_err(), "{forgotten:?}");
        }
    }
}
