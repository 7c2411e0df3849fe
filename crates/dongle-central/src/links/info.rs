//! What is known about one connection, besides its bearer.

use core::fmt;

use embassy_time::Duration;

use crate::bearer::Bearer;
use crate::mux::{Reassembly, Sdus};
use crate::security::Security;
use crate::smp;

pub use bt_hci::param::AddrKind as AddressKind;
pub use trouble_host::Address;

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPhase {
    /// Its slot is unused.
    Free,
    /// Connected.
    Open,
    /// Ended; what was received can still be read.
    Closed,
}

/// Why a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// As the controller reported (Core Vol 1 Part F, error codes): 0x13 the peer ended it, 0x16 we
    /// did, 0x08 the peer was no longer heard.
    Hci(u8),
    /// The peer left an ATT request without response for 30 s (Core Vol 3 Part F, 3.3.3).
    TransactionTimeout,
    /// The controller was asked to disconnect, and did not confirm it within the allowed time (Core
    /// Vol 6 Part B, 5.1.6).
    DisconnectUnconfirmed,
    /// The controller failed, or its cable was pulled.
    ControllerFailed,
    /// It ended, and another connection has used its slot since, so that the reason is lost.
    Unknown,
}

impl Reason {
    /// Whether this side ended it on purpose.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Hci(0x16) | Self::DisconnectUnconfirmed)
    }

    /// Whether the peer ended it on purpose.
    pub const fn is_peers(self) -> bool {
        matches!(self, Self::Hci(0x13..=0x15))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hci(code) => match hci_reason(*code) {
                Some(text) => write!(f, "{text} (0x{code:02X})"),
                None => write!(f, "HCI error 0x{code:02X}"),
            },
            Self::TransactionTimeout => f.write_str("a request had no response within 30 s"),
            Self::DisconnectUnconfirmed => {
                f.write_str("terminated by us, though the controller never confirmed it")
            }
            Self::ControllerFailed => f.write_str("the controller failed"),
            Self::Unknown => {
                f.write_str("reason unknown (the connection ended and its slot was reused)")
            }
        }
    }
}

fn hci_reason(code: u8) -> Option<&'static str> {
    Some(match code {
        0x05 => "authentication failure",
        0x06 => "PIN or key missing",
        0x08 => "connection timeout",
        0x13 => "terminated by the peer",
        0x14 => "terminated by the peer: low resources",
        0x15 => "terminated by the peer: power off",
        0x16 => "terminated by us",
        0x1A => "unsupported remote feature",
        0x1F => "unspecified error",
        0x22 => "LL response timeout",
        0x28 => "instant passed",
        0x29 => "pairing with unit key not supported",
        0x3B => "unacceptable connection parameters",
        0x3D => "MIC failure",
        0x3E => "connection failed to be established",
        _ => return None,
    })
}

/// The parameters of a connection (Core Vol 6 Part B, 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionParameters {
    /// Time between two connection events.
    pub interval: Duration,
    /// How many connection events the peripheral may skip.
    pub latency: u16,
    /// After how much silence the link counts as lost.
    pub supervision_timeout: Duration,
}

impl ConnectionParameters {
    /// From the fields of an HCI event: units of 1.25 ms, events, units of 10 ms.
    pub fn from_hci(interval: u16, latency: u16, timeout: u16) -> Self {
        Self {
            interval: Duration::from_micros(u64::from(interval) * 1250),
            latency,
            supervision_timeout: Duration::from_millis(u64::from(timeout) * 10),
        }
    }
}

/// The version of a peer's Link Layer (Core Vol 4 Part E, 7.7.12).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RemoteVersion {
    /// Version as assigned by the Bluetooth SIG: 13 is Core 5.4.
    pub version: u8,
    /// Company identifier of the manufacturer.
    pub manufacturer: u16,
    /// The manufacturer's own version number.
    pub subversion: u16,
}

/// What is known about a connection.
#[derive(Debug)]
pub struct LinkInfo {
    pub(super) generation: u16,
    pub(super) phase: LinkPhase,
    pub(super) reason: Option<Reason>,
    /// HCI connection handle.
    pub handle: u16,
    /// The peer's address, as the controller reported it.
    pub peer: Option<Address>,
    /// The parameters in force.
    pub parameters: ConnectionParameters,
    /// Longest packets in octets, ours and the peer's (Core Vol 6 Part B, 4.5.10).
    pub data_length: (u16, u16),
    /// PHY for sending and for receiving: 1 for 1M, 2 for 2M, 3 for Coded.
    pub phy: (u8, u8),
    /// The features of the peer's Link Layer (Core Vol 6 Part B, 4.6), once it has answered, or the
    /// status of the failure.
    pub remote_features: Option<Result<u64, u8>>,
    /// The version of the peer's Link Layer, once it has answered, or the status of the failure.
    pub remote_version: Option<Result<RemoteVersion, u8>>,
    /// How many parameter updates have ended so far.
    pub updates: u32,
    /// The status of the last update.
    pub update_status: u8,
    /// The security of the link.
    pub security: Security,
    /// Whether the controller was asked to encrypt it, and has not reported how that ended.
    pub(crate) encrypting: bool,
    /// The status of the last encryption.
    pub(crate) encryption_status: Option<u8>,
    /// Our own address on this connection.
    #[cfg(feature = "security")]
    pub(crate) own: Option<Address>,
    /// The peer's address on the air, if the controller resolved it.
    #[cfg(feature = "security")]
    pub(crate) on_air: Option<Address>,
    pub(crate) smp: smp::Channel,
    pub(crate) sdus: Sdus,
    pub(crate) reassembly: Reassembly,
}

impl LinkInfo {
    /// An unused slot.
    pub const FREE: Self = Self {
        generation: 0,
        phase: LinkPhase::Free,
        reason: None,
        handle: 0,
        peer: None,
        parameters: ConnectionParameters {
            interval: Duration::from_ticks(0),
            latency: 0,
            supervision_timeout: Duration::from_ticks(0),
        },
        data_length: (27, 27),
        phy: (1, 1),
        remote_features: None,
        remote_version: None,
        updates: 0,
        update_status: 0,
        security: Security::NONE,
        encrypting: false,
        encryption_status: None,
        #[cfg(feature = "security")]
        own: None,
        #[cfg(feature = "security")]
        on_air: None,
        smp: smp::Channel::SHUT,
        sdus: Sdus::NONE,
        reassembly: Reassembly::IDLE,
    };

    pub(super) fn open(&mut self, handle: u16, peer: Address, parameters: ConnectionParameters) {
        let generation = self.generation.wrapping_add(1);
        let phase = LinkPhase::Open;
        let peer = Some(peer);
        *self = Self {
            generation,
            phase,
            handle,
            peer,
            parameters,
            ..Self::FREE
        };
    }

    /// The state of the link.
    #[inline]
    pub fn phase(&self) -> LinkPhase {
        self.phase
    }

    /// Why the link ended, if it did.
    #[inline]
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }
}

/// One link, borrowed under its lock.
#[derive(Debug)]
pub struct Link<'a> {
    /// What is known about the connection.
    pub info: &'a mut LinkInfo,
    /// Its ATT bearer.
    pub bearer: Bearer<'a>,
    /// Where an ATT PDU that arrives in several ACL packets is reassembled.
    pub pdu: &'a mut [u8],
}

impl Link<'_> {
    /// Ends the link. Only the first reason is kept.
    pub fn close(&mut self, reason: Reason) {
        if self.info.phase != LinkPhase::Open {
            return;
        }
        self.info.phase = LinkPhase::Closed;
        self.info.reason.get_or_insert(reason);
        self.info.smp.hang_up();
        self.bearer.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_tells_who_wanted_the_end() {
        for (reason, ours, peers) in [
            (Reason::Hci(0x16), true, false),
            (Reason::DisconnectUnconfirmed, true, false),
            (Reason::Hci(0x13), false, true),
            (Reason::Hci(0x14), false, true),
            (Reason::Hci(0x15), false, true),
            (Reason::Hci(0x08), false, false),
            (Reason::TransactionTimeout, false, false),
            (Reason::ControllerFailed, false, false),
        ] {
            assert_eq!(
                (reason.is_ours(), reason.is_peers()),
                (ours, peers),
                "{reason}"
            );
        }
    }
}
