//! That trouble-host's callers hear of a channel's or a connection's fate before trouble-host hears of the next.
//!
//! It keeps what a channel has come to in a place that is used again as soon as it is free. Who opens a
//! channel, and looks only when it was accepted and closed, or when its connection was over and the handle
//! another's, finds somebody else's place, and trouble-host panics. So after each such packet the reader leaves the
//! turn to others.

use bt_hci::transport::{PacketKind, Transport};
use embassy_futures::yield_now;

use super::Mux;
use super::events::code::DISCONNECTION_COMPLETE;
use super::sdus::decides;

impl<T: Transport, L, R, const BUFFER: usize> Mux<'_, T, L, R, BUFFER> {
    /// Notes whether a packet that trouble-host is given decides on a channel or on a connection.
    pub(super) fn tells(&self, kind: PacketKind, packet: &[u8]) {
        self.told.set(match kind {
            PacketKind::Event => packet.starts_with(&[DISCONNECTION_COMPLETE]),
            _ => packet.get(4..).is_some_and(decides),
        });
    }

    /// Leaves the turn to others if the packet before was such a one.
    pub(super) async fn keep_pace(&self) {
        if self.told.take() {
            // Twice, since an executor may come here first again.
            yield_now().await;
            yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::{Cell, RefCell};
    use core::convert::Infallible;
    use core::future::{Future as _, pending};
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};
    use std::collections::VecDeque;
    use std::vec::Vec;

    use bt_hci::transport::{PacketToController, PacketToHost};
    use embassy_sync::blocking_mutex::raw::NoopRawMutex;

    use super::*;
    use crate::links::StaticLinks;

    type TestLinks = StaticLinks<NoopRawMutex, 1, 64, 1, 1, 64>;

    const CONNECTED: &[u8] = &[
        0x3E, 19, 0x01, 0, 7, 0, 0, 1, 1, 2, 3, 4, 5, 0xC6, 24, 0, 0, 0, 0xF4, 1, 0,
    ];
    const DISCONNECTED: &[u8] = &[0x05, 4, 0, 7, 0, 0x13];
    /// Disconnection Request (Core Vol 3 Part A, 4.6).
    const CLOSED: &[u8] = &[7, 0x20, 12, 0, 8, 0, 5, 0, 0x06, 1, 4, 0, 0x40, 0, 0x40, 0];
    /// LE Credit Based Connection Response (4.23).
    const ACCEPTED: &[u8] = &[
        7, 0x20, 18, 0, 14, 0, 5, 0, 0x15, 1, 10, 0, 0x40, 0, 64, 0, 64, 0, 1, 0, 0, 0,
    ];
    /// Flow Control Credit Indication (4.24).
    const CREDITS: &[u8] = &[7, 0x20, 12, 0, 8, 0, 5, 0, 0x16, 1, 4, 0, 0x40, 0, 1, 0];

    /// A controller that has said all this already.
    struct Said(RefCell<VecDeque<(PacketKind, &'static [u8])>>);

    impl embedded_io::ErrorType for Said {
        type Error = Infallible;
    }

    impl Transport for Said {
        async fn read<'a, P: PacketToHost<'a>>(&self, rx: &'a mut [u8]) -> Result<P, Infallible> {
            let next = self.0.borrow_mut().pop_front();
            let Some((kind, mut packet)) = next else {
                return pending().await;
            };
            Ok(P::read_hci(kind, &mut packet, rx).expect("a whole packet"))
        }

        async fn write<P: PacketToController>(&self, _: &P) -> Result<(), Infallible> {
            Ok(())
        }
    }

    /// How many of these packets trouble-host gets in a row.
    fn rows(packets: &[(PacketKind, &'static [u8])]) -> Vec<usize> {
        let links = TestLinks::new();
        let said = Said(RefCell::new(packets.iter().copied().collect()));
        let mux: Mux<'_, Said, TestLinks, ()> = Mux::new(said, &links, ());
        let mut buffer = [0; 259];
        let got = Cell::new(0);
        let mut rows = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        let mut reads = pin!(async {
            while mux.next_for_host(&mut buffer).await.is_ok() {
                got.set(got.get() + 1);
            }
        });
        for _ in 0..3 * packets.len() {
            let before = got.get();
            assert_eq!(reads.as_mut().poll(&mut cx), Poll::Pending);
            rows.push(got.get() - before);
        }
        rows.retain(|row| *row > 0);
        rows
    }

    const EVENT: PacketKind = PacketKind::Event;
    const ACL: PacketKind = PacketKind::AclData;

    #[test]
    fn the_end_of_a_connection_is_heard_before_the_next_has_its_handle() {
        let one = (EVENT, CONNECTED);
        let packets = [one, (EVENT, DISCONNECTED), one, (EVENT, DISCONNECTED), one];
        assert_eq!(rows(&packets), [2, 2, 1]);
    }

    #[test]
    fn that_a_channel_is_accepted_or_closed_is_heard_before_what_comes_next() {
        let packets = [(EVENT, CONNECTED), (ACL, CLOSED), (ACL, CREDITS)];
        assert_eq!(rows(&packets), [2, 1]);
        assert!(decides(&ACCEPTED[4..]));
        assert!(!decides(&CREDITS[4..]));
    }

    #[test]
    fn nobody_has_to_hear_of_other_packets_in_between() {
        let packets = [(EVENT, CONNECTED), (ACL, CREDITS), (ACL, CREDITS)];
        assert_eq!(rows(&packets), [3]);
    }
}
