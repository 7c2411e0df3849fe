//! Judges whether bytes can be an HCI packet: while synchronised by what may be sent at all, and
//! afterwards by what is unmistakable enough to find the stream's packets again.

use crate::packet::{PacketKind, header_length, kind_of, total_length};

/// Which way a byte stream flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a controller: events and data.
    ToHost,
    /// From a host: commands and data.
    ToController,
}

/// The maximum length of a stream's data packets. A header that claims more is garbage.
///
/// The lower the limits, the less data a header made of noise can claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes in an ACL Data packet. The field holds 65,535, but controllers buffer one link-layer
    /// PDU (251 bytes on LE, 1,021 on BR/EDR) and host stacks take 1,024; the default of 4,096
    /// leaves a simulated controller room.
    pub acl_data: u16,
    /// Bytes in an ISO Data packet, 16,383 at most. 0 by default, which refuses them: a host that
    /// opens no isochronous stream is never sent any.
    pub iso_data: u16,
    /// Bytes in a Synchronous Data packet. 0 by default, which refuses them: a host that opens no
    /// synchronous connection is never sent any, and nearly all noise looks like one.
    pub sync_data: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            acl_data: 4096,
            iso_data: 0,
            sync_data: 0,
        }
    }
}

/// How readily a header is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// A packet ended right before it: everything that the specification allows is believed.
    InStep,
    /// Nothing confirms that a packet begins here: only what an LE stack receives, with its exact
    /// length, is believed.
    Lost,
}

/// What the bytes at the front are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Too few bytes to tell.
    Unknown,
    /// No packet begins here.
    Garbage,
    /// A packet of this many bytes, by its header.
    Packet(usize),
}

/// The highest connection handle (Core Vol 4 Part E 5.4.2).
const HANDLE_MAX: u16 = 0x0eff;

/// Judges the header at the front of `bytes`.
pub(crate) fn judge(bytes: &[u8], direction: Direction, limits: &Limits, trust: Trust) -> Verdict {
    let Some(indicator) = bytes.first() else {
        return Verdict::Unknown;
    };
    let Some(kind) = kind_of(*indicator) else {
        return Verdict::Garbage;
    };
    match (kind, direction) {
        (PacketKind::Cmd, Direction::ToHost) | (PacketKind::Event, Direction::ToController) => {
            return Verdict::Garbage;
        }
        (PacketKind::IsoData, _) if limits.iso_data == 0 => return Verdict::Garbage,
        (PacketKind::SyncData, _) if limits.sync_data == 0 || trust == Trust::Lost => {
            return Verdict::Garbage;
        }
        _ => {}
    }
    let (Some(header), Some(total)) = (bytes.get(1..1 + header_length(kind)), total_length(bytes))
    else {
        return Verdict::Unknown;
    };
    let fits = match (kind, header) {
        (PacketKind::Event, [code, length]) => event(*code, *length, trust),
        (PacketKind::Cmd, [low, high, _]) => command(u16::from_le_bytes([*low, *high]), trust),
        (PacketKind::SyncData, [_, high, length]) => {
            high & 0xc0 == 0 && handle(header) <= HANDLE_MAX && *length <= limits.sync_data
        }
        (PacketKind::AclData, [_, flags, low, high]) => {
            let length = u16::from_le_bytes([*low, *high]);
            handle(header) <= HANDLE_MAX
                && length <= limits.acl_data
                && acl_flags(*flags >> 4, length, direction, trust)
        }
        (PacketKind::IsoData, [_, flags, low, high]) => {
            handle(header) <= HANDLE_MAX
                && flags & 0x80 == 0
                && u16::from_le_bytes([*low, *high]) <= limits.iso_data.min(0x3fff)
        }
        _ => false,
    };
    if !fits {
        return Verdict::Garbage;
    }
    // Only a host may send `0b00` (5.4.2). Some simulated controllers pass on what their host
    // wrote, so it is accepted; but advertising data is full of `02 01 06`, which looks the same
    // right after synchronisation was lost, so the L2CAP header must be that of an LE link.
    if kind == PacketKind::AclData && direction == Direction::ToHost && boundary(header) == 0 {
        return match bytes.get(5..9) {
            _ if total < 9 => Verdict::Garbage,
            None => Verdict::Unknown,
            Some(l2cap) if is_l2cap_start(l2cap, total - 9) => Verdict::Packet(total),
            Some(_) => Verdict::Garbage,
        };
    }
    Verdict::Packet(total)
}

fn handle(header: &[u8]) -> u16 {
    match header {
        [low, high, ..] => u16::from_le_bytes([*low, *high]) & 0x0fff,
        _ => u16::MAX,
    }
}

/// The Packet_Boundary_Flag of an ACL Data packet.
fn boundary(header: &[u8]) -> u8 {
    header.get(1).map_or(0, |flags| (flags >> 4) & 0b11)
}

fn acl_flags(flags: u8, length: u16, direction: Direction, trust: Trust) -> bool {
    let (boundary, broadcast) = (flags & 0b11, flags >> 2);
    match trust {
        Trust::InStep => broadcast < 2,
        // On LE, a PDU of L2CAP begins with 0b00 from the host and with 0b10 from the controller.
        Trust::Lost => {
            let allowed = match direction {
                Direction::ToHost => [1, 2].contains(&boundary),
                Direction::ToController => boundary < 3,
            };
            allowed && broadcast == 0 && length > 0
        }
    }
}

fn command(opcode: u16, trust: Trust) -> bool {
    let (group, command) = (opcode >> 10, opcode & 0x03ff);
    let known = matches!(group, 1..=6 | 8 | 0x3f);
    match trust {
        Trust::InStep => known,
        Trust::Lost => known && (1..=0xff).contains(&command) || group == 0x3f,
    }
}

/// Judges an event by its code and the length of its parameters (Core Vol 4 Part E 7.7).
fn event(code: u8, length: u8, trust: Trust) -> bool {
    match trust {
        Trust::InStep => match code {
            // An event without its opcode or subevent code is meaningless.
            0x0e => length >= 3,
            0x0f => length >= 4,
            0x3e => length >= 1,
            0x01..=0x15 | 0x17..=0x1e | 0x20..=0x23 | 0x2c..=0x36 => true,
            0x38 | 0x39 | 0x3b..=0x3d | 0x40..=0x59 | 0xfe | 0xff => true,
            _ => false,
        },
        Trust::Lost => match code {
            0x0c => length == 8,
            0x0e => length >= 3,
            0x05 | 0x08 | 0x0f => length == 4,
            0x10 | 0x1a => length == 1,
            0x13 => length >= 5 && length % 4 == 1,
            0x30 => length == 3,
            0x3e => length >= 1,
            0x57 => length == 2,
            0x59 => length == 5,
            _ => false,
        },
    }
}

/// Whether the contents of a whole packet agree with its header. Checked while synchronisation is
/// lost.
pub(crate) fn bears_out(packet: &[u8]) -> bool {
    let Some(kind) = packet.first().and_then(|indicator| kind_of(*indicator)) else {
        return false;
    };
    match (kind, packet) {
        (PacketKind::Event, [_, code, _, parameters @ ..]) => event_content(*code, parameters),
        (PacketKind::Cmd, _) => true,
        (PacketKind::AclData, [_, _, flags, _, _, data @ ..]) => {
            (flags >> 4) & 0b11 == 1 || l2cap_start(data)
        }
        (PacketKind::IsoData, [_, _, flags, _, _, load @ ..]) => iso_content(flags >> 4, load),
        _ => false,
    }
}

fn event_content(code: u8, parameters: &[u8]) -> bool {
    let is_handle = |low: &u8, high: &u8| u16::from_le_bytes([*low, *high]) <= HANDLE_MAX;
    match (code, parameters) {
        // HCI_Command_Complete and HCI_Command_Status; opcode 0 only says how many commands are
        // accepted.
        (0x0e, [_, 0, 0]) | (0x0f, [_, _, 0, 0]) => true,
        (0x0e, [_, low, high, ..]) | (0x0f, [_, _, low, high]) => {
            command(u16::from_le_bytes([*low, *high]), Trust::Lost)
        }
        (0x05 | 0x08 | 0x0c | 0x30 | 0x59, [_, low, high, ..]) => is_handle(low, high),
        (0x57, [low, high]) => is_handle(low, high),
        (0x13, [count, completed @ ..]) => {
            completed.len() == 4 * usize::from(*count)
                && completed
                    .chunks_exact(4)
                    .all(|entry| matches!(entry, [low, high, ..] if is_handle(low, high)))
        }
        (0x3e, [subevent, rest @ ..]) => le_content(*subevent, rest),
        (0x10 | 0x1a, [_]) => true,
        _ => false,
    }
}

/// Judges an LE Meta event (7.7.65) by the length of what follows its subevent code.
fn le_content(subevent: u8, rest: &[u8]) -> bool {
    match (subevent, rest.len()) {
        (0x01, 18) | (0x03, 9) | (0x04, 11) | (0x05, 12) | (0x06 | 0x07, 10) => true,
        (0x08, 65) | (0x09, 33) | (0x0a, 30) | (0x0c, 5) | (0x0e, 15) => true,
        (0x10, 2) | (0x11, 0) | (0x12, 5) | (0x13, 8) | (0x14, 3) | (0x29, 33) => true,
        // Advertising reports: 8 bytes, the data with its length in front, and the RSSI.
        (0x02, _) => reports(rest, 8, 1),
        (0x0b, length) => rest
            .first()
            .is_some_and(|n| *n > 0 && length == 1 + 16 * usize::from(*n)),
        (0x0d, _) => reports(rest, 23, 0),
        _ => false,
    }
}

/// Whether `bytes` is a count followed by that many reports, each of `before` bytes, data with its
/// length in front, and `after` bytes.
fn reports(bytes: &[u8], before: usize, after: usize) -> bool {
    let Some((count, mut rest)) = bytes.split_first() else {
        return false;
    };
    for _ in 0..*count {
        let Some(length) = rest.get(before) else {
            return false;
        };
        let Some(next) = rest.get(before + 1 + usize::from(*length) + after..) else {
            return false;
        };
        rest = next;
    }
    *count > 0 && rest.is_empty()
}

/// Whether ACL data begins with an L2CAP header of an LE link and isn't longer than that says.
fn l2cap_start(data: &[u8]) -> bool {
    data.get(..4)
        .is_some_and(|header| is_l2cap_start(header, data.len() - 4))
}

/// Whether the L2CAP length is at least `there`, the bytes that follow the header, and the channel
/// is one of an LE link (Core Vol 3 Part A 2.1).
fn is_l2cap_start(header: &[u8], there: usize) -> bool {
    match header {
        [length_low, length_high, low, high] => {
            let length = u16::from_le_bytes([*length_low, *length_high]);
            let channel = u16::from_le_bytes([*low, *high]);
            there <= usize::from(length) && matches!(channel, 0x0004..=0x0006 | 0x0020..=0x007f)
        }
        _ => false,
    }
}

/// Judges the load of an ISO Data packet (5.4.5) by the length of its SDU. A continuation fragment
/// can't be judged: it has none.
fn iso_content(flags: u8, load: &[u8]) -> bool {
    let load = if flags & 0b100 == 0 {
        load
    } else {
        load.get(4..).unwrap_or_default()
    };
    let [_, _, low, high, sdu @ ..] = load else {
        return false;
    };
    let length = usize::from(u16::from_le_bytes([*low, *high]) & 0x0fff);
    match flags & 0b11 {
        0 => sdu.len() < length,
        2 => sdu.len() == length,
        _ => false,
    }
}
