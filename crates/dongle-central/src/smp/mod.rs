//! The Security Manager Protocol as the initiator speaks it (Core Vol 3 Part H): what goes over the air, the
//! cryptographic toolbox, and one pairing as a state machine without I/O or clock.
//!
//! What runs a pairing is in [`central`](crate::central), and what comes of it in
//! [`security`](crate::security).

mod channel;
mod command;
mod initiator;
mod method;
mod toolbox;

pub(crate) use channel::Channel;
pub(crate) use command::Frame;
pub(crate) use initiator::{Answer, Encryption, Initiator, Next, Outcome, Parties, Question};
pub(crate) use toolbox::{Generator, KeyPair, oob_confirm};
