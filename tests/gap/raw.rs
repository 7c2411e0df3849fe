//! A peripheral whose HCI packets a test writes itself.

use dongle::Address;
use dongle_tests::bench::PATIENCE;
use dongle_virtual::ControllerConfig;
use hci_transport::HciChannel;

use crate::{World, of};

pub struct Raw {
    channel: HciChannel,
    pub address: Address,
}

impl Raw {
    pub fn new(world: &World, number: u32) -> Self {
        Self::with(world, number, ControllerConfig::legacy())
    }

    pub fn with(world: &World, number: u32, config: ControllerConfig) -> Self {
        let channel = world.air.controller(config);
        let address = dongle_virtual::Address::numbered(number);
        let raw = Self {
            channel,
            address: of(address),
        };
        raw.command(0x0C03, &[]);
        raw.command(0x0C01, &[0xFF; 8]);
        raw.command(0x2001, &[0xFF, 0xFF, 0, 0, 0, 0, 0, 0]);
        raw.command(0x2005, &address.bytes);
        raw
    }

    /// Sends a command, and waits for its answer.
    pub fn command(&self, opcode: u16, parameters: &[u8]) {
        let [low, high] = opcode.to_le_bytes();
        let mut packet = vec![0x01, low, high, parameters.len() as u8];
        packet.extend_from_slice(parameters);
        self.channel.write_packet_blocking(&packet).unwrap();
        self.wait(|packet| match *packet {
            [0x04, 0x0E, _, _, l, h, status, ..] if [l, h] == [low, high] => Some(status),
            [0x04, 0x0F, _, status, _, l, h] if [l, h] == [low, high] => Some(status),
            _ => None,
        });
    }

    /// Advertises: kind 0 connectable, 1 directed with high duty cycle, 2 scannable, 3 neither,
    /// 4 directed.
    pub fn advertise(&self, kind: u8, to: Option<Address>, data: &[u8]) {
        let mut parameters = vec![0x20, 0, 0x20, 0, kind, 1];
        let mut octets = to.map_or([0; 6], |address| address.octets());
        octets.reverse();
        parameters.push(u8::from(to.is_some_and(|address| address.is_random())));
        parameters.extend_from_slice(&octets);
        parameters.extend_from_slice(&[7, 0]);
        self.command(0x2006, &parameters);
        let mut padded = vec![data.len() as u8];
        padded.extend_from_slice(data);
        padded.resize(32, 0);
        self.command(0x2008, &padded);
        self.command(0x200A, &[1]);
    }

    /// Advertises a connectable set with extended advertising, on LE Coded alone.
    pub fn advertise_coded(&self, sid: u8, data: &[u8]) {
        let mut parameters = vec![sid, 0x01, 0, 0x20, 0, 0, 0x20, 0, 0, 7, 1];
        parameters.extend_from_slice(&[0; 7]);
        parameters.extend_from_slice(&[0, 0x7F, 3, 0, 3, sid, 0]);
        self.command(0x2036, &parameters);
        let mut address = self.address.octets();
        address.reverse();
        self.command(0x2035, &[&[sid], address.as_slice()].concat());
        self.command(0x2037, &[&[sid, 3, 1, data.len() as u8], data].concat());
        self.command(0x2039, &[1, 1, sid, 0, 0, 0]);
    }

    /// The connection handle, once connected.
    pub fn connected(&self) -> u16 {
        self.wait(|packet| match *packet {
            [0x04, 0x3E, _, 0x01 | 0x0A, 0, low, high, ..] => Some(u16::from_le_bytes([low, high])),
            _ => None,
        })
    }

    /// Sends an L2CAP frame.
    pub fn send(&self, handle: u16, channel: u16, payload: &[u8]) {
        let [low, high] = handle.to_le_bytes();
        let len = payload.len() as u8;
        let [c0, c1] = channel.to_le_bytes();
        let mut packet = vec![0x02, low, high & 0x0F, len + 4, 0, len, 0, c0, c1];
        packet.extend_from_slice(payload);
        self.channel.write_packet_blocking(&packet).unwrap();
    }

    /// The next payload on an L2CAP channel.
    pub fn received(&self, channel: u16) -> Vec<u8> {
        let [c0, c1] = channel.to_le_bytes();
        self.wait(|packet| match packet {
            [0x02, _, _, _, _, _, _, a, b, payload @ ..] if [*a, *b] == [c0, c1] => {
                Some(payload.to_vec())
            }
            _ => None,
        })
    }

    /// Waits for a packet from the controller.
    pub fn wait<T>(&self, wanted: impl Fn(&[u8]) -> Option<T>) -> T {
        let mut packet = Vec::new();
        let begun = std::time::Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let came = self.channel.read_packet_timeout(&mut packet, left).unwrap();
            assert!(came, "nothing came");
            if let Some(found) = wanted(&packet) {
                return found;
            }
        }
    }
}
