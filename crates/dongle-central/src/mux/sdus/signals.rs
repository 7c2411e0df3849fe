//! Commands on the signalling channel (Core Vol 3 Part A, 4). On the way to trouble-host, what it would mistake
//! is corrected or dropped; on the way to the peer, credits are corrected.

use super::{ANY, CHANNELS, Channel, FIRST_DYNAMIC, Phase, Sdus, WINDOW};

/// The signalling channel, and commands on it.
pub(in crate::mux) const CID_SIGNALLING: u16 = 0x0005;
const COMMAND_REJECT: u8 = 0x01;
const DISCONNECTION_REQUEST: u8 = 0x06;
const DISCONNECTION_RESPONSE: u8 = 0x07;
const CONNECTION_REQUEST: u8 = 0x14;
const CONNECTION_RESPONSE: u8 = 0x15;
const FLOW_CONTROL_CREDIT: u8 = 0x16;
/// Results of a channel request (4.23).
const SUCCESS: u16 = 0x0000;
const SPSM_NOT_SUPPORTED: u8 = 0x02;
pub(super) const UNACCEPTABLE_PARAMETERS: u16 = 0x000B;
/// A CID that no channel has: trouble-host gives them out from 0x0040.
pub(super) const NOBODYS: [u8; 2] = [0xFF; 2];
/// An SPSM that no service has.
const NO_SPSM: [u8; 2] = [0; 2];
/// Length of a Disconnection Request in one ACL packet.
pub const CLOSING: usize = 16;
/// Length of an LE Credit Based Connection Response in one ACL packet.
pub const RESPONSE: usize = 22;

/// The smallest MPS that is allowed (4.22).
const SHORTEST: u16 = 23;

/// Limits the MPS of the peer in its channel request or response, a frame beginning with its L2CAP header, to
/// what trouble-host has room for. trouble-host would panic on one that is too small.
pub fn bound_frames(frame: &mut [u8], longest: u16) {
    let at = match *frame {
        [_, _, 5, 0, CONNECTION_RESPONSE, ..] => 12,
        [_, _, 5, 0, CONNECTION_REQUEST, ..] => 14,
        _ => return,
    };
    if let Some(mps) = frame.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        let asked = u16::from_le_bytes(*mps);
        *mps = asked.min(longest).max(SHORTEST).to_le_bytes();
    }
}

/// Whether a frame from the peer, beginning with its L2CAP header, may open or close a channel.
#[cfg(feature = "channels")]
pub fn decides(frame: &[u8]) -> bool {
    matches!(
        *frame,
        [
            _,
            _,
            5,
            0,
            DISCONNECTION_REQUEST
                | DISCONNECTION_RESPONSE
                | CONNECTION_REQUEST
                | CONNECTION_RESPONSE,
            ..
        ]
    )
}

/// Whether a first fragment on the signalling channel is exactly one command. More than one per frame is not
/// allowed on LE links (4), and any command fits the shortest packet; the continuation of one in parts would
/// not be checked.
pub(super) fn is_one_command(len: u16, payload: &[u8]) -> bool {
    match *payload {
        [_, _, l0, l1, ref parameters @ ..] => {
            payload.len() == usize::from(len)
                && parameters.len() == usize::from(u16::from_le_bytes([l0, l1]))
        }
        _ => false,
    }
}

impl Sdus {
    /// Sees a frame to the peer on the signalling channel, beginning with its L2CAP header, and corrects the
    /// credits in it (4.22 to 4.24). Returns the CID that it assigns, if any: it belongs to this connection
    /// from now on.
    pub fn outbound(&mut self, frame: &mut [u8]) -> Option<u16> {
        if !ANY {
            return None;
        }
        let (cid, asked, credits) = match frame {
            [
                _,
                _,
                _,
                _,
                CONNECTION_REQUEST,
                id,
                10,
                0,
                _,
                _,
                c0,
                c1,
                _,
                _,
                _,
                _,
                n0,
                n1,
            ] => ([*c0, *c1], Some(*id), [n0, n1]),
            [
                _,
                _,
                _,
                _,
                CONNECTION_RESPONSE,
                _,
                10,
                0,
                c0,
                c1,
                _,
                _,
                _,
                _,
                n0,
                n1,
                _,
                _,
            ] => ([*c0, *c1], None, [n0, n1]),
            [_, _, _, _, FLOW_CONTROL_CREDIT, _, 4, 0, c0, c1, n0, n1] => {
                let cid = u16::from_le_bytes([*c0, *c1]);
                let kept = self.channels.iter_mut().find(|c| c.cid == cid && c.kept);
                [*n0, *n1] = kept?.unread.pop_unit().to_le_bytes();
                return None;
            }
            [_, _, _, _, DISCONNECTION_REQUEST, _, 4, 0, _, _, c0, c1]
            | [_, _, _, _, DISCONNECTION_RESPONSE, _, 4, 0, c0, c1, _, _] => {
                // The CID may be assigned again at once. Until then, it stays known whether all was read.
                self.channel(u16::from_le_bytes([*c0, *c1]))?.phase = Phase::Closed;
                return None;
            }
            _ => return None,
        };
        let [n0, n1] = credits;
        [*n0, *n1] = u16::from_le_bytes([*n0, *n1]).min(WINDOW).to_le_bytes();
        let cid = u16::from_le_bytes(cid);
        if cid < FIRST_DYNAMIC {
            return None;
        }
        match asked {
            Some(_) => self.asked = cid,
            None => self.accepted = cid,
        }
        self.forget(cid);
        let mut channel = Channel::new(cid);
        channel.phase = asked.map_or(Phase::Open, Phase::Asked);
        // If there is no room, the channel works without what is done here.
        let _ = self.channels.push(channel);
        Some(cid)
    }

    /// Corrects a frame from the peer, beginning with its L2CAP header. It can close only open channels of this
    /// connection (any other CID is replaced by one that trouble-host refuses), and open none to a fixed
    /// channel. Returns whether it may pass.
    pub fn correct(&mut self, frame: &mut [u8]) -> bool {
        let cid = match frame {
            [_, _, 5, 0, DISCONNECTION_REQUEST, _, _, _, d0, d1, ..] => [d0, d1],
            [
                _,
                _,
                5,
                0,
                DISCONNECTION_RESPONSE,
                _,
                _,
                _,
                _,
                _,
                s0,
                s1,
                ..,
            ] => [s0, s1],
            [
                14,
                0,
                5,
                0,
                CONNECTION_REQUEST,
                _,
                10,
                0,
                p0,
                p1,
                s0,
                s1,
                ..,
            ] if ANY => {
                if u16::from_le_bytes([*s0, *s1]) < FIRST_DYNAMIC {
                    // trouble-host refuses the request.
                    [*p0, *p1] = NO_SPSM;
                }
                return true;
            }
            [_, _, 5, 0, CONNECTION_RESPONSE, ..] if ANY => return self.answered(frame),
            _ => return true,
        };
        let named = u16::from_le_bytes([*cid[0], *cid[1]]);
        let is_open = |channel: &Channel| channel.cid == named && channel.phase == Phase::Open;
        if !ANY || !self.channels.iter().any(is_open) {
            for (to, from) in cid.into_iter().zip(NOBODYS) {
                *to = from;
            }
        }
        true
    }

    /// Handles a response to a channel request. It passes if a request waits for it. trouble-host casts the
    /// result to an enumeration, so it gets no reserved values.
    fn answered(&mut self, frame: &mut [u8]) -> bool {
        let [14, 0, _, _, _, identifier, 10, 0, p0, p1, .., r0, r1] = frame else {
            return false;
        };
        let (peer_cid, result) = (
            u16::from_le_bytes([*p0, *p1]),
            u16::from_le_bytes([*r0, *r1]),
        );
        // Units would be sent to the fixed channel, or the peer's credits be given to the other one.
        let is_taken = |c: &Channel| c.phase == Phase::Open && c.peer_cid == peer_cid;
        let is_odd = peer_cid < FIRST_DYNAMIC || self.channels.iter().any(is_taken);
        let told = match result {
            SUCCESS if is_odd => UNACCEPTABLE_PARAMETERS,
            SUCCESS | 0x0002 | 0x0004..=UNACCEPTABLE_PARAMETERS => result,
            _ => UNACCEPTABLE_PARAMETERS,
        };
        [*r0, *r1] = told.to_le_bytes();
        let asked = Phase::Asked(*identifier);
        let Some(at) = self.channels.iter().position(|c| c.phase == asked) else {
            // Nothing waits for it, or there was no room for the state of the channel.
            return self.channels.len() == CHANNELS;
        };
        match self.channels.get_mut(at) {
            Some(channel) if told == SUCCESS => {
                channel.phase = Phase::Open;
                channel.peer_cid = peer_cid;
            }
            _ => {
                self.channels.swap_remove(at);
                self.refusal = if result == SUCCESS { told } else { result };
            }
        }
        true
    }

    /// The ACL packet with a refusal that takes the place of a Command Reject, if that answers a channel request:
    /// trouble-host ignores it.
    pub fn rejected(&self, packet: &[u8]) -> Option<[u8; RESPONSE]> {
        let &[h0, h1, _, _, _, _, 5, 0, COMMAND_REJECT, identifier, ..] = packet else {
            return None;
        };
        let asked = Phase::Asked(identifier);
        self.channels.iter().find(|c| ANY && c.phase == asked)?;
        #[rustfmt::skip]
        let refusal = [
            h0, h1, 18, 0, 14, 0, 5, 0,
            CONNECTION_RESPONSE, identifier, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, SPSM_NOT_SUPPORTED, 0,
        ];
        Some(refusal)
    }

    /// Holds an ACL packet back if it closes a channel that is still read. Returns whether it does.
    pub fn holds(&mut self, packet: &[u8]) -> bool {
        let packet = <[u8; CLOSING]>::try_from(packet);
        let Some(packet) = packet.ok().filter(|_| ANY) else {
            return false;
        };
        let [
            _,
            _,
            _,
            _,
            8,
            0,
            5,
            0,
            DISCONNECTION_REQUEST,
            _,
            4,
            0,
            d0,
            d1,
            ..,
        ] = packet
        else {
            return false;
        };
        match self.channel(u16::from_le_bytes([d0, d1])) {
            Some(channel) if channel.kept && channel.phase == Phase::Open => {
                channel.closing = Some(packet);
                true
            }
            _ => false,
        }
    }
}
