//! The Security Manager Protocol as the initiator speaks it (Core Vol 3 Part H): what goes over the air, the
//! cryptographic toolbox, and one pairing as a state machine without I/O or clock.
//!
//! What runs a pairing is in [`central`](crate::central), and what comes of it in
//! [`security`](crate::security).

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

/// What is to be done next.
#[derive(Debug)]
pub(crate) enum Next {
    /// This is to be sent.
    Send(Frame),
    /// Somebody is to be asked this.
    Ask(Question),
    /// The link is to be encrypted.
    Encrypt(Encryption),
    /// Nothing, until the peer has sent something, or somebody has answered.
    Wait,
    /// Nothing any more.
    Complete,
}

/// What only a person can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// To be shown. There is nothing to be answered.
    Display(Passkey),
    Compare(Passkey),
    Enter,
    OutOfBand,
}

/// What a person has answered.
pub(crate) enum Answer {
    Same(bool),
    Passkey(Option<Passkey>),
    /// With our key pair, if our data is of the one that was made for it.
    OutOfBand(Option<OutOfBand>, Option<KeyPair>),
}

/// What to encrypt the link with.
#[derive(Debug)]
pub(crate) struct Encryption {
    pub key: Key,
    pub ediv: u16,
    pub rand: [u8; 8],
}

/// Who pairs.
#[derive(Debug)]
pub(crate) struct Parties {
    /// The addresses that the connection was made with.
    pub ours: Address,
    pub peers: Address,
    /// Who we are, if the peer is to be told, and the key that tells.
    pub identity: Option<(Key, Address)>,
}

/// What a pairing has come to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub authenticated: bool,
    pub secure_connections: bool,
    pub key_size: u8,
    /// The key to be kept, if both sides keep it.
    pub key: Option<Encryption>,
    /// Who the peer is.
    pub irk: Option<Key>,
    pub identity: Option<Address>,
}

impl Encryption {
    /// With a key that has no name: that of LE Secure Connections, or the short term key.
    fn unnamed(key: &[u8; 16]) -> Self {
        Self {
            key: Key::new(*key),
            ediv: 0,
            rand: [0; 8],
        }
    }
}
