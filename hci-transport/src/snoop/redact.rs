//! Overwrites keys in packets, with which the reader of a capture could decrypt a link, or track or
//! impersonate a device. No I/O.

use std::collections::HashMap;
use std::ops::Range;

/// Finds the keys in the packets of one channel, which must come in order.
#[derive(Debug, Default)]
pub(super) struct Redaction {
    /// Bytes of a key that are still to come on a connection, by direction and handle.
    open: HashMap<(bool, u16), usize>,
}

impl Redaction {
    /// Overwrites keys in a packet in H4 form with zeros.
    pub(super) fn apply(&mut self, from_controller: bool, packet: &mut [u8]) {
        match packet {
            [0x01, low, high, _, parameters @ ..] => {
                command(u16::from_le_bytes([*low, *high]), parameters);
            }
            [0x02, low, high, _, _, data @ ..] => {
                let handle = u16::from_le_bytes([*low, *high]);
                self.acl(
                    (from_controller, handle & 0x0fff),
                    handle >> 12 & 0b11,
                    data,
                );
            }
            [0x04, code, _, parameters @ ..] => event(*code, parameters),
            _ => {}
        }
    }

    fn acl(&mut self, link: (bool, u16), boundary: u16, data: &mut [u8]) {
        const CONTINUING: u16 = 0b01;
        if boundary == CONTINUING {
            if let Some(left) = self.open.remove(&link) {
                let count = left.min(data.len());
                wipe(data, 0..count);
                if left > count {
                    self.open.insert(link, left - count);
                }
            }
            return;
        }
        self.open.remove(&link);
        let length = match data {
            // The Security Manager's channel on LE and on BR/EDR (Core Vol 3 Part A 2.1).
            [low, high, 0x06 | 0x07, 0x00, ..] => u16::from_le_bytes([*low, *high]).into(),
            [_, _, _, _, ..] => return,
            // Too short to tell the channel, so what follows may be a key.
            _ => usize::from(u16::MAX),
        };
        let there = data.len().min(4 + length);
        let key = match data.get(4) {
            // Encryption, Identity and Signing Information (Core Vol 3 Part H 3.6).
            Some(0x06 | 0x08 | 0x0a) => 5..there,
            Some(_) => return,
            None => there..there,
        };
        wipe(data, key);
        if 4 + length > there {
            self.open.insert(link, 4 + length - there);
        }
    }
}

/// Keys in the parameters of commands (Core Vol 4 Part E 7).
fn command(opcode: u16, parameters: &mut [u8]) {
    let keys = match opcode {
        // Link Key Request Reply; Write Stored Link Key.
        0x040b => 6..22,
        0x0c11 => 1..usize::MAX,
        // LE Encrypt; LE Enable Encryption; LE Long Term Key Request Reply.
        0x2017 => 0..16,
        0x2019 => 12..28,
        0x201a => 2..18,
        // LE Add Device To Resolving List: both IRKs.
        0x2027 => 7..39,
        _ => return,
    };
    wipe(parameters, keys);
}

/// Keys in events (Core Vol 4 Part E 7.7).
fn event(code: u8, parameters: &mut [u8]) {
    let keys = match (code, parameters.first()) {
        // Return Link Keys; Link Key Notification.
        (0x15, _) => 1..usize::MAX,
        (0x18, _) => 6..22,
        // LE Generate DHKey Complete.
        (0x3e, Some(0x09)) => 2..34,
        // Command Complete of LE Rand and LE Encrypt, from which a host makes its keys.
        (0x0e, _) if matches!(parameters.get(1..3), Some([0x17 | 0x18, 0x20])) => 4..usize::MAX,
        _ => return,
    };
    wipe(parameters, keys);
}

fn wipe(bytes: &mut [u8], range: Range<usize>) {
    let end = range.end.min(bytes.len());
    if let Some(key) = bytes.get_mut(range.start.min(end)..end) {
        key.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(packet: &[u8]) -> Vec<u8> {
        let mut packet = packet.to_vec();
        Redaction::default().apply(false, &mut packet);
        packet
    }

    /// A packet whose keys are 0xAA and whose rest isn't.
    fn assert_only_keys_go(packet: &[u8], count: usize) {
        let after = redacted(packet);
        assert_eq!(
            after.iter().filter(|byte| **byte == 0xaa).count(),
            0,
            "{after:02x?}"
        );
        assert_eq!(packet.iter().filter(|byte| **byte == 0xaa).count(), count);
        for (before, after) in packet.iter().zip(after) {
            assert!(*before == 0xaa || *before == after);
        }
    }

    fn with_keys(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn commands_and_events_lose_their_keys_and_nothing_else() {
        let key = [0xaa; 16];
        // LE Enable Encryption: handle, random number, diversifier, key.
        let enable = [
            0x01, 0x19, 0x20, 28, 0x40, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
        ];
        assert_only_keys_go(&with_keys(&[&enable, &key]), 16);
        let reply = [0x01, 0x1a, 0x20, 18, 0x40, 0x00];
        assert_only_keys_go(&with_keys(&[&reply, &key]), 16);
        let resolving = [0x01, 0x27, 0x20, 39, 0x00, 1, 2, 3, 4, 5, 6];
        assert_only_keys_go(&with_keys(&[&resolving, &key, &key]), 32);
        let link_key = [0x01, 0x0b, 0x04, 22, 1, 2, 3, 4, 5, 6];
        assert_only_keys_go(&with_keys(&[&link_key, &key]), 16);
        let dhkey = [0x04, 0x3e, 34, 0x09, 0x00];
        assert_only_keys_go(&with_keys(&[&dhkey, &key, &key]), 32);
        let other = [0x01, 0x05, 0x20, 3, 0xaa, 0xaa, 0xaa];
        assert_eq!(redacted(&other), other);
    }

    #[test]
    fn security_manager_packets_lose_their_keys_and_nothing_else() {
        let key = [0xaa; 16];
        for code in [0x06, 0x08, 0x0a] {
            let head = [0x02, 0x40, 0x20, 21, 0, 17, 0, 0x06, 0x00, code];
            assert_only_keys_go(&with_keys(&[&head, &key]), 16);
        }
        // A pairing random number is no key, and neither is what is on another channel.
        for (channel, code) in [(0x06, 0x04), (0x04, 0x06)] {
            let head = [0x02, 0x40, 0x20, 21, 0, 17, 0, channel, 0x00, code];
            let packet = with_keys(&[&head, &key]);
            assert_eq!(redacted(&packet), packet);
        }
    }

    #[test]
    fn a_key_in_pieces_goes_too() {
        let frame = [&[17, 0, 0x06, 0x00, 0x06][..], &[0xaa; 16]].concat();
        for size in 1..frame.len() {
            let mut redaction = Redaction::default();
            let mut rest = Vec::new();
            for (index, piece) in frame.chunks(size).enumerate() {
                let boundary = if index == 0 { 0x00 } else { 0x10 };
                let mut packet = vec![0x02, 0x40, boundary, piece.len() as u8, 0];
                packet.extend(piece);
                redaction.apply(true, &mut packet);
                rest.extend_from_slice(&packet[5..]);
            }
            assert!(!rest.contains(&0xaa), "{size}: {rest:02x?}");
            // The next frame is whole again.
            let mut next = vec![0x02, 0x40, 0x20, 5, 0, 1, 0, 0x04, 0x00, 0xaa];
            redaction.apply(true, &mut next);
            assert_eq!(next[9], 0xaa);
        }
    }

    #[test]
    fn random_numbers_that_keys_are_made_of_are_kept_out() {
        let rand = [0x04, 0x0e, 12, 1, 0x18, 0x20, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(redacted(&rand)[..7], rand[..7]);
        assert_eq!(redacted(&rand)[7..], [0; 8]);
        let other = [0x04, 0x0e, 10, 1, 0x09, 0x10, 0, 1, 2, 3, 4, 5, 6];
        assert_eq!(redacted(&other), other);
    }
}
