//! The channel as host stacks use it: bt-hci's `Transport`.

use std::sync::atomic::Ordering;

use bt_hci::transport::{PacketToController, PacketToHost, Transport, WithIndicator};

use crate::channel::Waiter;
use crate::packet::{header_length, kind_from_controller};
use crate::ring::Ring;
use crate::{Error, HciChannel};

impl embedded_io::ErrorType for HciChannel {
    type Error = Error;
}

impl Transport for HciChannel {
    /// Reads a packet into `rx`. One whose lengths contradict each other, or that doesn't fit, is
    /// counted, logged and skipped. If `P` refuses a packet anyway, this returns an error of kind
    /// [`Protocol`](crate::ErrorKind::Protocol), and the next read continues with the packet after
    /// it.
    async fn read<'a, P: PacketToHost<'a>>(&self, rx: &'a mut [u8]) -> Result<P, Error> {
        let mut waiter = Waiter::new(&self.shared.to_host);
        // The decoded packet borrows `rx` until the end, so decoding can be tried only once: what
        // can't be decoded is recognised beforehand.
        let mut rx = Some(rx);
        std::future::poll_fn(|cx| {
            loop {
                let queue = waiter.queue;
                let read = queue.poll_read(
                    cx,
                    || waiter.key(),
                    |ring| {
                        let room = rx.as_ref().map_or(0, |rx| rx.len());
                        self.skip_undecodable(ring, room);
                        let mut reader = ring.front()?;
                        let (head, count) = reader.head();
                        let kind = kind_from_controller(&head[..count], reader.len())?;
                        let rx = rx.take()?;
                        let mut indicator = [0];
                        let _ = embedded_io::Read::read(&mut reader, &mut indicator);
                        let packet = P::read_hci(kind, &mut reader, rx);
                        ring.pop();
                        Some(packet)
                    },
                );
                // `None`: every queued packet had to be skipped.
                if let Some(packet) = std::task::ready!(read)? {
                    return std::task::Poll::Ready(packet.map_err(Error::from));
                }
            }
        })
        .await
    }

    async fn write<P: PacketToController>(&self, tx: &P) -> Result<(), Error> {
        let tx = WithIndicator::new(tx);
        self.write_with(tx.size(), |writer| {
            let _ = tx.write_hci(writer);
        })
        .await
    }
}

impl HciChannel {
    /// Discards packets that can't be read into `room` bytes, up to the first that can.
    fn skip_undecodable(&self, ring: &mut Ring, room: usize) {
        while let Some(packet) = ring.front() {
            let (head, count) = packet.head();
            let why = match kind_from_controller(&head[..count], packet.len()) {
                // A reader's buffer holds only what follows the header.
                Some(kind) if packet.len() - 1 - header_length(kind) <= room => return,
                Some(_) => "larger than the reader's buffer",
                None => "not one whole packet of a controller",
            };
            log::warn!(
                "{}: skipped a packet of {} bytes that begins {:02x?}: {why}",
                self.name(),
                packet.len(),
                &head[..count],
            );
            ring.pop();
            self.shared.undecodable.fetch_add(1, Ordering::Relaxed);
        }
    }
}
