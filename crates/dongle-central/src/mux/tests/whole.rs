//! What is sent is whole, however slow the wire is and whatever becomes of who has sent it.

use core::convert::Infallible;
use core::future::{pending, poll_fn};
use core::pin::pin;
use std::rc::Rc;

use bt_hci::transport::{PacketToController, PacketToHost, Transport};
use embassy_futures::yield_now;
use futures_lite::future::{block_on, poll_once};

use super::*;
use crate::mux::{Mux, Written};

/// A UART that takes one byte at a time, and has nothing to say.
#[derive(Clone, Default)]
struct Uart(Rc<RefCell<Vec<u8>>>);

impl embedded_io::ErrorType for Uart {
    type Error = Infallible;
}

impl Transport for Uart {
    async fn read<'a, P: PacketToHost<'a>>(&self, _: &'a mut [u8]) -> Result<P, Infallible> {
        pending().await
    }

    async fn write<P: PacketToController>(&self, packet: &P) -> Result<(), Infallible> {
        let mut bytes = std::vec![0; packet.size()];
        packet.write_hci(&mut bytes[..]).unwrap();
        for byte in bytes {
            self.0.borrow_mut().push(byte);
            yield_now().await;
        }
        Ok(())
    }
}

type UartMux<'l> = Mux<'l, Uart, TestLinks, (), 64>;

/// Lets `work` have some turns of an executor.
async fn turns(mut work: core::pin::Pin<&mut impl Future>) {
    for _ in 0..64 {
        poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_ready())).await;
    }
}

/// Connection 7 in a controller with `total` buffers.
#[cfg(feature = "channels")]
fn connect(mux: &UartMux<'_>, total: u8) {
    let mut state = mux.state.borrow_mut();
    let read = Instant::from_secs(0);
    state.command_sent(&command(0x2002, &[]), read);
    for event in [&[0x0E, 7, 1, 0x02, 0x20, 0, 27, 0, total][..], &CONNECTED] {
        let _ = state.inbound(PacketKind::Event, &mut event.to_vec(), mux.links, &());
    }
}

#[test]
fn a_command_whose_caller_goes_away_in_the_middle_of_it_is_sent_to_its_end() {
    let (links, uart) = (TestLinks::new(), Uart::default());
    let mux = UartMux::new(uart.clone(), &links, ());
    let mut run = pin!(mux.run());
    block_on(async {
        let mut rssi = std::boxed::Box::pin(mux.command(0x1405, &Written(&[5, 0x14, 2, 7, 0])));
        assert!(poll_once(&mut rssi).await.is_none());
        assert!(poll_once(run.as_mut()).await.is_none());
        assert_eq!(uart.0.borrow().len(), 1, "it has begun");
        drop(rssi);
        turns(run.as_mut()).await;
        assert_eq!(*uart.0.borrow(), [5, 0x14, 2, 7, 0]);
        // Its answer is nobody else's.
        let mut other = pin!(mux.command(0x1009, &Written(&[9, 0x10, 0])));
        assert!(poll_once(other.as_mut()).await.is_none());
        turns(run.as_mut()).await;
        assert_eq!(uart.0.borrow().len(), 5);
        assert!(mux.take_answer(&[0x0E, 7, 1, 5, 0x14, 0, 7, 0, 170]));
        assert!(poll_once(other.as_mut()).await.is_none());
        turns(run.as_mut()).await;
        assert_eq!(uart.0.borrow()[5..], [9, 0x10, 0]);
    });
}

#[cfg(feature = "channels")]
#[test]
fn a_packet_whose_writer_goes_away_in_the_middle_of_it_is_sent_to_its_end() {
    let (links, uart) = (TestLinks::new(), Uart::default());
    let mux = UartMux::new(uart.clone(), &links, ());
    connect(&mux, 2);
    let mut run = pin!(mux.run());
    let packet = Written(&[7, 0, 6, 0, 2, 0, 0x3A, 0, 1, 2]);
    block_on(async {
        let mut write = std::boxed::Box::pin(mux.write_any(PacketKind::AclData, &packet));
        let _ = poll_once(&mut write).await;
        assert!(poll_once(run.as_mut()).await.is_none());
        assert_eq!(uart.0.borrow().len(), 1, "it has begun");
        // A bearer begins no frame between its bytes.
        let now = Instant::from_secs(1);
        assert!(!mux.state.borrow_mut().turns().att_may_begin(7, now));
        drop(write);
        turns(run.as_mut()).await;
        assert_eq!(*uart.0.borrow(), packet.0);
        assert!(mux.state.borrow_mut().turns().att_may_begin(7, now));
        assert_eq!(mux.counters().most_in_flight, 1);
    });
}

#[cfg(feature = "channels")]
#[test]
fn a_packet_whose_writer_goes_away_before_its_turn_takes_nothing() {
    let (links, uart) = (TestLinks::new(), Uart::default());
    let mux = UartMux::new(uart.clone(), &links, ());
    connect(&mux, 1);
    let mut run = pin!(mux.run());
    let packet = Written(&[7, 0, 6, 0, 2, 0, 0x3A, 0, 1, 2]);
    block_on(async {
        let mut first = pin!(mux.write_any(PacketKind::AclData, &packet));
        assert!(poll_once(first.as_mut()).await.is_some());
        turns(run.as_mut()).await;
        let mut second = std::boxed::Box::pin(mux.write_any(PacketKind::AclData, &packet));
        assert!(poll_once(&mut second).await.is_none(), "no buffer");
        drop(second);
        turns(run.as_mut()).await;
        assert_eq!(uart.0.borrow().len(), packet.0.len());
        let completed = &mut [0x13, 5, 1, 7, 0, 1, 0];
        let mut state = mux.state.borrow_mut();
        let _ = state.inbound(PacketKind::Event, completed, &links, &());
        assert_eq!(state.turns().in_flight(), 0);
    });
}
