//! A controller at a TCP port, with one peer: no radio, no world, only the bytes.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

/// The HCI handle of the one connection.
pub const CONNECTION: u16 = 0x0040;
/// ACL buffers of the controller.
pub const BUFFERS: u8 = 32;
/// The handle of the value.
pub const VALUE: u8 = 3;

/// Serves controllers, for ever.
pub fn run() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(stream));
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut chunk, mut input, mut out) = (vec![0; 65_536], Vec::new(), Vec::new());
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        input.extend_from_slice(&chunk[..count]);
        let (mut at, mut packets, mut flood) = (0, 0_u16, 0);
        let mut answers = Vec::new();
        while let Some(length) = length(&input[at..]) {
            let packet = &input[at..at + length];
            at += length;
            if packet[0] == 0x01 {
                command(&packet[1..], &mut out);
            } else {
                packets += 1;
                flood += answer(&packet[5..], &mut answers);
            }
        }
        input.drain(..at);
        if packets > 0 {
            let ([h0, h1], [p0, p1]) = (CONNECTION.to_le_bytes(), packets.to_le_bytes());
            out.extend([0x04, 0x13, 5, 1, h0, h1, p0, p1]);
        }
        out.append(&mut answers);
        stream.write_all(&out)?;
        out.clear();
        for number in 0..flood {
            att(&notification(number), &mut out);
            if out.len() > 32_768 || number + 1 == flood {
                stream.write_all(&out)?;
                out.clear();
            }
        }
    }
}

/// The length of the packet at the front, if it is whole.
fn length(bytes: &[u8]) -> Option<usize> {
    let length = match bytes {
        [0x01, _, _, length, ..] => 4 + usize::from(*length),
        [0x02, _, _, low, high, ..] => 5 + usize::from(u16::from_le_bytes([*low, *high])),
        _ => return None,
    };
    (bytes.len() >= length).then_some(length)
}

fn event(code: u8, parameters: &[u8], out: &mut Vec<u8>) {
    out.extend([0x04, code, parameters.len() as u8]);
    out.extend(parameters);
}

fn att(pdu: &[u8], out: &mut Vec<u8>) {
    let ([h0, h1], length) = ((CONNECTION | 0x2000).to_le_bytes(), pdu.len() as u16);
    let ([a0, a1], [l0, l1]) = ((length + 4).to_le_bytes(), length.to_le_bytes());
    out.extend([0x02, h0, h1, a0, a1, l0, l1, 4, 0]);
    out.extend(pdu);
}

fn command(packet: &[u8], out: &mut Vec<u8>) {
    let (opcode, parameters) = (&packet[..2], &packet[3..]);
    let [low, high] = CONNECTION.to_le_bytes();
    let returned: &[u8] = match u16::from_le_bytes([opcode[0], opcode[1]]) {
        0x1002 => &[0; 64],
        0x1001 => &[13, 0, 0, 13, 0xFF, 0xFF, 0, 0],
        0x1003 | 0x2003 => &[0; 8],
        0x1009 => &[1, 2, 3, 4, 5, 0xC6],
        0x2002 => &[251, 0, BUFFERS],
        0x2018 => &[8, 7, 6, 5, 4, 3, 2, 1],
        0x200F | 0x202A => &[8],
        0x200D => {
            event(0x0F, &[&[0, 1], opcode].concat(), out);
            let head = [0x01, 0, low, high, 0, parameters[5]];
            let end = [6, 0, 0, 0, 100, 0, 0];
            return event(0x3E, &[&head, &parameters[6..12], &end].concat(), out);
        }
        0x2016 => {
            event(0x0F, &[&[0, 1], opcode].concat(), out);
            return event(0x3E, &[0x04, 0, low, high, 0, 0, 0, 0, 0, 0, 0, 0], out);
        }
        0x0406 => {
            event(0x0F, &[&[0, 1], opcode].concat(), out);
            return event(0x05, &[0, low, high, 0x16], out);
        }
        _ => &[],
    };
    event(0x0E, &[&[1], opcode, &[0], returned].concat(), out);
}

/// Answers an L2CAP frame; how many notifications it asks for.
fn answer(frame: &[u8], out: &mut Vec<u8>) -> u32 {
    let [_, _, 4, 0, pdu @ ..] = frame else {
        return 0;
    };
    let (response, flood) = response(pdu);
    if let Some(response) = response {
        att(&response, out);
    }
    flood
}

/// The notification with this number: 20 octets.
pub fn notification(number: u32) -> Vec<u8> {
    let mut pdu = vec![0x1B, VALUE, 0];
    pdu.extend(number.to_le_bytes());
    pdu.extend([7; 16]);
    pdu
}

/// The response to an ATT PDU, and how many notifications it asks for.
pub fn response(pdu: &[u8]) -> (Option<Vec<u8>>, u32) {
    let response: &[u8] = match *pdu {
        [0x52, ..] => return (None, 0),
        [0x02, ..] => &[0x03, 247, 0],
        [0x0A, ..] => &[
            0x0B, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
        ],
        // One service with one characteristic and its configuration.
        [0x06, 1, 0, ..] => &[0x07, 1, 0, 4, 0],
        [0x08, 1 | 2, 0, .., 0x03, 0x28] => &[0x09, 7, 2, 0, 0x1E, VALUE, 0, 0xF1, 0xFF],
        [0x04, 4, 0, ..] => &[0x05, 1, 4, 0, 0x02, 0x29],
        [0x12, VALUE, 0, c0, c1, c2, c3] => {
            return (Some(vec![0x13]), u32::from_le_bytes([c0, c1, c2, c3]));
        }
        [0x12, ..] => &[0x13],
        [opcode, h0, h1, ..] => &[0x01, opcode, h0, h1, 0x0A],
        _ => return (None, 0),
    };
    (Some(response.to_vec()), 0)
}
