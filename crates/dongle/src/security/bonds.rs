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

/// All bonds.
pub(crate) struct Bonds {
    store: Arc<dyn BondStore>,
    /// Not locked while the store is at work, which may look at the bonds.
    state: Mutex<State>,
    /// Changes come one after the other, each until it is kept.
    changes: Mutex<()>,
    /// Whose turn it is.
    changer: Mutex<Option<ThreadId>>,
    identities: Arc<Identities>,
}

#[derive(Default)]
struct State {
    own: Option<Address>,
    document: Document,
    problem: Option<String>,
    /// There may be bonds in the store that could neither be read nor put aside: they are not written
    /// over.
    keeps_out: bool,
    /// Bonds that were numbered.
    numbered: u64,
}

/// A device that there is a bond with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bonded {
    /// The address it is known by, whatever address it goes by at the moment.
    pub address: Address,
    /// How safe a connection with it is.
    pub security: Security,
    /// Whether it may go by changing addresses.
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

    /// Reads the bonds of the address that the dongle goes by.
    pub(crate) fn open(&self, own: Address) {
        let Ok(_turn) = self.turn() else { return };
        let (mut read, mut keeps_out) = (None, false);
        let problem = match self.store.load(own) {
            Ok(None) => None,
            Ok(Some(text)) => match Document::read(&text) {
                Ok(document) => {
                    if document.unread() > 0 {
                        log::warn!("{} bonds are of a kind not known here", document.unread());
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

    /// Whose addresses are whose.
    pub(crate) fn identities(&self) -> &Arc<Identities> {
        &self.identities
    }

    fn identify(&self, state: &State) {
        let entries = &state.document.entries;
        self.identities.set(entries.iter().map(|entry| &entry.bond));
    }

    /// What was wrong with the store when it was read.
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

    /// Whether there is a bond with whoever goes by this address.
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

    /// Takes a bond out; whether there was one.
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

    /// Our own identity resolving key, which is made when it is asked for first.
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
        // Devices that got a key which is lost would not know us ever after.
        self.keep(&turn, state)?;
        Ok(irk)
    }

    fn add(&self, bond: &Bond) -> Result<(), Error> {
        let turn = self.turn()?;
        let mut state = self.state();
        let entries = &mut state.document.entries;
        let mut bond = bond.clone();
        // Each of its partners has a device's key, and could have us take the device for itself by it.
        let anothers = |entry: &Entry| {
            entry.bond.irk.is_some()
                && entry.bond.irk == bond.irk
                && !entry.bond.is_of(bond.identity)
        };
        if entries.iter().any(anothers) {
            log::warn!(
                "{:?} gave another device's key to tell its addresses by",
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
                // What the device remembers of us, it may have begun anew, too.
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

    /// Which bond there is with whoever goes by this address.
    pub(crate) fn number(&self, peer: Address) -> Option<u64> {
        Some(self.state().entry(peer)?.number)
    }

    /// What is known of the attributes of a device, and beside which bond.
    pub(crate) fn cached(&self, peer: Address) -> Option<(u64, Cached)> {
        let mut state = self.state();
        let entry = state.entry(peer)?;
        Some((entry.number, entry.cached.clone()?))
    }

    /// Keeps what is known of a device's attributes beside this bond, if that still is the one.
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
            log::warn!("what is known of {peer} can't be kept: {error}");
        }
    }

    /// Throws away what is known of a device's attributes; whether there was anything.
    pub(crate) fn clear_cache(&self, peer: Address) -> Result<bool, Error> {
        let turn = self.turn()?;
        let mut state = self.state();
        let Some(entry) = state.entry(peer) else {
            return Ok(false);
        };
        let cached = entry.cached.take();
        // What a connection knows by now belongs to another bond, as it were.
        entry.number = 0;
        state.number_all();
        if cached.is_some() {
            self.keep(&turn, state)?;
        }
        Ok(cached.is_some())
    }

    /// Waits for the turn to change the bonds. The store never has it: it would wait for itself.
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

    /// Keeps what was changed in this turn.
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

/// The turn to change the bonds, until the change is kept.
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

    /// Gives a number to those that have none.
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

    /// A store that uses the bonds it belongs to.
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
