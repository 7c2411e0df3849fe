//! The bonds of a dongle, in memory and in the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    state: Mutex<State>,
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
            identities: Arc::default(),
        }
    }

    /// Reads the bonds of the address that the dongle goes by.
    pub(crate) fn open(&self, own: Address) {
        let mut state = self.state();
        state.own = Some(own);
        let problem = match self.store.load(own) {
            Ok(None) => None,
            Ok(Some(text)) => match Document::read(&text) {
                Ok(document) => {
                    if document.unread() > 0 {
                        log::warn!("{} bonds are of a kind not known here", document.unread());
                    }
                    state.document = document;
                    state.number_all();
                    None
                }
                Err(why) => Some(match self.store.set_aside(own) {
                    Ok(place) => format!("the bonds can't be read ({why}); kept as {place}"),
                    Err(error) => {
                        state.keeps_out = true;
                        format!("the bonds can't be read ({why}), nor put aside: {error}")
                    }
                }),
            },
            Err(error) => {
                state.keeps_out = true;
                Some(format!("the bonds can't be read: {error}"))
            }
        };
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
        let mut state = self.state();
        let before = state.document.entries.len();
        state
            .document
            .entries
            .retain(|entry| !entry.bond.is_of(peer.for_host()));
        if state.document.entries.len() == before {
            return Ok(false);
        }
        self.keep(&state)?;
        Ok(true)
    }

    /// Our own identity resolving key, which is made when it is asked for first.
    pub(crate) fn own_irk(&self) -> Result<Key, Error> {
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
        self.keep(&state)?;
        Ok(irk)
    }

    fn add(&self, bond: &Bond) -> Result<(), Error> {
        let mut state = self.state();
        let entries = &mut state.document.entries;
        match entries
            .iter_mut()
            .find(|entry| entry.bond.is_of(bond.identity))
        {
            Some(entry) => {
                entry.bond = bond.clone();
                // What the device remembers of us, it may have begun anew, too.
                entry.cached = None;
                entry.number = 0;
            }
            None => entries.push(Entry {
                bond: bond.clone(),
                cached: None,
                number: 0,
                other: Default::default(),
            }),
        }
        state.number_all();
        self.keep(&state)
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
        let mut state = self.state();
        let Some(entry) = state.entry(peer) else {
            return;
        };
        if entry.number != number || entry.cached == cached {
            return;
        }
        entry.cached = cached;
        if let Err(error) = self.keep(&state) {
            log::warn!("what is known of {peer} can't be kept: {error}");
        }
    }

    /// Throws away what is known of a device's attributes; whether there was anything.
    pub(crate) fn clear_cache(&self, peer: Address) -> Result<bool, Error> {
        let mut state = self.state();
        let Some(entry) = state.entry(peer) else {
            return Ok(false);
        };
        let cached = entry.cached.take();
        // What a connection knows by now belongs to another bond, as it were.
        entry.number = 0;
        state.number_all();
        if cached.is_some() {
            self.keep(&state)?;
        }
        Ok(cached.is_some())
    }

    fn keep(&self, state: &State) -> Result<(), Error> {
        self.identify(state);
        let Some(own) = state.own else { return Ok(()) };
        if state.keeps_out {
            let problem = state.problem.clone().unwrap_or_default();
            return Err(Error::BondStore(format!("not written over: {problem}")));
        }
        let kept = self.store.save(own, &state.document.write());
        kept.map_err(|error| Error::BondStore(error.to_string()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
