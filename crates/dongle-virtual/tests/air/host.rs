//! A host that is no more than bytes, for tests that count every one of them.

use std::collections::VecDeque;

use dongle_virtual::{Address, Air, AirController, ControllerConfig};
use hci_transport::HciChannel;

use super::central::block_on;

pub const OWN: [u8; 6] = [9, 9, 9, 9, 9, 0xC9];

/// A host that is no more than its channel.
pub struct Host {
    pub channel: HciChannel,
    pub controller: AirController,
    unread: VecDeque<Vec<u8>>,
    pub handle: u16,
}

impl Host {
    pub fn new(air: &Air, config: ControllerConfig) -> Self {
        let (controller, channel) = air.attach(config);
        let mut host = Self {
            channel,
            controller,
            unread: VecDeque::new(),
            handle: 0,
        };
        host.command(0x0C03, &[]);
        host.command(0x0C01, &[0xFF; 8]);
        host.command(0x2001, &[0xFF; 8]);
        host.command(0x2005, &OWN);
        host
    }

    pub fn read(&mut self) -> Vec<u8> {
        let mut packet = Vec::new();
        block_on(self.channel.read_packet(&mut packet)).expect("a packet");
        packet
    }

    pub fn write(&self, packet: &[u8]) {
        block_on(self.channel.write_packet(packet)).expect("the wire takes it");
    }

    /// Reads on until a packet fits; the others are kept.
    pub fn wait(&mut self, fits: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        if let Some(index) = self.unread.iter().position(|packet| fits(packet)) {
            return self.unread.remove(index).unwrap();
        }
        loop {
            let packet = self.read();
            if fits(&packet) {
                return packet;
            }
            self.unread.push_back(packet);
        }
    }

    pub fn command(&mut self, opcode: u16, parameters: &[u8]) -> Vec<u8> {
        let [low, high] = opcode.to_le_bytes();
        let mut packet = vec![1, low, high, parameters.len() as u8];
        packet.extend_from_slice(parameters);
        self.write(&packet);
        self.wait(|packet| match packet {
            [4, 0x0E, _, _, l, h, ..] | [4, 0x0F, _, _, _, l, h] => [*l, *h] == [low, high],
            _ => false,
        })
    }

    pub fn connect(&mut self, peer: Address) {
        let mut parameters = vec![0x10, 0, 0x10, 0, 0, 1];
        parameters.extend_from_slice(&peer.bytes);
        parameters.extend_from_slice(&[1, 6, 0, 6, 0, 0, 0, 100, 0, 0, 0, 0, 0]);
        self.command(0x200D, &parameters);
        let event = self.wait(|packet| matches!(packet, [4, 0x3E, _, 0x0A, ..]));
        assert_eq!(event[4], 0);
        self.handle = u16::from_le_bytes([event[5], event[6]]);
    }

    pub fn send_att(&self, pdu: &[u8]) {
        let mut packet = vec![2];
        packet.extend_from_slice(&self.handle.to_le_bytes());
        packet.extend_from_slice(&(pdu.len() as u16 + 4).to_le_bytes());
        packet.extend_from_slice(&(pdu.len() as u16).to_le_bytes());
        packet.extend_from_slice(&[4, 0]);
        packet.extend_from_slice(pdu);
        self.write(&packet);
    }

    /// The next ATT PDU, put together from its fragments.
    pub fn att(&mut self) -> Vec<u8> {
        let mut frame = Vec::new();
        loop {
            let packet = self.wait(|packet| packet[0] == 2);
            frame.extend_from_slice(&packet[5..]);
            let len = usize::from(u16::from_le_bytes([frame[0], frame[1]]));
            if frame.len() >= 4 + len {
                assert_eq!(&frame[2..4], &[4, 0]);
                return frame[4..].to_vec();
            }
        }
    }

    pub fn disconnected(&mut self) -> u8 {
        self.wait(|packet| matches!(packet, [4, 0x05, ..]))[6]
    }
}
