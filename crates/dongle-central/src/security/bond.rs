//! What is kept of a pairing, and where.

use super::key::Key;
use super::level::Security;
use crate::links::Address;

/// What two devices keep of a pairing: enough to encrypt at once the next time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bond {
    /// The address the peer is known by, whatever address it goes by at the moment.
    pub identity: Address,
    /// The identity resolving key: it says which resolvable private addresses are the peer's.
    pub irk: Option<Key>,
    /// The long term key.
    pub ltk: Key,
    /// Names the key to a peer of legacy pairing; 0 for LE Secure Connections.
    pub ediv: u16,
    /// Names the key, too.
    pub rand: [u8; 8],
    /// Octets of the key that count: 7 to 16.
    pub key_size: u8,
    /// Whether a person made sure of the peer: see [`Security::authenticated`].
    pub authenticated: bool,
    /// Whether the key comes from LE Secure Connections.
    pub secure_connections: bool,
}

impl Bond {
    /// How safe a link is that is encrypted with it.
    pub fn security(&self) -> Security {
        Security {
            encrypted: true,
            authenticated: self.authenticated,
            secure_connections: self.secure_connections,
            key_size: self.key_size,
            bonded: true,
        }
    }

    /// Whether the peer goes by this address: its identity, or one that its key resolves.
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

/// Whether an address stays a device's own: a public or a static one (Core Vol 6 Part B, 1.3).
pub(crate) fn is_lasting(address: Address) -> bool {
    address.kind.as_raw() & 1 == 0
        || address
            .addr
            .raw()
            .last()
            .is_some_and(|top| top >> 6 == 0b11)
}

/// Where bonds are kept. Firmware keeps them in flash; the facade keeps them in a file.
#[allow(async_fn_in_trait)]
pub trait BondStore {
    /// Why a bond could not be kept.
    type Error;

    /// The bond with whoever goes by this address ([`Bond::is_of`]).
    async fn find(&self, peer: Address) -> Option<Bond>;

    /// Keeps a bond, in the place of one with the same identity.
    async fn save(&self, bond: &Bond) -> Result<(), Self::Error>;
}

/// Keeps nothing.
impl BondStore for () {
    type Error = core::convert::Infallible;

    async fn find(&self, _: Address) -> Option<Bond> {
        None
    }

    async fn save(&self, _: &Bond) -> Result<(), Self::Error> {
        Ok(())
    }
}
