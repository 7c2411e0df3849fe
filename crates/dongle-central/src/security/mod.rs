//! Pairing, bonds, and the security of a link. [`central`](crate::central) runs the pairing.

#[cfg(feature = "security")]
mod agent;
#[cfg(feature = "security")]
mod bond;
mod error;
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
pub use key::Key;
pub use level::{Level, Requirements, Security};
#[cfg(feature = "security")]
pub use privacy::Privacy;
pub use reason::PairingFailure;
#[cfg(feature = "security")]
pub use resolve::{make as make_resolvable, resolves};

/// The channel of the Security Manager Protocol.
pub const CID_SMP: u16 = 0x0006;
