//! What trouble-host tells of the pairing that is under way, and what only a person can answer.

use bt_hci::transport::Transport;
use embassy_time::Instant;
use heapless::Deque;
use trouble_host::PacketPool;
use trouble_host::connection::{ConnectionEvent, SecurityLevel};
use trouble_host::{BondInformation, OobData as HostOobData};

use crate::central::Central;
use crate::links::Links;
use crate::mux::ReportHandler;
use crate::security::{Bond, Key, OobData, OutOfBand, PairingFailure, Passkey};

/// The pairing that is under way.
#[derive(Debug)]
pub(in crate::central) struct Pairing {
    /// Whether somebody pairs, and on which connection.
    pub(super) handle: Option<u16>,
    /// A question or two, and the end.
    pub(super) steps: Deque<Step, 3>,
    /// When those who wait here have to look again.
    pub(super) alarm: Option<Instant>,
}

/// What trouble-host tells of a pairing.
#[derive(Debug)]
pub(super) enum Step {
    Ask(Question),
    Complete(bool, Option<Bond>),
    Failed(Option<PairingFailure>),
}

/// What only a person can answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    Display(Passkey),
    Compare(Passkey),
    Enter,
    OutOfBand,
}

impl Pairing {
    pub(in crate::central) const fn new() -> Self {
        Self {
            handle: None,
            steps: Deque::new(),
            alarm: None,
        }
    }

    /// Whether it is that time; if not, all who wait are woken when it is.
    pub(super) fn is_due(&mut self, at: Instant) -> bool {
        if at <= Instant::now() {
            return true;
        }
        if self.alarm.is_none_or(|alarm| at < alarm) {
            self.alarm = Some(at);
        }
        false
    }
}

impl Step {
    /// What an event of a connection is for the pairing on it.
    fn of(event: ConnectionEvent) -> Option<Self> {
        Some(match event {
            ConnectionEvent::PassKeyDisplay(number) => {
                Self::Ask(Question::Display(Passkey::new(number.value())?))
            }
            ConnectionEvent::PassKeyConfirm(number) => {
                Self::Ask(Question::Compare(Passkey::new(number.value())?))
            }
            ConnectionEvent::PassKeyInput => Self::Ask(Question::Enter),
            ConnectionEvent::OobRequest => Self::Ask(Question::OutOfBand),
            ConnectionEvent::PairingComplete {
                security_level,
                bond,
            } => {
                let authenticated = security_level == SecurityLevel::EncryptedAuthenticated;
                Self::Complete(authenticated, bond.map(|b| ours(&b, authenticated)))
            }
            ConnectionEvent::PairingFailed(error) => Self::Failed(match error {
                trouble_host::Error::Security(reason) => Some(PairingFailure(reason.into())),
                _ => None,
            }),
            _ => return None,
        })
    }
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Takes an event of a connection, if it is of the one that pairs.
    pub(in crate::central) fn heard(&self, handle: u16, event: ConnectionEvent) {
        let Some(step) = Step::of(event) else { return };
        let mut pairing = self.pairing.borrow_mut();
        if pairing.handle == Some(handle) {
            if pairing.steps.push_back(step).is_err() {
                warn!("a step of a pairing was lost");
            }
            self.wake_links();
        }
    }

    /// Wakes those who wait for a pairing in time. The mux tells the time for all of them: on a
    /// desktop there is room for few timers.
    pub(in crate::central) fn look_after_pairing(&self) {
        let mut pairing = self.pairing.borrow_mut();
        if pairing.alarm.is_some_and(|at| self.mux.is_time(at)) {
            pairing.alarm = None;
            self.wake_links();
        }
    }

    /// Wakes whoever waits for something on a link.
    pub(in crate::central) fn wake_links(&self) {
        let links = self.mux.links();
        for index in 0..links.capacity() {
            links.with(index, |link| link.bearer.changed());
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
