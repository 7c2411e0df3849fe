//! Answers to the peer's own requests: a Generic Access service, and a plain no to the rest.
//!
//! Phones and many peripherals look at the central's database. A request left without answer costs
//! the link after 30 s, so each gets one.

use heapless::Vec;

use super::{Bearer, copy};
use crate::att::{ErrorCode, Opcode};

/// The longest answer: it fits the default MTU, so that no exchange is needed for it.
const REPLY_BYTES: usize = 23;
/// Attributes of the built-in database.
const LAST_HANDLE: u16 = 5;

const PRIMARY_SERVICE: u16 = 0x2800;
const CHARACTERISTIC: u16 = 0x2803;
const GENERIC_ACCESS: u16 = 0x1800;
const DEVICE_NAME: u16 = 0x2A00;
const APPEARANCE: u16 = 0x2A01;
const PROPERTY_READ: u8 = 0x02;

/// What the peer finds when it looks at us: the values of the Generic Access service
/// (Core Vol 3 Part C, 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalServices {
    /// Device Name, as much of it as one response holds.
    pub name: &'static str,
    /// Appearance.
    pub appearance: u16,
}

impl LocalServices {
    /// A generic device named "Dongle".
    pub const DEFAULT: Self = Self { name: "Dongle", appearance: 0 };
}

/// The answer that waits to be sent.
#[derive(Debug)]
pub(super) struct Reply(Vec<u8, REPLY_BYTES>);

impl Reply {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, out: &mut [u8]) -> Option<usize> {
        if self.0.is_empty() {
            return None;
        }
        let len = copy(&self.0, out);
        self.0.clear();
        Some(len)
    }
}

/// Why a request is refused: at which handle, with which code.
type Refusal = (u16, ErrorCode);

impl Bearer<'_> {
    /// Answers a request.
    pub(super) fn answer(&mut self, opcode: Opcode, parameters: &[u8]) {
        let counters = &mut self.state.counters;
        counters.peer_requests = counters.peer_requests.wrapping_add(1);
        if !self.state.reply.is_empty() {
            // The peer must wait for its answer before it asks again (Core Vol 3 Part F, 3.3.2).
            return self.violation("a request before the last one was answered", parameters);
        }
        let mut out = Vec::new();
        if let Err((handle, code)) = respond(opcode, parameters, &LocalServices::DEFAULT, &mut out) {
            let [low, high] = handle.to_le_bytes();
            out.clear();
            let _ = out.extend_from_slice(&[Opcode::ERROR_RESPONSE.0, opcode.0, low, high, code.0]);
        }
        self.state.reply = Reply(out);
    }

    pub(super) fn answer_mtu(&mut self, mtu: u16) {
        let counters = &mut self.state.counters;
        counters.peer_requests = counters.peer_requests.wrapping_add(1);
        let [low, high] = mtu.to_le_bytes();
        let mut out = Vec::new();
        let _ = out.extend_from_slice(&[Opcode::EXCHANGE_MTU_RESPONSE.0, low, high]);
        self.state.reply = Reply(out);
    }

    pub(super) fn refuse_invalid_pdu(&mut self, request: Opcode) {
        let mut out = Vec::new();
        let code = ErrorCode::INVALID_PDU.0;
        let _ = out.extend_from_slice(&[Opcode::ERROR_RESPONSE.0, request.0, 0, 0, code]);
        self.state.reply = Reply(out);
    }
}

fn respond(
    opcode: Opcode,
    parameters: &[u8],
    local: &LocalServices,
    out: &mut Vec<u8, REPLY_BYTES>,
) -> Result<(), Refusal> {
    match opcode {
        Opcode::READ_BY_GROUP_TYPE_REQUEST => {
            let (start, _, attribute_type) = typed_range(parameters)?;
            if attribute_type != Some(PRIMARY_SERVICE) {
                return Err((start, ErrorCode::UNSUPPORTED_GROUP_TYPE));
            }
            found(start == 1, start)?;
            append(out, &[Opcode::READ_BY_GROUP_TYPE_RESPONSE.0, 6]);
            append(out, &group());
        }
        Opcode::FIND_BY_TYPE_VALUE_REQUEST => {
            let (start, _, attribute_type) = typed_range(parameters)?;
            let wanted = parameters.get(6..) == Some(&GENERIC_ACCESS.to_le_bytes());
            found(start == 1 && attribute_type == Some(PRIMARY_SERVICE) && wanted, start)?;
            append(out, &[Opcode::FIND_BY_TYPE_VALUE_RESPONSE.0]);
            append(out, group().get(..4).unwrap_or_default());
        }
        Opcode::READ_BY_TYPE_REQUEST => {
            let (start, end, attribute_type) = typed_range(parameters)?;
            let mut matching = (start..=end.min(LAST_HANDLE))
                .filter(|h| attribute_type.is_some() && type_of(*h) == attribute_type);
            let first = matching.next().ok_or((start, ErrorCode::ATTRIBUTE_NOT_FOUND))?;
            let value = value_of(first, local);
            append(out, &[Opcode::READ_BY_TYPE_RESPONSE.0, value.len() as u8 + 2]);
            append(out, &first.to_le_bytes());
            append(out, &value);
            // Only declarations are of one length and may share a response.
            for handle in matching.filter(|_| attribute_type == Some(CHARACTERISTIC)) {
                append(out, &handle.to_le_bytes());
                append(out, &value_of(handle, local));
            }
        }
        Opcode::FIND_INFORMATION_REQUEST => {
            let (start, end) = range(parameters.get(..4).unwrap_or_default())?;
            found(parameters.len() == 4 && start <= LAST_HANDLE, start)?;
            append(out, &[Opcode::FIND_INFORMATION_RESPONSE.0, 1]);
            for handle in start..=end.min(LAST_HANDLE) {
                append(out, &handle.to_le_bytes());
                append(out, &type_of(handle).unwrap_or(0).to_le_bytes());
            }
        }
        Opcode::READ_REQUEST => {
            let value = readable(parameters, local)?;
            append(out, &[Opcode::READ_RESPONSE.0]);
            append(out, &value);
        }
        Opcode::READ_BLOB_REQUEST => {
            let (handle, offset) = parameters.split_at_checked(2).unwrap_or_default();
            let value = readable(handle, local)?;
            let Ok(&offset) = <&[u8; 2]>::try_from(offset) else {
                return Err((0, ErrorCode::INVALID_PDU));
            };
            let rest = value
                .get(usize::from(u16::from_le_bytes(offset))..)
                .ok_or((handle_of(handle), ErrorCode::INVALID_OFFSET))?;
            append(out, &[Opcode::READ_BLOB_RESPONSE.0]);
            append(out, rest);
        }
        Opcode::WRITE_REQUEST | Opcode::PREPARE_WRITE_REQUEST => {
            let handle = handle_of(parameters);
            return Err(match type_of(handle) {
                Some(_) => (handle, ErrorCode::WRITE_NOT_PERMITTED),
                None => (handle, ErrorCode::INVALID_HANDLE),
            });
        }
        _ => return Err((0, ErrorCode::REQUEST_NOT_SUPPORTED)),
    }
    Ok(())
}

fn found(yes: bool, start: u16) -> Result<(), Refusal> {
    if yes { Ok(()) } else { Err((start, ErrorCode::ATTRIBUTE_NOT_FOUND)) }
}

fn append(out: &mut Vec<u8, REPLY_BYTES>, bytes: &[u8]) {
    for byte in bytes {
        // What does not fit is what a longer MTU or a Read Blob is for.
        let _ = out.push(*byte);
    }
}

fn group() -> [u8; 6] {
    let [e0, e1] = LAST_HANDLE.to_le_bytes();
    let [u0, u1] = GENERIC_ACCESS.to_le_bytes();
    [1, 0, e0, e1, u0, u1]
}

fn type_of(handle: u16) -> Option<u16> {
    Some(match handle {
        1 => PRIMARY_SERVICE,
        2 | 4 => CHARACTERISTIC,
        3 => DEVICE_NAME,
        5 => APPEARANCE,
        _ => return None,
    })
}

fn value_of(handle: u16, local: &LocalServices) -> Vec<u8, REPLY_BYTES> {
    let mut value = Vec::new();
    let declaration = |uuid: u16| {
        let ([h0, h1], [u0, u1]) = ((handle + 1).to_le_bytes(), uuid.to_le_bytes());
        [PROPERTY_READ, h0, h1, u0, u1]
    };
    match handle {
        1 => append(&mut value, &GENERIC_ACCESS.to_le_bytes()),
        2 => append(&mut value, &declaration(DEVICE_NAME)),
        // Room for a Read By Type Response, the longest header there is.
        3 => append(&mut value, local.name.as_bytes().get(..REPLY_BYTES - 4).unwrap_or(local.name.as_bytes())),
        4 => append(&mut value, &declaration(APPEARANCE)),
        5 => append(&mut value, &local.appearance.to_le_bytes()),
        _ => {}
    }
    value
}

fn readable(parameters: &[u8], local: &LocalServices) -> Result<Vec<u8, REPLY_BYTES>, Refusal> {
    if parameters.len() != 2 {
        return Err((0, ErrorCode::INVALID_PDU));
    }
    let handle = handle_of(parameters);
    match type_of(handle) {
        Some(_) => Ok(value_of(handle, local)),
        None => Err((handle, ErrorCode::INVALID_HANDLE)),
    }
}

fn handle_of(parameters: &[u8]) -> u16 {
    parameters.first_chunk().map_or(0, |h| u16::from_le_bytes(*h))
}

fn range(parameters: &[u8]) -> Result<(u16, u16), Refusal> {
    let Ok(&[s0, s1, e0, e1]) = <&[u8; 4]>::try_from(parameters) else {
        return Err((0, ErrorCode::INVALID_PDU));
    };
    let (start, end) = (u16::from_le_bytes([s0, s1]), u16::from_le_bytes([e0, e1]));
    if start == 0 || start > end {
        return Err((start, ErrorCode::INVALID_HANDLE));
    }
    Ok((start, end))
}

/// A range of handles and a 16-bit type; a 128-bit type is none of ours.
fn typed_range(parameters: &[u8]) -> Result<(u16, u16, Option<u16>), Refusal> {
    let (bounds, attribute_type) = parameters.split_at_checked(4).unwrap_or_default();
    let (start, end) = range(bounds)?;
    let attribute_type = match attribute_type {
        // Find By Type Value goes on with the value.
        [low, high, ..] if attribute_type.len() != 16 => Some(u16::from_le_bytes([*low, *high])),
        _ => None,
    };
    Ok((start, end, attribute_type))
}
