//! Packets as no controller sends them, the same for the same seed: those that were seen, and what else
//! there is, with something changed.

/// Events that matter to a host, with connection 0: whole, with the H4 indicator in front.
const EVENTS: &[&[u8]] = &[
    // Disconnection Complete, Encryption Change, Read Remote Version Information Complete.
    &[4, 0x05, 4, 0, 0, 0, 0x13],
    &[4, 0x08, 4, 0, 0, 0, 1],
    &[4, 0x59, 5, 0, 0, 0, 1, 16],
    &[4, 0x30, 3, 0, 0, 0],
    &[4, 0x0C, 8, 0, 0, 0, 9, 0x59, 0, 1, 0],
    // Command Complete: nothing, Reset, LE Read Buffer Size, LE Set Scan Enable, Read RSSI.
    &[4, 0x0E, 3, 1, 0, 0],
    &[4, 0x0E, 4, 1, 0x03, 0x0C, 0],
    &[4, 0x0E, 7, 1, 0x02, 0x20, 0, 27, 0, 4],
    &[4, 0x0E, 4, 1, 0x0C, 0x20, 0x0C],
    &[4, 0x0E, 4, 1, 0x42, 0x20, 0x0C],
    &[4, 0x0E, 7, 1, 0x05, 0x14, 0, 0, 0, 0xC4],
    // Command Status: nothing, LE Create Connection, LE Extended Create Connection, Disconnect, LE Enable
    // Encryption.
    &[4, 0x0F, 4, 0, 1, 0, 0],
    &[4, 0x0F, 4, 0, 1, 0x0D, 0x20],
    &[4, 0x0F, 4, 0, 1, 0x43, 0x20],
    &[4, 0x0F, 4, 0, 1, 0x06, 0x04],
    &[4, 0x0F, 4, 0, 1, 0x19, 0x20],
    // Number Of Completed Packets, Data Buffer Overflow, of the vendor's own.
    &[4, 0x13, 5, 1, 0, 0, 1, 0],
    &[4, 0x13, 9, 2, 0, 0, 1, 0, 1, 0, 1, 0],
    &[4, 0x1A, 1, 1],
    &[4, 0xFF, 4, 1, 2, 3, 4],
    // LE Connection Complete, and its enhanced form.
    &[
        4, 0x3E, 19, 0x01, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 0xC6, 24, 0, 0, 0, 0xF4, 1, 0,
    ],
    &[
        4, 0x3E, 31, 0x0A, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 0xC6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        24, 0, 0, 0, 0xF4, 1, 0,
    ],
    // Advertising reports of both kinds.
    &[
        4, 0x3E, 15, 0x02, 1, 0, 1, 1, 2, 3, 4, 5, 0xC6, 3, 2, 1, 6, 0xC8,
    ],
    &[
        4, 0x3E, 29, 0x0D, 1, 0x13, 0, 1, 1, 2, 3, 4, 5, 0xC6, 1, 0, 0xFF, 0x7F, 0xC8, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 3, 2, 1, 6,
    ],
    // LE Connection Update Complete, Read Remote Features Complete, Long Term Key Request, Remote
    // Connection Parameter Request, Data Length Change, PHY Update Complete, Scan Timeout.
    &[4, 0x3E, 10, 0x03, 0, 0, 0, 24, 0, 0, 0, 0xF4, 1],
    &[4, 0x3E, 12, 0x04, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    &[4, 0x3E, 13, 0x05, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0],
    &[4, 0x3E, 11, 0x06, 0, 0, 24, 0, 40, 0, 0, 0, 0xF4, 1],
    &[4, 0x3E, 11, 0x07, 0, 0, 251, 0, 0x48, 8, 251, 0, 0x48, 8],
    &[4, 0x3E, 6, 0x0C, 0, 0, 0, 2, 2],
    &[4, 0x3E, 1, 0x11],
    &[4, 0x3E, 6, 0x12, 0, 0, 0, 0, 0],
];

/// Frames of a peer: channel and payload.
const FRAMES: &[(u16, &[u8])] = &[
    // Attribute protocol: an error, an MTU, values, requests.
    (4, &[0x01, 0x0A, 3, 0, 0x0A]),
    (4, &[0x03, 0xF7, 0]),
    (4, &[0x02, 23, 0]),
    (4, &[0x05, 1, 4, 0, 0x02, 0x29]),
    (4, &[0x09, 7, 2, 0, 2, 3, 0, 0x37, 0x2A]),
    (4, &[0x0B, 1, 2, 3]),
    (4, &[0x11, 6, 1, 0, 5, 0, 0x0D, 0x18]),
    (4, &[0x13]),
    (4, &[0x1B, 3, 0, 1, 2, 3]),
    (4, &[0x1D, 3, 0, 1, 2, 3]),
    (4, &[0x10, 1, 0, 0xFF, 0xFF, 0, 0x28]),
    // Signalling: reject, disconnection, parameters, channels of both kinds, credits.
    (5, &[0x01, 1, 2, 0, 0, 0]),
    (5, &[0x06, 1, 4, 0, 0x40, 0, 0x40, 0]),
    (5, &[0x07, 1, 4, 0, 0x40, 0, 0x40, 0]),
    (5, &[0x12, 1, 8, 0, 24, 0, 40, 0, 0, 0, 0xF4, 1]),
    (5, &[0x13, 1, 2, 0, 0, 0]),
    (5, &[0x14, 1, 10, 0, 0x80, 0, 0x40, 0, 0, 2, 0xF7, 0, 5, 0]),
    (5, &[0x15, 1, 10, 0, 0x40, 0, 0, 2, 0xF7, 0, 5, 0, 0, 0]),
    (5, &[0x16, 1, 4, 0, 0x40, 0, 5, 0]),
    (
        5,
        &[
            0x17, 1, 12, 0, 0x80, 0, 0, 2, 0xF7, 0, 5, 0, 0x40, 0, 0x41, 0,
        ],
    ),
    (5, &[0x18, 1, 10, 0, 0, 2, 0xF7, 0, 5, 0, 0, 0, 0x40, 0]),
    (5, &[0x19, 1, 6, 0, 0, 2, 0xF7, 0, 0x40, 0]),
    // Pairing: request, response, confirm, random, failed, keys, security request, check.
    (6, &[0x01, 3, 0, 5, 16, 3, 3]),
    (6, &[0x02, 3, 0, 9, 16, 3, 3]),
    (
        6,
        &[0x03, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    ),
    (
        6,
        &[0x04, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    ),
    (6, &[0x05, 8]),
    (
        6,
        &[0x06, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    ),
    (
        6,
        &[0x08, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    ),
    (6, &[0x09, 1, 1, 2, 3, 4, 5, 0xC6]),
    (6, &[0x0B, 9]),
    (6, &[0x0C; 65]),
    (
        6,
        &[0x0D, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    ),
    // A channel's data, and one that there is not.
    (0x40, &[3, 0, 1, 2, 3]),
    (0x41, &[3, 0, 1, 2, 3]),
    (0x3A, &[1, 2, 3]),
];

/// Values that are limits of something.
const EDGES: &[u8] = &[
    0, 1, 2, 3, 4, 7, 0x0E, 0x0F, 0x10, 0x20, 0x3E, 0x40, 0x7F, 0x80, 0xFE, 0xFF,
];
/// Packets that are remembered.
const MEMORY: usize = 64;

/// The generator.
pub struct Forge {
    state: u64,
    seen: Vec<Vec<u8>>,
}

impl Forge {
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            seen: Vec::new(),
        }
    }

    /// xorshift64*: enough to vary packets.
    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// Remembers a packet of the controller's.
    pub fn see(&mut self, packet: &[u8]) {
        if self.seen.len() < MEMORY {
            self.seen.push(packet.to_vec());
        } else {
            let place = self.below(MEMORY);
            self.seen[place] = packet.to_vec();
        }
    }

    /// A packet, on one of these connections if it is about one, more often than not.
    pub fn packet(&mut self, handles: &[u16]) -> Vec<u8> {
        let handle = match handles {
            [] => self.below(0x1000) as u16,
            _ if self.one_in(6) => self.below(0x1_0000) as u16,
            handles => *self.pick(handles),
        };
        let mut packet = match self.below(8) {
            0 => self.noise(),
            1 | 2 if !self.seen.is_empty() => {
                let seen = self.below(self.seen.len());
                self.seen[seen].clone()
            }
            3..=5 => {
                let (channel, payload) = *self.pick(FRAMES);
                frame(handle, channel, payload)
            }
            _ => about(self.pick::<&[u8]>(EVENTS), handle),
        };
        for _ in 0..self.below(4) {
            self.change(&mut packet);
        }
        tame(&mut packet);
        know(&mut packet);
        packet
    }

    fn noise(&mut self) -> Vec<u8> {
        let length = self.below(40);
        let mut packet = vec![*self.pick(&[2, 4, 4]), self.next() as u8];
        packet.extend((0..length).map(|_| self.next() as u8));
        mend(&mut packet);
        packet
    }

    /// Changes something about a packet. What is whole to a transport stays so.
    pub fn change(&mut self, packet: &mut Vec<u8>) {
        let at = 1 + self.below(packet.len() - 1);
        match self.below(6) {
            0 => packet[at] = *self.pick(EDGES),
            1 => packet[at] ^= 1 << self.below(8),
            2 => packet[at] = self.next() as u8,
            3 => packet.truncate(at),
            4 => {
                let more = self.below(12);
                packet.extend((0..more).map(|_| self.next() as u8));
            }
            // The length of the frame, or the boundary flag.
            _ if packet[0] == 2 && packet.len() > 6 => match self.below(2) {
                0 => packet[2] ^= 0x10,
                _ => packet[5] = *self.pick(EDGES),
            },
            _ => {}
        }
        mend(packet);
    }
}

/// Makes an event another that is meant to end it all: a hardware error, or that no command is taken.
fn tame(packet: &mut [u8]) {
    match packet {
        [4, code @ 0x10, ..] => *code = 0x11,
        [4, 0x0E, _, commands @ 0, ..] | [4, 0x0F, _, _, commands @ 0, ..] => *commands = 1,
        _ => {}
    }
}

/// Makes no answer tell that the controller does not know a command, or does not support what is asked: the
/// extended commands would be given up for good, as they are on a controller that is right about that.
pub fn know(packet: &mut [u8]) {
    match packet {
        [4, 0x0F, _, status @ (0x01 | 0x11), ..]
        | [4, 0x0E, _, _, _, _, status @ (0x01 | 0x11), ..] => *status = 0x0C,
        _ => {}
    }
}

/// An event about a connection.
fn about(event: &[u8], handle: u16) -> Vec<u8> {
    let mut event = event.to_vec();
    let at = match event[..] {
        [4, 0x05 | 0x08 | 0x59 | 0x30 | 0x0C, ..] | [4, 0x3E, _, 0x05..=0x07, ..] => 4,
        [4, 0x13, ..] => 4,
        [4, 0x3E, _, 0x01 | 0x03 | 0x04 | 0x0A | 0x0C, ..] => 5,
        _ => return event,
    };
    event[at..at + 2].copy_from_slice(&handle.to_le_bytes());
    event
}

fn frame(handle: u16, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![2];
    packet.extend((handle & 0x0FFF | 0x2000).to_le_bytes());
    packet.extend((payload.len() as u16 + 4).to_le_bytes());
    packet.extend((payload.len() as u16).to_le_bytes());
    packet.extend(channel.to_le_bytes());
    packet.extend(payload);
    packet
}

/// Has the header tell the length: where it does not, a transport finds out, and not the host.
fn mend(packet: &mut Vec<u8>) {
    match packet[0] {
        2 => {
            packet.resize(packet.len().max(5), 0);
            let length = (packet.len() - 5) as u16;
            packet[3..5].copy_from_slice(&length.to_le_bytes());
        }
        _ => {
            packet[0] = 4;
            packet.resize(packet.len().clamp(3, 257), 0);
            packet[2] = (packet.len() - 3) as u8;
        }
    }
}
