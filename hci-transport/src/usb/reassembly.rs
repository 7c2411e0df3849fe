//! Whole HCI packets out of an endpoint's transfers, however these cut them. No I/O.

use crate::packet::{self, PacketKind};

/// Puts an endpoint's packets together again (Core Vol 4 Part B 2).
///
/// Where a packet ends is in its header alone: it may take several transfers, share one with
/// others, or end with one of no bytes or none at all.
#[derive(Debug)]
pub(crate) struct Reassembly {
    indicator: u8,
    /// The largest packet that is believed, indicator included.
    most: usize,
    /// What the endpoint puts into one transfer at most. A shorter one ends a packet.
    full: usize,
    /// Begins with the indicator of the packet at its front, unless it is empty.
    buffer: Vec<u8>,
    /// How much at the buffer's front has been handed out.
    taken: usize,
    mode: Mode,
    discarded: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    InStep,
    /// Nothing begins before the next short transfer.
    Lost,
    /// Nothing counts but the completion of HCI_Reset.
    AwaitingReset,
}

impl Reassembly {
    /// For the interrupt endpoint, whose transfers hold `full` bytes. Everything before the
    /// completion of HCI_Reset is thrown away.
    pub(crate) fn of_events(full: usize) -> Self {
        let mut reassembly = Self::new(0x04, 1 + 2 + 255, full);
        reassembly.mode = Mode::AwaitingReset;
        reassembly
    }

    /// For the bulk endpoint; no ACL Data packet carries more than `acl_data` bytes.
    pub(crate) fn of_acl(full: usize, acl_data: u16) -> Self {
        Self::new(0x02, 1 + 4 + usize::from(acl_data), full)
    }

    fn new(indicator: u8, most: usize, full: usize) -> Self {
        Self {
            indicator,
            most,
            full,
            buffer: Vec::new(),
            taken: 0,
            mode: Mode::InStep,
            discarded: 0,
        }
    }

    /// Whether the completion of HCI_Reset is still to come.
    pub(crate) fn is_awaiting_reset(&self) -> bool {
        self.mode == Mode::AwaitingReset
    }

    /// How many bytes belonged to no packet, since this was last asked.
    pub(crate) fn take_discarded(&mut self) -> u64 {
        std::mem::take(&mut self.discarded)
    }

    /// Takes in what one transfer brought. Take out the packets before the next.
    pub(crate) fn feed(&mut self, transfer: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        match self.mode {
            Mode::Lost => {
                self.discarded += transfer.len() as u64;
                if transfer.len() < self.full {
                    self.mode = Mode::InStep;
                }
                return;
            }
            Mode::InStep | Mode::AwaitingReset => {}
        }
        if self.buffer.is_empty() && !transfer.is_empty() {
            self.buffer.push(self.indicator);
        }
        self.buffer.extend_from_slice(transfer);
        if self.mode == Mode::AwaitingReset {
            self.find_reset();
        } else if !self.is_plausible() {
            self.lose_step(transfer.len());
        }
    }

    /// A transfer was lost: what it belonged to is too.
    pub(crate) fn skip(&mut self) {
        if self.mode == Mode::InStep && self.buffer.len() > self.taken {
            self.lose_step(self.full);
        }
    }

    /// The next whole packet, in H4 form.
    pub(crate) fn next_packet(&mut self) -> Option<&[u8]> {
        if self.mode != Mode::InStep {
            return None;
        }
        let rest = self.buffer.get(self.taken..)?;
        let length = packet::total_length(rest).filter(|length| *length <= rest.len())?;
        let start = self.taken;
        self.taken += length;
        if self.taken < self.buffer.len() {
            // The next packet begins right behind: its indicator takes the place of a byte that is
            // handed out now, so that one goes into the packet's own copy.
            let whole = self.buffer.get(start..start + length)?.to_vec();
            self.taken -= 1;
            self.buffer.drain(..self.taken);
            self.taken = 0;
            if let Some(first) = self.buffer.first_mut() {
                *first = self.indicator;
            }
            if !self.is_plausible() {
                self.lose_step(0);
            }
            return Some(self.hand_out(whole));
        }
        self.buffer.get(start..start + length)
    }

    /// Puts `packet` in front of what is left, as handed out.
    fn hand_out(&mut self, packet: Vec<u8>) -> &[u8] {
        let length = packet.len();
        self.buffer.splice(..0, packet);
        self.taken = length;
        self.buffer.get(..length).unwrap_or_default()
    }

    fn is_plausible(&self) -> bool {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        match packet::total_length(rest) {
            Some(length) if length > self.most => false,
            Some(_) if packet::kind_of(self.indicator) == Some(PacketKind::AclData) => {
                matches!(rest, [_, low, high, ..]
                    if u16::from_le_bytes([*low, *high]) & 0x0fff <= 0x0eff)
            }
            _ => true,
        }
    }

    fn lose_step(&mut self, last: usize) {
        let rest = self.buffer.len() - self.taken;
        self.discarded += rest.saturating_sub(1) as u64;
        self.buffer.truncate(self.taken);
        self.mode = if last < self.full {
            Mode::InStep
        } else {
            Mode::Lost
        };
    }

    /// Looks for the completion of HCI_Reset: `0e 04 nn 03 0c` and a status.
    fn find_reset(&mut self) {
        const LENGTH: usize = 6;
        let bytes = self.buffer.get(1..).unwrap_or_default();
        let fits = |window: &[u8]| matches!(window, [0x0e, 0x04, _, 0x03, 0x0c, _]);
        let found = bytes.windows(LENGTH).position(fits);
        let waste = found.unwrap_or_else(|| bytes.len().saturating_sub(LENGTH - 1));
        self.discarded += waste as u64;
        self.buffer.drain(..waste);
        if let Some(first) = self.buffer.first_mut() {
            *first = self.indicator;
        }
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
        assert_eq!(packets(&mut reassembly, &two), [whole.clone(), whole.clone()]);
        let rest = [0x04, 0x00, 0x01, 0x03, 0x0c, 0x10, 0x00];
        assert_eq!(
            packets(&mut reassembly, &rest),
            [vec![0x04, 0x0f, 0x04, 0x00, 0x01, 0x03, 0x0c], vec![0x04, 0x10, 0x00]]
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
        for stale in [&[][..], &[0x77; 5], &[0x3e, 0xff, 0x0e, 0x04, 0x01], &[0x0e; 40]] {
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
}
