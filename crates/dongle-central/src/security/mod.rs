//! Pairing, bonds, and how safe a link is. What runs it is in [`central`](crate::central).

#[cfg(feature = "security")]
mod agent;
#[cfg(feature = "security")]
mod bond;
mod error;
#[cfg_attr(not(feature = "security"), path = "unguarded.rs")]
mod guard;
mod key;
mod level;
#[cfg(feature = "security")]
mod privacy;
mod reason;
#[cfg(feature = "security")]
mod resolve;

#[cfg(feature = "security")]
pub use agent::{Agent, IoCapabilities, Nobody, OobData, OutOfBand, Passkey};
#[cfg(feature = "security")]
pub(crate) use bond::is_lasting;
#[cfg(feature = "security")]
pub use bond::{Bond, BondStore};
pub use error::SecurityError;
pub use guard::Guard;
#[cfg(feature = "security")]
pub(crate) use guard::failed;
pub use key::Key;
pub use level::{Level, Requirements, Security};
#[cfg(feature = "security")]
pub use privacy::Privacy;
pub use reason::PairingFailure;
#[cfg(feature = "security")]
pub use resolve::{make as make_resolvable, resolves};

/// The channel of the Security Manager Protocol.
pub const CID_SMP: u16 = 0x0006;
/// The most that is looked at of a frame on the security or the signalling channel: of the first,
/// L2CAP header, code and sixteen octets.
pub(crate) const PREFIX: usize = if cfg!(feature = "security") { 21 } else { 12 };

/// Octets of a Pairing Failed, with its L2CAP header.
#[cfg(feature = "security")]
pub(crate) const FAILED: usize = 6;

/// What becomes of a frame of the security channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "security"), allow(dead_code))]
pub enum Verdict {
    /// It may pass.
    Pass,
    /// It ends the pairing: trouble-host is to see this in its place.
    #[cfg(feature = "security")]
    Refuse([u8; FAILED]),
    /// It ends here.
    Drop,
}
