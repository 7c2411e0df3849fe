//! What trouble-host tells of the pairing that is under way, and what only a person can answer.

use embassy_sync::waitqueue::MultiWakerRegistration;
use heapless::Deque;
use trouble_host::connection::{ConnectionEvent, SecurityLevel};
use trouble_host::{BondInformation, OobData as HostOobData};

use crate::security::{Agent, Bond, Key, OobData, OutOfBand, PairingFailure, Passkey};

/// The pairing that is under way.
#[derive(Debug)]
pub(in crate::central) struct Pairing {
    pub(super) busy: bool,
    pub(super) handle: Option<u16>,
    pub(super) steps: Deque<Step, 8>,
    pub(super) waiters: MultiWakerRegistration<8>,
}

/// What trouble-host tells of a pairing.
#[derive(Debug)]
pub(super) enum Step {
    Ask(Question),
    Complete(bool, Option<Bond>),
    Failed(Option<PairingFailure>),
}

/// What only a person can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Display(Passkey),
    Compare(Passkey),
    Enter,
    OutOfBand,
}

#[derive(Debug)]
pub(super) enum Answer {
    Shown,
    Compared(bool),
    Entered(Option<Passkey>),
    OutOfBand(Option<OutOfBand>),
}

impl Pairing {
    pub(in crate::central) const fn new() -> Self {
        Self {
            busy: false,
            handle: None,
            steps: Deque::new(),
            waiters: MultiWakerRegistration::new(),
        }
    }

    /// Takes an event of a connection, if it is of the one that pairs.
    pub(in crate::central) fn heard(&mut self, handle: u16, event: ConnectionEvent) {
        let passkey = |number: u32| Passkey::new(number);
        let step = match event {
            ConnectionEvent::PassKeyDisplay(number) => {
                passkey(number.value()).map(|p| Step::Ask(Question::Display(p)))
            }
            ConnectionEvent::PassKeyConfirm(number) => {
                passkey(number.value()).map(|p| Step::Ask(Question::Compare(p)))
            }
            ConnectionEvent::PassKeyInput => Some(Step::Ask(Question::Enter)),
            ConnectionEvent::OobRequest => Some(Step::Ask(Question::OutOfBand)),
            ConnectionEvent::PairingComplete {
                security_level,
                bond,
            } => {
                let authenticated = security_level == SecurityLevel::EncryptedAuthenticated;
                Some(Step::Complete(
                    authenticated,
                    bond.map(|b| ours(&b, authenticated)),
                ))
            }
            ConnectionEvent::PairingFailed(error) => Some(Step::Failed(match error {
                trouble_host::Error::Security(reason) => Some(PairingFailure(reason.into())),
                _ => None,
            })),
            _ => None,
        };
        if let Some(step) = step
            && self.handle == Some(handle)
        {
            if self.steps.push_back(step).is_err() {
                warn!("a step of a pairing was lost");
            }
            self.waiters.wake();
        }
    }
}

/// A bond of trouble-host's as one of ours; the identity key is with the link's guard.
fn ours(bond: &BondInformation, authenticated: bool) -> Bond {
    #[cfg(feature = "legacy-pairing")]
    let (ediv, rand, key_size) = (bond.ediv, bond.rand, bond.encryption_key_len);
    #[cfg(not(feature = "legacy-pairing"))]
    let (ediv, rand, key_size) = (0, [0; 8], 16);
    Bond {
        identity: bond.identity.addr,
        irk: None,
        ltk: Key::new(bond.ltk.to_le_bytes()),
        ediv,
        rand,
        key_size,
        authenticated,
        secure_connections: false,
    }
}

pub(super) async fn ask<A: Agent>(agent: &A, question: Question) -> Answer {
    match question {
        Question::Display(passkey) => {
            agent.display(passkey).await;
            Answer::Shown
        }
        Question::Compare(passkey) => Answer::Compared(agent.compare(passkey).await),
        Question::Enter => Answer::Entered(agent.enter().await),
        Question::OutOfBand => Answer::OutOfBand(agent.out_of_band().await),
    }
}

/// Ours, and the peer's, as trouble-host takes them: zeros where there is none.
pub(super) fn for_host(data: OutOfBand) -> (HostOobData, HostOobData) {
    let none = HostOobData {
        random: [0; 16],
        confirm: [0; 16],
    };
    let host = |data: Option<OobData>| {
        data.map_or(none, |d| HostOobData {
            random: *d.random.reveal(),
            confirm: *d.confirm.reveal(),
        })
    };
    match data {
        OutOfBand::SecureConnections { peer, local } => (host(local), host(peer)),
        OutOfBand::Legacy(key) => (
            HostOobData {
                random: *key.reveal(),
                ..none
            },
            none,
        ),
    }
}
