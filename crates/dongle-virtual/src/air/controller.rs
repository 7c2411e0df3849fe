//! A handle to a controller on the air, to observe it and to inject faults.

use std::fmt;
use std::time::Duration;

use super::Air;
use crate::Address;
use crate::world::{ControllerId, ControllerStats, World};

/// A controller on the air, seen from outside: its counts, and faults to inject.
///
/// On a controller that has left the air, all of this does nothing.
#[derive(Clone)]
pub struct AirController {
    air: Air,
    id: ControllerId,
}

impl AirController {
    pub(super) fn new(air: Air, id: ControllerId) -> Self {
        Self { air, id }
    }

    fn world<R>(&self, call: impl FnOnce(&mut World, Duration, ControllerId) -> R) -> R {
        self.air.with_world(|world, now| call(world, now, self.id))
    }

    /// Its name in the world.
    pub fn id(&self) -> ControllerId {
        self.id
    }

    /// Its counts; `None` once it has left the air.
    pub fn stats(&self) -> Option<ControllerStats> {
        self.world(|world, _, id| world.stats(id))
    }

    /// How often its host violated the rules of flow control and framing.
    pub fn violations(&self) -> u64 {
        self.stats().map_or(0, |stats| stats.violations())
    }

    /// The handles of its links.
    pub fn links(&self) -> Vec<u16> {
        self.world(|world, _, id| world.handles(id))
    }

    /// Whether it scans.
    pub fn is_scanning(&self) -> bool {
        self.world(|world, _, id| world.is_scanning(id))
    }

    /// Whether it looks for a device to connect to.
    pub fn is_initiating(&self) -> bool {
        self.world(|world, _, id| world.is_initiating(id))
    }

    /// The random address that its host has given it.
    pub fn random_address(&self) -> Option<Address> {
        self.world(|world, _, id| world.random_address(id))
    }

    /// Sets the probability that a packet to or from it is lost: 0 never, 1 always.
    pub fn set_loss(&self, probability: f32) {
        self.world(|world, now, id| world.set_loss(now, id, probability));
    }

    /// Sets by how much its ACL packets are delayed on the air.
    pub fn set_delay(&self, delay: Duration) {
        self.world(|world, now, id| world.set_delay(now, id, delay));
    }

    /// Freezes it: no answers, no events, no radio.
    pub fn freeze(&self) {
        self.world(|world, now, id| world.freeze(now, id));
    }

    /// Lets it continue where it was frozen.
    pub fn thaw(&self) {
        self.world(|world, now, id| world.thaw(now, id));
    }

    /// Makes the next `count` connections that it initiates fail to be established (0x3E).
    pub fn fail_establishment(&self, count: u32) {
        self.world(|world, now, id| world.fail_establishment(now, id, count));
    }

    /// Makes it refuse the command with `status` from now on; `None` ends that.
    pub fn refuse(&self, opcode: u16, status: Option<u8>) {
        self.world(|world, now, id| world.refuse(now, id, opcode, status));
    }

    /// Makes it ignore the command without an answer from now on, or no longer.
    pub fn leave_unanswered(&self, opcode: u16, on: bool) {
        self.world(|world, now, id| world.leave_unanswered(now, id, opcode, on));
    }

    /// Sends its host exactly these bytes as a packet.
    pub fn inject(&self, packet: &[u8]) {
        self.world(|world, now, id| world.inject(now, id, packet));
    }

    /// Makes it report a Hardware Error with this code.
    pub fn hardware_error(&self, code: u8) {
        self.world(|world, now, id| world.hardware_error(now, id, code));
    }

    /// Takes a link out of range: both sides notice by supervision timeout (0x08).
    pub fn drop_link(&self, handle: u16) {
        self.world(|world, now, id| world.drop_link(now, id, handle));
    }

    /// Takes all its links out of range.
    pub fn drop_links(&self) {
        self.world(|world, now, id| world.drop_links(now, id));
    }

    /// Unplugs it: its host is disconnected, its peers time out.
    pub fn unplug(&self) {
        self.air.unplug(self.id);
    }
}

impl fmt::Debug for AirController {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AirController").field(&self.id.0).finish()
    }
}
