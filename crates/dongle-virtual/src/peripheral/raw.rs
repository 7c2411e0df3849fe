//! A peripheral without a host stack: its attribute protocol is whatever the test says, byte for
//! byte.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use embassy_time::Timer;
use futures_lite::future;
use hci_transport::{Error, HciChannel};

use super::Worker;
use super::l2cap::{self, Reassembly};
use crate::air::{Air, AirController};
use crate::hci::event::{self, le};
use crate::hci::{Reader, Status, indicator, opcode};
use crate::world::ControllerConfig;
use crate::{Address, AddressKind};

/// What a [`ScriptedPeripheral`] is like.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ScriptedConfig {
    /// The address it advertises from.
    pub address: Address,
    /// Its advertising data, at most 31 octets.
    pub data: Vec<u8>,
    /// Its scan response data, at most 31 octets.
    pub scan_response: Vec<u8>,
    /// The key it gives when the central encrypts the link; `None` refuses.
    pub long_term_key: Option<[u8; 16]>,
    /// Ask for this longest link layer payload once connected; 27 asks for nothing.
    pub data_length: u16,
    /// What its controller is like; a public address is the peripheral's own.
    pub controller: ControllerConfig,
}

impl Default for ScriptedConfig {
    fn default() -> Self {
        let mut data = vec![2, 0x01, 0x06];
        data.extend_from_slice(&[9, 0x09]);
        data.extend_from_slice(b"Scripted");
        Self {
            address: Address::random([0x01, 0x5C, 0x21, 0x97, 0xED, 0xD1]),
            data,
            scan_response: Vec::new(),
            long_term_key: None,
            data_length: 27,
            controller: ControllerConfig::legacy().named("scripted"),
        }
    }
}

impl ScriptedConfig {
    /// The same, advertising from `address`.
    pub fn with_address(mut self, address: Address) -> Self {
        self.address = address;
        self
    }

    /// The same, advertising `data`.
    pub fn with_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = data.into();
        self
    }

    /// The same on a controller of this kind.
    pub fn with_controller(mut self, controller: ControllerConfig) -> Self {
        self.controller = controller;
        self
    }

    /// The same, encrypting with this key.
    pub fn with_long_term_key(mut self, key: [u8; 16]) -> Self {
        self.long_term_key = Some(key);
        self
    }

    /// The same, asking for longer link layer payloads once connected.
    pub fn with_data_length(mut self, octets: u16) -> Self {
        self.data_length = octets;
        self
    }
}

/// What happens to the peripheral's link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// A central has connected.
    Connected {
        /// The central's address.
        central: Address,
    },
    /// The link is encrypted.
    Encrypted,
    /// The link has ended.
    Disconnected {
        /// The reason, as in the controller's event.
        reason: u8,
    },
}

/// The peripheral is not connected, or has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotConnected;

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated peripheral is not connected")
    }
}

impl std::error::Error for NotConnected {}

enum Order {
    /// An L2CAP frame.
    Frame { channel: u16, payload: Vec<u8> },
    /// The data of one ACL packet, as it is.
    Fragment { first: bool, data: Vec<u8> },
    Disconnect { reason: u8 },
}

#[derive(Debug, Default)]
struct Seen {
    connected: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
}

/// A peripheral whose every ATT PDU the test decides; dropping it takes it out of the air.
///
/// A handler answers each PDU it receives with any number of PDUs, and [`send`] pushes others
/// whenever the test likes. It advertises again after each disconnection. On the signalling
/// channel it rejects every request, and on the security manager's it refuses to pair.
///
/// [`send`]: ScriptedPeripheral::send
#[derive(Debug)]
pub struct ScriptedPeripheral {
    controller: AirController,
    orders: Sender<Order>,
    events: Receiver<PeerEvent>,
    seen: Arc<Seen>,
    _worker: Worker,
}

impl ScriptedPeripheral {
    /// Puts the peripheral into the air.
    pub fn start<H>(air: &Air, config: ScriptedConfig, handler: H) -> Self
    where
        H: FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    {
        let mut of_controller = config.controller.clone();
        if config.address.kind == AddressKind::Public {
            of_controller.public_address = config.address.bytes;
        }
        let (controller, channel) = air.attach(of_controller);
        let (orders, ordered) = async_channel::bounded(16);
        let (happened, events) = async_channel::unbounded();
        let seen = Arc::<Seen>::default();
        let script = Script {
            channel,
            config,
            handler,
            orders: ordered,
            events: happened,
            seen: Arc::clone(&seen),
            length: 27,
            buffers: 1,
            outstanding: 0,
            commanding: false,
            link: None,
            queue: VecDeque::new(),
            reassembly: Reassembly::default(),
            unhandled: VecDeque::new(),
        };
        let worker = Worker::start("scripted", move || async move {
            if let Err(error) = script.run().await {
                log::debug!("scripted peripheral: {error}");
            }
        });
        Self { controller, orders, events, seen, _worker: worker }
    }

    /// Its controller, to look into and to break.
    pub fn controller(&self) -> &AirController {
        &self.controller
    }

    /// Whether a central is connected.
    pub fn is_connected(&self) -> bool {
        self.seen.connected.load(Ordering::SeqCst)
    }

    /// How many frames have been given to the controller in full.
    pub fn sent(&self) -> u64 {
        self.seen.sent.load(Ordering::SeqCst)
    }

    /// How many ATT PDUs have come.
    pub fn received(&self) -> u64 {
        self.seen.received.load(Ordering::SeqCst)
    }

    /// Sends an ATT PDU; waits while the controller has no room.
    ///
    /// # Errors
    /// When no central is connected. A PDU still queued when the link ends is lost with it.
    pub fn send(&self, pdu: &[u8]) -> Result<(), NotConnected> {
        self.send_frame(l2cap::ATT, pdu)
    }

    /// Sends an ATT PDU; waits, without blocking the thread, while the controller has no room.
    ///
    /// # Errors
    /// As [`ScriptedPeripheral::send`].
    pub async fn send_async(&self, pdu: &[u8]) -> Result<(), NotConnected> {
        let order = Order::Frame { channel: l2cap::ATT, payload: pdu.to_vec() };
        self.connected()?;
        self.orders.send(order).await.map_err(|_| NotConnected)
    }

    /// Sends a frame on any L2CAP channel.
    ///
    /// # Errors
    /// As [`ScriptedPeripheral::send`].
    pub fn send_frame(&self, channel: u16, payload: &[u8]) -> Result<(), NotConnected> {
        self.order(Order::Frame { channel, payload: payload.to_vec() })
    }

    /// Sends one ACL packet with exactly this data, L2CAP header or not: a frame that claims to be
    /// longer than it is, or a continuation without a beginning.
    ///
    /// # Errors
    /// As [`ScriptedPeripheral::send`].
    pub fn send_fragment(&self, first: bool, data: &[u8]) -> Result<(), NotConnected> {
        self.order(Order::Fragment { first, data: data.to_vec() })
    }

    /// Ends the link once what was sent before is out; 0x13 is what a user's hang-up looks like.
    ///
    /// # Errors
    /// As [`ScriptedPeripheral::send`].
    pub fn disconnect(&self, reason: u8) -> Result<(), NotConnected> {
        self.order(Order::Disconnect { reason })
    }

    fn connected(&self) -> Result<(), NotConnected> {
        if self.is_connected() { Ok(()) } else { Err(NotConnected) }
    }

    fn order(&self, order: Order) -> Result<(), NotConnected> {
        self.connected()?;
        self.orders.send_blocking(order).map_err(|_| NotConnected)
    }

    /// The next thing that happened to the link; `None` if nothing did in time.
    pub fn next_event(&self, timeout: Duration) -> Option<PeerEvent> {
        let micros = u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX);
        let late = async {
            Timer::after_micros(micros).await;
            None
        };
        future::block_on(future::or(self.event(), late))
    }

    /// The next thing that happened to the link; `None` once the peripheral has stopped.
    pub async fn event(&self) -> Option<PeerEvent> {
        self.events.recv().await.ok()
    }
}

/// When a packet may go to the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Data: when the controller has a free buffer.
    Credit,
    /// When all data before it has gone over the air.
    Drained,
    Now,
}

/// One thing to hand to the controller.
struct Packet {
    bytes: Vec<u8>,
    /// It ends a frame.
    last: bool,
    turn: Turn,
}

/// The peripheral's own small host.
struct Script<H> {
    channel: HciChannel,
    config: ScriptedConfig,
    handler: H,
    orders: Receiver<Order>,
    events: Sender<PeerEvent>,
    seen: Arc<Seen>,
    length: usize,
    buffers: usize,
    outstanding: usize,
    /// A command has not been answered yet.
    commanding: bool,
    link: Option<u16>,
    queue: VecDeque<Packet>,
    reassembly: Reassembly,
    /// Packets that came while a command's answer was awaited.
    unhandled: VecDeque<Vec<u8>>,
}

/// Orders are taken while fewer packets than this are queued.
const QUEUE: usize = 32;

impl<H: FnMut(&[u8]) -> Vec<Vec<u8>>> Script<H> {
    async fn run(mut self) -> Result<(), Error> {
        self.set_up().await?;
        self.advertise().await?;
        loop {
            self.give().await?;
            if let Some(packet) = self.unhandled.pop_front() {
                self.handle(&packet).await?;
                continue;
            }
            let mut packet = Vec::new();
            let read = async { self.channel.read_packet(&mut packet).await.map(|()| None) };
            let order = async {
                if self.queue.len() >= QUEUE {
                    future::pending::<()>().await;
                }
                match self.orders.recv().await {
                    Ok(order) => Ok(Some(order)),
                    Err(_) => future::pending().await,
                }
            };
            match future::or(read, order).await? {
                Some(order) => self.take(order),
                None => self.handle(&packet).await?,
            }
        }
    }

    async fn set_up(&mut self) -> Result<(), Error> {
        self.command(opcode::RESET, &[]).await?;
        self.command(opcode::SET_EVENT_MASK, &u64::MAX.to_le_bytes()).await?;
        self.command(opcode::LE_SET_EVENT_MASK, &0x5F_u64.to_le_bytes()).await?;
        let size = self.command(opcode::LE_READ_BUFFER_SIZE, &[]).await?;
        if let [_, l0, l1, buffers, ..] = size[..] {
            self.length = usize::from(u16::from_le_bytes([l0, l1]));
            self.buffers = usize::from(buffers);
        }
        if self.config.address.kind == AddressKind::Random {
            let address = self.config.address.bytes;
            self.command(opcode::LE_SET_RANDOM_ADDRESS, &address).await?;
        }
        let own = self.config.address.hci_kind();
        let parameters = [0x20, 0, 0x20, 0, 0, own, 0, 0, 0, 0, 0, 0, 0, 7, 0];
        self.command(opcode::LE_SET_ADVERTISING_PARAMETERS, &parameters).await?;
        for (opcode, data) in [
            (opcode::LE_SET_ADVERTISING_DATA, self.config.data.clone()),
            (opcode::LE_SET_SCAN_RESPONSE_DATA, self.config.scan_response.clone()),
        ] {
            let mut parameters = [0; 32];
            for (to, from) in parameters.iter_mut().skip(1).zip(&data) {
                *to = *from;
            }
            parameters[0] = data.len().min(31) as u8;
            self.command(opcode, &parameters).await?;
        }
        Ok(())
    }

    async fn advertise(&mut self) -> Result<(), Error> {
        self.command(opcode::LE_SET_ADVERTISING_ENABLE, &[1]).await?;
        Ok(())
    }

    /// Sends a command and gives its return parameters, status first.
    async fn command(&mut self, opcode: u16, parameters: &[u8]) -> Result<Vec<u8>, Error> {
        let [low, high] = opcode.to_le_bytes();
        let mut packet = vec![indicator::COMMAND, low, high, parameters.len() as u8];
        packet.extend_from_slice(parameters);
        while self.commanding {
            self.read_ahead().await?;
        }
        self.channel.write_packet(&packet).await?;
        loop {
            let mut packet = Vec::new();
            self.channel.read_packet(&mut packet).await?;
            match packet[..] {
                [indicator::EVENT, event::COMMAND_COMPLETE, _, _, l, h, ref returned @ ..]
                    if [l, h] == [low, high] =>
                {
                    return Ok(returned.to_vec());
                }
                [indicator::EVENT, event::COMMAND_STATUS, _, status, _, l, h]
                    if [l, h] == [low, high] =>
                {
                    return Ok(vec![status]);
                }
                _ => self.unhandled.push_back(packet),
            }
        }
    }

    /// Reads a packet that is to be handled later, unless it answers a queued command.
    async fn read_ahead(&mut self) -> Result<(), Error> {
        let mut packet = Vec::new();
        self.channel.read_packet(&mut packet).await?;
        match packet[..] {
            [indicator::EVENT, event::COMMAND_COMPLETE | event::COMMAND_STATUS, ..] => {
                self.commanding = false;
            }
            _ => self.unhandled.push_back(packet),
        }
        Ok(())
    }

    fn take(&mut self, order: Order) {
        let Some(handle) = self.link else { return };
        match order {
            Order::Frame { channel, payload } => self.queue_frame(channel, &payload),
            Order::Fragment { first, data } => {
                let word = handle | if first { 0 } else { 0b01 << 12 };
                let mut bytes = vec![indicator::ACL];
                bytes.extend_from_slice(&word.to_le_bytes());
                bytes.extend_from_slice(&(data.len() as u16).to_le_bytes());
                bytes.extend_from_slice(&data);
                self.queue.push_back(Packet { bytes, last: true, turn: Turn::Credit });
            }
            Order::Disconnect { reason } => {
                let ([low, high], [h0, h1]) =
                    (opcode::DISCONNECT.to_le_bytes(), handle.to_le_bytes());
                let bytes = vec![indicator::COMMAND, low, high, 3, h0, h1, reason];
                self.queue.push_back(Packet { bytes, last: false, turn: Turn::Drained });
            }
        }
    }

    fn queue_frame(&mut self, channel: u16, payload: &[u8]) {
        let Some(handle) = self.link else { return };
        let packets = l2cap::fragments(handle, channel, payload, self.length);
        self.queue.extend(packets.map(|bytes| Packet { bytes, last: false, turn: Turn::Credit }));
        if let Some(packet) = self.queue.back_mut() {
            packet.last = true;
        }
    }

    /// Gives the controller what it has room for.
    async fn give(&mut self) -> Result<(), Error> {
        while let Some(packet) = self.queue.front() {
            let may_go = match packet.turn {
                Turn::Credit => self.outstanding < self.buffers,
                Turn::Drained => self.outstanding == 0 && !self.commanding,
                Turn::Now => !self.commanding,
            };
            if !may_go {
                break;
            }
            self.channel.write_packet(&packet.bytes).await?;
            self.outstanding += usize::from(packet.turn == Turn::Credit);
            self.commanding |= packet.turn != Turn::Credit;
            if packet.last {
                self.seen.sent.fetch_add(1, Ordering::SeqCst);
            }
            self.queue.pop_front();
        }
        Ok(())
    }

    async fn handle(&mut self, packet: &[u8]) -> Result<(), Error> {
        match packet {
            [indicator::ACL, h0, h1, _, _, data @ ..] => {
                let word = u16::from_le_bytes([*h0, *h1]);
                let first = word >> 12 & 0b11 != 0b01;
                if let Some((channel, payload)) = self.reassembly.push(first, data) {
                    self.frame(channel, &payload);
                }
            }
            [indicator::EVENT, event::NUMBER_OF_COMPLETED_PACKETS, _, _, rest @ ..] => {
                for entry in rest.chunks_exact(4) {
                    if let [_, _, c0, c1] = *entry {
                        let count = usize::from(u16::from_le_bytes([c0, c1]));
                        self.outstanding = self.outstanding.saturating_sub(count);
                    }
                }
            }
            [indicator::EVENT, event::COMMAND_COMPLETE | event::COMMAND_STATUS, ..] => {
                self.commanding = false;
            }
            [indicator::EVENT, event::DISCONNECTION_COMPLETE, _, 0, _, _, reason] => {
                self.link = None;
                self.outstanding = 0;
                self.queue.clear();
                self.reassembly = Reassembly::default();
                self.seen.connected.store(false, Ordering::SeqCst);
                while self.orders.try_recv().is_ok() {}
                self.happened(PeerEvent::Disconnected { reason: *reason });
                self.advertise().await?;
            }
            [indicator::EVENT, event::ENCRYPTION_CHANGE, _, 0, _, _, on] if *on != 0 => {
                self.happened(PeerEvent::Encrypted);
            }
            [indicator::EVENT, event::LE_META, _, subevent, parameters @ ..] => {
                // An event too short for its fields says nothing.
                let _ = self.le_event(*subevent, Reader::new(parameters));
            }
            _ => {}
        }
        Ok(())
    }

    fn happened(&self, event: PeerEvent) {
        let _ = self.events.try_send(event);
    }

    fn le_event(&mut self, subevent: u8, mut p: Reader<'_>) -> Result<(), Status> {
        match subevent {
            le::CONNECTION_COMPLETE => {
                let (status, handle, _role) = (p.u8()?, p.handle()?, p.u8()?);
                let central = Address::from_hci(p.u8()?, p.array()?);
                if status != 0 {
                    return Ok(());
                }
                self.link = Some(handle);
                if self.config.data_length > 27 {
                    let mut parameters = handle.to_le_bytes().to_vec();
                    parameters.extend_from_slice(&self.config.data_length.to_le_bytes());
                    parameters.extend_from_slice(&2120_u16.to_le_bytes());
                    self.queue_command(opcode::LE_SET_DATA_LENGTH, &parameters);
                }
                self.seen.connected.store(true, Ordering::SeqCst);
                self.happened(PeerEvent::Connected { central });
            }
            le::LTK_REQUEST => {
                let handle = p.handle()?.to_le_bytes();
                match self.config.long_term_key {
                    Some(key) => {
                        let parameters = [&handle[..], &key].concat();
                        self.queue_command(opcode::LE_LTK_REQUEST_REPLY, &parameters);
                    }
                    None => {
                        self.queue_command(opcode::LE_LTK_REQUEST_NEGATIVE_REPLY, &handle);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A command whose answer nobody waits for. It goes before the data that is queued.
    fn queue_command(&mut self, opcode: u16, parameters: &[u8]) {
        let [low, high] = opcode.to_le_bytes();
        let mut bytes = vec![indicator::COMMAND, low, high, parameters.len() as u8];
        bytes.extend_from_slice(parameters);
        self.queue.push_front(Packet { bytes, last: false, turn: Turn::Now });
    }

    fn frame(&mut self, channel: u16, payload: &[u8]) {
        const SECURITY_MANAGER: u16 = 0x0006;
        const PAIRING_NOT_SUPPORTED: [u8; 2] = [0x05, 0x05];
        match channel {
            l2cap::ATT => {
                self.seen.received.fetch_add(1, Ordering::SeqCst);
                for answer in (self.handler)(payload) {
                    self.queue_frame(l2cap::ATT, &answer);
                }
            }
            l2cap::SIGNALLING => {
                // Command Reject, Command Not Understood; responses get no answer.
                if let [0x08 | 0x0A | 0x12 | 0x14 | 0x16 | 0x17, identifier, ..] = *payload {
                    self.queue_frame(l2cap::SIGNALLING, &[0x01, identifier, 2, 0, 0, 0]);
                }
            }
            SECURITY_MANAGER if payload.first() == Some(&0x01) => {
                self.queue_frame(SECURITY_MANAGER, &PAIRING_NOT_SUPPORTED);
            }
            _ => {}
        }
    }
}
