//! The same bytes without any stack: a loop over a socket.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::server::{BUFFERS, CONNECTION, VALUE};

/// Octets of Number Of Completed Packets with one connection.
const COMPLETED: usize = 8;
/// Octets of an ACL packet in front of the ATT PDU.
const HEAD: usize = 9;

/// A socket to a controller.
pub struct Wire(TcpStream);

impl Wire {
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Reads the value so many times.
    pub fn read(&mut self, count: u32) {
        let request = packet(&[0x0A, VALUE, 0]);
        let mut answer = [0; COMPLETED + HEAD + 21];
        for _ in 0..count {
            self.0.write_all(&request).expect("written");
            self.0.read_exact(&mut answer).expect("answered");
        }
    }

    /// Writes without response so many times: as many packets at once as there are buffers.
    pub fn write(&mut self, count: u32) {
        let command = packet(&[&[0x52, VALUE, 0][..], &[9; 20]].concat());
        let batch = command.repeat(usize::from(BUFFERS));
        let (mut left, mut credits) = (count as usize, usize::from(BUFFERS));
        let mut flying = 0;
        let mut completed = [0; COMPLETED];
        while left > 0 || flying > 0 {
            let now = credits.min(left);
            self.0
                .write_all(&batch[..now * command.len()])
                .expect("written");
            (left, credits, flying) = (left - now, credits - now, flying + now);
            self.0.read_exact(&mut completed).expect("completed");
            let done = usize::from(u16::from_le_bytes([completed[6], completed[7]]));
            (credits, flying) = (credits + done, flying - done);
        }
    }

    /// Has so many notifications sent, and reads them.
    pub fn notified(&mut self, count: u32) {
        let request = packet(&[&[0x12, VALUE, 0][..], &count.to_le_bytes()].concat());
        self.0.write_all(&request).expect("written");
        let mut left = COMPLETED + HEAD + 1 + count as usize * (HEAD + 23);
        let mut chunk = [0; 16_384];
        while left > 0 {
            left -= self.0.read(&mut chunk).expect("read");
        }
    }
}

fn packet(pdu: &[u8]) -> Vec<u8> {
    let ([h0, h1], length) = (CONNECTION.to_le_bytes(), pdu.len() as u16);
    let ([a0, a1], [l0, l1]) = ((length + 4).to_le_bytes(), length.to_le_bytes());
    [&[0x02, h0, h1, a0, a1, l0, l1, 4, 0][..], pdu].concat()
}
