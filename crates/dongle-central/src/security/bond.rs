//! The lasting result of a pairing, and where it is stored.

use super::key::Key;
use super::level::Security;
use crate::links::Address;

/// What two devices keep of a pairing, so that they need not pair to encrypt again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bond {
    /// The address that identifies the peer, whatever address it currently uses.
    pub identity: Address,
    /// The identity resolving key, which shows which resolvable private addresses are the peer's.
    pub irk: Option<Key>,
    /// The long term key.
    pub ltk: Key,
    /// Identifies the key to a peer of legacy pairing; 0 for LE Secure Connections.
    pub ediv: u16,
    /// Identifies the key, too.
    pub rand: [u8; 8],
    /// The size of the key in octets: 7 to 16.
    pub key_size: u8,
    /// Whether the pairing authenticated the peer: see [`Security::authenticated`].
    pub authenticated: bool,
    /// Whether the key comes from LE Secure Connections.
    pub secure_connections: bool,
}

impl Bond {
    /// The security of a link that is encrypted with it.
    pub fn security(&self) -> Security {
        Security {
            encrypted: true,
            authenticated: self.authenticated,
            secure_connections: self.secure_connections,
            key_size: self.key_size,
            bonded: true,
        }
    }

    /// Whether this address is the peer's: its identity address, or one that its key resolves.
    pub fn is_of(&self, address: Address) -> bool {
        same(self.identity, address)
            || self
                .irk
                .as_ref()
                .is_some_and(|irk| super::resolve::resolves(irk, address))
    }
}

/// Whether two addresses are the same, though one may have been resolved by the controller.
pub(crate) fn same(a: Address, b: Address) -> bool {
    a.addr == b.addr && a.kind.as_raw() & 1 == b.kind.as_raw() & 1
}

/// Whether an address permanently belongs to a device: public or static random (Core Vol 6 Part B, 1.3).
pub(crate) fn is_lasting(address: Address) -> bool {
    address.kind.as_raw() & 1 == 0
        || address
            .addr
            .raw()
            .last()
            .is_some_and(|top| top >> 6 == 0b11)
}

/// Stores bonds. Firmware stores them in flash; the facade in a file.
#[allow(async_fn_in_trait)]
pub trait BondStore {
    /// Why a bond could not be saved.
    type Error;

    /// The bond with the peer that has this address ([`Bond::is_of`]).
    async fn find(&self, peer: Address) -> Option<Bond>;

    /// Saves a bond, in place of one with the same identity.
    async fn save(&self, bond: &Bond) -> Result<(), Self::Error>;
}

/// Stores nothing.
impl BondStore for () {
    type Error = core::convert::Infallible;

    async fn find(&self, _: Address) -> Option<Bond> {
        None
    }

    async fn save(&self, _: &Bond) -> Result<(), Self::Error> {
        Ok(())
    }
}
