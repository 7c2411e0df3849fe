//! Parses the HCI events that the mux needs, and decides which ones trouble-host may see.

use bt_hci::FromHciBytes;
use bt_hci::event::le::{
    LeConnectionComplete, LeConnectionUpdateComplete, LeDataLengthChange,
    LeEnhancedConnectionComplete, LePhyUpdateComplete, LeRemoteConnectionParameterRequest,
};
use bt_hci::event::{DisconnectionComplete, EncryptionChangeV1, EncryptionKeyRefreshComplete};
use bt_hci::param::{ConnHandle, Duration, Status};

use super::report::{self, Report};
use super::request::{ParameterRequest, Wish};
use crate::adv::Name;
use crate::links::{Address, ConnectionParameters, RemoteVersion};

/// Event codes (Core Vol 4 Part E, 7.7).
pub mod code {
    pub const DISCONNECTION_COMPLETE: u8 = 0x05;
    pub const ENCRYPTION_CHANGE_V1: u8 = 0x08;
    pub const READ_REMOTE_VERSION_COMPLETE: u8 = 0x0C;
    pub const COMMAND_COMPLETE: u8 = 0x0E;
    pub const COMMAND_STATUS: u8 = 0x0F;
    pub const HARDWARE_ERROR: u8 = 0x10;
    pub const NUMBER_OF_COMPLETED_PACKETS: u8 = 0x13;
    pub const DATA_BUFFER_OVERFLOW: u8 = 0x1A;
    pub const ENCRYPTION_KEY_REFRESH_COMPLETE: u8 = 0x30;
    pub const LE_META: u8 = 0x3E;
    /// Vendor-specific events.
    pub const VENDOR: u8 = 0xFF;
}

/// Subevent codes of LE Meta events (7.7.65).
mod subevent {
    pub const CONNECTION_COMPLETE: u8 = 0x01;
    pub const ADVERTISING_REPORT: u8 = 0x02;
    pub const CONNECTION_UPDATE_COMPLETE: u8 = 0x03;
    pub const READ_REMOTE_FEATURES_COMPLETE: u8 = 0x04;
    pub const REMOTE_CONNECTION_PARAMETER_REQUEST: u8 = 0x06;
    pub const DATA_LENGTH_CHANGE: u8 = 0x07;
    pub const ENHANCED_CONNECTION_COMPLETE: u8 = 0x0A;
    pub const PHY_UPDATE_COMPLETE: u8 = 0x0C;
    pub const EXTENDED_ADVERTISING_REPORT: u8 = 0x0D;
    pub const SCAN_TIMEOUT: u8 = 0x11;
}

/// LE Read Buffer Size, versions 1 and 2 (7.8.2), and Reset (7.3.2).
pub const LE_READ_BUFFER_SIZE: u16 = 0x2002;
const LE_READ_BUFFER_SIZE_V2: u16 = 0x2060;
/// Read Buffer Size (7.4.5): the buffers that LE may share with BR/EDR.
pub const READ_BUFFER_SIZE: u16 = 0x1005;
pub const RESET: u16 = 0x0C03;
/// Unknown HCI Command, the status of a command that the controller does not support.
pub const UNKNOWN_COMMAND: u8 = 0x01;
/// Unspecified Error (Core Vol 1 Part F, 2.31).
pub const UNSPECIFIED: u8 = 0x1F;
/// The highest valid connection handle (5.3.1).
pub const LAST_HANDLE: u16 = 0x0EFF;
/// Unknown Connection Identifier (Core Vol 1 Part F, 2.2).
pub const UNKNOWN_CONNECTION: u8 = 0x02;
/// Command Disallowed (2.12).
pub const COMMAND_DISALLOWED: u8 = 0x0C;
/// LE Create Connection Cancel (7.8.13).
pub const CREATE_CONNECTION_CANCEL: u16 = 0x200E;
/// LE Set Random Address (7.8.4).
pub const SET_RANDOM_ADDRESS: u16 = 0x2005;
/// Disconnect (7.1.6).
pub const DISCONNECT: u16 = 0x0406;
/// LE Enable Encryption (7.8.24).
pub const ENABLE_ENCRYPTION: u16 = 0x2019;

/// Whether a command is known to be answered by Command Complete alone, with no Command Status
/// before it: groups 3 to 5, and the older LE commands. bt-hci is wrong about some.
pub fn is_completed(opcode: u16) -> bool {
    match opcode {
        // LE Create Connection, LE Connection Update, LE Read Remote Features, LE Enable Encryption, LE
        // Read Local P-256 Public Key, LE Generate DHKey, LE Set PHY (7.8).
        0x200D | 0x2013 | 0x2016 | 0x2019 | 0x2025 | 0x2026 | 0x2032 => false,
        // Enhanced Flush (7.3.66).
        0x0C5F => false,
        0x0C00..0x1800 | 0x2000..=0x2042 => true,
        _ => false,
    }
}

/// Whether a command is LE Create Connection (7.8.12) or its extended sibling (7.8.66).
pub fn is_create_connection(opcode: u16) -> bool {
    matches!(opcode, 0x200D | 0x2043)
}

/// Whether a command is one that hosts send first and every LE controller supports: LE Set Event
/// Mask (7.8.1), LE Read Buffer Size (7.8.2), LE Set Random Address (7.8.4), LE Rand (7.8.23).
pub fn is_known_to_le(opcode: u16) -> bool {
    matches!(opcode, 0x2001 | 0x2002 | 0x2005 | 0x2018)
}

/// An event that concerns the mux.
#[derive(Debug)]
pub enum Event {
    /// A command was answered, successfully or not.
    Answered { opcode: u16, status: u8 },
    /// The controller reported its ACL buffers.
    Buffers {
        opcode: u16,
        packet_length: u16,
        total: u16,
    },
    /// A connection was made.
    Connected {
        handle: u16,
        peer: Address,
        /// The resolvable private address on the air, if the controller resolved it to `peer`.
        on_air: Option<Address>,
        parameters: ConnectionParameters,
    },
    /// A connection could not be made.
    NotConnected { status: u8 },
    /// A connection has ended.
    Disconnected { handle: u16, reason: u8 },
    /// An update of a connection's parameters ended, with this status.
    Updated {
        handle: u16,
        status: u8,
        parameters: ConnectionParameters,
    },
    /// A peer requests other connection parameters with the Link Layer procedure.
    ParametersAsked(ParameterRequest),
    /// The version of a peer's Link Layer, or why it could not be read.
    RemoteVersion {
        handle: u16,
        version: Result<RemoteVersion, u8>,
    },
    /// The longest packets that may be sent have changed.
    DataLength { handle: u16, octets: (u16, u16) },
    /// A connection has changed to another PHY.
    Phy { handle: u16, phy: (u8, u8) },
    /// The features of a peer's Link Layer, or why they could not be read.
    RemoteFeatures {
        handle: u16,
        features: Result<u64, u8>,
    },
    /// Encryption of a link was turned on or off, or failed to change.
    Encryption { handle: u16, status: u8, on: bool },
    /// The controller had no buffer for a packet.
    BufferOverflow,
    /// The controller reports that it is broken.
    HardwareError(u8),
    /// An assertion failed in this line of the controller's firmware.
    Asserted(u16),
}

/// What to do with an event.
pub struct Judgement {
    /// What the mux learns from it, if anything.
    pub event: Option<Event>,
    /// Whether trouble-host may see it.
    pub pass: bool,
}

/// Judges a whole event; `None` if it does not decode.
pub fn judge(event: &[u8]) -> Option<Judgement> {
    let (&[code, len], parameters) = event.split_first_chunk()?;
    if parameters.len() != usize::from(len) {
        return None;
    }
    match code {
        code::COMMAND_COMPLETE => command_complete(parameters),
        code::COMMAND_STATUS => {
            let &[status, _, o0, o1] = parameters else {
                return None;
            };
            let opcode = u16::from_le_bytes([o0, o1]);
            if status == 0 && is_completed(opcode) {
                // The command is pending: its answer is still to come.
                return pass();
            }
            for_both(Event::Answered { opcode, status })
        }
        code::DISCONNECTION_COMPLETE => {
            let e = DisconnectionComplete::from_hci_bytes_complete(parameters).ok()?;
            let handle = e.handle.raw();
            match e.status.into_inner() {
                0 => for_both(Event::Disconnected {
                    handle,
                    reason: e.reason.into_inner(),
                }),
                // A failed Disconnect leaves the connection up; trouble-host must not see it.
                _ => ignore(),
            }
        }
        code::READ_REMOTE_VERSION_COMPLETE => remote_version(parameters),
        code::NUMBER_OF_COMPLETED_PACKETS => {
            let (&count, entries) = parameters.split_first()?;
            (entries.len() == usize::from(count) * 4).then(pass)?
        }
        code::LE_META => le_meta(parameters),
        code::ENCRYPTION_CHANGE_V1 => {
            EncryptionChangeV1::from_hci_bytes_complete(parameters).ok()?;
            encryption(parameters)
        }
        code::ENCRYPTION_KEY_REFRESH_COMPLETE => {
            EncryptionKeyRefreshComplete::from_hci_bytes_complete(parameters).ok()?;
            encryption(parameters)
        }
        code::DATA_BUFFER_OVERFLOW => for_us(Event::BufferOverflow),
        code::HARDWARE_ERROR => for_us(Event::HardwareError(
            parameters.first().copied().unwrap_or(0),
        )),
        code::VENDOR => vendor(parameters),
        // Nothing uses the others.
        _ => ignore(),
    }
}

fn remote_version(parameters: &[u8]) -> Option<Judgement> {
    let &[status, h0, h1, version, m0, m1, s0, s1] = parameters else {
        return None;
    };
    let version = match status {
        0 => Ok(RemoteVersion {
            version,
            manufacturer: u16::from_le_bytes([m0, m1]),
            subversion: u16::from_le_bytes([s0, s1]),
        }),
        status => Err(status),
    };
    let handle = u16::from_le_bytes([h0, h1]);
    for_us(Event::RemoteVersion { handle, version })
}

/// What Zephyr's controllers report before they stop: the source file and line of a failed
/// assertion.
fn vendor(parameters: &[u8]) -> Option<Judgement> {
    let &[0xAA, ref file @ .., l0, l1, _, _] = parameters else {
        return ignore();
    };
    let line = u16::from_le_bytes([l0, l1]);
    // Decoded as text only if it is logged.
    let file = Name::new(file);
    warn!("the controller has failed: {:?}, line {}", file, line);
    for_us(Event::Asserted(line))
}

/// Parses the status, the handle, and whether encryption is on; a key refresh leaves it on.
fn encryption(parameters: &[u8]) -> Option<Judgement> {
    let &[status, h0, h1, ref on @ ..] = parameters else {
        return None;
    };
    let handle = u16::from_le_bytes([h0, h1]);
    let on = status == 0 && on.first().is_none_or(|on| *on != 0);
    // trouble-host never waits for it, and would fail on it.
    for_us(Event::Encryption { handle, status, on })
}

fn for_both(event: Event) -> Option<Judgement> {
    Some(Judgement {
        event: Some(event),
        pass: true,
    })
}

fn for_us(event: Event) -> Option<Judgement> {
    Some(Judgement {
        event: Some(event),
        pass: false,
    })
}

fn pass() -> Option<Judgement> {
    Some(Judgement {
        event: None,
        pass: true,
    })
}

fn ignore() -> Option<Judgement> {
    Some(Judgement {
        event: None,
        pass: false,
    })
}

fn command_complete(parameters: &[u8]) -> Option<Judgement> {
    let (&[_, o0, o1], returned) = parameters.split_first_chunk()?;
    let opcode = u16::from_le_bytes([o0, o1]);
    if opcode == 0 {
        // It only reports how many commands may be sent.
        return pass();
    }
    let (&status, returned) = returned.split_first()?;
    let event = match (opcode, status, returned) {
        (LE_READ_BUFFER_SIZE, 0, &[l0, l1, total])
        | (LE_READ_BUFFER_SIZE_V2, 0, &[l0, l1, total, ..]) => {
            let packet_length = u16::from_le_bytes([l0, l1]);
            Event::Buffers {
                opcode,
                packet_length,
                total: u16::from(total),
            }
        }
        (READ_BUFFER_SIZE, 0, &[l0, l1, _, t0, t1, ..]) => Event::Buffers {
            opcode,
            packet_length: u16::from_le_bytes([l0, l1]),
            total: u16::from_le_bytes([t0, t1]),
        },
        _ => Event::Answered { opcode, status },
    };
    for_both(event)
}

fn le_meta(parameters: &[u8]) -> Option<Judgement> {
    let (&subevent, data) = parameters.split_first()?;
    match subevent {
        subevent::CONNECTION_COMPLETE => {
            let e = LeConnectionComplete::from_hci_bytes_complete(data).ok()?;
            let peer = Address::new(e.peer_addr_kind, e.peer_addr);
            let (interval, timeout) = (e.conn_interval, e.supervision_timeout);
            let parameters = parameters_of(interval, e.peripheral_latency, timeout);
            connection(e.status, e.handle, peer, None, parameters)
        }
        subevent::ENHANCED_CONNECTION_COMPLETE => {
            let e = LeEnhancedConnectionComplete::from_hci_bytes_complete(data).ok()?;
            let peer = Address::new(e.peer_addr_kind, e.peer_addr);
            let (interval, timeout) = (e.conn_interval, e.supervision_timeout);
            let parameters = parameters_of(interval, e.peripheral_latency, timeout);
            let on_air = e.peer_resolvable_private_addr;
            let on_air = (on_air.raw() != [0; 6]).then(|| Address::random(on_air.into_inner()));
            connection(e.status, e.handle, peer, on_air, parameters)
        }
        subevent::READ_REMOTE_FEATURES_COMPLETE => {
            let &[status, h0, h1, ref features @ ..] = data else {
                return None;
            };
            let features = u64::from_le_bytes(*<&[u8; 8]>::try_from(features).ok()?);
            for_us(Event::RemoteFeatures {
                handle: u16::from_le_bytes([h0, h1]),
                features: if status == 0 {
                    Ok(features)
                } else {
                    Err(status)
                },
            })
        }
        subevent::REMOTE_CONNECTION_PARAMETER_REQUEST => {
            let e = LeRemoteConnectionParameterRequest::from_hci_bytes_complete(data).ok()?;
            // trouble-host would answer it on the signalling channel.
            for_us(Event::ParametersAsked(ParameterRequest {
                handle: e.handle.raw(),
                identifier: None,
                wish: Wish {
                    interval: (e.interval_min.as_u16(), e.interval_max.as_u16()),
                    latency: e.max_latency,
                    timeout: e.timeout.as_u16(),
                },
            }))
        }
        subevent::SCAN_TIMEOUT => data.is_empty().then(pass)?,
        subevent::CONNECTION_UPDATE_COMPLETE => {
            let e = LeConnectionUpdateComplete::from_hci_bytes_complete(data).ok()?;
            let (interval, timeout) = (e.conn_interval, e.supervision_timeout);
            for_both(Event::Updated {
                handle: e.handle.raw(),
                status: e.status.into_inner(),
                parameters: parameters_of(interval, e.peripheral_latency, timeout),
            })
        }
        subevent::DATA_LENGTH_CHANGE => {
            let e = LeDataLengthChange::from_hci_bytes_complete(data).ok()?;
            for_both(Event::DataLength {
                handle: e.handle.raw(),
                octets: (e.max_tx_octets, e.max_rx_octets),
            })
        }
        subevent::PHY_UPDATE_COMPLETE => {
            let e = LePhyUpdateComplete::from_hci_bytes_complete(data).ok()?;
            if e.status.into_inner() != 0 {
                return pass();
            }
            for_both(Event::Phy {
                handle: e.handle.raw(),
                phy: (e.tx_phy as u8, e.rx_phy as u8),
            })
        }
        // trouble-host would panic on events that it does not know, and would stop if those meant
        // for a peripheral, such as LE Long Term Key Request, came too often.
        _ => ignore(),
    }
}

/// From the fields of three events that tell a connection's parameters.
fn parameters_of(
    interval: Duration<1_250>,
    latency: u16,
    timeout: Duration<10_000>,
) -> ConnectionParameters {
    ConnectionParameters::from_hci(interval.as_u16(), latency, timeout.as_u16())
}

fn connection(
    status: Status,
    handle: ConnHandle,
    peer: Address,
    on_air: Option<Address>,
    parameters: ConnectionParameters,
) -> Option<Judgement> {
    for_both(match status.into_inner() {
        0 => Event::Connected {
            handle: handle.raw(),
            peer,
            on_air,
            parameters,
        },
        status => Event::NotConnected { status },
    })
}

/// The connection handle in an event, if it has one. Its upper four bits, which are reserved, are
/// cleared (Core Vol 4 Part E, 5.3.1).
pub fn connection_of(event: &mut [u8]) -> Option<u16> {
    let handle = match event {
        [
            code::DISCONNECTION_COMPLETE
            | code::ENCRYPTION_CHANGE_V1
            | code::READ_REMOTE_VERSION_COMPLETE
            | code::ENCRYPTION_KEY_REFRESH_COMPLETE,
            _,
            _,
            handle @ ..,
        ]
        | [
            code::LE_META,
            _,
            subevent::CONNECTION_COMPLETE
            | subevent::CONNECTION_UPDATE_COMPLETE
            | subevent::READ_REMOTE_FEATURES_COMPLETE
            | subevent::ENHANCED_CONNECTION_COMPLETE
            | subevent::PHY_UPDATE_COMPLETE,
            _,
            handle @ ..,
        ]
        | [
            code::LE_META,
            _,
            subevent::REMOTE_CONNECTION_PARAMETER_REQUEST | subevent::DATA_LENGTH_CHANGE,
            handle @ ..,
        ] => handle,
        _ => return None,
    };
    let [low, high, ..] = handle else { return None };
    *high &= 0x0F;
    Some(u16::from_le_bytes([*low, *high]))
}

/// Turns an event that reports a new connection into one that reports a failure; false if it is another event.
pub fn refuse_connection(event: &mut [u8]) -> bool {
    let [
        code::LE_META,
        _,
        subevent::CONNECTION_COMPLETE | subevent::ENHANCED_CONNECTION_COMPLETE,
        status @ 0,
        ..,
    ] = event
    else {
        return false;
    };
    *status = UNSPECIFIED;
    clear_failed_connection(event);
    true
}

/// Zeroes what follows the status in an LE Connection Complete event, or its enhanced form, that
/// reports a failure: it is meaningless, and need not decode.
pub fn clear_failed_connection(event: &mut [u8]) {
    if let [
        code::LE_META,
        _,
        subevent::CONNECTION_COMPLETE | subevent::ENHANCED_CONNECTION_COMPLETE,
        1..=u8::MAX,
        rest @ ..,
    ] = event
    {
        rest.fill(0);
    }
}

/// Calls `each` for the advertising reports in an event; `None` if it has none, `Some(false)` if it is damaged.
pub fn reports(event: &[u8], each: impl FnMut(&Report<'_>)) -> Option<bool> {
    match *event {
        [
            code::LE_META,
            _,
            subevent::ADVERTISING_REPORT,
            ref parameters @ ..,
        ] => Some(report::legacy(parameters, each)),
        [
            code::LE_META,
            _,
            subevent::EXTENDED_ADVERTISING_REPORT,
            ref parameters @ ..,
        ] => Some(report::extended(parameters, each)),
        _ => None,
    }
}
