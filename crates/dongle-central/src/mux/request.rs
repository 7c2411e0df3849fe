//! What peers ask for connection parameters, and the answers on the signalling channel.
//!
//! trouble-host has a queue of two events for each connection, which these requests share with
//! news nobody waits for, and it answers with an identifier of its own: a peer that asks would be
//! left without an answer. So the mux takes these requests, and sends their answers.

use embassy_time::Duration;
use trouble_host::connection::RequestedConnParams;

use super::reassembly::L2CAP_HEADER;

/// The signalling channel of LE links.
const CID_SIGNALLING: u16 = 0x0005;
/// Connection Parameter Update Request and Response (Core Vol 3 Part A, 4.20 and 4.21).
const UPDATE_REQUEST: u8 = 0x12;
const UPDATE_RESPONSE: u8 = 0x13;

/// Command Reject, and Flow Control Credit Indication (4.1 and 4.24).
const COMMAND_REJECT: u8 = 0x01;
const FLOW_CONTROL_CREDIT: u8 = 0x16;

/// Bytes of an answer with its L2CAP header.
pub const ANSWER: usize = L2CAP_HEADER + 6;

/// Connection parameters that a peer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterRequest {
    /// The connection.
    pub handle: u16,
    /// What the answer has to carry on the signalling channel; None: the link layer asks.
    pub identifier: Option<u8>,
    /// What it wishes.
    pub wish: Wish,
}

/// Connection parameters in the units of the link layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Shortest and longest interval, in units of 1.25 ms.
    pub interval: (u16, u16),
    /// Connection events to sleep through.
    pub latency: u16,
    /// Supervision timeout, in units of 10 ms.
    pub timeout: u16,
}

impl Wish {
    /// As trouble-host has it.
    pub fn for_host(&self) -> RequestedConnParams {
        let interval = |units: u16| Duration::from_micros(u64::from(units) * 1250);
        RequestedConnParams {
            min_connection_interval: interval(self.interval.0),
            max_connection_interval: interval(self.interval.1),
            max_latency: self.latency,
            supervision_timeout: Duration::from_millis(u64::from(self.timeout) * 10),
            ..Default::default()
        }
    }
}

/// The request in the first packet of a frame, if it is one and nothing else.
pub fn parse(handle: u16, data: &[u8]) -> Option<ParameterRequest> {
    let (&[l0, l1, c0, c1], payload) = data.split_first_chunk::<L2CAP_HEADER>()?;
    let whole = usize::from(u16::from_le_bytes([l0, l1])) == payload.len();
    if u16::from_le_bytes([c0, c1]) != CID_SIGNALLING || !whole {
        return None;
    }
    // An identifier of 0 is not allowed (4).
    let &[
        UPDATE_REQUEST,
        identifier @ 1..=u8::MAX,
        8,
        0,
        a0,
        a1,
        b0,
        b1,
        c0,
        c1,
        d0,
        d1,
    ] = payload
    else {
        return None;
    };
    let wish = Wish {
        interval: (u16::from_le_bytes([a0, a1]), u16::from_le_bytes([b0, b1])),
        latency: u16::from_le_bytes([c0, c1]),
        timeout: u16::from_le_bytes([d0, d1]),
    };
    Some(ParameterRequest {
        handle,
        identifier: Some(identifier),
        wish,
    })
}

/// The answer to a request on the signalling channel, with its L2CAP header.
pub fn answer(identifier: u8, accepted: bool) -> [u8; ANSWER] {
    let [c0, c1] = CID_SIGNALLING.to_le_bytes();
    let result = u8::from(!accepted);
    [6, 0, c0, c1, UPDATE_RESPONSE, identifier, 2, 0, result, 0]
}

/// That the command in the first packet of a frame on the signalling channel is not understood (4.1),
/// L2CAP header first, unless it is an answer itself.
pub fn reject(data: &[u8]) -> Option<[u8; ANSWER]> {
    let &[_, _, c0, c1, code, identifier @ 1..=u8::MAX, ..] = data else {
        return None;
    };
    // Responses, and Flow Control Credit Indication.
    let is_answer =
        matches!(code, 0x18 | 0x1A | FLOW_CONTROL_CREDIT) || code < 0x16 && code & 1 == 1;
    (!is_answer).then_some([6, 0, c0, c1, COMMAND_REJECT, identifier, 2, 0, 0, 0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: [u8; 16] = [12, 0, 5, 0, 0x12, 7, 8, 0, 24, 0, 40, 0, 1, 0, 0x48, 0];

    #[test]
    fn a_request_is_told_with_its_identifier() {
        let request = parse(1, &FRAME).unwrap();
        assert_eq!(request.identifier, Some(7));
        assert_eq!(request.wish.interval, (24, 40));
        assert_eq!(request.wish.latency, 1);
        assert_eq!(request.wish.timeout, 72);
        assert!(request.wish.for_host().is_valid());
    }

    #[test]
    fn what_is_cut_or_of_another_channel_is_none() {
        for len in 0..FRAME.len() {
            assert_eq!(parse(1, &FRAME[..len]), None);
        }
        let mut other = FRAME;
        other[2] = 6;
        assert_eq!(parse(1, &other), None);
        let mut other = FRAME;
        other[5] = 0;
        assert_eq!(parse(1, &other), None, "no identifier");
    }

    #[test]
    fn an_answer_carries_the_identifier_of_its_request() {
        assert_eq!(answer(7, true), [6, 0, 5, 0, 0x13, 7, 2, 0, 0, 0]);
        assert_eq!(answer(9, false), [6, 0, 5, 0, 0x13, 9, 2, 0, 1, 0]);
    }

    #[test]
    fn what_is_not_understood_is_rejected_unless_it_is_an_answer() {
        for request in [0x06, 0x0A, 0x12, 0x14, 0x17, 0x19, 0x7F] {
            let frame = [4, 0, 5, 0, request, 7, 0, 0];
            assert_eq!(reject(&frame), Some([6, 0, 5, 0, 1, 7, 2, 0, 0, 0]));
        }
        for answer in [0x01, 0x07, 0x13, 0x15, 0x16, 0x18, 0x1A] {
            assert_eq!(reject(&[4, 0, 5, 0, answer, 7, 0, 0]), None);
        }
        assert_eq!(reject(&[4, 0, 5, 0, 0x14, 0, 0, 0]), None, "no identifier");
        assert_eq!(reject(&[1, 0, 5, 0, 0x14]), None);
    }
}
