//! Allocates trouble-host's packets on the heap, so that no dongle takes another's.

use trouble_host::{Packet, PacketPool};

/// The size of the L2CAP frames that trouble-host handles: signalling and channels.
const PACKET_BYTES: usize = 1024;

/// The pool. It is bounded only by what trouble-host's own queues hold.
#[derive(Debug)]
pub(crate) struct HeapPool;

/// A packet.
pub(crate) struct HeapPacket(Box<[u8; PACKET_BYTES]>);

impl PacketPool for HeapPool {
    type Packet = HeapPacket;

    const MTU: usize = PACKET_BYTES;

    fn allocate() -> Option<HeapPacket> {
        Some(HeapPacket(Box::new([0; PACKET_BYTES])))
    }

    fn capacity() -> usize {
        64
    }
}

impl Packet for HeapPacket {}

impl AsRef<[u8]> for HeapPacket {
    fn as_ref(&self) -> &[u8] {
        &*self.0
    }
}

impl AsMut<[u8]> for HeapPacket {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut *self.0
    }
}
