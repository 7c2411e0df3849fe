//! The next command, or packet of trouble-host's, on its way to the transport.
//!
//! [`Mux::run`](super::Mux::run) sends it rather than its writer: a call may be dropped at any
//! time, which would leave half a packet on a wire that takes one byte by byte.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::{Context, Poll};

use bt_hci::transport::PacketKind;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embassy_sync::waitqueue::{MultiWakerRegistration, WakerRegistration};

use super::packet::Outgoing;

/// The packet in the outbox.
pub(super) struct Next<const SIZE: usize> {
    pub(super) packet: Outgoing<SIZE>,
    /// Its kind; `None` if the outbox is empty.
    pub(super) kind: Option<PacketKind>,
}

type Guard<'o, const SIZE: usize> = MutexGuard<'o, NoopRawMutex, Next<SIZE>>;

/// Room for one packet.
pub(super) struct Outbox<const SIZE: usize> {
    next: Mutex<NoopRawMutex, Next<SIZE>>,
    /// The task that waits for a packet, and those that wait for room.
    wakers: RefCell<(WakerRegistration, MultiWakerRegistration<4>)>,
}

impl<const SIZE: usize> Outbox<SIZE> {
    pub(super) const fn new() -> Self {
        Self {
            next: Mutex::new(Next {
                packet: Outgoing::new(),
                kind: None,
            }),
            wakers: RefCell::new((WakerRegistration::new(), MultiWakerRegistration::new())),
        }
    }

    /// The outbox, once it is empty.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Guard<'_, SIZE>> {
        match self.next.try_lock() {
            Ok(next) if next.kind.is_none() => Poll::Ready(next),
            _ => {
                self.wakers.borrow_mut().1.register(cx.waker());
                Poll::Pending
            }
        }
    }

    /// Reports that a packet was put in.
    pub(super) fn filled(&self) {
        self.wakers.borrow_mut().0.wake();
    }

    /// Waits for a packet.
    pub(super) async fn packet(&self) -> Sending<'_, SIZE> {
        let next = poll_fn(|cx| match self.next.try_lock() {
            Ok(next) if next.kind.is_some() => Poll::Ready(next),
            _ => {
                self.wakers.borrow_mut().0.register(cx.waker());
                Poll::Pending
            }
        });
        Sending {
            next: next.await,
            outbox: self,
        }
    }
}

/// The packet that is being sent. Dropping it, sent or not, empties the outbox and wipes the
/// packet, which may have held a key.
pub(super) struct Sending<'o, const SIZE: usize> {
    pub(super) next: Guard<'o, SIZE>,
    outbox: &'o Outbox<SIZE>,
}

impl<const SIZE: usize> Drop for Sending<'_, SIZE> {
    fn drop(&mut self) {
        self.next.kind = None;
        #[cfg(feature = "security")]
        self.next.packet.wipe();
        self.outbox.wakers.borrow_mut().1.wake();
    }
}
