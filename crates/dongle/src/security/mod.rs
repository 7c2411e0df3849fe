//! Pairing, bonds, and the security of connections.
//!
//! [`DeviceConnection::pair`](crate::DeviceConnection::pair) pairs. A call that the device refuses
//! for lack of security also pairs, once, and is repeated. The result is a *bond*, which is kept in
//! a [`BondStore`]; the next connection is encrypted with it before the program gets it. The
//! [`PairingAgent`] answers for the person.

mod agent;
mod bonds;
mod demand;
mod document;
mod identities;
mod pair;
mod private;
mod store;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dongle_central::central::PRIVATE_ADDRESS_INTERVAL;

use crate::error::Error;
use crate::gatt::cache::Caches;
use crate::range;
pub use dongle_central::security::{
    IoCapabilities, Key, Level, OobData, OutOfBand, PairingFailure, Passkey, Requirements,
    Security, SecurityError,
};

pub use agent::{Answer, Nobody, PairingAgent};
pub use bonds::Bonded;
pub(crate) use bonds::Bonds;
pub(crate) use demand::Demand;
pub(crate) use identities::Identities;
pub use pair::Pair;
pub(crate) use pair::SecureRequest;
pub use store::{BondStore, FileStore, MemoryStore};
/// What a [`BondStore`] returns: memory that is cleared when it is dropped.
pub use zeroize::Zeroizing;

/// What all connections of a dongle share.
pub(crate) struct Context {
    pub(crate) bonds: Bonds,
    /// What is known of the attributes of devices without a bond.
    pub(crate) caches: Caches,
    pub(crate) agent: Arc<dyn PairingAgent>,
    /// Whether a call that is refused for lack of security causes pairing.
    pub(crate) on_demand: bool,
    /// What a pairing has to achieve by default.
    pub(crate) wanted: Requirements,
    /// Whether bonds outlive the dongle.
    pub(crate) lasting: bool,
    /// How long a private address is used, if any.
    pub(crate) privacy: Option<Duration>,
}

/// How a dongle should be opened.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) store: Option<Arc<dyn BondStore>>,
    pub(crate) agent: Arc<dyn PairingAgent>,
    pub(crate) on_demand: bool,
    pub(crate) wanted: Requirements,
    /// Whether attributes are cached.
    pub(crate) caching: bool,
    pub(crate) private: bool,
    pub(crate) private_for: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let wanted = Requirements::default();
        Self {
            store: None,
            agent: Arc::new(Nobody),
            on_demand: true,
            wanted,
            caching: true,
            private: false,
            private_for: PRIVATE_ADDRESS_INTERVAL.into(),
        }
    }
}

impl Settings {
    /// # Errors
    /// [`Error::InvalidParameter`] naming the parameter that is out of range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        range::min_key_size(self.wanted.min_key_size)?;
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        let what = "the interval of private addresses: 1 s to 1 h";
        range::within(self.private_for, second..=hour, what)
    }

    /// If the program has no store of its own, bonds are kept in `folder`.
    pub(crate) fn context(self, folder: Option<&Path>) -> Context {
        let lasting = self.store.is_some() || folder.is_some();
        let store = self.store.unwrap_or_else(|| match folder {
            Some(folder) => Arc::new(FileStore::in_folder(folder)),
            None => Arc::new(MemoryStore::default()),
        });
        Context {
            bonds: Bonds::new(store),
            caches: Caches::new(self.caching),
            agent: self.agent,
            on_demand: self.on_demand,
            wanted: self.wanted,
            lasting,
            privacy: self.private.then_some(self.private_for),
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
