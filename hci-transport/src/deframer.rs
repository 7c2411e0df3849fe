//! Finds the packets in a stream of H4 bytes, and finds them again after garbage. Does no I/O.

use crate::plausible::{Direction, Limits, Trust, Verdict, bears_out, judge};

/// Cuts a stream of bytes into H4 packets (Core Vol 4 Part A 2).
///
/// Pass in bytes as they arrive with [`feed`](Self::feed), split anywhere, and take packets out with
/// [`next_packet`](Self::next_packet) until there are none. The packets depend only on the bytes,
/// never on how they were split.
///
/// # After garbage
///
/// H4 has neither delimiters nor checksums: a lost byte shifts everything after it. A header that no
/// controller may send (an unknown indicator, a handle above 0x0EFF, a length above the
/// [`Limits`]) means that synchronisation is lost. From there, every byte is tried as the start of a
/// packet, and the first *complete* packet whose header and contents agree wins. So a header made of
/// noise, however long it claims to be, doesn't swallow the real packet right after it; whatever
/// precedes the winner is discarded and [counted](Self::discarded).
///
/// Not everything can be recovered: a packet that lost bytes takes as many from the one after it, and
/// comes out damaged; that second one is lost, too, and the third is found. Events that an LE host
/// never receives (BR/EDR, vendor) don't end the search, although they are passed on while
/// synchronised.
///
/// ```
/// use hci_transport::{Direction, H4Deframer, Limits};
///
/// let mut deframer = H4Deframer::new(Direction::ToHost, Limits::default());
/// deframer.feed(&[0xff, 0x00, 0x04, 0x0e, 0x04]);
/// assert_eq!(deframer.next_packet(), None);
/// deframer.feed(&[0x01, 0x03, 0x0c, 0x00]);
/// assert_eq!(
///     deframer.next_packet(),
///     Some(&[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00][..])
/// );
/// assert_eq!(deframer.discarded(), 2);
/// ```
#[derive(Debug)]
pub struct H4Deframer {
    direction: Direction,
    limits: Limits,
    mode: Mode,
    /// Bytes that are in no returned packet, behind `taken` bytes that are.
    buffer: Vec<u8>,
    taken: usize,
    discarded: u64,
}

#[derive(Debug)]
enum Mode {
    /// The next byte begins a packet.
    InStep,
    /// Synchronisation is lost: a packet may begin at any byte.
    Lost(Search),
    /// Everything is discarded until the completion of HCI_Reset.
    AwaitingReset,
}

/// The search for a packet after synchronisation was lost. Positions are offsets from `taken`.
#[derive(Debug, Default)]
struct Search {
    /// Every position before this one has been tried.
    tried: usize,
    /// Start and end of every packet that has a plausible header, in the order of their starts.
    candidates: Vec<(usize, usize)>,
    /// The smallest end among the candidates.
    first_end: Option<usize>,
}

impl H4Deframer {
    /// A deframer whose first byte begins a packet.
    pub fn new(direction: Direction, limits: Limits) -> Self {
        Self {
            direction,
            limits,
            mode: Mode::InStep,
            buffer: Vec::new(),
            taken: 0,
            discarded: 0,
        }
    }

    /// From here on, everything is discarded until the controller completes an HCI_Reset: the
    /// bytes `04 0e 04 nn 03 0c` and a status. That event is the next packet.
    pub fn await_reset(&mut self) {
        self.mode = Mode::AwaitingReset;
    }

    /// The wire has been quiet for long within a packet: perhaps the rest will never arrive.
    ///
    /// Nothing is discarded yet. If the rest does arrive, the packet is returned as usual, unless
    /// another one is complete first.
    pub fn doubt(&mut self) {
        if matches!(self.mode, Mode::InStep) && self.is_within_packet() {
            self.mode = Mode::Lost(Search::default());
        }
    }

    /// Takes in bytes from the wire. Take out the packets before the next call; those that are not
    /// taken out are kept.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet, in H4 form.
    pub fn next_packet(&mut self) -> Option<&[u8]> {
        let length = self.advance()?;
        Some(self.last(length))
    }

    /// The packet of `length` bytes that was found last.
    pub(crate) fn last(&self, length: usize) -> &[u8] {
        let packet = self.taken.saturating_sub(length)..self.taken;
        self.buffer.get(packet).unwrap_or_default()
    }

    /// Undoes finding the last packet, of `length` bytes, so that it is found again.
    pub(crate) fn put_back(&mut self, length: usize) {
        self.taken = self.taken.saturating_sub(length);
    }

    /// Advances to the end of the next whole packet and returns its length.
    pub(crate) fn advance(&mut self) -> Option<usize> {
        let length = loop {
            let bytes = self.buffer.get(self.taken..).unwrap_or_default();
            match &mut self.mode {
                Mode::InStep => match judge(bytes, self.direction, &self.limits, Trust::InStep) {
                    Verdict::Packet(length) if length <= bytes.len() => break length,
                    Verdict::Packet(_) | Verdict::Unknown => return None,
                    Verdict::Garbage => {
                        log::debug!(
                            "lost synchronisation at {:02x?}",
                            bytes.get(..8).unwrap_or(bytes)
                        );
                        self.mode = Mode::Lost(Search::default());
                    }
                },
                Mode::Lost(search) => {
                    let found = search.run(bytes, self.direction, &self.limits);
                    let garbage = found.map_or_else(|| search.skip_hopeless(), |(start, _)| start);
                    self.discard(garbage);
                    let (start, end) = found?;
                    self.mode = Mode::InStep;
                    break end - start;
                }
                Mode::AwaitingReset => {
                    let (garbage, found) = find_reset_completion(bytes);
                    self.discard(garbage);
                    if !found {
                        return None;
                    }
                    self.mode = Mode::InStep;
                }
            }
        };
        self.taken += length;
        Some(length)
    }

    /// How many bytes belonged to no packet and were discarded.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    /// How many bytes wait for the rest of a packet, or for more evidence. Once all packets are
    /// taken out, this is less than the largest packet that the [`Limits`] allow.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// Whether the bytes so far end within a packet.
    pub fn is_within_packet(&self) -> bool {
        self.pending() > 0
    }

    fn discard(&mut self, count: usize) {
        self.taken += count;
        self.discarded += count as u64;
    }
}

impl Search {
    /// The start and end of the packet that is complete first, if there is one.
    fn run(
        &mut self,
        bytes: &[u8],
        direction: Direction,
        limits: &Limits,
    ) -> Option<(usize, usize)> {
        loop {
            // A packet that begins after the first end can't be complete before it.
            if let Some(end) = self.first_end
                && end <= self.tried.min(bytes.len())
            {
                if let Some(found) = self.settle(end, bytes) {
                    return Some(found);
                }
                continue;
            }
            match judge(bytes.get(self.tried..)?, direction, limits, Trust::Lost) {
                // No packet is shorter than the header that is still incomplete here, so stopping
                // misses nothing.
                Verdict::Unknown => {
                    let end = self.first_end.filter(|end| *end <= bytes.len())?;
                    if let Some(found) = self.settle(end, bytes) {
                        return Some(found);
                    }
                    continue;
                }
                Verdict::Garbage => {}
                Verdict::Packet(length) => {
                    let end = self.tried + length;
                    self.candidates.push((self.tried, end));
                    self.first_end = Some(self.first_end.map_or(end, |first| first.min(end)));
                }
            }
            self.tried += 1;
        }
    }

    /// Chooses between the candidates that end at `end`.
    fn settle(&mut self, end: usize, bytes: &[u8]) -> Option<(usize, usize)> {
        let ending_here = self
            .candidates
            .iter()
            .filter(|candidate| candidate.1 == end);
        let found = ending_here
            .copied()
            .find(|(start, end)| bytes.get(*start..*end).is_some_and(bears_out));
        if found.is_none() {
            self.candidates.retain(|candidate| candidate.1 != end);
            self.first_end = self.candidates.iter().map(|candidate| candidate.1).min();
        }
        found
    }

    /// Forgets the bytes at the front that belong to no remaining candidate; returns how many there
    /// were.
    fn skip_hopeless(&mut self) -> usize {
        let count = self
            .candidates
            .first()
            .map_or(self.tried, |candidate| candidate.0);
        self.tried -= count;
        self.first_end = self.first_end.map(|end| end - count);
        for (start, end) in &mut self.candidates {
            *start -= count;
            *end -= count;
        }
        count
    }
}

/// How many bytes come before the completion of HCI_Reset, or before bytes that may turn out to be
/// one, and whether it is complete.
fn find_reset_completion(bytes: &[u8]) -> (usize, bool) {
    // HCI_Command_Complete: its code, length, credits, the opcode, and the status.
    let pattern = [
        Some(0x04),
        Some(0x0e),
        Some(0x04),
        None,
        Some(0x03),
        Some(0x0c),
        None,
    ];
    for start in 0..bytes.len() {
        let there = &bytes[start..];
        let fits = there
            .iter()
            .zip(pattern)
            .all(|(byte, wanted)| wanted.is_none_or(|wanted| wanted == *byte));
        if fits {
            return (start, there.len() >= pattern.len());
        }
    }
    (bytes.len(), false)
}
