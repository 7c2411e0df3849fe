//! Splits L2CAP frames into ACL packets that fit the controller's buffers, and reassembles them.

/// The Attribute Protocol's channel.
pub(super) const ATT: u16 = 0x0004;
/// The LE signalling channel.
pub(super) const SIGNALLING: u16 = 0x0005;

/// Splits a frame into ACL packets in H4 form.
pub(super) fn fragments(
    handle: u16,
    channel: u16,
    payload: &[u8],
    length: usize,
) -> impl Iterator<Item = Vec<u8>> {
    let mut frame = Vec::with_capacity(4 + payload.len());
    frame.extend_from_slice(&(payload.len() as u16).to_le_bytes());
    frame.extend_from_slice(&channel.to_le_bytes());
    frame.extend_from_slice(payload);
    let pieces: Vec<Vec<u8>> = frame.chunks(length.max(1)).map(<[u8]>::to_vec).collect();
    pieces.into_iter().enumerate().map(move |(index, piece)| {
        let word = handle | if index == 0 { 0 } else { 0b01 << 12 };
        let mut packet = vec![0x02];
        packet.extend_from_slice(&word.to_le_bytes());
        packet.extend_from_slice(&(piece.len() as u16).to_le_bytes());
        packet.extend_from_slice(&piece);
        packet
    })
}

/// Reassembles frames from the ACL packets of one link.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    frame: Vec<u8>,
}

impl Reassembly {
    /// Takes the data of one packet. Returns (channel, payload) once a frame is complete.
    pub(super) fn push(&mut self, first: bool, data: &[u8]) -> Option<(u16, Vec<u8>)> {
        if first {
            self.frame.clear();
        }
        self.frame.extend_from_slice(data);
        let (header, payload) = self.frame.split_first_chunk::<4>()?;
        let [l0, l1, c0, c1] = *header;
        let payload = payload
            .get(..usize::from(u16::from_le_bytes([l0, l1])))?
            .to_vec();
        self.frame.clear();
        Some((u16::from_le_bytes([c0, c1]), payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_being_cut() {
        let payload: Vec<u8> = (0..100).collect();
        let mut reassembly = Reassembly::default();
        let mut whole = None;
        for packet in fragments(5, ATT, &payload, 27) {
            let first = packet[2] >> 4 == 0;
            assert!(packet.len() <= 5 + 27);
            whole = reassembly.push(first, &packet[5..]);
        }
        assert_eq!(whole, Some((ATT, payload)));
    }

    #[test]
    fn an_empty_frame_is_a_frame() {
        let packet = fragments(5, ATT, &[], 27).next().unwrap();
        assert_eq!(
            Reassembly::default().push(true, &packet[5..]),
            Some((ATT, vec![]))
        );
    }
}
