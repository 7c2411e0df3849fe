//! The state of the L2CAP channels of a connection (Core Vol 3 Part A, 3.4 and 10).
//!
//! What trouble-host receives and sends is filtered with it, to avoid its faults: it panics on a first frame of a unit that is too short for the length of the unit, and when a channel that is not open is
//! closed; accepts commands and data for any channel from any connection; drops data that was not read yet
//! when the peer closes a channel; and gives credits for data that was received but not read, until its queue
//! overflows.

mod signals;

use heapless::Vec;
use trouble_host::config::L2CAP_RX_QUEUE_SIZE;

pub(super) use signals::CID_SIGNALLING;
#[cfg(feature = "channels")]
pub use signals::decides;
use signals::is_one_command;
pub use signals::{CLOSING, RESPONSE, bound_frames};

/// Whether there are channels at all. Without them, most of this is not compiled in, and there is no state.
const ANY: bool = cfg!(feature = "channels");
/// Number of channels per connection whose state is kept.
const CHANNELS: usize = match (ANY, cfg!(feature = "many-links")) {
    (true, true) => 16,
    (true, false) => 2,
    (false, _) => 0,
};
/// The first CID that is not the one of a fixed channel.
const FIRST_DYNAMIC: u16 = 0x0040;
/// The security channel, on which frames may be fragmented.
const CID_SECURITY: u16 = 0x0006;
/// Number of frames that a peer may send before one is read: what trouble-host has room for if each is a
/// unit, and at most what [`Channel::unread`] has bits for.
const WINDOW: u16 = if L2CAP_RX_QUEUE_SIZE < 64 {
    L2CAP_RX_QUEUE_SIZE as u16
} else {
    64
};

/// Which side has requested a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// This one.
    Us,
    /// The peer.
    Peer,
}

/// The channels of one connection.
#[derive(Debug, Default)]
pub struct Sdus {
    channels: Vec<Channel, CHANNELS>,
    /// CID of the channel that was requested last, and of the one that was accepted last.
    asked: u16,
    accepted: u16,
    /// The result that the peer sent with its last refusal.
    refusal: u16,
    /// A frame was incomplete: trouble-host waits for the rest of it, and would add later fragments to it.
    is_cut_off: bool,
}

#[derive(Debug)]
struct Channel {
    cid: u16,
    /// The peer's CID, if the channel was requested by this side.
    peer_cid: u16,
    phase: Phase,
    /// Octets of the current unit that have not arrived yet.
    left: u16,
    /// Number of complete units.
    units: u32,
    unread: Unread,
    /// The channel is read to its end: a Disconnection Request of the peer is held back until then.
    kept: bool,
    /// That request.
    closing: Option<[u8; CLOSING]>,
    /// The peer has sent more than its credits allow. The channel has to be closed, and data is lost.
    overrun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The request with this identifier is not answered yet.
    Asked(u8),
    Open,
    /// trouble-host has sent a Disconnection Request or Response.
    Closed,
}

/// Frames that have arrived and were not read yet.
#[derive(Debug, Clone, Copy)]
struct Unread {
    count: u16,
    /// One bit for each, starting with the oldest: whether it is the last of a unit.
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

    /// Removes the oldest unit, which was read, and returns its number of frames.
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
        asked: 0,
        accepted: 0,
        refusal: 0,
        is_cut_off: false,
    };

    /// Removes a channel whose CID now belongs to another connection.
    pub fn forget(&mut self, cid: u16) {
        self.channels.retain(|channel| channel.cid != cid);
    }

    /// Notes that a frame was incomplete. From now on, nothing passes on any channel of the connection.
    /// Returns false if that was so before.
    pub fn cut_off(&mut self) -> bool {
        !core::mem::replace(&mut self.is_cut_off, true)
    }

    /// Whether the first fragment of a frame, beginning with its L2CAP header, may pass to trouble-host.
    pub fn may_pass(&mut self, frame: &[u8]) -> bool {
        let Some((&[l0, l1, c0, c1], payload)) = frame.split_first_chunk() else {
            return false;
        };
        let (len, cid) = (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([c0, c1]));
        if cid < FIRST_DYNAMIC {
            // trouble-host ignores other channels, but not the second fragment of a frame on one: it would end
            // the connection.
            return cid == CID_SECURITY || cid == CID_SIGNALLING && is_one_command(len, payload);
        }
        if self.is_cut_off {
            return false;
        }
        let is_full = ANY && self.channels.is_full();
        let Some(channel) = self.channel(cid) else {
            // The channel of another connection or of none; or there was no room for its state.
            return is_full && payload.len() >= 2;
        };
        if channel.phase != Phase::Open || channel.overrun || payload.len() > usize::from(len) {
            return false;
        }
        if channel.kept && channel.unread.is_full() {
            // The peer has no credits left: the channel has to be closed (10.1).
            channel.overrun = true;
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
        // If the first unit takes all credits, no unit can be read, and the peer never gets credits again.
        channel.overrun = channel.kept && channel.unread.is_full() && channel.unread.ends == 0;
        !channel.overrun
    }

    /// Keeps the channel that was requested or accepted last open until it is read to its end. From now on, each
    /// credit indication that trouble-host sends for it means that one unit was read.
    pub fn keep(&mut self, opener: Opener) -> Option<u16> {
        let cid = match opener {
            Opener::Us => self.asked,
            Opener::Peer => self.accepted,
        };
        self.channel(cid)?.kept = true;
        Some(cid)
    }

    /// The last request has failed. A late response is dropped.
    pub fn give_up(&mut self) {
        let asked = self.asked;
        let waits = |c: &Channel| c.cid == asked && matches!(c.phase, Phase::Asked(_));
        self.channels.retain(|channel| !waits(channel));
    }

    /// The result that the peer sent with its last refusal (4.23), which may be a reserved value.
    pub fn refusal(&self) -> u16 {
        self.refusal
    }

    /// The peer's Disconnection Request that was held back, if `read` is the number of all units that arrived.
    pub fn release(&mut self, cid: u16, read: u32) -> Option<[u8; CLOSING]> {
        let channel = self.channel(cid)?;
        match channel.units == read && !channel.overrun {
            true => channel.closing.take(),
            false => None,
        }
    }

    /// Whether a channel is to be closed once everything is read: the peer has closed it, or has sent more than
    /// its credits allow.
    pub fn is_closing(&self, cid: u16) -> bool {
        self.channels
            .iter()
            .any(|c| c.cid == cid && (c.closing.is_some() || c.overrun))
    }

    /// Whether more has arrived on a channel, even if only a part of a unit, than the `read` units.
    pub fn has_unread(&self, cid: u16, read: u32) -> bool {
        self.channels
            .iter()
            .any(|c| c.cid == cid && (c.units != read || c.left > 0 || c.overrun))
    }

    /// The channel is no longer read. Returns the peer's Disconnection Request, if it was held back.
    pub fn let_go(&mut self, cid: u16) -> Option<[u8; CLOSING]> {
        let channel = self.channel(cid)?;
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
            peer_cid: 0,
            phase: Phase::Open,
            left: 0,
            units: 0,
            unread: Unread::NONE,
            kept: false,
            closing: None,
            overrun: false,
        }
    }
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
        assert!(!sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
        let mut close = [8, 0, 5, 0, 0x06, 1, 4, 0, 0x40, 0, 0x41, 0];
        assert!(sdus.may_pass(&close));
        sdus.correct(&mut close);
        assert_eq!(close[8..10], signals::NOBODYS);
        assert!(!sdus.holds(&[1, 0x20, 12, 0, 8, 0, 5, 0, 6, 9, 4, 0, 0x40, 0, 0x41, 0]));
    }
}
