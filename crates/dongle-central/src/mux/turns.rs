//! Whose turn it is to send: trouble-host and the bearers share the controller's buffers.
//!
//! Fragments of two frames never mix on one connection, and when both sides want the last buffer,
//! they take turns.

use core::task::{Context, Poll, Waker};

use embassy_sync::waitqueue::{MultiWakerRegistration, WakerRegistration};
use embassy_time::{Duration, Instant};
use heapless::Vec;

use super::credits::{Credits, Owner};
use super::packet::Head;
use crate::links::MAX_LINKS;

/// How long trouble-host may leave a frame unfinished before it no longer holds up the bearers.
const STALLED_FRAME: Duration = Duration::from_secs(1);

/// A frame that trouble-host has sent in part.
#[derive(Debug)]
struct HostFrame {
    handle: u16,
    left: usize,
    since: Instant,
    /// Its next packet waits for a buffer, so it will be continued.
    waits: bool,
}

/// Who may send next, and on which connections.
#[derive(Debug)]
pub struct Turns {
    credits: Credits,
    host_frames: Vec<HostFrame, MAX_LINKS>,
    /// The connection of trouble-host's packet that had its turn but is not sent yet.
    unsent: Option<u16>,
    /// The connection on which a bearer is sending a frame.
    att_frame: Option<u16>,
    /// Who sent the last packet: the other side goes first next time.
    last: Owner,
    att_waits: bool,
    host_waits: bool,
    pump: WakerRegistration,
    pump_is_due: bool,
    writers: MultiWakerRegistration<4>,
}

impl Turns {
    /// Starts without buffers or connections.
    pub const fn new() -> Self {
        Self {
            credits: Credits::new(),
            host_frames: Vec::new(),
            unsent: None,
            att_frame: None,
            last: Owner::Host,
            att_waits: false,
            host_waits: false,
            pump: WakerRegistration::new(),
            pump_is_due: false,
            writers: MultiWakerRegistration::new(),
        }
    }

    /// The controller was reset: its buffers are unknown again.
    pub fn reset(&mut self) {
        self.credits = Credits::new();
    }

    /// The controller reported its buffers.
    pub fn configure(&mut self, packet_length: u16, total: u16) {
        self.credits.configure(packet_length, total);
    }

    /// The controller's buffers: bytes in each, and how many.
    pub fn buffers(&self) -> (u16, u16) {
        self.credits.buffers()
    }

    /// A connection was made.
    pub fn connected(&mut self, handle: u16) {
        self.credits.connected(handle);
    }

    /// A connection has ended.
    pub fn disconnected(&mut self, handle: u16) {
        self.credits.disconnected(handle);
        self.host_frames.retain(|f| f.handle != handle);
        self.wake();
    }

    /// Whether a connection exists.
    pub fn is_connected(&self, handle: u16) -> bool {
        self.credits.is_connected(handle)
    }

    /// The controller has completed the `count` oldest packets of a connection; returns how many of them were
    /// trouble-host's. The caller wakes the waiting side next, with [`Turns::wake_waiting`].
    pub fn completed(&mut self, handle: u16, count: u16) -> u16 {
        let rested = self.credits.rests(handle);
        let hosts = self.credits.completed(handle, count);
        if rested && !self.credits.rests(handle) {
            self.att_waits = true;
        }
        hosts
    }

    /// Whether there is any connection.
    pub fn any_connected(&self) -> bool {
        self.credits.any_connected()
    }

    /// Packets in the controller.
    pub fn in_flight(&self) -> u16 {
        self.credits.in_use().0
    }

    /// The most packets that were in the controller at once.
    pub fn most_in_flight(&self) -> u16 {
        self.credits.in_use().1
    }

    /// When an unfinished frame of trouble-host's stops holding up a bearer that waits for it;
    /// [`Instant::MAX`] if none does.
    pub fn deadline(&self) -> Instant {
        let left_alone = self.host_frames.iter().filter(|f| !f.waits);
        match left_alone.map(|f| f.since).min() {
            Some(since) if self.att_waits => since + STALLED_FRAME,
            _ => Instant::MAX,
        }
    }

    /// Forgets the frames that trouble-host has left unfinished for too long.
    pub fn expire(&mut self, now: Instant) {
        self.host_frames
            .retain(|f| f.waits || f.since + STALLED_FRAME > now);
    }

    /// trouble-host no longer waits to send a packet on this connection.
    pub fn host_gave_up(&mut self, handle: u16) {
        for frame in self.host_frames.iter_mut().filter(|f| f.handle == handle) {
            frame.waits = false;
        }
        // The frame can expire now, so the pump has a new deadline.
        self.wake_pump();
    }

    /// Wakes both sides.
    pub fn wake(&mut self) {
        self.wake_pump();
        self.writers.wake();
    }

    /// Wakes the sides that wait for a buffer.
    pub fn wake_waiting(&mut self) {
        if self.att_waits || self.att_frame.is_some() {
            self.wake_pump();
        }
        if self.host_waits {
            self.writers.wake();
        }
    }

    /// Wakes the pump.
    pub fn wake_pump(&mut self) {
        self.pump_is_due = true;
        self.pump.wake();
    }

    /// Whether the pump was woken and has not run yet.
    pub fn pump_is_due(&self) -> bool {
        self.pump_is_due
    }

    /// Bytes that fit an ACL packet to the controller.
    pub fn packet_length(&self) -> usize {
        self.credits.packet_length()
    }

    /// Waits until trouble-host may send an ACL packet, and takes a credit for it; false if the
    /// connection is gone.
    pub(super) fn poll_host_turn(
        &mut self,
        head: &Head,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        let handle = head.handle();
        if !self.credits.is_connected(handle) {
            return Poll::Ready(false);
        }
        self.writers.register(cx.waker());
        if !head.continues() {
            if self.att_frame == Some(handle) {
                self.host_waits = true;
                return Poll::Pending;
            }
            if self.att_waits && self.last == Owner::Host && self.credits.available(handle) {
                self.offer_turn(Owner::Att);
                self.host_waits = true;
                return Poll::Pending;
            }
        }
        if !self.credits.take(handle, Owner::Host) {
            self.host_waits = true;
            if head.continues()
                && let Some(frame) = self.host_frames.iter_mut().find(|f| f.handle == handle)
            {
                frame.waits = true;
            }
            return Poll::Pending;
        }
        self.host_waits = false;
        self.last = Owner::Host;
        self.unsent = Some(handle);
        self.track_host_frame(head, now);
        Poll::Ready(true)
    }

    /// trouble-host's packet that had its turn was sent.
    pub fn host_sent(&mut self) {
        self.unsent = None;
        if self.att_waits {
            self.wake_pump();
        }
    }

    /// Whether a bearer may begin a frame on a connection now.
    pub fn att_may_begin(&mut self, handle: u16, now: Instant) -> bool {
        self.expire(now);
        let held_up = self.unsent == Some(handle)
            || self.host_frames.iter().any(|f| f.handle == handle)
            || !self.credits.available(handle);
        if held_up {
            self.att_waits = self.credits.is_connected(handle);
            return false;
        }
        if self.credits.rests(handle) {
            // It is woken after the rest, and holds up nobody until then.
            return false;
        }
        if self.host_waits && self.last == Owner::Att {
            self.offer_turn(Owner::Host);
            self.att_waits = true;
            return false;
        }
        true
    }

    /// How many frames of up to `longest` octets a connection could send now, each in one packet.
    pub fn spare(&self, handle: u16, longest: usize) -> usize {
        match longest <= self.packet_length() {
            true => self.credits.spare(handle),
            false => 0,
        }
    }

    /// A bearer begins a frame. Each of its packets waits for a credit in [`Turns::poll_att_packet`].
    pub fn begin_att_frame(&mut self, handle: u16) {
        self.att_waits = false;
        self.att_frame = Some(handle);
    }

    /// Lets the other side go first, once: it may no longer want to.
    fn offer_turn(&mut self, to: Owner) {
        match to {
            Owner::Host => self.host_waits = false,
            Owner::Att => self.att_waits = false,
        }
        self.writers.wake();
        self.wake_pump();
    }

    /// Waits for a credit for the next packet of the bearer's frame; false if the connection is gone.
    pub fn poll_att_packet(&mut self, handle: u16, cx: &mut Context<'_>) -> Poll<bool> {
        if self.credits.take(handle, Owner::Att) {
            self.last = Owner::Att;
            return Poll::Ready(true);
        }
        if !self.credits.is_connected(handle) {
            return Poll::Ready(false);
        }
        self.register_pump(cx.waker());
        Poll::Pending
    }

    /// The bearer's frame is complete, or was dropped.
    pub fn end_att_frame(&mut self) {
        self.att_frame = None;
        if self.host_waits {
            self.writers.wake();
        }
    }

    /// Wakes `waker` when a credit comes back or the deadline moves.
    #[inline]
    pub fn register_pump(&mut self, waker: &Waker) {
        self.pump_is_due = false;
        self.pump.register(waker);
    }

    fn track_host_frame(&mut self, head: &Head, since: Instant) {
        let handle = head.handle();
        let index = self.host_frames.iter().position(|f| f.handle == handle);
        let left = match (head.continues(), index) {
            (true, Some(index)) => self.host_frames.swap_remove(index).left,
            (true, None) => return,
            (false, Some(index)) => {
                self.host_frames.swap_remove(index);
                head.frame_len()
            }
            (false, None) => head.frame_len(),
        };
        let left = left.saturating_sub(head.data_len());
        if left > 0 {
            // There is at most one per connection, so there is room.
            let _ = self.host_frames.push(HostFrame {
                handle,
                left,
                since,
                waits: false,
            });
        }
        if self.att_waits {
            self.wake_pump();
        }
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}
