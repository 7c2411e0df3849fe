//! Keeps data behind the event that announces its connection. No I/O and no clock.
//!
//! Events and data come through different endpoints, and the bulk endpoint is asked far more often
//! than the interrupt endpoint. So what a peer sends at once after connecting may overtake the event
//! of the connection, and a host drops data of a connection that it doesn't know.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

/// How long data waits for its event. Interrupt endpoints are asked every millisecond, or every
/// eighth at worst, and an event may take four turns.
const PATIENCE: Duration = Duration::from_millis(40);

/// Data that came before its connection did.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Handles of connections that the host knows.
    known: HashSet<u16>,
    early: VecDeque<(Instant, Vec<u8>)>,
}

impl Order {
    /// Takes data, in H4 form, that came too early, and tells so. It is to be delivered otherwise.
    pub(super) fn hold(&mut self, now: Instant, data: &[u8]) -> bool {
        let early = handle_of(data).is_some_and(|handle| !self.known.contains(&handle));
        if early {
            self.early.push_back((now + PATIENCE, data.to_vec()));
        }
        early
    }

    /// An event, in H4 form, was delivered: the data that waited for it may follow.
    pub(super) fn event(&mut self, event: &[u8]) -> Vec<Vec<u8>> {
        match *event {
            // Command Complete of HCI_Reset.
            [0x04, 0x0e, _, _, 0x03, 0x0c, ..] => {
                self.known.clear();
                self.early.clear();
                Vec::new()
            }
            // Disconnection Complete.
            [0x04, 0x05, _, 0x00, low, high, ..] => {
                self.known
                    .remove(&(u16::from_le_bytes([low, high]) & 0x0fff));
                Vec::new()
            }
            // Connection Complete; LE Connection Complete and its enhanced forms.
            [0x04, 0x03, _, 0x00, low, high, ..]
            | [0x04, 0x3e, _, 0x01 | 0x0a | 0x29, 0x00, low, high, ..] => {
                let handle = u16::from_le_bytes([low, high]) & 0x0fff;
                self.known.insert(handle);
                self.take(|_, data| handle_of(data) == Some(handle))
            }
            _ => Vec::new(),
        }
    }

    /// When data has waited for long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.early.front().map(|(until, _)| *until)
    }

    /// Data that has waited for long enough: its connection is known by other means, or not at all.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.take(|until, _| until <= now)
    }

    fn take(&mut self, wanted: impl Fn(Instant, &[u8]) -> bool) -> Vec<Vec<u8>> {
        let (mut taken, mut left) = (Vec::new(), VecDeque::new());
        for (until, data) in self.early.drain(..) {
            if wanted(until, &data) {
                taken.push(data);
            } else {
                left.push_back((until, data));
            }
        }
        self.early = left;
        taken
    }
}

fn handle_of(data: &[u8]) -> Option<u16> {
    match data {
        [0x02, low, high, ..] => Some(u16::from_le_bytes([*low, *high]) & 0x0fff),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTED: [u8; 8] = [0x04, 0x3e, 19, 0x01, 0x00, 0x40, 0x00, 0x00];
    const DATA: [u8; 6] = [0x02, 0x40, 0x20, 0x01, 0x00, 0xaa];
    const OTHER: [u8; 6] = [0x02, 0x41, 0x20, 0x01, 0x00, 0xbb];

    #[test]
    fn data_follows_the_event_of_its_connection() {
        let now = Instant::now();
        let mut order = Order::default();
        assert!(order.hold(now, &DATA));
        assert!(order.hold(now, &OTHER));
        assert!(order.hold(now, &DATA));
        assert_eq!(order.event(&CONNECTED), [DATA, DATA]);
        assert!(!order.hold(now, &DATA));
        // Another connection's is still held, and not for ever.
        assert!(order.overdue(now).is_empty());
        let later = order.deadline().unwrap();
        assert!(later - now <= Duration::from_millis(100));
        assert_eq!(order.overdue(later), [OTHER]);
        assert_eq!(order.deadline(), None);
    }

    #[test]
    fn a_connection_that_failed_or_ended_is_not_known() {
        let now = Instant::now();
        let mut order = Order::default();
        let mut failed = CONNECTED;
        failed[4] = 0x3e;
        assert!(order.event(&failed).is_empty());
        assert!(order.hold(now, &DATA));
        assert_eq!(order.event(&CONNECTED), [DATA]);
        order.event(&[0x04, 0x05, 0x04, 0x00, 0x40, 0x00, 0x13]);
        assert!(order.hold(now, &DATA));
        order.event(&[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00]);
        assert_eq!(order.deadline(), None);
    }
}
