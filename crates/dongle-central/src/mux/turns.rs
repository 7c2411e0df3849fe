//! Whose turn it is to send: trouble-host's packets and the bearers', on the same buffers.
//!
//! Fragments of two frames never mix on one connection, and where both sides want the last buffer,
//! they get it in turn.

use core::task::{Context, Poll, Waker};

use embassy_sync::waitqueue::{MultiWakerRegistration, WakerRegistration};
use embassy_time::{Duration, Instant};
use heapless::Vec;

use super::credits::{Credits, Owner};
use super::packet::Head;
use crate::links::MAX_LINKS;

/// After this long, a frame that trouble-host began and does not go on with is given up.
const STALLED_FRAME: Duration = Duration::from_secs(1);

/// A frame that trouble-host is in the middle of sending.
#[derive(Debug)]
struct HostFrame {
    handle: u16,
    left: usize,
    since: Instant,
    /// Its next packet waits for a buffer: it will be gone on with.
    waits: bool,
}

/// The turns.
#[derive(Debug)]
pub struct Turns {
    credits: Credits,
    host_frames: Vec<HostFrame, MAX_LINKS>,
    /// The connection of trouble-host's packet that has had its turn and is not sent yet.
    unsent: Option<u16>,
    /// The connection in whose frame the bearers are.
    att_frame: Option<u16>,
    /// Who sent the last packet, so that the other has its turn.
    last: Owner,
    att_waits: bool,
    host_waits: bool,
    pump: WakerRegistration,
    pump_is_due: bool,
    writers: MultiWakerRegistration<4>,
}

impl Turns {
    /// No buffers yet, and no connection.
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

    /// The controller was reset: it has told of no buffers.
    pub fn reset(&mut self) {
        self.credits = Credits::new();
    }

    /// The controller has told its buffers.
    pub fn configure(&mut self, packet_length: u16, total: u16) {
        self.credits.configure(packet_length, total);
    }

    /// The controller's buffers: bytes in each, and how many.
    pub fn buffers(&self) -> (u16, u16) {
        self.credits.buffers()
    }

    /// A connection begins.
    pub fn connected(&mut self, handle: u16) {
        self.credits.connected(handle);
    }

    /// A connection is over.
    pub fn disconnected(&mut self, handle: u16) {
        self.credits.disconnected(handle);
        self.host_frames.retain(|f| f.handle != handle);
        self.wake();
    }

    /// Whether a connection exists.
    pub fn is_connected(&self, handle: u16) -> bool {
        self.credits.is_connected(handle)
    }

    /// The controller is done with the `count` oldest packets of a connection; how many of them
    /// were trouble-host's. Waking those who wait is the next step, [`Turns::wake_waiting`].
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

    /// Packets that are in the controller.
    pub fn in_flight(&self) -> u16 {
        self.credits.in_use().0
    }

    /// Packets that were in the controller at a time, at most.
    pub fn most_in_flight(&self) -> u16 {
        self.credits.in_use().1
    }

    /// When a frame that trouble-host does not go on with is given up, if a bearer waits for that;
    /// else [`Instant::MAX`].
    pub fn deadline(&self) -> Instant {
        let left_alone = self.host_frames.iter().filter(|f| !f.waits);
        match left_alone.map(|f| f.since).min() {
            Some(since) if self.att_waits => since + STALLED_FRAME,
            _ => Instant::MAX,
        }
    }

    /// Gives up the frames that trouble-host does not go on with.
    pub fn expire(&mut self, now: Instant) {
        self.host_frames
            .retain(|f| f.waits || f.since + STALLED_FRAME > now);
    }

    /// trouble-host does not wait for a packet's turn any more, on this connection.
    pub fn host_gave_up(&mut self, handle: u16) {
        for frame in self.host_frames.iter_mut().filter(|f| f.handle == handle) {
            frame.waits = false;
        }
        // When the frame is given up has to be looked at again.
        self.wake_pump();
    }

    /// Has both sides look again.
    pub fn wake(&mut self) {
        self.wake_pump();
        self.writers.wake();
    }

    /// Has those look again who wait for a buffer.
    pub fn wake_waiting(&mut self) {
        if self.att_waits || self.att_frame.is_some() {
            self.wake_pump();
        }
        if self.host_waits {
            self.writers.wake();
        }
    }

    /// Has the pump look again.
    pub fn wake_pump(&mut self) {
        self.pump_is_due = true;
        self.pump.wake();
    }

    /// Whether the pump was asked to look again and has not yet.
    pub fn pump_is_due(&self) -> bool {
        self.pump_is_due
    }

    /// Bytes that fit an ACL packet to the controller.
    pub fn packet_length(&self) -> usize {
        self.credits.packet_length()
    }

    /// Waits for the turn of an ACL packet of trouble-host, and takes the credit; false: the
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

    /// The packet of trouble-host that has had its turn is sent.
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
            // It is woken when that is over, and keeps nobody waiting until then.
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

    /// A bearer begins a frame. Each of its packets waits for its credit by
    /// [`Turns::poll_att_packet`].
    pub fn begin_att_frame(&mut self, handle: u16) {
        self.att_waits = false;
        self.att_frame = Some(handle);
    }

    /// Lets the other side go first, once: it may not want to any more.
    fn offer_turn(&mut self, to: Owner) {
        match to {
            Owner::Host => self.host_waits = false,
            Owner::Att => self.att_waits = false,
        }
        self.writers.wake();
        self.wake_pump();
    }

    /// Waits for the credit of the next packet in the frame that was begun; false: the connection
    /// is gone.
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

    /// The frame of a bearer is complete, or given up.
    pub fn end_att_frame(&mut self) {
        self.att_frame = None;
        if self.host_waits {
            self.writers.wake();
        }
    }

    /// Wakes `waker` when a credit came back or the deadline moved.
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
            // One for each connection at most, so there is room.
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
