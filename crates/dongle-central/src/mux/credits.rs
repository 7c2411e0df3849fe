//! The controller's ACL buffers, shared between trouble-host and the ATT bearers.
//!
//! There are never more packets in flight than the controller has buffers (Core Vol 4 Part E, 4.1).
//! A queue per connection remembers who sent each packet, because the controller reports only how
//! many are completed.
//!
//! A connection that takes the last buffer it can get, and then holds many, *rests*: its bearer
//! starts no frame until a quarter of them are free again, so that packets go out, and the host
//! wakes, in batches rather than one by one. The packets left in the controller keep the radio busy
//! meanwhile.

use heapless::Vec;

use crate::links::MAX_LINKS;

/// Packets that one connection may have in the controller at a time: the bits of a word.
const MOST_PER_LINK: u8 = u64::BITS as u8;
/// A connection rests only if it has at least this many packets in the controller.
const MANY: u8 = 16;

/// Who sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// trouble-host.
    Host,
    /// An ATT bearer.
    Att,
}

/// One connection's packets in the controller.
#[derive(Debug)]
struct Outstanding {
    handle: u16,
    /// Bit `i` is set if the packet `i` places behind the oldest is trouble-host's.
    hosts: u64,
    count: u8,
    /// The connection rests while more packets than this are in the controller.
    rests_above: u8,
}

impl Outstanding {
    /// Ends the rest once enough packets are completed.
    fn has_rested(&mut self) {
        if self.count <= self.rests_above {
            self.rests_above = u8::MAX;
        }
    }
}

/// Send credits, one per free ACL buffer of the controller.
#[derive(Debug)]
pub struct Credits {
    packet_length: u16,
    total: u16,
    used: u16,
    most_used: u16,
    links: Vec<Outstanding, MAX_LINKS>,
}

impl Credits {
    /// No buffers: nothing can be sent until the controller reports how many it has.
    pub const fn new() -> Self {
        Self {
            packet_length: 0,
            total: 0,
            used: 0,
            most_used: 0,
            links: Vec::new(),
        }
    }

    /// The controller has `total` buffers of `packet_length` bytes. All are free.
    pub fn configure(&mut self, packet_length: u16, total: u16) {
        *self = Self {
            packet_length,
            total,
            ..Self::new()
        };
    }

    /// Bytes of data that fit a packet.
    pub fn packet_length(&self) -> usize {
        usize::from(self.packet_length)
    }

    /// Bytes in a buffer, and the number of buffers.
    pub fn buffers(&self) -> (u16, u16) {
        (self.packet_length, self.total)
    }

    /// How many buffers are in use, and the most that ever were.
    pub fn in_use(&self) -> (u16, u16) {
        (self.used, self.most_used)
    }

    /// A connection was made.
    pub fn connected(&mut self, handle: u16) {
        self.disconnected(handle);
        // There is room for as many connections as the doorbell has bits; no more could be served.
        let _ = self.links.push(Outstanding {
            handle,
            hosts: 0,
            count: 0,
            rests_above: u8::MAX,
        });
    }

    /// A connection has ended: its packets are gone, and their buffers are free.
    pub fn disconnected(&mut self, handle: u16) {
        if let Some(index) = self.links.iter().position(|l| l.handle == handle) {
            let gone = self.links.swap_remove(index);
            self.used = self.used.saturating_sub(u16::from(gone.count));
        }
    }

    /// Whether this connection exists.
    pub fn is_connected(&self, handle: u16) -> bool {
        self.links.iter().any(|l| l.handle == handle)
    }

    /// Whether there is any connection.
    pub fn any_connected(&self) -> bool {
        !self.links.is_empty()
    }

    /// Whether a packet could be sent on this connection now.
    pub fn available(&self, handle: u16) -> bool {
        self.spare(handle) > 0
    }

    /// How many packets could be sent on this connection now.
    pub fn spare(&self, handle: u16) -> usize {
        let link = self.links.iter().find(|l| l.handle == handle);
        let most = link.map_or(0, |l| MOST_PER_LINK - l.count);
        usize::from(u16::from(most).min(self.total.saturating_sub(self.used)))
    }

    /// Whether a connection rests until a quarter of its packets are completed.
    pub fn rests(&self, handle: u16) -> bool {
        self.links
            .iter()
            .any(|l| l.handle == handle && l.count > l.rests_above)
    }

    /// Takes a credit for a packet; false if there is none.
    #[must_use]
    pub fn take(&mut self, handle: u16, owner: Owner) -> bool {
        let Some(link) = self.links.iter_mut().find(|l| l.handle == handle) else {
            return false;
        };
        if self.used >= self.total || link.count >= MOST_PER_LINK {
            return false;
        }
        if owner == Owner::Host {
            link.hosts |= 1 << link.count;
        }
        link.count += 1;
        self.used += 1;
        self.most_used = self.most_used.max(self.used);
        let last = self.used == self.total || link.count == MOST_PER_LINK;
        if last && link.count >= MANY {
            link.rests_above = link.count - link.count / 4;
        }
        true
    }

    /// The controller has completed the `count` oldest packets of a connection; returns how many of
    /// them were trouble-host's.
    pub fn completed(&mut self, handle: u16, count: u16) -> u16 {
        let Some(link) = self.links.iter_mut().find(|l| l.handle == handle) else {
            return 0;
        };
        // No more can complete than were sent, whatever the controller says.
        let count = count.min(u16::from(link.count));
        let mask = 1u64
            .checked_shl(u32::from(count))
            .map_or(u64::MAX, |bit| bit - 1);
        let hosts = (link.hosts & mask).count_ones() as u16;
        link.hosts = link.hosts.checked_shr(u32::from(count)).unwrap_or(0);
        link.count -= count as u8;
        link.has_rested();
        self.used = self.used.saturating_sub(count);
        hosts
    }
}

impl Default for Credits {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(total: u16) -> Credits {
        let mut credits = Credits::new();
        credits.configure(27, total);
        credits.connected(1);
        credits.connected(2);
        credits
    }

    #[test]
    fn nothing_goes_out_before_the_controller_told_its_buffers() {
        let mut credits = Credits::new();
        credits.connected(1);
        assert!(!credits.take(1, Owner::Att));
    }

    #[test]
    fn no_more_are_in_flight_than_there_are_buffers() {
        let mut credits = credits(2);
        assert!(credits.take(1, Owner::Att));
        assert!(credits.take(2, Owner::Host));
        assert!(!credits.take(1, Owner::Host));
        assert_eq!(credits.completed(2, 1), 1);
        assert!(credits.take(1, Owner::Host));
        assert_eq!(credits.in_use(), (2, 2));
    }

    #[test]
    fn each_owner_hears_of_its_own_packets_in_the_order_they_were_sent() {
        let mut credits = credits(8);
        for owner in [
            Owner::Att,
            Owner::Host,
            Owner::Host,
            Owner::Att,
            Owner::Host,
        ] {
            assert!(credits.take(1, owner));
        }
        assert_eq!(credits.completed(1, 2), 1);
        assert_eq!(credits.completed(1, 2), 1);
        assert_eq!(credits.completed(1, 1), 1);
        assert_eq!(credits.in_use().0, 0);
    }

    #[test]
    fn a_controller_that_completes_too_much_gives_nothing_away() {
        let mut credits = credits(2);
        assert!(credits.take(1, Owner::Att));
        assert_eq!(credits.completed(1, 9), 0);
        assert_eq!(credits.completed(7, 1), 0);
        assert!(credits.take(1, Owner::Att) && credits.take(1, Owner::Att));
        assert!(!credits.take(1, Owner::Att));
    }

    #[test]
    fn a_disconnection_frees_the_buffers_of_that_connection_only() {
        let mut credits = credits(3);
        assert!(credits.take(1, Owner::Att) && credits.take(1, Owner::Host));
        assert!(credits.take(2, Owner::Host));
        credits.disconnected(1);
        assert_eq!(credits.in_use().0, 1);
        assert!(!credits.take(1, Owner::Att), "the connection is gone");
        assert!(credits.take(2, Owner::Att) && credits.take(2, Owner::Att));
        assert!(!credits.take(2, Owner::Att));
    }

    #[test]
    fn a_connection_that_took_all_of_many_buffers_rests_until_a_quarter_is_done() {
        let mut credits = credits(32);
        for _ in 0..32 {
            assert!(!credits.rests(1));
            assert!(credits.take(1, Owner::Att));
        }
        credits.completed(1, 7);
        assert!(credits.rests(1) && !credits.rests(2));
        assert!(credits.take(1, Owner::Host), "trouble-host's do not wait");
        credits.completed(1, 1);
        assert!(credits.rests(1));
        credits.completed(1, 1);
        assert!(!credits.rests(1));
        assert!(credits.take(1, Owner::Att) && !credits.rests(1));
    }

    #[test]
    fn a_connection_with_few_packets_does_not_rest_for_those_of_another() {
        let mut credits = credits(32);
        for _ in 0..31 {
            assert!(credits.take(1, Owner::Att));
        }
        assert!(credits.take(2, Owner::Att));
        credits.completed(2, 1);
        assert!(!credits.rests(2) && credits.available(2));
    }

    #[test]
    fn of_few_buffers_each_is_used_at_once() {
        let mut credits = credits(8);
        for _ in 0..8 {
            assert!(credits.take(1, Owner::Att));
        }
        credits.completed(1, 1);
        assert!(!credits.rests(1) && credits.available(1));
    }

    #[test]
    fn sixty_four_packets_of_one_connection_are_kept_apart() {
        let mut credits = credits(200);
        for _ in 0..64 {
            assert!(credits.take(1, Owner::Host));
        }
        assert!(!credits.take(1, Owner::Host));
        assert_eq!(credits.completed(1, 64), 64);
        assert!(credits.take(1, Owner::Att));
        assert_eq!(credits.completed(1, 1), 0);
    }
}
