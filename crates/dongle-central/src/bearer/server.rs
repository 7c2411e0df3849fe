//! Answers to the peer's own requests: a Generic Access service, and a plain no to the rest.
//!
//! Phones and many peripherals look at the central's database. A request left without answer costs
//! the link after 30 s, so each gets one.

use heapless::Vec;

use super::{Bearer, copy};
use crate::att::{AttributeHandle, ErrorCode, HandleRange, Opcode, Request, Uuid};
use crate::gatt::uuids;

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
    pub const DEFAULT: Self = Self {
        name: "Dongle",
        appearance: 0,
    };
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

    pub(super) fn take(&mut self, out: &mut [u8]) -> usize {
        let len = copy(&self.0, out);
        self.0.clear();
        len
    }
}

/// Why a request is refused: at which handle, with which code.
type Refusal = (u16, ErrorCode);

impl Bearer<'_> {
    /// Answers a request.
    pub(super) fn answer(&mut self, pdu: &[u8]) {
        let counters = &mut self.state.counters;
        counters.peer_requests = counters.peer_requests.wrapping_add(1);
        if !self.state.reply.is_empty() {
            // The peer must wait for its answer before it asks again (Core Vol 3 Part F, 3.3.2).
            return self.violation("a request before the last one was answered", pdu);
        }
        let mut out = Vec::new();
        let refused = match Request::judge(pdu) {
            Ok(request) => {
                let opcode = request.opcode();
                let answered = respond(request, &LocalServices::DEFAULT, &mut out);
                answered.err().map(|(handle, code)| (opcode, handle, code))
            }
            Err(malformed) => malformed.answer().map(|error| {
                (
                    error.request,
                    error.handle.map_or(0, AttributeHandle::get),
                    error.code,
                )
            }),
        };
        if let Some((request, handle, code)) = refused {
            let [low, high] = handle.to_le_bytes();
            out.clear();
            append(
                &mut out,
                &[Opcode::ERROR_RESPONSE.0, request.0, low, high, code.0],
            );
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
    request: Request<'_>,
    local: &LocalServices,
    out: &mut Vec<u8, REPLY_BYTES>,
) -> Result<(), Refusal> {
    match request {
        Request::ReadByGroupType { range, group_type } => {
            let start = range.start().get();
            match group_type {
                uuids::PRIMARY_SERVICE if start == 1 => {}
                uuids::PRIMARY_SERVICE | uuids::SECONDARY_SERVICE => {
                    return Err((start, ErrorCode::ATTRIBUTE_NOT_FOUND));
                }
                _ => return Err((start, ErrorCode::UNSUPPORTED_GROUP_TYPE)),
            }
            append(out, &[Opcode::READ_BY_GROUP_TYPE_RESPONSE.0, 6]);
            append(out, &group());
        }
        Request::FindByTypeValue {
            range,
            attribute_type,
            value,
        } => {
            let start = range.start().get();
            if start != 1
                || attribute_type != PRIMARY_SERVICE
                || value != GENERIC_ACCESS.to_le_bytes()
            {
                return Err((start, ErrorCode::ATTRIBUTE_NOT_FOUND));
            }
            append(out, &[Opcode::FIND_BY_TYPE_VALUE_RESPONSE.0]);
            append(out, group().get(..4).unwrap_or_default());
        }
        Request::ReadByType {
            range,
            attribute_type,
        } => {
            let mut matching =
                within(range).filter(|h| type_of(*h).map(Uuid::from_u16) == Some(attribute_type));
            let first = matching
                .next()
                .ok_or((range.start().get(), ErrorCode::ATTRIBUTE_NOT_FOUND))?;
            let value = value_of(first, local);
            append(
                out,
                &[Opcode::READ_BY_TYPE_RESPONSE.0, value.len() as u8 + 2],
            );
            append(out, &first.to_le_bytes());
            append(out, &value);
            // Only declarations are of one length and may share a response.
            for handle in matching.filter(|_| attribute_type == uuids::CHARACTERISTIC) {
                append(out, &handle.to_le_bytes());
                append(out, &value_of(handle, local));
            }
        }
        Request::FindInformation { range } => {
            if range.start().get() > LAST_HANDLE {
                return Err((range.start().get(), ErrorCode::ATTRIBUTE_NOT_FOUND));
            }
            append(out, &[Opcode::FIND_INFORMATION_RESPONSE.0, 1]);
            for handle in within(range) {
                append(out, &handle.to_le_bytes());
                append(out, &type_of(handle).unwrap_or(0).to_le_bytes());
            }
        }
        Request::Read { handle } => {
            let value = readable(handle, local)?;
            append(out, &[Opcode::READ_RESPONSE.0]);
            append(out, &value);
        }
        Request::ReadBlob { handle, offset } => {
            let value = readable(handle, local)?;
            let rest = value
                .get(usize::from(offset)..)
                .ok_or((handle.get(), ErrorCode::INVALID_OFFSET))?;
            append(out, &[Opcode::READ_BLOB_RESPONSE.0]);
            append(out, rest);
        }
        Request::Write { handle, .. } | Request::PrepareWrite { handle, .. } => {
            let code = match type_of(handle.get()) {
                Some(_) => ErrorCode::WRITE_NOT_PERMITTED,
                None => ErrorCode::INVALID_HANDLE,
            };
            return Err((handle.get(), code));
        }
        _ => return Err((0, ErrorCode::REQUEST_NOT_SUPPORTED)),
    }
    Ok(())
}

/// The handles of a range that are ours.
fn within(range: HandleRange) -> impl Iterator<Item = u16> {
    range.start().get()..=range.end().get().min(LAST_HANDLE)
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
        3 => append(
            &mut value,
            local
                .name
                .as_bytes()
                .get(..REPLY_BYTES - 4)
                .unwrap_or(local.name.as_bytes()),
        ),
        4 => append(&mut value, &declaration(APPEARANCE)),
        5 => append(&mut value, &local.appearance.to_le_bytes()),
        _ => {}
    }
    value
}

fn readable(
    handle: AttributeHandle,
    local: &LocalServices,
) -> Result<Vec<u8, REPLY_BYTES>, Refusal> {
    match type_of(handle.get()) {
        Some(_) => Ok(value_of(handle.get(), local)),
        None => Err((handle.get(), ErrorCode::INVALID_HANDLE)),
    }
}
