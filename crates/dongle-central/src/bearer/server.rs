//! Answers to the peer's own requests: a Generic Access service, and a plain no to the rest.
//!
//! Phones and many peripherals look at the central's database. A request left without answer costs
//! the link after 30 s, so each gets one.

use heapless::Vec;

use super::{Bearer, copy};
use crate::att::{AttributeHandle, ErrorCode, HandleRange, Opcode, Request};

/// The longest answer: it fits the default MTU, so that no exchange is needed for it.
const REPLY_BYTES: usize = 23;
const PRIMARY_SERVICE: u16 = 0x2800;
const SECONDARY_SERVICE: u16 = 0x2801;
const CHARACTERISTIC: u16 = 0x2803;
const GENERIC_ACCESS: [u8; 2] = [0x00, 0x18];
const DEVICE_NAME: u16 = 0x2A00;
const APPEARANCE: u16 = 0x2A01;

/// The built-in database, the Generic Access service (Core Vol 3 Part C, 12): the type and the value of
/// each attribute. The first has handle 1.
const DATABASE: [(u16, &[u8]); 5] = [
    (PRIMARY_SERVICE, &GENERIC_ACCESS),
    // Readable, the handle of the value, its type.
    (CHARACTERISTIC, &[0x02, 3, 0, 0x00, 0x2A]),
    (DEVICE_NAME, b"Dongle"),
    (CHARACTERISTIC, &[0x02, 5, 0, 0x01, 0x2A]),
    // Unknown.
    (APPEARANCE, &[0, 0]),
];
/// Where the service begins and ends.
const SERVICE: [u8; 4] = [1, 0, DATABASE.len() as u8, 0];

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
        let reply = &mut self.state.reply.0;
        let refused = match Request::judge(pdu) {
            Ok(request) => {
                let opcode = request.opcode();
                let answered = respond(request, reply);
                answered.err().map(|(handle, code)| (opcode, handle, code))
            }
            Err(malformed) => malformed.answer().map(|error| {
                let handle = error.handle.map_or(0, AttributeHandle::get);
                (error.request, handle, error.code)
            }),
        };
        if let Some((request, handle, code)) = refused {
            self.refuse(request, handle, code);
        }
    }

    pub(super) fn answer_mtu(&mut self, mtu: u16) {
        let counters = &mut self.state.counters;
        counters.peer_requests = counters.peer_requests.wrapping_add(1);
        let [low, high] = mtu.to_le_bytes();
        self.reply(&[Opcode::EXCHANGE_MTU_RESPONSE.0, low, high]);
    }

    pub(super) fn refuse(&mut self, request: Opcode, handle: u16, code: ErrorCode) {
        let [low, high] = handle.to_le_bytes();
        self.reply(&[Opcode::ERROR_RESPONSE.0, request.0, low, high, code.0]);
    }

    fn reply(&mut self, pdu: &[u8]) {
        self.state.reply.0.clear();
        append(&mut self.state.reply.0, pdu);
    }
}

fn respond(request: Request<'_>, out: &mut Vec<u8, REPLY_BYTES>) -> Result<(), Refusal> {
    match request {
        Request::ReadByGroupType { range, group_type } => {
            let start = range.start().get();
            match group_type.as_u16() {
                Some(PRIMARY_SERVICE) if start == 1 => {}
                Some(PRIMARY_SERVICE | SECONDARY_SERVICE) => {
                    return Err((start, ErrorCode::ATTRIBUTE_NOT_FOUND));
                }
                _ => return Err((start, ErrorCode::UNSUPPORTED_GROUP_TYPE)),
            }
            append(out, &[Opcode::READ_BY_GROUP_TYPE_RESPONSE.0, 6]);
            append(out, &SERVICE);
            append(out, &GENERIC_ACCESS);
        }
        Request::FindByTypeValue {
            range,
            attribute_type,
            value,
        } => {
            let start = range.start().get();
            if start != 1 || attribute_type != PRIMARY_SERVICE || value != GENERIC_ACCESS {
                return Err((start, ErrorCode::ATTRIBUTE_NOT_FOUND));
            }
            append(out, &[Opcode::FIND_BY_TYPE_VALUE_RESPONSE.0]);
            append(out, &SERVICE);
        }
        Request::ReadByType {
            range,
            attribute_type,
        } => {
            for (handle, (uuid, value)) in within(range) {
                if attribute_type.as_u16() != Some(*uuid) {
                    continue;
                }
                if out.is_empty() {
                    let length = value.len() as u8 + 2;
                    append(out, &[Opcode::READ_BY_TYPE_RESPONSE.0, length]);
                }
                // All there are of one type are of one length, and may share a response.
                append(out, &handle.to_le_bytes());
                append(out, value);
            }
            if out.is_empty() {
                return Err((range.start().get(), ErrorCode::ATTRIBUTE_NOT_FOUND));
            }
        }
        Request::FindInformation { range } => {
            append(out, &[Opcode::FIND_INFORMATION_RESPONSE.0, 1]);
            let mut any = false;
            for (handle, (uuid, _)) in within(range) {
                any = true;
                append(out, &handle.to_le_bytes());
                append(out, &uuid.to_le_bytes());
            }
            if !any {
                return Err((range.start().get(), ErrorCode::ATTRIBUTE_NOT_FOUND));
            }
        }
        Request::Read { handle } => {
            append(out, &[Opcode::READ_RESPONSE.0]);
            append(out, value_of(handle)?);
        }
        Request::ReadBlob { handle, offset } => {
            let rest = value_of(handle)?
                .get(usize::from(offset)..)
                .ok_or((handle.get(), ErrorCode::INVALID_OFFSET))?;
            append(out, &[Opcode::READ_BLOB_RESPONSE.0]);
            append(out, rest);
        }
        Request::Write { handle, .. } | Request::PrepareWrite { handle, .. } => {
            value_of(handle)?;
            return Err((handle.get(), ErrorCode::WRITE_NOT_PERMITTED));
        }
        _ => return Err((0, ErrorCode::REQUEST_NOT_SUPPORTED)),
    }
    Ok(())
}

/// The attributes in a range, and their handles.
fn within(range: HandleRange) -> impl Iterator<Item = (u16, &'static (u16, &'static [u8]))> {
    let (start, end) = (range.start().get(), range.end().get());
    let attributes = (1..).zip(&DATABASE);
    attributes.filter(move |(handle, _)| (start..=end).contains(handle))
}

fn value_of(handle: AttributeHandle) -> Result<&'static [u8], Refusal> {
    match DATABASE.get(usize::from(handle.get()) - 1) {
        Some((_, value)) => Ok(value),
        None => Err((handle.get(), ErrorCode::INVALID_HANDLE)),
    }
}

fn append(out: &mut Vec<u8, REPLY_BYTES>, bytes: &[u8]) {
    for byte in bytes {
        // What does not fit is what a longer MTU or a Read Blob is for.
        let _ = out.push(*byte);
    }
}
