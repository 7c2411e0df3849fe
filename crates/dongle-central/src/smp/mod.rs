//! The Security Manager Protocol from the initiator's side (Core Vol 3 Part H): its commands, the
//! cryptographic toolbox, and one pairing as a state machine without I/O or clock.
//!
//! [`central`](crate::central) runs a pairing; [`security`](crate::security) has the types of its results.

mod channel;
mod command;
mod initiator;
mod keys;
mod method;
mod toolbox;

pub(crate) use channel::Channel;
pub(crate) use command::Frame;
pub(crate) use initiator::Initiator;
pub(crate) use toolbox::{Generator, KeyPair, e, oob_confirm};

use crate::links::Address;
use crate::security::{Key, OutOfBand, Passkey};

/// What to do next in a pairing.
#[derive(Debug)]
pub(crate) enum Next {
    /// Send this.
    Send(Frame),
    /// Ask the user this.
    Ask(Question),
    /// Encrypt the link.
    Encrypt(Encryption),
    /// Wait for the peer's next command, or for the user's answer.
    Wait,
    /// Nothing: the pairing is complete.
    Complete,
}

/// A question that only the user can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Show this passkey. There is no answer.
    Display(Passkey),
    Compare(Passkey),
    Enter,
    OutOfBand,
}

/// The user's answer.
pub(crate) enum Answer {
    Same(bool),
    Passkey(Option<Passkey>),
    /// With our key pair, if the data includes ours and that was made with it.
    OutOfBand(Option<OutOfBand>, Option<KeyPair>),
}

/// What to encrypt the link with.
#[derive(Debug)]
pub(crate) struct Encryption {
    pub key: Key,
    pub ediv: u16,
    pub rand: [u8; 8],
}

/// The two sides of a pairing.
#[derive(Debug)]
pub(crate) struct Parties {
    /// The addresses that the connection was made with.
    pub ours: Address,
    pub peers: Address,
    /// Our IRK and identity address, if the peer is to learn them.
    pub identity: Option<(Key, Address)>,
}

/// The outcome of a pairing.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub authenticated: bool,
    pub secure_connections: bool,
    pub key_size: u8,
    /// The key to keep, if both sides bond.
    pub key: Option<Encryption>,
    /// The peer's IRK and identity address.
    pub irk: Option<Key>,
    pub identity: Option<Address>,
}

impl Encryption {
    /// With a key that has neither EDIV nor Rand: that of LE Secure Connections, or the short term key.
    fn unnamed(key: &[u8; 16]) -> Self {
        Self {
            key: Key::new(*key),
            ediv: 0,
            rand: [0; 8],
        }
    }
}
