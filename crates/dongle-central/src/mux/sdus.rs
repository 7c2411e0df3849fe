//! Where each L2CAP channel of a connection is in its service data units (Core Vol 3 Part A,
//! 3.4.3), for faults of trouble-host: it panics on the first frame of a unit that is too short to
//! tell its length, and on the closing of a channel that is not open; it takes any connection's word
//! and data for any channel; it throws away what was received and not read yet when the peer closes
//! the channel; and it gives credits for what was received, read or not, until its queue overflows.

use heapless::Vec;
use trouble_host::config::L2CAP_RX_QUEUE_SIZE;

/// Whether there are channels at all. Without, what follows is little code, and remembers nothing.
const ANY: bool = cfg!(feature = "channels");
/// Channels at a time that are kept track of.
const CHANNELS: usize = match (ANY, cfg!(feature = "many-links")) {
    (true, true) => 16,
    (true, false) => 2,
    (false, _) => 0,
};
/// The first channel that is given out, rather than fixed.
const FIRST_DYNAMIC: u16 = 0x0040;
/// The signalling channel, and commands on it.
pub(super) const CID_SIGNALLING: u16 = 0x0005;
const DISCONNECTION_REQUEST: u8 = 0x06;
const DISCONNECTION_RESPONSE: u8 = 0x07;
const CONNECTION_REQUEST: u8 = 0x14;
const CONNECTION_RESPONSE: u8 = 0x15;
const FLOW_CONTROL_CREDIT: u8 = 0x16;
/// No channel has this number: there are not so many.
const NOBODYS: [u8; 2] = [0xFF; 2];
/// A Disconnection Request in one ACL packet.
pub const CLOSING: usize = 16;

/// Shortest frame that a side may ask for (Core Vol 3 Part A, 4.22), in octets of payload.
const SHORTEST: u16 = 23;

/// Frames that a peer may have sent and nobody read: what trouble-host has room for, if each is a
/// unit, and no more than [`Channel::unread`] tells apart.
const WINDOW: u16 = if L2CAP_RX_QUEUE_SIZE < 64 {
    L2CAP_RX_QUEUE_SIZE as u16
} else {
    64
};

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

/// The channels of one connection.
#[derive(Debug, Default)]
pub struct Sdus {
    channels: Vec<Channel, CHANNELS>,
    /// The channel that we gave out last.
    last: u16,
}

#[derive(Debug)]
struct Channel {
    cid: u16,
    /// The identifier of our request for it, until that is answered.
    asked: Option<u8>,
    /// What is to come of a unit.
    left: u16,
    /// Units that are complete.
    units: u32,
    unread: Unread,
    /// Somebody reads the channel to its end: the peer's closing of it waits for that.
    kept: bool,
    closing: Option<[u8; CLOSING]>,
    /// The peer has sent more than it had credits for: it is we who close the channel.
    overrun: bool,
}

/// Frames that came and were not read.
#[derive(Debug, Clone, Copy)]
struct Unread {
    count: u16,
    /// One bit for each, from the oldest: whether it ends a unit.
    ends: u64,
}

impl Unread {
    const NONE: Self = Self { count: 0, ends: 0 };

    fn is_full(self) -> bool {
        self.count >= WINDOW
    }

    fn push(&mut self, ends_unit: bool) {
        if let Some(bit) = 1_u64.checked_shl(u32::from(self.count)) {
            self.count += 1;
            if ends_unit {
                self.ends |= bit;
            }
        }
    }

    /// The oldest unit was read; how many frames it was.
    fn pop_unit(&mut self) -> u16 {
        if self.ends == 0 {
            return 0;
        }
        let frames = self.ends.trailing_zeros() + 1;
        self.ends = self.ends.checked_shr(frames).unwrap_or(0);
        self.count = self.count.saturating_sub(frames as u16);
        frames as u16
    }
}

impl Sdus {
    /// No channels.
    pub const NONE: Self = Self {
        channels: Vec::new(),
        last: 0,
    };

    /// Sees a frame on the signalling channel to the peer, L2CAP header first, and corrects the
    /// credits in it (Core Vol 3 Part A, 4.22 to 4.24). The channel that it gives out, if it does:
    /// one that is no other connection's any more.
    pub fn outbound(&mut self, frame: &mut [u8]) -> Option<u16> {
        if !ANY {
            return None;
        }
        if let [_, _, _, _, DISCONNECTION_RESPONSE, ..] = *frame {
            self.close_overrun(frame);
            return None;
        }
        let (cid, credits, most) = match *frame {
            [_, _, _, _, CONNECTION_REQUEST, _, _, _, _, _, c0, c1, ..] => ([c0, c1], 16, None),
            [_, _, _, _, CONNECTION_RESPONSE, _, _, _, c0, c1, ..] => ([c0, c1], 14, None),
            [_, _, _, _, FLOW_CONTROL_CREDIT, _, _, _, c0, c1, ..] => {
                let cid = u16::from_le_bytes([c0, c1]);
                let kept = self.channels.iter_mut().find(|c| c.cid == cid && c.kept);
                ([c0, c1], 10, Some(kept?.unread.pop_unit()))
            }
            _ => return None,
        };
        let place = frame.get_mut(credits..);
        if let Some(credits) = place.and_then(|rest| rest.first_chunk_mut()) {
            let given = most.unwrap_or_else(|| u16::from_le_bytes(*credits).min(WINDOW));
            *credits = given.to_le_bytes();
        }
        let cid = u16::from_le_bytes(cid);
        if most.is_some() || cid < FIRST_DYNAMIC {
            return None;
        }
        self.last = cid;
        self.forget(cid);
        let mut channel = Channel::new(cid);
        if let [_, _, _, _, CONNECTION_REQUEST, identifier, ..] = *frame {
            channel.asked = Some(identifier);
        }
        // With more channels than that, none can be kept track of.
        let _ = self.channels.push(channel);
        Some(cid)
    }

    /// A channel is another connection's from now on.
    pub fn forget(&mut self, cid: u16) {
        self.channels.retain(|channel| channel.cid != cid);
    }

    /// trouble-host believes that the peer closes a channel which the peer has overrun: makes its
    /// response the request that the peer has to see (10.1).
    fn close_overrun(&mut self, frame: &mut [u8]) {
        if let [_, _, _, _, code, _, _, _, d0, d1, s0, s1] = frame
            && let Some(channel) = self.channel(u16::from_le_bytes([*d0, *d1]))
            && core::mem::take(&mut channel.overrun)
        {
            *code = DISCONNECTION_REQUEST;
            core::mem::swap(d0, s0);
            core::mem::swap(d1, s1);
        }
    }

    /// Has a frame from the peer, L2CAP header first, close no channel but those of this connection that are
    /// open. trouble-host refuses what names another one then.
    pub fn correct(&mut self, frame: &mut [u8]) {
        if let [_, _, 5, 0, CONNECTION_RESPONSE, identifier, ..] = *frame {
            for channel in self.channels.iter_mut().filter(|_| ANY) {
                channel.asked = channel.asked.filter(|asked| *asked != identifier);
            }
        }
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
            _ => return,
        };
        let named = u16::from_le_bytes([*cid[0], *cid[1]]);
        let is_open = |channel: &Channel| channel.cid == named && channel.asked.is_none();
        if !ANY || !self.channels.iter().any(is_open) {
            for (to, from) in cid.into_iter().zip(NOBODYS) {
                *to = from;
            }
        }
    }

    /// Whether the first fragment of a frame on this connection, L2CAP header first, may pass.
    pub fn may_pass(&mut self, handle: u16, frame: &[u8]) -> bool {
        let Some((&[l0, l1, c0, c1], payload)) = frame.split_first_chunk() else {
            return false;
        };
        let (len, cid) = (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([c0, c1]));
        if cid < FIRST_DYNAMIC {
            return cid != CID_SIGNALLING || is_one_command(len, payload);
        }
        let is_full = ANY && self.channels.is_full();
        let Some(channel) = self.channel(cid) else {
            // Another connection's, or nobody's; or one too many to be kept track of.
            return is_full && payload.len() >= 2;
        };
        if channel.kept && channel.unread.is_full() {
            // The peer has no credit for it: the channel is to be closed (10.1), and whoever reads it
            // never comes to the end of what was sent.
            if channel.closing.is_none() {
                channel.units = channel.units.wrapping_add(1);
                channel.closing = Some(closing(handle, cid));
                channel.overrun = true;
            }
            return false;
        }
        if channel.left > 0 {
            channel.left = channel.left.saturating_sub(len);
        } else {
            let (Some(&[s0, s1]), Some(carried)) = (payload.first_chunk(), len.checked_sub(2))
            else {
                return false;
            };
            channel.left = u16::from_le_bytes([s0, s1]).saturating_sub(carried);
        }
        if channel.left == 0 {
            channel.units = channel.units.wrapping_add(1);
        }
        channel.unread.push(channel.left == 0);
        true
    }

    /// Whether an ACL packet closes a channel that is still read. It is held back.
    pub fn holds(&mut self, packet: &[u8]) -> bool {
        let packet = <[u8; CLOSING]>::try_from(packet);
        let Some(packet) = packet.ok().filter(|_| ANY) else {
            return false;
        };
        let [.., l0, l1, c0, c1, code, _, _, _, d0, d1, _, _] = packet;
        if [l0, l1, c0, c1] != [8, 0, CID_SIGNALLING as u8, 0] || code != DISCONNECTION_REQUEST {
            return false;
        }
        let cid = u16::from_le_bytes([d0, d1]);
        match self.channels.iter_mut().find(|c| c.cid == cid && c.kept) {
            Some(channel) => {
                channel.closing = Some(packet);
                true
            }
            None => false,
        }
    }

    /// Keeps the channel that was opened last until it is read to its end. From now on, each credit
    /// indication of trouble-host's on it means that one unit was read.
    pub fn keep(&mut self) -> Option<u16> {
        let cid = self.last;
        self.channel(cid)?.kept = true;
        Some(cid)
    }

    /// The peer's closing of a channel of which so many units were read, if that were all.
    pub fn release(&mut self, cid: u16, read: u32) -> Option<[u8; CLOSING]> {
        let channel = self
            .channels
            .iter_mut()
            .find(|channel| channel.cid == cid)?;
        match channel.units == read {
            true => channel.closing.take(),
            false => None,
        }
    }

    /// Whether the peer has closed a channel, and that is held back.
    pub fn is_closing(&self, cid: u16) -> bool {
        self.channels
            .iter()
            .any(|channel| channel.cid == cid && channel.closing.is_some())
    }

    /// Whether more has come on a channel, be it a part of a unit, than the units that were read.
    pub fn has_unread(&self, cid: u16, read: u32) -> bool {
        self.channels
            .iter()
            .any(|channel| channel.cid == cid && (channel.units != read || channel.left > 0))
    }

    /// Nobody reads a channel any more; the peer's closing of it, if it was held back.
    pub fn let_go(&mut self, cid: u16) -> Option<[u8; CLOSING]> {
        let channel = self
            .channels
            .iter_mut()
            .find(|channel| channel.cid == cid)?;
        channel.kept = false;
        channel.closing.take()
    }

    fn channel(&mut self, cid: u16) -> Option<&mut Channel> {
        let mut channels = self.channels.iter_mut().filter(|_| ANY);
        channels.find(|channel| channel.cid == cid)
    }
}

impl Channel {
    const fn new(cid: u16) -> Self {
        Self {
            cid,
            asked: None,
            left: 0,
            units: 0,
            unread: Unread::NONE,
            kept: false,
            closing: None,
            overrun: false,
        }
    }
}

/// Whether a first fragment on the signalling channel is one command, whole. More than one is not
/// allowed on LE links (4), and the shortest packet holds any; of one in parts, the parts to come would
/// not be looked at.
fn is_one_command(len: u16, payload: &[u8]) -> bool {
    match *payload {
        [_, _, l0, l1, ref parameters @ ..] => {
            payload.len() == usize::from(len)
                && parameters.len() == usize::from(u16::from_le_bytes([l0, l1]))
        }
        _ => false,
    }
}

/// A Disconnection Request for a channel of ours, as if it came from the peer of this connection.
fn closing(handle: u16, cid: u16) -> [u8; CLOSING] {
    let ([h0, h1], [c0, c1]) = ((handle & 0x0FFF | 0x2000).to_le_bytes(), cid.to_le_bytes());
    let (signalling, code) = (CID_SIGNALLING as u8, DISCONNECTION_REQUEST);
    [
        h0, h1, 12, 0, 8, 0, signalling, 0, code, 0xFF, 4, 0, c0, c1, 0, 0,
    ]
}

#[cfg(all(test, feature = "channels"))]
mod tests {
    use super::*;

    const REQUEST: [u8; 18] = [
        14, 0, 5, 0, 0x14, 1, 10, 0, 0x80, 0, 0x40, 0, 0, 1, 0, 1, 1, 0,
    ];
    const CLOSE: [u8; CLOSING] = [1, 0x20, 12, 0, 8, 0, 5, 0, 6, 9, 4, 0, 0x40, 0, 0x41, 0];

    /// With channel 0x40 asked for.
    fn asked() -> Sdus {
        let mut sdus = Sdus::NONE;
        assert_eq!(sdus.outbound(&mut REQUEST.clone()), Some(0x40));
        sdus
    }

    /// The answer to the request with this identifier.
    fn answer(sdus: &mut Sdus, identifier: u8) {
        sdus.correct(&mut [
            14, 0, 5, 0, 0x15, identifier, 10, 0, 0x41, 0, 0, 1, 0, 1, 1, 0, 0, 0,
        ]);
    }

    /// With channel 0x40 open.
    fn opened() -> Sdus {
        let mut sdus = asked();
        answer(&mut sdus, 1);
        sdus
    }

    #[test]
    fn nobody_is_heard_on_a_channel_that_is_not_his() {
        let mut sdus = Sdus::NONE;
        assert!(!sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
        let mut sdus = opened();
        assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
        assert!(!sdus.may_pass(1, &[2, 0, 0x41, 0, 0, 0]));
        // It was closed, and given to another connection.
        sdus.forget(0x40);
        assert!(!sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
    }

    #[test]
    fn nobody_closes_a_channel_that_is_not_his() {
        let request = |cid| [8, 0, 5, 0, 0x06, 1, 4, 0, cid, 0, 0x41, 0];
        let response = |cid| [8, 0, 5, 0, 0x07, 1, 4, 0, 0x41, 0, cid, 0];
        let mut sdus = opened();
        for cid in [0, 0x40, 0x41] {
            for (frame, at) in [(request(cid), 8), (response(cid), 10)] {
                let (mut corrected, mut expected) = (frame, frame);
                sdus.correct(&mut corrected);
                if cid != 0x40 {
                    expected[at..at + 2].copy_from_slice(&NOBODYS);
                }
                assert_eq!(corrected, expected);
            }
        }
    }

    #[test]
    fn nobody_closes_a_channel_that_is_not_open_yet() {
        let request = [8, 0, 5, 0, 0x06, 1, 4, 0, 0x40, 0, 0x41, 0];
        let mut sdus = asked();
        // An answer to something else opens nothing.
        answer(&mut sdus, 2);
        let mut corrected = request;
        sdus.correct(&mut corrected);
        assert_eq!(corrected[8..10], NOBODYS);
        answer(&mut sdus, 1);
        let mut corrected = request;
        sdus.correct(&mut corrected);
        assert_eq!(corrected, request);
    }

    #[test]
    fn a_signalling_frame_is_one_command_and_whole() {
        let mut sdus = Sdus::NONE;
        let one = [8, 0, 5, 0, 0x06, 1, 4, 0, 0, 0, 0, 0];
        assert!(sdus.may_pass(1, &one));
        for len in 0..one.len() {
            assert!(!sdus.may_pass(1, &one[..len]), "cut at {len}");
        }
        let empty = [4, 0, 5, 0, 0x01, 1, 0, 0];
        assert!(sdus.may_pass(1, &empty));
        let mut two = [&[12, 0, 5, 0], &empty[4..], &one[4..]].concat();
        assert!(!sdus.may_pass(1, &two));
        two[0] = 4;
        assert!(!sdus.may_pass(1, &two), "longer than it says");
    }

    #[test]
    fn a_channel_that_the_peer_overruns_is_closed_and_its_end_is_not_that_of_the_data() {
        let mut sdus = opened();
        assert_eq!(sdus.keep(), Some(0x40));
        for _ in 0..WINDOW {
            assert!(sdus.may_pass(7, &[2, 0, 0x40, 0, 0, 0]));
        }
        assert!(!sdus.is_closing(0x40));
        assert!(!sdus.may_pass(7, &[2, 0, 0x40, 0, 0, 0]));
        assert!(sdus.is_closing(0x40));
        assert_eq!(sdus.release(0x40, u32::from(WINDOW)), None);
        let closing = sdus.let_go(0x40);
        let request = [7, 0x20, 12, 0, 8, 0, 5, 0, 6, 0xFF, 4, 0, 0x40, 0, 0, 0];
        assert_eq!(closing, Some(request));
        // trouble-host answers what the peer never asked.
        let mut frame = [8, 0, 5, 0, 7, 0xFF, 4, 0, 0x40, 0, 0x41, 0];
        assert_eq!(sdus.outbound(&mut frame), None);
        assert_eq!(frame, [8, 0, 5, 0, 6, 0xFF, 4, 0, 0x41, 0, 0x40, 0]);
        // Any other answer is the peer's to have.
        let answer = [8, 0, 5, 0, 7, 9, 4, 0, 0x40, 0, 0x41, 0];
        let mut frame = answer;
        assert_eq!(sdus.outbound(&mut frame), None);
        assert_eq!(frame, answer);
    }

    #[test]
    fn the_frames_that_a_peer_takes_are_bounded() {
        const RESPONSE: [u8; 18] = [14, 0, 5, 0, 0x15, 1, 10, 0, 0x41, 0, 9, 9, 0, 1, 1, 0, 0, 0];
        for (asked, longest, taken) in [
            (0_u16, 1000, 23_u16),
            (22, 1000, 23),
            (256, 1000, 256),
            (0xFFFF, 1000, 1000),
            (0xFFFF, 0, 23),
        ] {
            for (mut frame, at) in [(RESPONSE, 12), (REQUEST, 14)] {
                let mut bounded = frame;
                bounded[at..at + 2].copy_from_slice(&asked.to_le_bytes());
                bound_frames(&mut bounded, longest);
                frame[at..at + 2].copy_from_slice(&taken.to_le_bytes());
                assert_eq!(bounded, frame);
            }
        }
        for len in 0..18 {
            let mut response = RESPONSE;
            bound_frames(&mut response[..len], 1000);
        }
    }

    #[test]
    fn a_first_frame_has_to_tell_its_length() {
        let mut sdus = opened();
        assert!(!sdus.may_pass(1, &[0, 0, 0x40, 0]));
        assert!(!sdus.may_pass(1, &[1, 0, 0x40, 0, 9]));
        assert!(!sdus.may_pass(1, &[5, 0, 0x40, 0, 9]));
        assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
        assert!(sdus.may_pass(1, &[1, 0, 4, 0, 9]));
    }

    #[test]
    fn one_octet_may_end_a_unit() {
        let mut sdus = opened();
        assert!(sdus.may_pass(1, &[4, 0, 0x40, 0, 3, 0, 1, 2]));
        assert!(!sdus.may_pass(1, &[1, 0, 0x41, 0, 3]));
        assert!(sdus.may_pass(1, &[1, 0, 0x40, 0, 3]));
        assert!(!sdus.may_pass(1, &[1, 0, 0x40, 0, 3]));
    }

    #[test]
    fn a_channel_that_ended_in_the_middle_leaves_nothing_behind() {
        let mut sdus = opened();
        assert!(sdus.may_pass(1, &[4, 0, 0x40, 0, 30, 0, 1, 2]));
        sdus.outbound(&mut REQUEST.clone());
        assert!(!sdus.may_pass(1, &[1, 0, 0x40, 0, 3]));
    }

    #[test]
    fn a_closing_waits_until_all_is_read() {
        let mut sdus = Sdus::NONE;
        assert!(!sdus.holds(&CLOSE));
        sdus.outbound(&mut REQUEST.clone());
        assert!(sdus.may_pass(1, &[4, 0, 0x40, 0, 2, 0, 1, 2]));
        assert_eq!(sdus.keep(), Some(0x40));
        assert!(sdus.holds(&CLOSE));
        assert_eq!(sdus.release(0x40, 0), None);
        assert_eq!(sdus.release(0x40, 1), Some(CLOSE));
        assert_eq!(sdus.release(0x40, 1), None);
        assert!(sdus.holds(&CLOSE));
        assert_eq!(sdus.let_go(0x40), Some(CLOSE));
        assert!(!sdus.holds(&CLOSE));
    }

    fn indication(credits: u16) -> [u8; 12] {
        let [c0, c1] = credits.to_le_bytes();
        [8, 0, 5, 0, FLOW_CONTROL_CREDIT, 1, 4, 0, 0x40, 0, c0, c1]
    }

    /// What goes out in the place of trouble-host's indication of so many credits.
    fn given(sdus: &mut Sdus, credits: u16) -> u16 {
        let mut frame = indication(credits);
        sdus.outbound(&mut frame);
        u16::from_le_bytes([frame[10], frame[11]])
    }

    #[test]
    fn a_channel_begins_with_no_more_credits_than_frames_have_room() {
        const RESPONSE: [u8; 18] = [14, 0, 5, 0, 0x15, 1, 10, 0, 0x41, 0, 9, 9, 9, 9, 0, 0, 0, 0];
        for (asked, told) in [(0x7FFF, WINDOW), (WINDOW, WINDOW), (1, 1)] {
            for (frame, at) in [(REQUEST, 16), (RESPONSE, 14)] {
                let (mut out, mut expected) = (frame, frame);
                out[at..at + 2].copy_from_slice(&asked.to_le_bytes());
                expected[at..at + 2].copy_from_slice(&told.to_le_bytes());
                Sdus::default().outbound(&mut out);
                assert_eq!(out, expected);
            }
        }
    }

    #[test]
    fn credits_are_given_for_what_was_read_and_not_for_what_came() {
        let mut sdus = Sdus::NONE;
        sdus.outbound(&mut REQUEST.clone());
        // A unit of two frames, one of one, and the beginning of a third.
        assert!(sdus.may_pass(1, &[4, 0, 0x40, 0, 4, 0, 1, 2]));
        assert_eq!(sdus.keep(), Some(0x40));
        assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 3, 4]));
        assert!(sdus.may_pass(1, &[3, 0, 0x40, 0, 1, 0, 1]));
        assert!(sdus.may_pass(1, &[4, 0, 0x40, 0, 4, 0, 1, 2]));
        assert_eq!(given(&mut sdus, 4), 2);
        assert_eq!(given(&mut sdus, 0), 1);
        assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 3, 4]));
        assert_eq!(given(&mut sdus, 1), 2);
    }

    #[test]
    fn a_peer_that_has_no_credit_is_not_heard() {
        let mut sdus = Sdus::NONE;
        sdus.outbound(&mut REQUEST.clone());
        assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
        assert_eq!(sdus.keep(), Some(0x40));
        for _ in 1..WINDOW {
            assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
        }
        assert!(!sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
        assert_eq!(given(&mut sdus, WINDOW), 1);
        assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
        assert!(!sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
    }

    #[test]
    fn the_credits_of_a_channel_that_is_not_kept_are_left_as_they_are() {
        let mut sdus = Sdus::NONE;
        sdus.outbound(&mut REQUEST.clone());
        for _ in 0..200 {
            assert!(sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
        }
        assert_eq!(given(&mut sdus, 200), 200);
    }
}

#[cfg(all(test, not(feature = "channels")))]
mod tests {
    use super::*;

    #[test]
    fn without_channels_only_what_is_on_fixed_ones_passes_and_none_is_closed() {
        let mut sdus = Sdus::NONE;
        let mut request = [
            14, 0, 5, 0, 0x14, 1, 10, 0, 0x80, 0, 0x40, 0, 0, 1, 0, 1, 1, 0,
        ];
        assert_eq!(sdus.outbound(&mut request), None);
        assert!(!sdus.may_pass(1, &[2, 0, 0x40, 0, 0, 0]));
        let mut close = [8, 0, 5, 0, 0x06, 1, 4, 0, 0x40, 0, 0x41, 0];
        assert!(sdus.may_pass(1, &close));
        sdus.correct(&mut close);
        assert_eq!(close[8..10], NOBODYS);
        assert!(!sdus.holds(&[1, 0x20, 12, 0, 8, 0, 5, 0, 6, 9, 4, 0, 0x40, 0, 0x41, 0]));
    }
}
