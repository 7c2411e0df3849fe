//! Where each L2CAP channel of a connection is in its service data units (Core Vol 3 Part A,
//! 3.4.3), for faults of trouble-host: it panics on the first frame of a unit that is too short to
//! tell its length, and on the closing of a channel that is not open; it takes any connection's word
//! and data for any channel; it throws away what was received and not read yet when the peer closes
//! the channel; and it gives credits for what was received, read or not, until its queue overflows.

mod signals;

use heapless::Vec;
use trouble_host::config::L2CAP_RX_QUEUE_SIZE;

pub(super) use signals::CID_SIGNALLING;
#[cfg(feature = "channels")]
pub use signals::decides;
use signals::is_one_command;
pub use signals::{CLOSING, RESPONSE, bound_frames};

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
/// The channel of pairing, on which a frame may come in parts.
const CID_SECURITY: u16 = 0x0006;
/// Frames that a peer may have sent and nobody read: what trouble-host has room for, if each is a
/// unit, and no more than [`Channel::unread`] tells apart.
const WINDOW: u16 = if L2CAP_RX_QUEUE_SIZE < 64 {
    L2CAP_RX_QUEUE_SIZE as u16
} else {
    64
};

/// Who has opened a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// We have asked for it.
    Us,
    /// The peer has.
    Peer,
}

/// The channels of one connection.
#[derive(Debug, Default)]
pub struct Sdus {
    channels: Vec<Channel, CHANNELS>,
    /// The channel that we asked for last, and that which we accepted last.
    asked: u16,
    accepted: u16,
    /// What the peer refused last with.
    refusal: u16,
    /// The rest of a frame has not come: trouble-host is in the middle of it, and stays there.
    is_cut_off: bool,
}

#[derive(Debug)]
struct Channel {
    cid: u16,
    /// The peer's number for one that we asked for.
    peers: u16,
    phase: Phase,
    /// What is to come of a unit.
    left: u16,
    /// Units that are complete.
    units: u32,
    unread: Unread,
    /// Somebody reads the channel to its end: the peer's closing of it waits for that.
    kept: bool,
    closing: Option<[u8; CLOSING]>,
    /// What the peer sent last is lost: nobody comes to the end of what was sent.
    overrun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Our request with this identifier is not answered yet.
    Asked(u8),
    Open,
    /// trouble-host has closed it.
    Closed,
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
        asked: 0,
        accepted: 0,
        refusal: 0,
        is_cut_off: false,
    };

    /// A channel is another connection's from now on.
    pub fn forget(&mut self, cid: u16) {
        self.channels.retain(|channel| channel.cid != cid);
    }

    /// The rest of a frame will not come. No channel of the connection can be heard any more; whether that is
    /// news.
    pub fn cut_off(&mut self) -> bool {
        !core::mem::replace(&mut self.is_cut_off, true)
    }

    /// Whether the first fragment of a frame on this connection, L2CAP header first, may pass.
    pub fn may_pass(&mut self, frame: &[u8]) -> bool {
        let Some((&[l0, l1, c0, c1], payload)) = frame.split_first_chunk() else {
            return false;
        };
        let (len, cid) = (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([c0, c1]));
        if cid < FIRST_DYNAMIC {
            // trouble-host knows no other, and takes the second fragment of a frame there for a fault.
            return cid == CID_SECURITY || cid == CID_SIGNALLING && is_one_command(len, payload);
        }
        if self.is_cut_off {
            return false;
        }
        let is_full = ANY && self.channels.is_full();
        let Some(channel) = self.channel(cid) else {
            // Another connection's, or nobody's; or one too many to be kept track of.
            return is_full && payload.len() >= 2;
        };
        if channel.phase != Phase::Open || channel.overrun || payload.len() > usize::from(len) {
            return false;
        }
        if channel.kept && channel.unread.is_full() {
            // The peer has no credit for it: the channel is to be closed (10.1).
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
        // All credits went into one unit, and only what is read brings others.
        channel.overrun = channel.kept && channel.unread.is_full() && channel.unread.ends == 0;
        !channel.overrun
    }

    /// Keeps the channel that was asked for, or accepted, last until it is read to its end. From now on, each
    /// credit indication of trouble-host's on it means that one unit was read.
    pub fn keep(&mut self, opener: Opener) -> Option<u16> {
        let cid = match opener {
            Opener::Us => self.asked,
            Opener::Peer => self.accepted,
        };
        self.channel(cid)?.kept = true;
        Some(cid)
    }

    /// Nobody waits for the channel that was asked for last: an answer would be another's.
    pub fn give_up(&mut self) {
        let asked = self.asked;
        let waits = |c: &Channel| c.cid == asked && matches!(c.phase, Phase::Asked(_));
        self.channels.retain(|channel| !waits(channel));
    }

    /// What the peer refused the last channel with that it refused (4.23), be it a number that trouble-host
    /// does not know.
    pub fn refusal(&self) -> u16 {
        self.refusal
    }

    /// The peer's closing of a channel of which so many units were read, if that were all.
    pub fn release(&mut self, cid: u16, read: u32) -> Option<[u8; CLOSING]> {
        let channel = self.channel(cid)?;
        match channel.units == read && !channel.overrun {
            true => channel.closing.take(),
            false => None,
        }
    }

    /// Whether a channel is to be closed when all is read: the peer has closed it, or has overrun it.
    pub fn is_closing(&self, cid: u16) -> bool {
        self.channels
            .iter()
            .any(|c| c.cid == cid && (c.closing.is_some() || c.overrun))
    }

    /// Whether more has come on a channel, be it a part of a unit, than the units that were read.
    pub fn has_unread(&self, cid: u16, read: u32) -> bool {
        self.channels
            .iter()
            .any(|c| c.cid == cid && (c.units != read || c.left > 0 || c.overrun))
    }

    /// Nobody reads a channel any more; the peer's closing of it, if it was held back.
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
            peers: 0,
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
