//! A bounded byte queue of whole packets, each contiguous and preceded by its length.

use std::convert::Infallible;

const PREFIX: usize = size_of::<u32>();

/// Packets in order. Its memory grows to a small multiple of the capacity and is then reused.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Bytes of packets that were taken, followed by the packets still queued.
    bytes: Vec<u8>,
    /// Where the packet at the front begins.
    start: usize,
    packets: usize,
    capacity: usize,
}

impl Ring {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            packets: 0,
            capacity,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// Whether there is room for a packet. An empty ring accepts any packet; otherwise one larger
    /// than the capacity would wait forever.
    pub(crate) fn fits(&self, length: usize) -> bool {
        self.is_empty() || self.taken() + PREFIX + length <= self.capacity
    }

    /// Whether writers that wait for room should be woken. Half the capacity, so that each wake
    /// lets them queue many packets.
    pub(crate) fn has_much_room(&self) -> bool {
        self.taken() <= self.capacity / 2
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
        self.packets = 0;
    }

    pub(crate) fn push(&mut self, packet: &[u8]) {
        self.close_up(packet.len());
        self.bytes.extend_from_slice(&prefix(packet.len()));
        self.bytes.extend_from_slice(packet);
        self.packets += 1;
    }

    /// Queues a packet that `write` composes, and returns its length.
    pub(crate) fn push_with(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> usize {
        self.close_up(0);
        let mut packet = Unfinished {
            start: self.bytes.len(),
            bytes: &mut self.bytes,
        };
        packet.bytes.extend_from_slice(&prefix(0));
        write(&mut Writer(packet.bytes));
        let length = packet.bytes.len() - packet.start - PREFIX;
        if let Some(place) = packet.bytes[packet.start..].first_chunk_mut() {
            *place = prefix(length);
        }
        packet.start = packet.bytes.len();
        drop(packet);
        self.packets += 1;
        length
    }

    /// The packet at the front.
    pub(crate) fn front(&self) -> Option<Reader<'_>> {
        let (length, rest) = self.bytes.get(self.start..)?.split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        Some(Reader(rest.get(..length)?))
    }

    /// Discards the packet at the front.
    pub(crate) fn pop(&mut self) {
        let Some(length) = self.front().map(|packet| packet.len()) else {
            return;
        };
        self.start += PREFIX + length;
        self.packets -= 1;
        if self.is_empty() {
            self.clear();
        }
    }

    /// Replaces `out` with packets: at least one, and more until it has `enough` bytes.
    pub(crate) fn pop_batch(&mut self, out: &mut Vec<u8>, enough: usize) {
        out.clear();
        self.pop_into(out);
        while out.len() < enough && !self.is_empty() {
            self.pop_into(out);
        }
    }

    /// Moves the packet at the front to the end of `out`.
    pub(crate) fn pop_into(&mut self, out: &mut Vec<u8>) {
        if let Some(Reader(packet)) = self.front() {
            out.extend_from_slice(packet);
            self.pop();
        }
    }

    /// Bytes that the queued packets occupy.
    fn taken(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Moves the packets to the front of the memory if it would otherwise have to grow, provided
    /// that they are smaller than the gap before them: so each byte is moved at most once.
    fn close_up(&mut self, length: usize) {
        let full = self.bytes.len() + PREFIX + length > self.bytes.capacity();
        if full && self.start > self.taken() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

fn prefix(length: usize) -> [u8; PREFIX] {
    // A packet is at most a 16-bit length and a header, so its length always fits into a `u32`.
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// A packet that is being composed; it is removed again if composing it panics.
struct Unfinished<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.bytes.truncate(self.start);
    }
}

/// Appends to the packet being composed.
pub(crate) struct Writer<'a>(&'a mut Vec<u8>);

impl embedded_io::ErrorType for Writer<'_> {
    type Error = Infallible;
}

impl embedded_io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A packet in the ring's memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first bytes, as many as the longest header has, and how many of them are valid.
    pub(crate) fn head(&self) -> ([u8; 5], usize) {
        let mut head = [0; 5];
        let count = self.0.len().min(head.len());
        head[..count].copy_from_slice(&self.0[..count]);
        (head, count)
    }
}

impl embedded_io::ErrorType for Reader<'_> {
    type Error = Infallible;
}

impl embedded_io::Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Infallible> {
        let count = self.0.len().min(out.len());
        let (taken, left) = self.0.split_at(count);
        out[..count].copy_from_slice(taken);
        self.0 = left;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_as_they_went_in_wherever_they_wrap() {
        let mut ring = Ring::new(64);
        let mut out = Vec::new();
        let (mut next_in, mut next_out) = (0_u8, 0_u8);
        for _ in 0..1_000 {
            while ring.fits(usize::from(next_in % 23)) {
                let packet = vec![next_in; usize::from(next_in % 23)];
                if next_in.is_multiple_of(2) {
                    ring.push(&packet);
                } else {
                    let length = ring.push_with(|to| {
                        let _ = embedded_io::Write::write_all(to, &packet);
                    });
                    assert_eq!(length, packet.len());
                }
                next_in = next_in.wrapping_add(1);
            }
            out.clear();
            assert_eq!(
                ring.front().map(|front| front.len()),
                Some(usize::from(next_out % 23))
            );
            ring.pop_into(&mut out);
            assert_eq!(out, vec![next_out; usize::from(next_out % 23)]);
            next_out = next_out.wrapping_add(1);
        }
    }

    #[test]
    fn an_empty_ring_takes_a_packet_larger_than_itself() {
        let mut ring = Ring::new(8);
        assert!(ring.fits(1_000));
        ring.push(&[7; 1_000]);
        assert!(!ring.fits(0));
        let mut out = Vec::new();
        ring.pop_into(&mut out);
        assert_eq!(out, [7; 1_000]);
        assert!(ring.is_empty());
    }
}
