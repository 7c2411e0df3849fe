//! Allocates a host stack's packets on the heap, so that each stack has as many as it needs.

use trouble_host::{Packet, PacketPool};

/// The size of a packet: an ATT MTU of 251 with its L2CAP header.
const SIZE: usize = 255;

/// A pool without a limit of its own: the stack's queues limit the number of packets.
pub struct HeapPool;

/// One packet of a [`HeapPool`].
pub struct HeapPacket(Box<[u8]>);

impl PacketPool for HeapPool {
    type Packet = HeapPacket;
    const MTU: usize = SIZE;

    fn allocate() -> Option<HeapPacket> {
        Some(HeapPacket(vec![0; SIZE].into_boxed_slice()))
    }

    fn capacity() -> usize {
        64
    }
}

impl Packet for HeapPacket {}

impl AsRef<[u8]> for HeapPacket {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsMut<[u8]> for HeapPacket {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
