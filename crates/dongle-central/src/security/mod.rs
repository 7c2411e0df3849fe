//! Pairing, bonds, and how safe a link is. What runs it is in [`central`](crate::central).

mod agent;
mod bond;
mod error;
pub(crate) mod guard;
mod key;
mod level;
mod reason;
mod resolve;

pub use agent::{Agent, IoCapabilities, Nobody, OobData, OutOfBand, Passkey};
pub use bond::{Bond, BondStore};
pub use error::SecurityError;
pub use guard::{CID_SMP, Guard, Verdict};
pub use key::Key;
pub use level::{Level, Requirements, Security};
pub use reason::PairingFailure;
pub use resolve::{make as make_resolvable, resolves};
