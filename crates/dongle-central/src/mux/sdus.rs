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
mod tests;

#[cfg(all(test, not(feature = "channels")))]
mod without_channels {
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
