//! Answers the peer's own requests: with a Generic Access service, and with errors for all else.
//!
//! Phones and many peripherals read the central's database. An unanswered request costs the link
//! after 30 s, so each is answered.

use heapless::Vec;

use super::{Bearer, copy};
use crate::att::{ErrorCode, Opcode, Uuid};

/// The longest answer: it fits the default MTU, so that no MTU exchange is needed for it.
const REPLY_BYTES: usize = 23;
const PRIMARY_SERVICE: u16 = 0x2800;
const SECONDARY_SERVICE: u16 = 0x2801;
const CHARACTERISTIC: u16 = 0x2803;
const DEVICE_NAME: u16 = 0x2A00;
const APPEARANCE: u16 = 0x2A01;

/// The built-in database, the Generic Access service (Core Vol 3 Part C, 12): the type and value of
/// each attribute. The first has handle 1.
const DATABASE: [(u16, &[u8]); LAST_HANDLE as usize] = [
    (PRIMARY_SERVICE, &[0x00, 0x18]),
    // Readable; the handle of the value; its type.
    (CHARACTERISTIC, &[0x02, 3, 0, 0x00, 0x2A]),
    (DEVICE_NAME, b"Dongle"),
    (CHARACTERISTIC, &[0x02, 5, 0, 0x01, 0x2A]),
    // Unknown appearance.
    (APPEARANCE, &[0, 0]),
];
const LAST_HANDLE: u8 = 5;

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

    /// Starts a list, unless it was started before.
    fn begin(&mut self, head: [u8; 2]) {
        if self.is_empty() {
            self.append(&head);
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // The peer gets the rest with a longer MTU or a Read Blob.
            let _ = self.0.push(*byte);
        }
    }
}

impl Bearer<'_> {
    /// Answers a request.
    pub(super) fn answer(&mut self, request: Opcode, parameters: &[u8]) {
        let counters = &mut self.state.counters;
        counters.peer_requests = counters.peer_requests.wrapping_add(1);
        if !self.state.reply.is_empty() {
            // The peer must wait for the answer before its next request (Core Vol 3 Part F, 3.3.2).
            return self.violation("a request before the last one was answered", parameters);
        }
        if let Err(code) = respond(request, parameters, &mut self.state.reply) {
            let handle = match code {
                ErrorCode::INVALID_PDU | ErrorCode::REQUEST_NOT_SUPPORTED => None,
                // The attribute in question, or the first of the range.
                _ => parameters.first_chunk().copied(),
            };
            let handle = handle.map_or(0, u16::from_le_bytes);
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
        self.state.reply.append(pdu);
    }
}

/// Parses requests itself: [`Request`](crate::att::Request) parses them all, even those that are
/// refused whatever they contain, which takes more code.
fn respond(request: Opcode, parameters: &[u8], out: &mut Reply) -> Result<(), ErrorCode> {
    match request {
        Opcode::FIND_INFORMATION_REQUEST
        | Opcode::FIND_BY_TYPE_VALUE_REQUEST
        | Opcode::READ_BY_TYPE_REQUEST
        | Opcode::READ_BY_GROUP_TYPE_REQUEST => search(request, parameters, out),
        Opcode::READ_REQUEST
        | Opcode::READ_BLOB_REQUEST
        | Opcode::WRITE_REQUEST
        | Opcode::PREPARE_WRITE_REQUEST => access(request, parameters, out),
        _ => Err(ErrorCode::REQUEST_NOT_SUPPORTED),
    }
}

/// Answers requests that begin with a range of handles.
fn search(request: Opcode, parameters: &[u8], out: &mut Reply) -> Result<(), ErrorCode> {
    let &[s0, s1, e0, e1, ref what @ ..] = parameters else {
        return Err(ErrorCode::INVALID_PDU);
    };
    let (start, end) = (u16::from_le_bytes([s0, s1]), u16::from_le_bytes([e0, e1]));
    if start == 0 || start > end {
        return Err(ErrorCode::INVALID_HANDLE);
    }
    let attributes = (1..)
        .zip(&DATABASE)
        .filter(|(handle, _)| (start..=end).contains(handle));
    match request {
        Opcode::FIND_INFORMATION_REQUEST if what.is_empty() => {
            for (handle, (uuid, _)) in attributes {
                out.begin([Opcode::FIND_INFORMATION_RESPONSE.0, 1]);
                out.append(&handle.to_le_bytes());
                out.append(&uuid.to_le_bytes());
            }
        }
        Opcode::FIND_BY_TYPE_VALUE_REQUEST if what.len() >= 2 => {
            // Primary Service, Generic Access.
            if start == 1 && *what == [0x00, 0x28, 0x00, 0x18] {
                out.append(&[Opcode::FIND_BY_TYPE_VALUE_RESPONSE.0, 1, 0, LAST_HANDLE, 0]);
            }
        }
        Opcode::READ_BY_TYPE_REQUEST if matches!(what.len(), 2 | 16) => {
            let wanted = Uuid::parse_le(what).and_then(|uuid| uuid.as_u16());
            for (handle, (_, value)) in attributes.filter(|(_, (uuid, _))| wanted == Some(*uuid)) {
                // All attributes of one type have values of one length, so they may share a response.
                out.begin([Opcode::READ_BY_TYPE_RESPONSE.0, value.len() as u8 + 2]);
                out.append(&handle.to_le_bytes());
                out.append(value);
            }
        }
        Opcode::READ_BY_GROUP_TYPE_REQUEST if matches!(what.len(), 2 | 16) => {
            match Uuid::parse_le(what).and_then(|uuid| uuid.as_u16()) {
                Some(PRIMARY_SERVICE) if start == 1 => {
                    let response = Opcode::READ_BY_GROUP_TYPE_RESPONSE.0;
                    out.append(&[response, 6, 1, 0, LAST_HANDLE, 0, 0x00, 0x18]);
                }
                Some(PRIMARY_SERVICE | SECONDARY_SERVICE) => {}
                _ => return Err(ErrorCode::UNSUPPORTED_GROUP_TYPE),
            }
        }
        _ => return Err(ErrorCode::INVALID_PDU),
    }
    match out.is_empty() {
        true => Err(ErrorCode::ATTRIBUTE_NOT_FOUND),
        false => Ok(()),
    }
}

/// Answers requests that begin with the handle of one attribute.
fn access(request: Opcode, parameters: &[u8], out: &mut Reply) -> Result<(), ErrorCode> {
    let &[low, high, ref what @ ..] = parameters else {
        return Err(ErrorCode::INVALID_PDU);
    };
    let index = u16::from_le_bytes([low, high]).wrapping_sub(1);
    let (_, value) = DATABASE
        .get(usize::from(index))
        .ok_or(ErrorCode::INVALID_HANDLE)?;
    match (request, what) {
        (Opcode::READ_REQUEST, []) => {
            out.append(&[Opcode::READ_RESPONSE.0]);
            out.append(value);
        }
        (Opcode::READ_BLOB_REQUEST, &[low, high]) => {
            let offset = usize::from(u16::from_le_bytes([low, high]));
            let rest = value.get(offset..).ok_or(ErrorCode::INVALID_OFFSET)?;
            out.append(&[Opcode::READ_BLOB_RESPONSE.0]);
            out.append(rest);
        }
        (Opcode::WRITE_REQUEST, _) | (Opcode::PREPARE_WRITE_REQUEST, [_, _, ..]) => {
            return Err(ErrorCode::WRITE_NOT_PERMITTED);
        }
        _ => return Err(ErrorCode::INVALID_PDU),
    }
    Ok(())
}
