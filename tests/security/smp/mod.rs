//! A peripheral whose every SMP command a test decides: it pairs by the book, or breaks it where
//! the test wants.

pub mod crypto;
pub mod pairing;

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dongle::security::{PairingAgent, Security};
use dongle::{Address, DeviceConnection, Dongle, Error, Open};
use dongle_tests::bench::{PATIENCE, soon};
use dongle_tests::peer::Server;
use dongle_virtual::{Air, AirConfig, AirController, ControllerConfig};
use hci_transport::HciChannel;

use crypto::{Block, DeviceAddress};
pub use pairing::Pairing;

const CID_ATT: u16 = 4;
const CID_SMP: u16 = 6;

/// An air with a dongle that is not open yet and a scripted peer.
pub struct World {
    pub air: Air,
}

impl World {
    pub fn new() -> Self {
        let _ = env_logger::builder().is_test(true).try_init();
        Self {
            air: Air::with(AirConfig::free_running()),
        }
    }

    /// A dongle that is not open yet, with the same address each time, and its controller.
    pub fn dongle(&self) -> (Open, AirController) {
        let (controller, channel) = self.air.attach(ControllerConfig::default());
        (Dongle::on(channel).address(DONGLE), controller)
    }
}

/// Where the dongle is.
pub const DONGLE: Address = Address::random([0xC0, 1, 2, 3, 4, 5]);
/// Where the peer is.
pub const PEER: Address = Address::random([0xF7, 6, 5, 4, 3, 2]);

/// A pairing under way on a thread of its own.
pub type Attempt = JoinHandle<Result<Security, Error>>;

/// Connects to a peer that there is no bond with.
pub fn connect(dongle: &Dongle, peer: &mut Peer) -> DeviceConnection {
    let connection = soon(dongle.device(peer.address).connect()).expect("the peer is there");
    peer.connected();
    connection
}

/// Connects to a peer that advertises again and has this key still.
#[track_caller]
pub fn connect_bonded(dongle: &Dongle, peer: &mut Peer, key: &Block) -> DeviceConnection {
    peer.advertise();
    let device = dongle.device(peer.address);
    let connecting = thread::spawn(move || soon(device.connect()));
    peer.connected();
    assert!(peer.encrypt(key), "it has another key");
    connecting.join().expect("no panic").expect("it connects")
}

/// Begins to pair.
pub fn pair(connection: &DeviceConnection) -> Attempt {
    let connection = connection.clone();
    thread::spawn(move || soon(connection.pair()))
}

/// Begins to pair with this person, who has to make sure of the peer.
pub fn pair_safely(connection: &DeviceConnection, person: impl PairingAgent + 'static) -> Attempt {
    let connection = connection.clone();
    thread::spawn(move || soon(connection.pair().authenticated().agent(person)))
}

/// The peripheral.
pub struct Peer {
    channel: HciChannel,
    handle: u16,
    pub address: Address,
    /// Who is connected.
    pub central: Address,
    /// What came and was not asked for yet.
    frames: Vec<(u16, Vec<u8>)>,
    events: Vec<Vec<u8>>,
    /// A frame of which not all has come.
    partial: Vec<u8>,
}

impl Peer {
    /// Advertises at [`PEER`].
    pub fn new(world: &World) -> Self {
        Self::at(world, PEER)
    }

    pub fn at(world: &World, address: Address) -> Self {
        let channel = world.air.controller(ControllerConfig::legacy());
        let mut peer = Self {
            channel,
            handle: 0,
            address,
            central: DONGLE,
            frames: Vec::new(),
            events: Vec::new(),
            partial: Vec::new(),
        };
        peer.command(0x0C03, &[]);
        peer.command(0x0C01, &[0xFF; 8]);
        peer.command(0x2001, &[0xFF, 0xFF, 0, 0, 0, 0, 0, 0]);
        peer.go_by(address);
        peer
    }

    /// Advertises under this random address.
    pub fn go_by(&mut self, address: Address) {
        self.address = address;
        let mut octets = address.octets();
        octets.reverse();
        self.command(0x2005, &octets);
        self.command(0x2006, &[0x20, 0, 0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0]);
        self.advertise();
    }

    pub fn advertise(&mut self) {
        self.command(0x200A, &[1]);
    }

    /// Waits for the central.
    pub fn connected(&mut self) {
        (self.handle, self.central) = self.event(|event| match *event {
            [
                0x3E,
                _,
                0x01 | 0x0A,
                0,
                low,
                high,
                _,
                kind,
                f,
                e,
                d,
                c,
                b,
                a,
                ..,
            ] => {
                let octets = [a, b, c, d, e, f];
                let central = match kind {
                    0 => Address::public(octets),
                    _ => Address::random(octets),
                };
                Some((u16::from_le_bytes([low, high]), central))
            }
            _ => None,
        });
    }

    /// Waits until the central has gone; the reason.
    pub fn disconnected(&mut self) -> u8 {
        let reason = self.event(|event| match *event {
            [0x05, _, 0, _, _, reason] => Some(reason),
            _ => None,
        });
        self.frames.clear();
        self.partial.clear();
        // A request for the key of the link that is over is not one for the next link's.
        self.events
            .retain(|event| matches!(event[..], [0x3E, _, 0x01 | 0x0A, ..]));
        reason
    }

    pub fn disconnect(&mut self, reason: u8) {
        let [low, high] = self.handle.to_le_bytes();
        self.command(0x0406, &[low, high, reason]);
    }

    /// Sends an SMP command.
    pub fn send(&mut self, code: u8, parameters: &[u8]) {
        let pdu = [&[code], parameters].concat();
        self.send_frame(CID_SMP, &pdu);
    }

    pub fn send_frame(&mut self, channel: u16, payload: &[u8]) {
        let mut frame = (payload.len() as u16).to_le_bytes().to_vec();
        frame.extend(channel.to_le_bytes());
        frame.extend(payload);
        for (number, part) in frame.chunks(27).enumerate() {
            self.send_fragment(number == 0, part);
        }
    }

    /// Sends one ACL packet as it is.
    pub fn send_fragment(&mut self, first: bool, data: &[u8]) {
        let [low, high] = self.handle.to_le_bytes();
        let boundary = if first { 0 } else { 0x10 };
        let mut packet = vec![0x02, low, high | boundary, data.len() as u8, 0];
        packet.extend(data);
        self.channel.write_packet_blocking(&packet).expect("a wire");
    }

    /// The next SMP command of the central: its code and parameters.
    pub fn received(&mut self) -> (u8, Vec<u8>) {
        let pdu = self.frame(CID_SMP);
        (pdu[0], pdu[1..].to_vec())
    }

    /// The next SMP command, which has to be this one; its parameters.
    #[track_caller]
    pub fn expect(&mut self, code: u8) -> Vec<u8> {
        let (came, parameters) = self.received();
        assert_eq!(came, code, "{parameters:02X?}");
        parameters
    }

    /// The next SMP command, whose parameters are one value, most significant octet first.
    #[track_caller]
    pub fn expect_block(&mut self, code: u8) -> Block {
        let parameters = self.expect(code);
        crypto::reversed(parameters.try_into().expect("a value"))
    }

    /// Whether an SMP command comes within so long.
    pub fn hears_within(&mut self, time: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < time {
            if self.frames.iter().any(|(channel, _)| *channel == CID_SMP) {
                return true;
            }
            self.hear(time.saturating_sub(begun.elapsed()));
        }
        false
    }

    /// The next frame of a channel.
    pub fn frame(&mut self, channel: u16) -> Vec<u8> {
        let begun = Instant::now();
        loop {
            if let Some(at) = self.frames.iter().position(|(c, _)| *c == channel) {
                return self.frames.remove(at).1;
            }
            let left = PATIENCE.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "nothing came");
            self.hear(left);
        }
    }

    /// Waits for the central to encrypt, with this key here; whether that is the key it has.
    pub fn encrypt(&mut self, key: &Block) -> bool {
        self.asked_for_key();
        self.has_key(key)
    }

    /// Has this key, which was asked for; whether the link is encrypted with it.
    pub fn has_key(&mut self, key: &Block) -> bool {
        let [low, high] = self.handle.to_le_bytes();
        let key = crypto::reversed(*key);
        self.command(0x201A, &[&[low, high], key.as_slice()].concat());
        let (ended, encrypted) = self.event(|event| match *event {
            [0x08, _, status, ..] | [0x30, _, status, ..] => Some((None, status == 0)),
            [0x05, ..] => Some((Some(event.to_vec()), false)),
            _ => None,
        });
        self.events.extend(ended);
        encrypted
    }

    /// Waits for the central to encrypt, and has no key.
    pub fn refuse_key(&mut self) {
        self.asked_for_key();
        let [low, high] = self.handle.to_le_bytes();
        self.command(0x201B, &[low, high]);
    }

    /// Waits for the central to encrypt.
    pub fn asked_for_key(&mut self) {
        self.event(|event| matches!(event, [0x3E, _, 0x05, ..]).then_some(()));
    }

    /// Answers requests of the Attribute Protocol until there is a command of pairing, or `done`.
    /// Reading is refused with this error.
    pub fn serve(&mut self, server: &Server, refuse: Option<u8>, done: impl Fn() -> bool) {
        while !done() && self.frames.iter().all(|(channel, _)| *channel != CID_SMP) {
            let Some(at) = self.frames.iter().position(|(c, _)| *c == CID_ATT) else {
                self.hear(Duration::from_millis(10));
                continue;
            };
            let (_, request) = self.frames.remove(at);
            let responses = match (refuse, &request[..]) {
                (Some(error), [0x0A, low, high]) => vec![vec![0x01, 0x0A, *low, *high, error]],
                _ => server.handle(&request),
            };
            for response in responses {
                self.send_frame(CID_ATT, &response);
            }
        }
    }

    pub fn device_address(&self) -> DeviceAddress {
        device_address(self.address)
    }

    fn command(&mut self, opcode: u16, parameters: &[u8]) {
        let [low, high] = opcode.to_le_bytes();
        let mut packet = vec![0x01, low, high, parameters.len() as u8];
        packet.extend(parameters);
        self.channel.write_packet_blocking(&packet).expect("a wire");
        self.event(|event| match *event {
            [0x0E, _, _, l, h, ..] | [0x0F, _, _, _, l, h] if [l, h] == [low, high] => Some(()),
            _ => None,
        });
    }

    #[track_caller]
    fn event<T>(&mut self, wanted: impl Fn(&[u8]) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let mut events = self.events.iter().enumerate();
            let found = events.find_map(|(at, event)| Some((at, wanted(event)?)));
            if let Some((at, found)) = found {
                self.events.remove(at);
                return found;
            }
            let left = PATIENCE.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "nothing came");
            self.hear(left);
        }
    }

    /// Takes a packet from the controller, if one comes in time.
    fn hear(&mut self, time: Duration) {
        let mut packet = Vec::new();
        let came = self.channel.read_packet_timeout(&mut packet, time);
        if !came.expect("a wire") {
            return;
        }
        match &packet[..] {
            [0x02, _, high, _, _, data @ ..] => {
                if high >> 4 & 0b11 != 0b01 {
                    self.partial.clear();
                }
                self.partial.extend(data);
                if let [l0, l1, c0, c1, payload @ ..] = &self.partial[..]
                    && payload.len() == usize::from(u16::from_le_bytes([*l0, *l1]))
                {
                    let channel = u16::from_le_bytes([*c0, *c1]);
                    self.frames.push((channel, payload.to_vec()));
                }
            }
            [0x04, event @ ..] => self.events.push(event.to_vec()),
            _ => {}
        }
    }
}

/// An address as the functions of pairing take it.
pub fn device_address(address: Address) -> DeviceAddress {
    DeviceAddress {
        random: address.is_random(),
        octets: address.octets(),
    }
}
