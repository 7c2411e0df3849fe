//! Where each L2CAP channel of a connection is in its service data units (Core Vol 3 Part A,
//! 3.4.3), for two faults of trouble-host: it panics on the first frame of a unit that is too short
//! to tell its length, and it throws away what was received and not read yet when the peer closes
//! the channel.

use heapless::Vec;

/// Channels at a time that are kept track of.
const CHANNELS: usize = if cfg!(feature = "many-links") { 16 } else { 2 };
/// The first channel that is given out, rather than fixed.
const FIRST_DYNAMIC: u16 = 0x0040;
/// The signalling channel, and commands on it.
const CID_SIGNALLING: u16 = 0x0005;
const DISCONNECTION_REQUEST: u8 = 0x06;
const CONNECTION_REQUEST: u8 = 0x14;
const CONNECTION_RESPONSE: u8 = 0x15;
/// A Disconnection Request in one ACL packet.
pub const CLOSING: usize = 16;

/// Shortest frame that a side may ask for (Core Vol 3 Part A, 4.22), in octets of payload.
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
    /// What is to come of a unit.
    left: u16,
    /// Units that are complete.
    units: u32,
    /// Somebody reads the channel to its end: the peer's closing of it waits for that.
    kept: bool,
    closing: Option<[u8; CLOSING]>,
}

impl Sdus {
    /// No channels.
    pub const NONE: Self = Self {
        channels: Vec::new(),
        last: 0,
    };

    /// Sees the beginning of a frame on the signalling channel to the peer, L2CAP header first.
    pub fn outbound(&mut self, frame: &[u8]) {
        let cid = match frame.get(4..) {
            Some(&[CONNECTION_REQUEST, _, _, _, _, _, c0, c1, ..])
            | Some(&[CONNECTION_RESPONSE, _, _, _, c0, c1, ..]) => u16::from_le_bytes([c0, c1]),
            _ => return,
        };
        if cid >= FIRST_DYNAMIC {
            self.last = cid;
            self.channels.retain(|channel| channel.cid != cid);
        }
    }

    /// Whether the first fragment of a frame, L2CAP header first, may pass.
    pub fn may_pass(&mut self, frame: &[u8]) -> bool {
        let Some((&[l0, l1, c0, c1], payload)) = frame.split_first_chunk() else {
            return false;
        };
        let (len, cid) = (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([c0, c1]));
        if cid < FIRST_DYNAMIC {
            return true;
        }
        let Some(channel) = self.channel(cid) else {
            // With more channels than that, none can be kept track of.
            return payload.len() >= 2;
        };
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
        true
    }

    /// Whether an ACL packet closes a channel that is still read. It is held back.
    pub fn holds(&mut self, packet: &[u8]) -> bool {
        let Ok(packet) = <[u8; CLOSING]>::try_from(packet) else {
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

    /// Keeps the channel that was opened last until it is read to its end.
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
        let index = match self.channels.iter().position(|channel| channel.cid == cid) {
            Some(index) => index,
            None => {
                let (left, units, kept, closing) = (0, 0, false, None);
                let channel = Channel {
                    cid,
                    left,
                    units,
                    kept,
                    closing,
                };
                self.channels.push(channel).ok()?;
                self.channels.len() - 1
            }
        };
        self.channels.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: [u8; 18] = [
        14, 0, 5, 0, 0x14, 1, 10, 0, 0x80, 0, 0x40, 0, 0, 1, 0, 1, 1, 0,
    ];
    const CLOSE: [u8; CLOSING] = [1, 0x20, 12, 0, 8, 0, 5, 0, 6, 9, 4, 0, 0x40, 0, 0x41, 0];

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
        let mut sdus = Sdus::NONE;
        assert!(!sdus.may_pass(&[0, 0, 0x40, 0]));
        assert!(!sdus.may_pass(&[1, 0, 0x40, 0, 9]));
        assert!(!sdus.may_pass(&[5, 0, 0x40, 0, 9]));
        assert!(sdus.may_pass(&[2, 0, 0x40, 0, 0, 0]));
        assert!(sdus.may_pass(&[1, 0, 4, 0, 9]));
    }

    #[test]
    fn one_octet_may_end_a_unit() {
        let mut sdus = Sdus::NONE;
        assert!(sdus.may_pass(&[4, 0, 0x40, 0, 3, 0, 1, 2]));
        assert!(!sdus.may_pass(&[1, 0, 0x41, 0, 3]));
        assert!(sdus.may_pass(&[1, 0, 0x40, 0, 3]));
        assert!(!sdus.may_pass(&[1, 0, 0x40, 0, 3]));
    }

    #[test]
    fn a_channel_that_ended_in_the_middle_leaves_nothing_behind() {
        let mut sdus = Sdus::NONE;
        assert!(sdus.may_pass(&[4, 0, 0x40, 0, 30, 0, 1, 2]));
        sdus.outbound(&REQUEST);
        assert!(!sdus.may_pass(&[1, 0, 0x40, 0, 3]));
    }

    #[test]
    fn a_closing_waits_until_all_is_read() {
        let mut sdus = Sdus::NONE;
        assert!(!sdus.holds(&CLOSE));
        sdus.outbound(&REQUEST);
        assert!(sdus.may_pass(&[4, 0, 0x40, 0, 2, 0, 1, 2]));
        assert_eq!(sdus.keep(), Some(0x40));
        assert!(sdus.holds(&CLOSE));
        assert_eq!(sdus.release(0x40, 0), None);
        assert_eq!(sdus.release(0x40, 1), Some(CLOSE));
        assert_eq!(sdus.release(0x40, 1), None);
        assert!(sdus.holds(&CLOSE));
        assert_eq!(sdus.let_go(0x40), Some(CLOSE));
        assert!(!sdus.holds(&CLOSE));
    }
}
