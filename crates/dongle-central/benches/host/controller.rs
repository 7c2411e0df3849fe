//! A controller in memory, with one peer: it answers before the host has asked for the answer.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use bt_hci::ReadHciError;
use bt_hci::transport::{PacketKind, PacketToController, PacketToHost, Transport};

/// The handle of the one connection.
const CONNECTION: u16 = 0x0040;
/// How many ACL buffers the controller says to have.
const BUFFERS: u8 = 8;
/// Services of the peer, and characteristics of each; every other one has a CCCD.
const SERVICES: u16 = 12;
const CHARACTERISTICS: u16 = 5;
/// The peer's MTU.
const MTU: usize = 247;
/// The characteristic that is notified, read and written: a value of 20 bytes.
pub const VALUE: u16 = 3;
/// Its CCCD.
pub const CONFIGURATION: u16 = 4;

/// The controller.
pub struct Controller {
    to_host: RefCell<VecDeque<u8>>,
    reader: RefCell<Option<Waker>>,
    /// Notifications that are still to be sent.
    flood: Cell<u64>,
    sent: Cell<u64>,
    requests: Cell<u64>,
    attributes: Vec<Attribute>,
}

struct Attribute {
    uuid: u16,
    value: Vec<u8>,
    /// Of a service: its last handle.
    end: u16,
}

/// The transport lost a packet that the host has no room for.
#[derive(Debug)]
pub struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a packet could not be read")
    }
}

impl std::error::Error for Lost {}

impl embedded_io::Error for Lost {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::InvalidData
    }
}

impl From<ReadHciError<Infallible>> for Lost {
    fn from(_: ReadHciError<Infallible>) -> Self {
        Self
    }
}

impl Controller {
    pub fn new() -> Self {
        let mut attributes = Vec::new();
        for service in 0..SERVICES {
            let first = attributes.len();
            attributes.push(Attribute::new(
                0x2800,
                (0xFE00 + service).to_le_bytes().to_vec(),
            ));
            for number in 0..CHARACTERISTICS {
                let [low, high] = (attributes.len() as u16 + 2).to_le_bytes();
                let [u0, u1] = (0xFF00 + service * CHARACTERISTICS + number).to_le_bytes();
                attributes.push(Attribute::new(0x2803, vec![0x1A, low, high, u0, u1]));
                attributes.push(Attribute::new(u16::from_le_bytes([u0, u1]), vec![7; 20]));
                if number % 2 == 0 {
                    attributes.push(Attribute::new(0x2902, vec![0, 0]));
                }
            }
            attributes[first].end = attributes.len() as u16;
        }
        Self {
            to_host: RefCell::new(VecDeque::with_capacity(1 << 16)),
            reader: RefCell::default(),
            flood: Cell::new(0),
            sent: Cell::new(0),
            requests: Cell::new(0),
            attributes,
        }
    }

    /// Has the peer notify its value so many times, as fast as the host reads.
    pub fn notify(&self, count: u64) {
        self.flood.set(self.flood.get() + count);
        self.wake();
    }

    /// Whether all that was to be notified has been read.
    pub fn is_quiet(&self) -> bool {
        self.flood.get() == 0 && self.to_host.borrow().is_empty()
    }

    /// How many requests the peer has got.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    fn wake(&self) {
        if let Some(waker) = self.reader.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Queues a packet behind its kind and length.
    fn push(&self, kind: PacketKind, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut queue = self.to_host.borrow_mut();
        queue.push_back(kind as u8);
        queue.extend((length as u16).to_le_bytes());
        for part in parts {
            queue.extend(*part);
        }
        drop(queue);
        self.wake();
    }

    fn event(&self, code: u8, parameters: &[u8]) {
        self.push(
            PacketKind::Event,
            &[&[code, parameters.len() as u8], parameters],
        );
    }

    fn att(&self, pdu: &[u8]) {
        let length = pdu.len() as u16;
        let [h0, h1] = (CONNECTION | 0x2000).to_le_bytes();
        let ([l0, l1], [a0, a1]) = (length.to_le_bytes(), (length + 4).to_le_bytes());
        self.push(PacketKind::AclData, &[&[h0, h1, a0, a1, l0, l1, 4, 0], pdu]);
    }

    fn command(&self, packet: &[u8]) {
        let (opcode, parameters) = (&packet[..2], &packet[3..]);
        let code = u16::from_le_bytes([opcode[0], opcode[1]]);
        let complete = |returned: &[u8]| {
            self.event(0x0E, &[&[1], opcode, &[0], returned].concat());
        };
        let status = || self.event(0x0F, &[&[0, 1], opcode].concat());
        match code {
            // Read Local Supported Commands, Version Information, Supported Features, BD_ADDR.
            0x1002 => complete(&[0; 64]),
            0x1001 => complete(&[13, 0, 0, 13, 0xFF, 0xFF, 0, 0]),
            0x1003 => complete(&[0; 8]),
            0x1009 => complete(&[1, 2, 3, 4, 5, 0xC6]),
            // LE Read Buffer Size, Supported Features, Rand, and sizes of lists.
            0x2002 => complete(&[251, 0, BUFFERS]),
            0x2003 => complete(&[0; 8]),
            0x2018 => complete(&[8, 7, 6, 5, 4, 3, 2, 1]),
            0x200F | 0x202A => complete(&[8]),
            0x200D => {
                status();
                let [low, high] = CONNECTION.to_le_bytes();
                let mut event = vec![0x01, 0, low, high, 0, parameters[5]];
                event.extend(&parameters[6..12]);
                event.extend([6, 0, 0, 0, 100, 0, 0]);
                self.event(0x3E, &event);
            }
            // LE Read Remote Features.
            0x2016 => {
                status();
                let [low, high] = CONNECTION.to_le_bytes();
                self.event(0x3E, &[0x04, 0, low, high, 0, 0, 0, 0, 0, 0, 0, 0]);
            }
            // Disconnect.
            0x0406 => {
                status();
                let [low, high] = CONNECTION.to_le_bytes();
                self.event(0x05, &[0, low, high, 0x16]);
            }
            _ => complete(&[]),
        }
    }

    fn acl(&self, packet: &[u8]) {
        let [low, high] = CONNECTION.to_le_bytes();
        self.event(0x13, &[1, low, high, 1, 0]);
        let Some((&[_, _, _, _, _, _, 4, 0], pdu)) = packet.split_first_chunk::<8>() else {
            return;
        };
        let word = |at: usize| u16::from_le_bytes([pdu[at], pdu[at + 1]]);
        let all = || self.attributes.iter().zip(1_u16..);
        let mut response = Vec::new();
        match pdu[0] {
            0x52 => return,
            0x02 => response.extend([0x03, MTU as u8, 0]),
            0x0A => {
                response.push(0x0B);
                response.extend(&self.attributes[usize::from(word(1)) - 1].value);
            }
            0x12 => response.push(0x13),
            0x10 => {
                let found = all().filter(|(a, h)| (word(1)..=word(3)).contains(h) && a.end > 0);
                let entries = found
                    .map(|(a, h)| [&h.to_le_bytes()[..], &a.end.to_le_bytes(), &a.value].concat());
                list(&mut response, &[0x11, 6], entries);
            }
            0x08 => {
                let found =
                    all().filter(|(a, h)| (word(1)..=word(3)).contains(h) && a.uuid == word(5));
                let entries = found.map(|(a, h)| [&h.to_le_bytes()[..], &a.value].concat());
                list(&mut response, &[0x09, 7], entries);
            }
            0x04 => {
                let found = all().filter(|(_, h)| (word(1)..=word(3)).contains(h));
                let entries = found.map(|(a, h)| [h.to_le_bytes(), a.uuid.to_le_bytes()].concat());
                list(&mut response, &[0x05, 1], entries);
            }
            _ => {}
        }
        self.requests.set(self.requests.get() + 1);
        if response.is_empty() {
            response.extend([0x01, pdu[0], pdu[1], pdu[2], 0x0A]);
        }
        self.att(&response);
    }
}

/// Entries of one length behind a head, as many as the MTU holds; nothing if there are none.
fn list(response: &mut Vec<u8>, head: &[u8], entries: impl Iterator<Item = Vec<u8>>) {
    for entry in entries {
        if response.is_empty() {
            response.extend(head);
        }
        if response.len() + entry.len() > MTU {
            break;
        }
        response.extend(entry);
    }
}

impl Attribute {
    fn new(uuid: u16, value: Vec<u8>) -> Self {
        Self {
            uuid,
            value,
            end: 0,
        }
    }
}

/// A packet to the controller, as bytes.
struct Bytes {
    bytes: [u8; 300],
    length: usize,
}

impl embedded_io::ErrorType for Bytes {
    type Error = Infallible;
}

impl embedded_io::Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io::ErrorType for &Controller {
    type Error = Lost;
}

impl Transport for &Controller {
    async fn read<'a, P: PacketToHost<'a>>(&self, rx: &'a mut [u8]) -> Result<P, Lost> {
        let mut packet = [0; 300];
        let (kind, length) = poll_fn(|cx| {
            let mut queue = self.to_host.borrow_mut();
            if let Some(kind) = queue.pop_front() {
                let mut length = [0; 2];
                length.fill_with(|| queue.pop_front().unwrap_or(0));
                let length = usize::from(u16::from_le_bytes(length));
                for (to, from) in packet.iter_mut().zip(queue.drain(..length)) {
                    *to = from;
                }
                return Poll::Ready((kind, length));
            }
            if self.flood.get() > 0 {
                self.flood.set(self.flood.get() - 1);
                self.sent.set(self.sent.get() + 1);
                let [low, high] = (CONNECTION | 0x2000).to_le_bytes();
                packet[..11].copy_from_slice(&[
                    low,
                    high,
                    27,
                    0,
                    23,
                    0,
                    4,
                    0,
                    0x1B,
                    VALUE as u8,
                    0,
                ]);
                packet[11..19].copy_from_slice(&self.sent.get().to_le_bytes());
                return Poll::Ready((PacketKind::AclData as u8, 31));
            }
            *self.reader.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        let kind = match kind {
            0x02 => PacketKind::AclData,
            _ => PacketKind::Event,
        };
        P::read_hci(kind, &mut &packet[..length], rx).map_err(|_| Lost)
    }

    async fn write<P: PacketToController>(&self, packet: &P) -> Result<(), Lost> {
        let mut bytes = Bytes {
            bytes: [0; 300],
            length: 0,
        };
        let Ok(()) = packet.write_hci(&mut bytes);
        let packet = &bytes.bytes[..bytes.length];
        match P::KIND {
            PacketKind::Cmd => self.command(packet),
            PacketKind::AclData => self.acl(packet),
            _ => {}
        }
        Ok(())
    }
}
