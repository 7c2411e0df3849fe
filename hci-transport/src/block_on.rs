//! Runs a future on the calling thread and lets that thread move the channel's bytes meanwhile.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::HciChannel;
use crate::patience::Patience;
use crate::signal::Signal;

impl HciChannel {
    /// Runs a future to its end on this thread. If the wire is a socket, this thread also moves the
    /// channel's bytes meanwhile, so that no other thread has to be woken for a packet to be sent or
    /// read. For other wires, this is an ordinary `block_on`.
    ///
    /// Packets cross the channel only between two polls of the future, so it must not block.
    ///
    /// ```
    /// let (channel, port) = hci_transport::channel("example", 4096);
    /// port.try_deliver(&[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00])?;
    ///
    /// let mut packet = Vec::new();
    /// channel.block_on(channel.read_packet(&mut packet))?;
    /// assert_eq!(packet, [0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        #[cfg(unix)]
        if let Some(mut turn) = self.helm().and_then(crate::helm::Helm::take) {
            return turn.block_on(pin!(future));
        }
        let mut future = pin!(future);
        let signal = Arc::new(Signal::for_this_thread());
        let waker = Waker::from(Arc::clone(&signal));
        let mut cx = Context::from_waker(&waker);
        let mut patience = Patience::new();
        loop {
            signal.rearm();
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            while !signal.is_set() {
                patience.wait(&mut (), |()| signal.is_set(), |()| signal.park());
            }
        }
    }
}
