//! The same bytes without any stack: a loop over a socket.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;

use super::server::VALUE;

/// A socket to a controller, and its connection to a peer.
pub struct Wire {
    stream: TcpStream,
    chunk: Vec<u8>,
    unread: Range<usize>,
    connection: u16,
    buffers: usize,
}

/// What matters of a packet from the controller.
enum Packet {
    /// So many packets of ours are done.
    Completed(usize),
    Pdu,
    /// An event: its code and parameters.
    Event(u8, Vec<u8>),
}

impl Wire {
    /// Resets a controller and connects to a peer, `address` written as people do.
    pub fn connect(port: u16, mut address: [u8; 6]) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut wire = Self {
            stream,
            chunk: vec![0; 65_536],
            unread: 0..0,
            connection: 0,
            buffers: 0,
        };
        address.reverse();
        wire.command(0x0C03, &[], 0x0E)?;
        // LE events are off after a reset.
        wire.command(0x0C01, &[0xFF; 8], 0x0E)?;
        let size = wire.command(0x2002, &[], 0x0E)?;
        wire.buffers = usize::from(size[6]);
        let head = [0x60, 0, 0x60, 0, 0, 1];
        let end = [0, 6, 0, 6, 0, 0, 0, 100, 0, 0, 0, 0, 0];
        let connected = wire.command(0x200D, &[&head, &address[..], &end].concat(), 0x3E)?;
        wire.connection = u16::from_le_bytes([connected[2], connected[3]]);
        Ok(wire)
    }

    /// Reads the value so many times.
    pub fn read(&mut self, count: u32) {
        let request = self.packet(&[0x0A, VALUE, 0]);
        for _ in 0..count {
            self.stream.write_all(&request).expect("written");
            while !matches!(self.next().expect("answered"), Packet::Pdu) {}
        }
    }

    /// Writes without response so many times: as many packets at once as there are buffers.
    pub fn write(&mut self, count: u32) {
        let command = self.packet(&[&[0x52, VALUE, 0][..], &[9; 20]].concat());
        let batch = command.repeat(self.buffers);
        let (mut left, mut free) = (count as usize, self.buffers);
        while left > 0 || free < self.buffers {
            let now = free.min(left);
            let bytes = &batch[..now * command.len()];
            self.stream.write_all(bytes).expect("written");
            (left, free) = (left - now, free - now);
            // What has come by then is taken before more is sent.
            loop {
                if let Packet::Completed(done) = self.next().expect("completed") {
                    free += done;
                }
                if free > 0 && self.unread.is_empty() {
                    break;
                }
            }
        }
    }

    /// Has so many notifications sent, and reads them.
    pub fn notified(&mut self, count: u32) {
        let request = self.packet(&[&[0x12, VALUE, 0][..], &count.to_le_bytes()].concat());
        self.stream.write_all(&request).expect("written");
        // The answer comes, too.
        let mut left = count + 1;
        while left > 0 {
            left -= u32::from(matches!(self.next().expect("read"), Packet::Pdu));
        }
    }

    /// Sends a command, and reads to the event with this code.
    fn command(&mut self, opcode: u16, parameters: &[u8], code: u8) -> io::Result<Vec<u8>> {
        let [low, high] = opcode.to_le_bytes();
        let head = [0x01, low, high, parameters.len() as u8];
        self.stream.write_all(&[&head, parameters].concat())?;
        loop {
            if let Packet::Event(came, parameters) = self.next()?
                && came == code
            {
                return Ok(parameters);
            }
        }
    }

    fn next(&mut self) -> io::Result<Packet> {
        loop {
            let unread = &self.chunk[self.unread.clone()];
            let length = match unread {
                [0x04, _, length, ..] => 3 + usize::from(*length),
                [0x02, _, _, low, high, ..] => 5 + usize::from(u16::from_le_bytes([*low, *high])),
                _ => usize::MAX,
            };
            if let Some(packet) = unread.get(..length) {
                self.unread.start += length;
                return Ok(match packet {
                    [0x04, 0x13, _, _, _, _, low, high] => {
                        Packet::Completed(usize::from(u16::from_le_bytes([*low, *high])))
                    }
                    [0x04, code, _, parameters @ ..] => Packet::Event(*code, parameters.to_vec()),
                    _ => Packet::Pdu,
                });
            }
            self.chunk.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            let count = self.stream.read(&mut self.chunk[self.unread.end..])?;
            assert!(count > 0, "the controller hung up");
            self.unread.end += count;
        }
    }

    fn packet(&self, pdu: &[u8]) -> Vec<u8> {
        let ([h0, h1], length) = (self.connection.to_le_bytes(), pdu.len() as u16);
        let ([a0, a1], [l0, l1]) = ((length + 4).to_le_bytes(), length.to_le_bytes());
        [&[0x02, h0, h1, a0, a1, l0, l1, 4, 0][..], pdu].concat()
    }
}
