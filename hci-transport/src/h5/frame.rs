//! The frames of the three-wire UART (Core Vol 4 Part D 4 and 5): header, payload, checks. No I/O.

use super::slip;

/// The longest payload: its length has twelve bits.
pub(super) const MAX_PAYLOAD: usize = 4095;
/// The longest frame, with its header and its CRC.
pub(super) const MAX_FRAME: usize = 4 + MAX_PAYLOAD + 2;

pub(super) const ACK: u8 = 0;
pub(super) const LINK_CONTROL: u8 = 15;

/// A frame without its checksum and CRC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// The sequence number, if the frame is reliable.
    pub(super) sequence: Option<u8>,
    /// The sequence number that its sender expects next.
    pub(super) acknowledge: u8,
    pub(super) kind: u8,
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Appends the encoded frame, with its delimiters, to `out`.
    pub(super) fn encode(&self, with_crc: bool, out: &mut Vec<u8>) {
        let length = self.payload.len().min(MAX_PAYLOAD);
        let flags = u8::from(with_crc) << 6 | u8::from(self.sequence.is_some()) << 7;
        let mut header = [
            self.sequence.unwrap_or(0) & 7 | (self.acknowledge & 7) << 3 | flags,
            self.kind & 0x0f | (length as u8 & 0x0f) << 4,
            (length >> 4) as u8,
            0,
        ];
        header[3] = checksum(&header);
        let payload = self.payload.iter().take(length);
        let bytes = header.iter().chain(payload).copied();
        let crc = with_crc.then(|| crc(bytes.clone()).to_be_bytes());
        slip::encode(bytes.chain(crc.into_iter().flatten()), out);
    }

    /// Parses a frame, if its length and its checks are right.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header: &[u8; 4] = bytes.first_chunk()?;
        if checksum(header) != header[3] {
            return None;
        }
        let length = usize::from(header[1] >> 4) | usize::from(header[2]) << 4;
        let payload = bytes.get(4..4 + length)?;
        let has_crc = header[0] & 0x40 != 0;
        match (bytes.get(4 + length..)?, has_crc) {
            ([], false) => {}
            ([high, low], true) => {
                let covered = bytes.get(..4 + length)?.iter().copied();
                if crc(covered) != u16::from_be_bytes([*high, *low]) {
                    return None;
                }
            }
            _ => return None,
        }
        Some(Self {
            sequence: (header[0] & 0x80 != 0).then_some(header[0] & 7),
            acknowledge: header[0] >> 3 & 7,
            kind: header[1] & 0x0f,
            payload,
        })
    }
}

/// The value that makes the four bytes of a header add up to 0xFF.
fn checksum(header: &[u8; 4]) -> u8 {
    let sum = header[0].wrapping_add(header[1]).wrapping_add(header[2]);
    !sum
}

/// CRC-CCITT over the bits in the order of the wire, the lowest of each byte first; the result is
/// sent with its bits reversed (5.1).
fn crc(bytes: impl Iterator<Item = u8>) -> u16 {
    let mut crc = 0xffff_u16;
    for byte in bytes {
        crc ^= u16::from(byte);
        for _ in 0..8 {
            let out = crc & 1 != 0;
            crc >>= 1;
            if out {
                crc ^= 0x8408;
            }
        }
    }
    crc.reverse_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(frame: &Frame<'_>, with_crc: bool) -> Vec<u8> {
        let mut out = Vec::new();
        frame.encode(with_crc, &mut out);
        out
    }

    #[test]
    fn link_control_looks_as_it_does_on_every_wire() {
        // The SYNC that Linux and Zephyr send.
        let sync = Frame {
            sequence: None,
            acknowledge: 0,
            kind: LINK_CONTROL,
            payload: &[0x01, 0x7e],
        };
        let bytes = [0xc0, 0x00, 0x2f, 0x00, 0xd0, 0x01, 0x7e, 0xc0];
        assert_eq!(encoded(&sync, false), bytes);
        assert_eq!(Frame::parse(&bytes[1..7]), Some(sync));
    }

    #[test]
    fn the_crc_is_the_one_everyone_computes() {
        // CRC-16/MCRF4XX of the customary nine digits is 0x6F91.
        assert_eq!(crc(b"123456789".iter().copied()), 0x6f91_u16.reverse_bits());
    }

    #[test]
    fn a_frame_with_any_one_bit_wrong_is_refused() {
        let frame = Frame {
            sequence: Some(5),
            acknowledge: 3,
            kind: 4,
            payload: &[0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00],
        };
        let bytes = encoded(&frame, true);
        let bytes = &bytes[1..bytes.len() - 1];
        assert_eq!(Frame::parse(bytes), Some(frame));
        for bit in 0..bytes.len() * 8 {
            let mut wrong = bytes.to_vec();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::parse(&wrong), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Frame::parse(&bytes[..length]), None);
        }
    }
}
