//! Reassembles whole HCI packets from an endpoint's transfers, however these split them. No I/O.

/// Reassembles an endpoint's packets (Core Vol 4 Part B 2).
///
/// Only its header tells where a packet ends: it may take several transfers, share one with other
/// packets, and be followed by an empty transfer or not.
#[derive(Debug)]
pub(crate) struct Reassembly {
    indicator: u8,
    /// The largest length that is believed, without the indicator.
    most: usize,
    /// The size of a full transfer. A shorter one ends a packet.
    full: usize,
    /// Bytes that are in no returned packet; a packet begins at the front.
    buffer: Vec<u8>,
    /// The packet returned last, in H4 form.
    packet: Vec<u8>,
    mode: Mode,
    discarded: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    InStep,
    /// Everything is discarded up to and including the next short transfer.
    Lost,
    /// Everything is discarded until the completion of HCI_Reset.
    AwaitingReset,
}

impl Reassembly {
    /// For the interrupt endpoint, whose full transfers have `full` bytes. Everything before the
    /// completion of HCI_Reset is discarded.
    pub(crate) fn of_events(full: usize) -> Self {
        let mut reassembly = Self::new(0x04, 2 + 255, full);
        reassembly.mode = Mode::AwaitingReset;
        reassembly
    }

    /// For the bulk endpoint; no ACL Data packet carries more than `acl_data` bytes.
    pub(crate) fn of_acl(full: usize, acl_data: u16) -> Self {
        Self::new(0x02, 4 + usize::from(acl_data), full)
    }

    fn new(indicator: u8, most: usize, full: usize) -> Self {
        Self {
            indicator,
            most,
            full,
            buffer: Vec::new(),
            packet: Vec::new(),
            mode: Mode::InStep,
            discarded: 0,
        }
    }

    /// Whether it still waits for the completion of HCI_Reset.
    pub(crate) fn is_awaiting_reset(&self) -> bool {
        self.mode == Mode::AwaitingReset
    }

    /// How many bytes belonged to no packet since the last call.
    pub(crate) fn take_discarded(&mut self) -> u64 {
        std::mem::take(&mut self.discarded)
    }

    /// Takes in the bytes of one transfer. Take out the packets before the next call.
    pub(crate) fn feed(&mut self, transfer: &[u8]) {
        if self.mode == Mode::Lost {
            self.discarded += transfer.len() as u64;
            if transfer.len() < self.full {
                self.mode = Mode::InStep;
            }
            return;
        }
        self.buffer.extend_from_slice(transfer);
        if self.mode == Mode::AwaitingReset {
            self.find_reset();
        } else if !self.is_plausible() {
            self.lose_step(transfer.len());
        }
    }

    /// A transfer failed: a packet that isn't complete may lack a part, and is discarded. Between
    /// two packets nothing is lost: an adapter repeats what wasn't acknowledged (USB 2.0, 8.6).
    pub(crate) fn skip(&mut self) {
        if self.mode == Mode::InStep && !self.buffer.is_empty() {
            self.lose_step(self.full);
        }
    }

    /// The next whole packet, in H4 form.
    pub(crate) fn next_packet(&mut self) -> Option<&[u8]> {
        if self.mode != Mode::InStep {
            return None;
        }
        let length = self.front().filter(|length| *length <= self.buffer.len())?;
        self.packet.clear();
        self.packet.push(self.indicator);
        self.packet.extend(self.buffer.drain(..length));
        if !self.is_plausible() {
            self.lose_step(0);
        }
        Some(&self.packet)
    }

    /// The length of the packet at the front, according to its header.
    fn front(&self) -> Option<usize> {
        match (self.indicator, self.buffer.as_slice()) {
            (0x04, [_, length, ..]) => Some(2 + usize::from(*length)),
            (0x02, [_, _, low, high, ..]) => {
                Some(4 + usize::from(u16::from_le_bytes([*low, *high])))
            }
            _ => None,
        }
    }

    fn is_plausible(&self) -> bool {
        let fits = self.front().is_none_or(|length| length <= self.most);
        let handle_fits = match (self.indicator, self.buffer.as_slice()) {
            // The highest connection handle is 0x0EFF (Core Vol 4 Part E 5.4.2).
            (0x02, [_, high, ..]) => high & 0x0f != 0x0f,
            _ => true,
        };
        fits && handle_fits
    }

    /// Discards everything so far, and what follows up to the next short transfer, unless the last
    /// transfer, of `last` bytes, was one.
    fn lose_step(&mut self, last: usize) {
        self.discarded += self.buffer.len() as u64;
        self.buffer.clear();
        self.mode = if last < self.full {
            Mode::InStep
        } else {
            Mode::Lost
        };
    }

    /// Looks for the completion of HCI_Reset: `0e 04 nn 03 0c` and a status.
    fn find_reset(&mut self) {
        const LENGTH: usize = 6;
        let fits = |window: &[u8]| matches!(window, [0x0e, 0x04, _, 0x03, 0x0c, _]);
        let found = self.buffer.windows(LENGTH).position(fits);
        let waste = found.unwrap_or_else(|| self.buffer.len().saturating_sub(LENGTH - 1));
        self.discarded += waste as u64;
        self.buffer.drain(..waste);
        if found.is_some() {
            self.mode = Mode::InStep;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESET_DONE: [u8; 6] = [0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00];

    fn packets(reassembly: &mut Reassembly, transfer: &[u8]) -> Vec<Vec<u8>> {
        reassembly.feed(transfer);
        let mut all = Vec::new();
        while let Some(packet) = reassembly.next_packet() {
            all.push(packet.to_vec());
        }
        all
    }

    fn events() -> Reassembly {
        let mut reassembly = Reassembly::of_events(16);
        assert_eq!(packets(&mut reassembly, &RESET_DONE).len(), 1);
        reassembly
    }

    fn acl(handle: u16, length: u16) -> Vec<u8> {
        let mut packet = handle.to_le_bytes().to_vec();
        packet.extend(length.to_le_bytes());
        packet.extend((0..length).map(|byte| byte as u8));
        packet
    }

    #[test]
    fn an_event_takes_as_many_transfers_as_it_needs() {
        let mut event = vec![0x3e, 60];
        event.extend(0..60);
        for size in [1, 2, 3, 7, 15, 16] {
            let mut reassembly = events();
            let mut whole = Vec::new();
            for transfer in event.chunks(size) {
                whole.extend(packets(&mut reassembly, transfer));
            }
            assert_eq!(whole, [[&[0x04], event.as_slice()].concat()]);
        }
    }

    #[test]
    fn several_events_share_a_transfer() {
        let mut reassembly = events();
        let one = [0x13, 0x05, 1, 0x40, 0, 1, 0];
        let two = [&one[..], &one[..], &[0x0f]].concat();
        let whole = [&[0x04], &one[..]].concat();
        assert_eq!(
            packets(&mut reassembly, &two),
            [whole.clone(), whole.clone()]
        );
        let rest = [0x04, 0x00, 0x01, 0x03, 0x0c, 0x10, 0x00];
        assert_eq!(
            packets(&mut reassembly, &rest),
            [
                vec![0x04, 0x0f, 0x04, 0x00, 0x01, 0x03, 0x0c],
                vec![0x04, 0x10, 0x00]
            ]
        );
        assert_eq!(reassembly.take_discarded(), 0);
    }

    #[test]
    fn data_of_any_length_comes_whole_with_and_without_an_empty_transfer_behind_it() {
        for empty in [true, false] {
            let mut reassembly = Reassembly::of_acl(64, 1021);
            for length in (0..=256).chain([508, 572, 1021]) {
                let packet = acl(0x2040, length);
                let mut whole = Vec::new();
                for transfer in packet.chunks(64) {
                    whole.extend(packets(&mut reassembly, transfer));
                }
                if empty && packet.len().is_multiple_of(64) {
                    assert!(packets(&mut reassembly, &[]).is_empty());
                }
                assert_eq!(whole, [[&[0x02], packet.as_slice()].concat()], "{length}");
            }
            assert_eq!(reassembly.take_discarded(), 0);
        }
    }

    #[test]
    fn what_came_before_the_reset_was_done_is_thrown_away() {
        for stale in [
            &[][..],
            &[0x77; 5],
            &[0x3e, 0xff, 0x0e, 0x04, 0x01],
            &[0x0e; 40],
        ] {
            for size in [1, 6, 16] {
                let mut reassembly = Reassembly::of_events(16);
                let mut whole = Vec::new();
                for transfer in [stale, &RESET_DONE].concat().chunks(size) {
                    whole.extend(packets(&mut reassembly, transfer));
                }
                assert_eq!(whole, [[&[0x04][..], &RESET_DONE].concat()]);
                assert_eq!(reassembly.take_discarded(), stale.len() as u64);
                assert!(!reassembly.is_awaiting_reset());
            }
        }
    }

    #[test]
    fn after_garbage_or_a_lost_transfer_the_next_packet_behind_a_short_one_is_found() {
        let good = acl(0x2040, 20);
        let whole = vec![[&[0x02], good.as_slice()].concat()];

        let mut reassembly = Reassembly::of_acl(64, 251);
        assert!(packets(&mut reassembly, &[0xff; 64]).is_empty());
        assert!(packets(&mut reassembly, &[0xff; 10]).is_empty());
        assert_eq!(packets(&mut reassembly, &good), whole);
        assert_eq!(reassembly.take_discarded(), 74);

        let long = acl(0x2040, 200);
        assert!(packets(&mut reassembly, &long[..64]).is_empty());
        reassembly.skip();
        assert!(packets(&mut reassembly, &long[128..192]).is_empty());
        assert!(packets(&mut reassembly, &long[192..]).is_empty());
        assert_eq!(packets(&mut reassembly, &good), whole);
    }

    #[test]
    fn a_transfer_that_failed_between_two_packets_costs_neither() {
        let mut reassembly = events();
        let event = [0x13, 0x05, 1, 0x40, 0, 1, 0];
        let whole = vec![[&[0x04], &event[..]].concat()];
        assert_eq!(packets(&mut reassembly, &event), whole);
        reassembly.skip();
        assert_eq!(packets(&mut reassembly, &event), whole);
        assert_eq!(reassembly.take_discarded(), 0);
    }
}
