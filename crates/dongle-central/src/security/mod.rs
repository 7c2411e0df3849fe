//! Pairing, bonds, and how safe a link is. What runs it is in [`central`](crate::central).

#[cfg(feature = "security")]
mod agent;
#[cfg(feature = "security")]
mod bond;
mod error;
#[cfg_attr(not(feature = "security"), path = "unguarded.rs")]
pub(crate) mod guard;
mod key;
mod level;
mod reason;
#[cfg(feature = "security")]
mod resolve;

#[cfg(feature = "security")]
pub use agent::{Agent, IoCapabilities, Nobody, OobData, OutOfBand, Passkey};
#[cfg(feature = "security")]
pub use bond::{Bond, BondStore};
pub use error::SecurityError;
pub use guard::{CID_SMP, Guard, Verdict};
pub use key::Key;
pub use level::{Level, Requirements, Security};
pub use reason::PairingFailure;
#[cfg(feature = "security")]
pub use resolve::{make as make_resolvable, resolves};
