//! Delivers data after the event that it depends on. No I/O and no clock.
//!
//! Events and data come through different endpoints, and the bulk endpoint is polled far more often
//! than the interrupt endpoint. So what a peer sends immediately after connecting may overtake the
//! connection event, and a host drops data of a connection that it doesn't know. In the same way,
//! the keys that a peer sends once the link is encrypted may overtake the event that reports the
//! encryption, and a host must not accept keys that come before it.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

/// How long data waits for its connection. Interrupt endpoints are polled every millisecond, every
/// eighth at worst, and an event may take four polls.
const CONNECTED: Duration = Duration::from_millis(40);
/// How long data of a link that is being encrypted waits for the event. This is short because what
/// was sent unencrypted must not be delivered after the event: from LL_ENC_RSP on, a controller
/// accepts none of that (Core Vol 6 Part B, 5.1.3.1), and the event comes at least one connection
/// interval later (7.5 ms or more), unless the whole exchange fits into one.
const ENCRYPTED: Duration = Duration::from_millis(10);

/// Holds data that came before its event.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Handles of connections that the host knows.
    known: HashSet<u16>,
    /// Those of them that are being encrypted.
    encrypting: HashSet<u16>,
    early: VecDeque<(Instant, Vec<u8>)>,
}

impl Order {
    /// The host is about to write this command, in H4 form.
    pub(super) fn command(&mut self, command: &[u8]) {
        // LE Enable Encryption.
        if let [0x01, 0x19, 0x20, _, low, high, ..] = *command {
            self.encrypting.insert(handle(low, high));
        }
    }

    /// Keeps data, in H4 form, that came too early and returns `true`; otherwise it must be
    /// delivered.
    pub(super) fn hold(&mut self, now: Instant, data: &[u8]) -> bool {
        let [0x02, low, high, ..] = *data else {
            return false;
        };
        let handle = handle(low, high);
        let patience = match self.known.contains(&handle) {
            false => CONNECTED,
            true if self.encrypting.contains(&handle) => ENCRYPTED,
            true => return false,
        };
        self.early.push_back((now + patience, data.to_vec()));
        true
    }

    /// An event, in H4 form, was delivered. Returns the data that waited for it.
    pub(super) fn event(&mut self, event: &[u8]) -> Vec<Vec<u8>> {
        match *event {
            // Command Complete of HCI_Reset.
            [0x04, 0x0e, _, _, 0x03, 0x0c, ..] => {
                *self = Self::default();
                Vec::new()
            }
            // Disconnection Complete.
            [0x04, 0x05, _, 0x00, low, high, ..] => {
                self.known.remove(&handle(low, high));
                self.encrypting.remove(&handle(low, high));
                Vec::new()
            }
            // Connection Complete; LE Connection Complete and its enhanced forms.
            [0x04, 0x03, _, 0x00, low, high, ..]
            | [0x04, 0x3e, _, 0x01 | 0x0a | 0x29, 0x00, low, high, ..] => {
                self.known.insert(handle(low, high));
                self.take(|_, of| of == handle(low, high))
            }
            // Encryption Change, both of its forms, and Encryption Key Refresh Complete.
            [0x04, 0x08 | 0x59 | 0x30, _, _, low, high, ..] => {
                self.encrypting.remove(&handle(low, high));
                self.take(|_, of| of == handle(low, high))
            }
            // Command Status that refuses LE Enable Encryption. It doesn't say for which link.
            [0x04, 0x0f, _, status, _, 0x19, 0x20] if status != 0 => {
                let refused = std::mem::take(&mut self.encrypting);
                self.take(|_, of| refused.contains(&of))
            }
            _ => Vec::new(),
        }
    }

    /// When some data will have waited long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.early.iter().map(|(until, _)| *until).min()
    }

    /// Data that has waited long enough: its event isn't recognised, or will not come.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.take(|until, _| until <= now)
    }

    fn take(&mut self, wanted: impl Fn(Instant, u16) -> bool) -> Vec<Vec<u8>> {
        let (mut taken, mut left) = (Vec::new(), VecDeque::new());
        for (until, data) in self.early.drain(..) {
            let of = match data[..] {
                [_, low, high, ..] => handle(low, high),
                _ => 0,
            };
            if wanted(until, of) {
                taken.push(data);
            } else {
                left.push_back((until, data));
            }
        }
        self.early = left;
        taken
    }
}

/// The connection handle, without the flags in the same two bytes.
fn handle(low: u8, high: u8) -> u16 {
    u16::from_le_bytes([low, high]) & 0x0fff
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: [u8; 8] = [0x04, 0x3e, 19, 0x01, 0x00, 0x40, 0x00, 0x00];
    const DATA: [u8; 6] = [0x02, 0x40, 0x20, 0x01, 0x00, 0xaa];
    const OTHER: [u8; 6] = [0x02, 0x41, 0x20, 0x01, 0x00, 0xbb];

    #[test]
    fn data_follows_the_event_of_its_connection() {
        let now = Instant::now();
        let mut order = Order::default();
        assert!(order.hold(now, &DATA));
        assert!(order.hold(now, &OTHER));
        assert!(order.hold(now, &DATA));
        assert_eq!(order.event(&CONNECTION), [DATA, DATA]);
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
        let mut failed = CONNECTION;
        failed[4] = 0x3e;
        assert!(order.event(&failed).is_empty());
        assert!(order.hold(now, &DATA));
        assert_eq!(order.event(&CONNECTION), [DATA]);
        order.event(&[0x04, 0x05, 0x04, 0x00, 0x40, 0x00, 0x13]);
        assert!(order.hold(now, &DATA));
        order.event(&[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00]);
        assert_eq!(order.deadline(), None);
    }

    const ENCRYPT: [u8; 6] = [0x01, 0x19, 0x20, 28, 0x40, 0x00];
    const ENCRYPTION: [u8; 7] = [0x04, 0x08, 0x04, 0x00, 0x40, 0x00, 0x01];

    /// Two connections, of which the first is being encrypted.
    fn encrypting() -> Order {
        let mut order = Order::default();
        let mut other = CONNECTION;
        other[5] = 0x41;
        for connection in [CONNECTION, other] {
            order.event(&connection);
        }
        order.command(&ENCRYPT);
        order
    }

    #[test]
    fn data_of_a_link_that_is_being_encrypted_follows_the_event_that_it_is() {
        let now = Instant::now();
        let mut refreshed = ENCRYPTION;
        refreshed[1] = 0x30;
        for event in [ENCRYPTION, refreshed] {
            let mut order = encrypting();
            assert!(!order.hold(now, &OTHER));
            assert!(order.hold(now, &DATA));
            assert_eq!(order.event(&event), [DATA]);
            assert!(!order.hold(now, &DATA));
        }
    }

    #[test]
    fn data_waits_only_shortly_for_the_end_of_an_encryption() {
        let now = Instant::now();
        let mut order = encrypting();
        let unknown = [0x02, 0x42, 0x20, 0x01, 0x00, 0xcc];
        assert!(order.hold(now, &unknown));
        assert!(order.hold(now, &DATA));
        let until = order.deadline().unwrap();
        assert!(until - now < Duration::from_millis(15));
        assert_eq!(order.overdue(until), [DATA]);
        assert!(order.deadline().unwrap() > until);
    }

    #[test]
    fn a_refused_encryption_and_a_connection_that_ended_hold_nothing_up() {
        let now = Instant::now();
        let mut order = encrypting();
        assert!(order.hold(now, &DATA));
        let accepted = [0x04, 0x0f, 0x04, 0x00, 0x01, 0x19, 0x20];
        assert!(order.event(&accepted).is_empty());
        let refused = [0x04, 0x0f, 0x04, 0x0c, 0x01, 0x19, 0x20];
        assert_eq!(order.event(&refused), [DATA]);
        assert!(!order.hold(now, &DATA));
        order.command(&ENCRYPT);
        order.event(&[0x04, 0x05, 0x04, 0x00, 0x40, 0x00, 0x13]);
        order.event(&CONNECTION);
        assert!(!order.hold(now, &DATA));
    }
}
