//! trouble-host's packets, on the heap: it never has to do without.

use trouble_host::{Packet, PacketPool};

const SIZE: usize = 251;

/// The pool.
pub struct Pool;

/// A packet of it.
pub struct Boxed(Box<[u8; SIZE]>);

impl PacketPool for Pool {
    type Packet = Boxed;
    const MTU: usize = SIZE;

    fn allocate() -> Option<Boxed> {
        Some(Boxed(Box::new([0; SIZE])))
    }

    fn capacity() -> usize {
        64
    }
}

impl Packet for Boxed {}

impl AsRef<[u8]> for Boxed {
    fn as_ref(&self) -> &[u8] {
        &*self.0
    }
}

impl AsMut<[u8]> for Boxed {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut *self.0
    }
}
