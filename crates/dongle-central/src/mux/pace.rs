//! That trouble-host is told no more of a connection than it has room for.
//!
//! What it hears from the controller it tells in events, for which each connection has a queue of two:
//! no packet makes more. One that does not fit is lost, and a pairing with it.
//! [`Central`](crate::central::Central) empties the queues in each of its turns, so that trouble-host gets
//! one packet a turn that it may tell of.

use bt_hci::transport::{PacketKind, Transport};
use embassy_futures::yield_now;

use super::Mux;
use super::events::code::{LE_META, NUMBER_OF_COMPLETED_PACKETS};
use crate::security::CID_SMP;

impl<T: Transport, L, R, const BUFFER: usize> Mux<'_, T, L, R, BUFFER> {
    /// Notes whether trouble-host may tell of a packet that it is given.
    pub(super) fn tells(&self, kind: PacketKind, packet: &[u8]) {
        self.told.set(match kind {
            // It tells of neither a connection that begins nor of packets that are done.
            PacketKind::Event => !matches!(
                packet,
                [NUMBER_OF_COMPLETED_PACKETS, ..] | [LE_META, _, 0x01 | 0x0A, ..]
            ),
            _ => packet.get(6..8) == Some(&CID_SMP.to_le_bytes()),
        });
    }

    /// Leaves the turn to others if trouble-host may have told of the packet before.
    pub(super) async fn keep_pace(&self) {
        if self.told.take() {
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
    const PHY_UPDATED: &[u8] = &[0x3E, 6, 0x0C, 0, 7, 0, 2, 2];
    /// A frame on a channel of trouble-host's: Command Reject (Core Vol 3 Part A, 4.1).
    const REJECTED: &[u8] = &[7, 0x20, 10, 0, 6, 0, 5, 0, 1, 1, 2, 0, 0, 0];

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

    /// How many of these packets trouble-host gets in each turn.
    fn turns(packets: &[(PacketKind, &'static [u8])]) -> Vec<usize> {
        let links = TestLinks::new();
        let said = Said(RefCell::new(packets.iter().copied().collect()));
        let mux: Mux<'_, Said, TestLinks, ()> = Mux::new(said, &links, ());
        let mut buffer = [0; 259];
        let (got, mut turns) = (Cell::new(0), Vec::new());
        let mut cx = Context::from_waker(Waker::noop());
        for _ in packets {
            let before = got.get();
            let mut turn = pin!(async {
                while mux.next_for_host(&mut buffer).await.is_ok() {
                    got.set(got.get() + 1);
                }
            });
            assert_eq!(turn.as_mut().poll(&mut cx), Poll::Pending);
            if got.get() > before {
                turns.push(got.get() - before);
            }
        }
        turns
    }

    #[test]
    fn trouble_host_has_one_turn_for_each_packet_that_it_may_tell_of() {
        let event = |bytes| (PacketKind::Event, bytes);
        let packets = [CONNECTED, PHY_UPDATED, PHY_UPDATED, PHY_UPDATED].map(event);
        assert_eq!(turns(&packets), [2, 1, 1]);
    }

    #[test]
    fn other_packets_wait_for_no_turn() {
        let rejected = (PacketKind::AclData, REJECTED);
        let connected = (PacketKind::Event, CONNECTED);
        assert_eq!(turns(&[connected, rejected, rejected, rejected]), [4]);
    }
}
