//! The three-wire UART's link (Core Vol 4 Part D): establishment, acknowledgements, a sliding
//! window and retransmission. No I/O and no clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::frame::{ACK, Frame, LINK_CONTROL, MAX_FRAME, MAX_PAYLOAD};
use super::slip::{Decoded, Decoder};

/// How often an unanswered message of link establishment is repeated (8.1), and how long a packet
/// waits for its acknowledgement before it is sent again.
const REPEAT: Duration = Duration::from_millis(250);
/// After this many repetitions without an acknowledgement, the other side is considered gone.
const MOST_REPETITIONS: u32 = 20;
/// The largest window that the specification allows (8.6.1).
const WINDOW: u8 = 7;
/// How many packets may wait for the window before [`H5Link::has_room`] returns `false`.
const MOST_QUEUED: usize = 16;

const SYNC: [u8; 2] = [0x01, 0x7e];
const SYNC_RESPONSE: [u8; 2] = [0x02, 0x7d];
const CONFIG: [u8; 2] = [0x03, 0xfc];
const CONFIG_RESPONSE: [u8; 2] = [0x04, 0x7b];
const WAKEUP: [u8; 2] = [0x05, 0xfa];
const WOKEN: [u8; 2] = [0x06, 0xf9];
const SLEEP: [u8; 2] = [0x07, 0x78];

/// One end of a three-wire UART link (H5), host or controller: both are the same.
///
/// Pass in received bytes with [`handle_bytes`](Self::handle_bytes), and packets to be sent with
/// [`send`](Self::send). Then take out packets ([`poll_packet`](Self::poll_packet)), events
/// ([`poll_event`](Self::poll_event)) and the bytes to write
/// ([`poll_transmit`](Self::poll_transmit)) until there are none, and call it again at
/// [`poll_timeout`](Self::poll_timeout). Packets are in H4 form; each arrives once and in order,
/// whatever the wire loses, repeats or corrupts.
///
/// ```
/// use std::time::Instant;
/// use hci_transport::H5Link;
///
/// let now = Instant::now();
/// let (mut host, mut controller) = (H5Link::new(now), H5Link::new(now));
/// host.send(&[0x01, 0x03, 0x0c, 0x00]);
/// let mut bytes = Vec::new();
/// for _ in 0..8 {
///     while host.poll_transmit(now, &mut bytes) {}
///     controller.handle_bytes(now, &std::mem::take(&mut bytes));
///     while controller.poll_transmit(now, &mut bytes) {}
///     host.handle_bytes(now, &std::mem::take(&mut bytes));
/// }
/// assert_eq!(controller.poll_packet().unwrap(), [0x01, 0x03, 0x0c, 0x00]);
/// ```
#[derive(Debug)]
pub struct H5Link {
    state: State,
    decoder: Decoder,
    /// The window and the CRC that were negotiated.
    window: u8,
    crc: bool,
    /// Whether to offer a CRC: no longer, once a link with one has never worked.
    offer_crc: bool,
    /// Packets that don't fit into the window yet.
    queued: VecDeque<Vec<u8>>,
    /// Packets in the window, the oldest first.
    unacknowledged: VecDeque<Vec<u8>>,
    /// The sequence number of the oldest of them, and how many of them have been sent.
    oldest: u8,
    sent: usize,
    repetitions: u32,
    any_acknowledged: bool,
    /// The sequence number expected next.
    expected: u8,
    acknowledge: bool,
    /// Link control messages to be sent.
    messages: VecDeque<Vec<u8>>,
    /// The other side announced that it sleeps.
    asleep: bool,
    /// When something has to be repeated.
    timeout: Option<Instant>,
    packets: VecDeque<Vec<u8>>,
    events: VecDeque<H5Event>,
    statistics: H5Statistics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Uninitialized,
    Initialized,
    Active,
}

/// What happened to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum H5Event {
    /// It is established: packets flow.
    Established,
    /// The other side restarted. Packets that it had not acknowledged are lost.
    PeerRestarted,
    /// The other side no longer acknowledges anything. The link is being established again.
    Lost,
}

/// Counts of a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct H5Statistics {
    /// Frames that were damaged on the wire.
    pub damaged_frames: u64,
    /// Packets that were repeated, or that arrived too early because one before them was lost.
    pub out_of_sequence: u64,
    /// Packets that were sent again.
    pub repeated: u64,
}

impl H5Link {
    /// An end that begins to establish the link.
    pub fn new(now: Instant) -> Self {
        Self {
            state: State::Uninitialized,
            decoder: Decoder::new(MAX_FRAME),
            window: 1,
            crc: false,
            offer_crc: true,
            queued: VecDeque::new(),
            unacknowledged: VecDeque::new(),
            oldest: 0,
            sent: 0,
            repetitions: 0,
            any_acknowledged: false,
            expected: 0,
            acknowledge: false,
            messages: VecDeque::new(),
            asleep: false,
            timeout: Some(now),
            packets: VecDeque::new(),
            events: VecDeque::new(),
            statistics: H5Statistics::default(),
        }
    }

    /// Whether the link is established.
    pub fn is_established(&self) -> bool {
        self.state == State::Active
    }

    /// Its counts so far.
    pub fn statistics(&self) -> H5Statistics {
        self.statistics
    }

    /// Whether another packet should be sent now, rather than after others have been acknowledged.
    pub fn has_room(&self) -> bool {
        self.queued.len() < MOST_QUEUED
    }

    /// Whether everything that was sent is acknowledged.
    pub fn is_idle(&self) -> bool {
        self.queued.is_empty() && self.unacknowledged.is_empty()
    }

    /// Sends a packet in H4 form as soon as the link accepts it. One longer than 4,095 bytes does not
    /// fit into a frame: it is dropped, and this returns `false`.
    pub fn send(&mut self, packet: &[u8]) -> bool {
        let fits = matches!(packet, [0x01..=0x05, payload @ ..] if payload.len() <= MAX_PAYLOAD);
        if fits {
            self.queued.push_back(packet.to_vec());
        }
        fits
    }

    /// Takes in bytes from the wire, split anywhere.
    pub fn handle_bytes(&mut self, now: Instant, bytes: &[u8]) {
        for byte in bytes {
            match self.decoder.push(*byte) {
                Decoded::Nothing => {}
                Decoded::Damaged => self.statistics.damaged_frames += 1,
                Decoded::Frame => {
                    let frame = self.decoder.take();
                    match Frame::parse(&frame) {
                        Some(frame) => self.handle_frame(now, &frame),
                        None => self.statistics.damaged_frames += 1,
                    }
                }
            }
        }
    }

    /// The next packet received, in H4 form.
    pub fn poll_packet(&mut self) -> Option<Vec<u8>> {
        self.packets.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<H5Event> {
        self.events.pop_front()
    }

    /// When to call [`poll_transmit`](Self::poll_transmit) again even if nothing has arrived.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// Appends the next frame to be written to `out`. Returns `false` if there is none for now.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        self.handle_timeout(now);
        if let Some(payload) = self.messages.pop_front() {
            let frame = Frame {
                sequence: None,
                acknowledge: 0,
                kind: LINK_CONTROL,
                payload: &payload,
            };
            frame.encode(false, out);
            return true;
        }
        if self.state != State::Active {
            return false;
        }
        while !self.asleep
            && self.unacknowledged.len() < usize::from(self.window)
            && let Some(packet) = self.queued.pop_front()
        {
            self.unacknowledged.push_back(packet);
        }
        if !self.asleep
            && let Some([kind, payload @ ..]) =
                self.unacknowledged.get(self.sent).map(Vec::as_slice)
        {
            let frame = Frame {
                sequence: Some(self.oldest.wrapping_add(self.sent as u8) & 7),
                acknowledge: self.expected,
                kind: *kind,
                payload,
            };
            frame.encode(self.crc, out);
            self.sent += 1;
            self.acknowledge = false;
            self.timeout = Some(now + REPEAT);
            return true;
        }
        if self.asleep && !self.is_idle() && self.timeout.is_none() {
            self.messages.push_back(WAKEUP.to_vec());
            self.timeout = Some(now + REPEAT);
            return self.poll_transmit(now, out);
        }
        if std::mem::take(&mut self.acknowledge) {
            let frame = Frame {
                sequence: None,
                acknowledge: self.expected,
                kind: ACK,
                payload: &[],
            };
            frame.encode(self.crc, out);
            return true;
        }
        false
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.timeout.is_none_or(|at| at > now) {
            return;
        }
        self.timeout = Some(now + REPEAT);
        match self.state {
            State::Uninitialized => self.messages.push_back(SYNC.to_vec()),
            State::Initialized => self.messages.push_back(self.config(CONFIG)),
            State::Active if self.asleep => {
                // `poll_transmit` asks the other side to wake up again.
                self.timeout = None;
            }
            State::Active if self.unacknowledged.is_empty() => self.timeout = None,
            State::Active => {
                self.repetitions += 1;
                if self.repetitions > MOST_REPETITIONS {
                    if self.crc && !self.any_acknowledged {
                        // The other side may have accepted a CRC without supporting it.
                        self.offer_crc = false;
                    }
                    self.events.push_back(H5Event::Lost);
                    self.restart(now);
                    return;
                }
                self.statistics.repeated += self.sent as u64;
                self.sent = 0;
            }
        }
    }

    /// Starts over. Unacknowledged packets are kept if the link never worked.
    fn restart(&mut self, now: Instant) {
        if self.any_acknowledged {
            self.unacknowledged.clear();
            self.queued.clear();
        }
        while let Some(packet) = self.unacknowledged.pop_back() {
            self.queued.push_front(packet);
        }
        self.state = State::Uninitialized;
        (self.window, self.crc) = (1, false);
        (self.oldest, self.expected, self.sent) = (0, 0, 0);
        self.repetitions = 0;
        self.any_acknowledged = false;
        (self.acknowledge, self.asleep) = (false, false);
        self.messages.clear();
        self.timeout = Some(now);
    }

    /// A configuration message: the window, and whether there is a CRC (8.6).
    fn config(&self, message: [u8; 2]) -> Vec<u8> {
        let field = WINDOW | u8::from(self.offer_crc) << 4;
        [message[0], message[1], field].to_vec()
    }

    fn handle_frame(&mut self, now: Instant, frame: &Frame<'_>) {
        if frame.kind == LINK_CONTROL {
            self.handle_message(now, frame.payload);
            return;
        }
        // Before the link is active, packets are remains of an earlier link.
        if self.state != State::Active {
            return;
        }
        self.wake();
        self.handle_acknowledgement(now, frame.acknowledge);
        match (frame.sequence, frame.kind) {
            (Some(sequence), _) if sequence != self.expected => {
                // Either our acknowledgement was lost, or a packet before this one.
                self.statistics.out_of_sequence += 1;
                self.acknowledge = true;
            }
            (Some(_), _) => {
                self.expected = (self.expected + 1) & 7;
                self.acknowledge = true;
                self.deliver(frame);
            }
            (None, ACK) => {}
            (None, _) => self.deliver(frame),
        }
    }

    fn deliver(&mut self, frame: &Frame<'_>) {
        if (0x01..=0x05).contains(&frame.kind) {
            self.packets
                .push_back([&[frame.kind], frame.payload].concat());
        }
    }

    /// The other side is awake. What was sent while it slept is sent again.
    fn wake(&mut self) {
        if std::mem::take(&mut self.asleep) {
            self.sent = 0;
            self.timeout = None;
        }
    }

    /// The other side expects `next`: everything before it has arrived.
    fn handle_acknowledgement(&mut self, now: Instant, next: u8) {
        let count = usize::from(next.wrapping_sub(self.oldest) & 7);
        if count == 0 || count > self.unacknowledged.len() {
            return;
        }
        self.unacknowledged.drain(..count);
        self.oldest = next;
        self.sent = self.sent.saturating_sub(count);
        self.repetitions = 0;
        self.any_acknowledged = true;
        self.timeout = (self.sent > 0).then(|| now + REPEAT);
    }

    fn handle_message(&mut self, now: Instant, message: &[u8]) {
        let Some(head) = message.first_chunk::<2>() else {
            return;
        };
        match (*head, self.state) {
            (SYNC, State::Active) => {
                self.events.push_back(H5Event::PeerRestarted);
                self.restart(now);
                self.messages.push_back(SYNC_RESPONSE.to_vec());
            }
            (SYNC, _) => self.messages.push_back(SYNC_RESPONSE.to_vec()),
            (SYNC_RESPONSE, State::Uninitialized) => {
                self.state = State::Initialized;
                self.timeout = Some(now);
            }
            (CONFIG, State::Initialized | State::Active) => {
                self.messages.push_back(self.config(CONFIG_RESPONSE));
            }
            (CONFIG_RESPONSE, State::Initialized) => {
                // A response without the field means a window of one and no options (8.6).
                let field = message.get(2).copied().unwrap_or(1);
                self.window = (field & 7).clamp(1, WINDOW);
                self.crc = self.offer_crc && field & 0x10 != 0;
                self.state = State::Active;
                self.timeout = None;
                self.events.push_back(H5Event::Established);
            }
            (WAKEUP, State::Active) => self.messages.push_back(WOKEN.to_vec()),
            (WOKEN, State::Active) => self.wake(),
            (SLEEP, State::Active) => {
                self.asleep = true;
                self.timeout = None;
            }
            _ => {}
        }
    }
}
