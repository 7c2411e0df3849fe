//! A packet pool with no packets, for a central without trouble-host.

use trouble_host::{Packet, PacketPool};

/// Takes the place of trouble-host's packet pool where there is no trouble-host. A [`Central`](super::Central)
/// with it scans, connects, pairs and disconnects like any other, but has no L2CAP channels.
#[derive(Debug)]
pub struct NoPool;

/// A packet type without values.
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
