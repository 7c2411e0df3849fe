//! Commands on the signalling channel (Core Vol 3 Part A, 4): what trouble-host would take amiss is corrected
//! on its way in, and credits on their way out.

use super::{ANY, CHANNELS, Channel, FIRST_DYNAMIC, Phase, Sdus, WINDOW};

/// The signalling channel, and commands on it.
pub(in crate::mux) const CID_SIGNALLING: u16 = 0x0005;
const COMMAND_REJECT: u8 = 0x01;
const DISCONNECTION_REQUEST: u8 = 0x06;
const DISCONNECTION_RESPONSE: u8 = 0x07;
const CONNECTION_REQUEST: u8 = 0x14;
const CONNECTION_RESPONSE: u8 = 0x15;
const FLOW_CONTROL_CREDIT: u8 = 0x16;
/// Results of a request for a channel (4.23): successful; refused for want of the service; refused for
/// parameters that are not acceptable.
const SUCCESS: u16 = 0x0000;
const SPSM_NOT_SUPPORTED: u8 = 0x02;
pub(super) const UNACCEPTABLE_PARAMETERS: u16 = 0x000B;
/// No channel has this number: there are not so many.
pub(super) const NOBODYS: [u8; 2] = [0xFF; 2];
/// No service has this number.
const NO_SPSM: [u8; 2] = [0; 2];
/// A Disconnection Request in one ACL packet.
pub const CLOSING: usize = 16;
/// A response to a request for a channel in one ACL packet.
pub const RESPONSE: usize = 22;

/// Shortest frame that a side may ask for (4.22), in octets of payload.
const SHORTEST: u16 = 23;

/// Keeps the longest frame that a peer takes, in the beginning of its request for a channel or of
/// its answer to ours, L2CAP header first, within what trouble-host has room for; on one that is too
/// short it would panic.
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

/// Whether a frame from the peer, L2CAP header first, decides on whether there is a channel.
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

/// Whether a first fragment on the signalling channel is one command, whole. More than one is not
/// allowed on LE links (4), and the shortest packet holds any; of one in parts, the parts to come would
/// not be looked at.
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
    /// Sees a frame on the signalling channel to the peer, L2CAP header first, and corrects the
    /// credits in it (4.22 to 4.24). The channel that it gives out, if it does: one that is no other
    /// connection's any more.
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
                // Its number may be another's at once; what was not read stays known until it is.
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
        // With more channels than that, none can be kept track of.
        let _ = self.channels.push(channel);
        Some(cid)
    }

    /// Corrects a frame from the peer, L2CAP header first: it closes no channel but those of this connection
    /// that are open (trouble-host refuses what names another one then), and has no channel go to a fixed one.
    /// Whether trouble-host may see it.
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
                    // trouble-host refuses this.
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

    /// The peer has answered a request for a channel. trouble-host may see an answer to one that waits for it,
    /// with a result that it knows: it makes a value of its enumeration of any octets.
    fn answered(&mut self, frame: &mut [u8]) -> bool {
        let [14, 0, _, _, _, identifier, 10, 0, p0, p1, .., r0, r1] = frame else {
            return false;
        };
        let (peers, result) = (
            u16::from_le_bytes([*p0, *p1]),
            u16::from_le_bytes([*r0, *r1]),
        );
        // Our units would go to a fixed channel, or the credits for them to the other one.
        let is_taken = |c: &Channel| c.phase == Phase::Open && c.peers == peers;
        let is_odd = peers < FIRST_DYNAMIC || self.channels.iter().any(is_taken);
        let told = match result {
            SUCCESS if is_odd => UNACCEPTABLE_PARAMETERS,
            SUCCESS | 0x0002 | 0x0004..=UNACCEPTABLE_PARAMETERS => result,
            _ => UNACCEPTABLE_PARAMETERS,
        };
        [*r0, *r1] = told.to_le_bytes();
        let asked = Phase::Asked(*identifier);
        let Some(at) = self.channels.iter().position(|c| c.phase == asked) else {
            // Nobody's, or that of one too many to be kept track of.
            return self.channels.len() == CHANNELS;
        };
        match self.channels.get_mut(at) {
            Some(channel) if told == SUCCESS => {
                channel.phase = Phase::Open;
                channel.peers = peers;
            }
            _ => {
                self.channels.swap_remove(at);
                self.refusal = if result == SUCCESS { told } else { result };
            }
        }
        true
    }

    /// The refusal that a Command Reject from the peer comes to, in one ACL packet, if it is of a request for a
    /// channel: trouble-host does not look at what is rejected.
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

    /// Whether an ACL packet closes a channel that is still read. It is held back.
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
