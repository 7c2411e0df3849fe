//! What a host stack sees of a channel: the `Transport` of bt-hci.

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
    /// Reads a packet into `rx`. One that contradicts itself or doesn't fit is counted, logged and
    /// skipped. A packet type of the caller's own that still refuses the bytes makes this an error
    /// of kind [`Protocol`](crate::ErrorKind::Protocol), and the next read goes on.
    async fn read<'a, P: PacketToHost<'a>>(&self, rx: &'a mut [u8]) -> Result<P, Error> {
        let mut waiter = Waiter::new(&self.shared.to_host);
        // The decoded packet borrows `rx` for good, so there is only one try: what can't be
        // decoded is recognised beforehand.
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
                // `None`: everything that was queued had to be skipped.
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
    /// Throws away packets that can't be read into `room` bytes, up to the first that can.
    fn skip_undecodable(&self, ring: &mut Ring, room: usize) {
        while let Some(packet) = ring.front() {
            let (head, count) = packet.head();
            let why = match kind_from_controller(&head[..count], packet.len()) {
                // A reader's buffer holds what is behind the header.
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
