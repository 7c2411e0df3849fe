//! That there is no trouble-host: a pool of packets that has none.

use trouble_host::{Packet, PacketPool};

/// In the place of the pool that trouble-host takes its packets from: there is no trouble-host. A
/// [`Central`](super::Central) with it scans, connects, pairs and disconnects as with any other; there is no
/// L2CAP channel.
#[derive(Debug)]
pub struct NoPool;

/// Does not exist.
#[derive(Debug)]
pub enum NoPacket {}

impl AsRef<[u8]> for NoPacket {
    fn as_ref(&self) -> &[u8] {
        match *self {}
    }
}

impl AsMut<[u8]> for NoPacket {
    fn as_mut(&mut self) -> &mut [u8] {
        match *self {}
    }
}

impl Packet for NoPacket {}

impl PacketPool for NoPool {
    type Packet = NoPacket;
    const MTU: usize = 0;

    fn allocate() -> Option<NoPacket> {
        None
    }

    fn capacity() -> usize {
        0
    }
}
