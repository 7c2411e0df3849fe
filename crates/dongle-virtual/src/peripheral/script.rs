//! The small host of a scripted peripheral: sets up the controller, sends frames as its buffers
//! allow, and passes on what the handler answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_channel::{Receiver, Sender};
use futures_lite::future;
use hci_transport::{Error, HciChannel};

use super::l2cap::{self, Reassembly};
use super::scripted::{PeerEvent, ScriptedConfig};
use crate::hci::event::{self, le};
use crate::hci::{Reader, Status, indicator, opcode};
use crate::{Address, AddressKind};

/// Something that the test wants to be sent.
pub(super) enum Order {
    /// An L2CAP frame.
    Frame {
        channel: u16,
        payload: Vec<u8>,
    },
    /// The data of one ACL packet, unchanged.
    Fragment {
        first: bool,
        data: Vec<u8>,
    },
    Disconnect {
        reason: u8,
    },
}

/// The state of the script that the test can read.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) connected: AtomicBool,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    /// The number of the connection, so that orders for one never reach the next.
    pub(super) connection: AtomicU64,
}

/// When a packet may go to the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Data: once the controller has a free buffer.
    Credit,
    /// Once all data before it has been transmitted.
    Drained,
    Now,
}

/// A packet for the controller.
struct Packet {
    bytes: Vec<u8>,
    /// Whether it ends a frame.
    last: bool,
    turn: Turn,
}

/// The host of a scripted peripheral.
pub(super) struct Script<H> {
    channel: HciChannel,
    config: ScriptedConfig,
    handler: H,
    orders: Receiver<(u64, Order)>,
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
    /// Packets that arrived while the answer to a command was awaited.
    unhandled: VecDeque<Vec<u8>>,
}

/// While at least this many packets are queued, no further orders are taken.
const QUEUE: usize = 32;

impl<H: FnMut(&[u8]) -> Vec<Vec<u8>>> Script<H> {
    pub(super) fn new(
        channel: HciChannel,
        config: ScriptedConfig,
        handler: H,
        orders: Receiver<(u64, Order)>,
        events: Sender<PeerEvent>,
        seen: Arc<Seen>,
    ) -> Self {
        Self {
            channel,
            config,
            handler,
            orders,
            events,
            seen,
            length: 27,
            buffers: 1,
            outstanding: 0,
            commanding: false,
            link: None,
            queue: VecDeque::new(),
            reassembly: Reassembly::default(),
            unhandled: VecDeque::new(),
        }
    }

    /// Runs until the wire is gone.
    pub(super) async fn run(mut self) -> Result<(), Error> {
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
        self.command(opcode::SET_EVENT_MASK, &u64::MAX.to_le_bytes())
            .await?;
        self.command(opcode::LE_SET_EVENT_MASK, &0x5F_u64.to_le_bytes())
            .await?;
        let size = self.command(opcode::LE_READ_BUFFER_SIZE, &[]).await?;
        if let [_, l0, l1, buffers, ..] = size[..] {
            self.length = usize::from(u16::from_le_bytes([l0, l1]));
            self.buffers = usize::from(buffers);
        }
        if self.config.address.kind == AddressKind::Random {
            let address = self.config.address.bytes;
            self.command(opcode::LE_SET_RANDOM_ADDRESS, &address)
                .await?;
        }
        let own = self.config.address.hci_kind();
        let parameters = [0x20, 0, 0x20, 0, 0, own, 0, 0, 0, 0, 0, 0, 0, 7, 0];
        self.command(opcode::LE_SET_ADVERTISING_PARAMETERS, &parameters)
            .await?;
        for (opcode, data) in [
            (opcode::LE_SET_ADVERTISING_DATA, self.config.data.clone()),
            (
                opcode::LE_SET_SCAN_RESPONSE_DATA,
                self.config.scan_response.clone(),
            ),
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
        self.command(opcode::LE_SET_ADVERTISING_ENABLE, &[1])
            .await?;
        Ok(())
    }

    /// Sends a command and returns its return parameters, status first.
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
                [
                    indicator::EVENT,
                    event::COMMAND_COMPLETE,
                    _,
                    _,
                    l,
                    h,
                    ref returned @ ..,
                ] if [l, h] == [low, high] => {
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

    /// Reads a packet and keeps it for later, unless it answers a queued command.
    async fn read_ahead(&mut self) -> Result<(), Error> {
        let mut packet = Vec::new();
        self.channel.read_packet(&mut packet).await?;
        match packet[..] {
            [
                indicator::EVENT,
                event::COMMAND_COMPLETE | event::COMMAND_STATUS,
                ..,
            ] => {
                self.commanding = false;
            }
            _ => self.unhandled.push_back(packet),
        }
        Ok(())
    }

    fn take(&mut self, (connection, order): (u64, Order)) {
        if connection != self.seen.connection.load(Ordering::SeqCst) {
            return;
        }
        let Some(handle) = self.link else { return };
        match order {
            Order::Frame { channel, payload } => self.queue_frame(channel, &payload),
            Order::Fragment { first, data } => {
                let word = handle | if first { 0 } else { 0b01 << 12 };
                let mut bytes = vec![indicator::ACL];
                bytes.extend_from_slice(&word.to_le_bytes());
                bytes.extend_from_slice(&(data.len() as u16).to_le_bytes());
                bytes.extend_from_slice(&data);
                self.queue.push_back(Packet {
                    bytes,
                    last: true,
                    turn: Turn::Credit,
                });
            }
            Order::Disconnect { reason } => {
                let ([low, high], [h0, h1]) =
                    (opcode::DISCONNECT.to_le_bytes(), handle.to_le_bytes());
                let bytes = vec![indicator::COMMAND, low, high, 3, h0, h1, reason];
                self.queue.push_back(Packet {
                    bytes,
                    last: false,
                    turn: Turn::Drained,
                });
            }
        }
    }

    fn queue_frame(&mut self, channel: u16, payload: &[u8]) {
        let Some(handle) = self.link else { return };
        let packets = l2cap::fragments(handle, channel, payload, self.length);
        self.queue.extend(packets.map(|bytes| Packet {
            bytes,
            last: false,
            turn: Turn::Credit,
        }));
        if let Some(packet) = self.queue.back_mut() {
            packet.last = true;
        }
    }

    /// Sends the controller what it has room for.
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
            [
                indicator::EVENT,
                event::NUMBER_OF_COMPLETED_PACKETS,
                _,
                _,
                rest @ ..,
            ] => {
                for entry in rest.chunks_exact(4) {
                    if let [_, _, c0, c1] = *entry {
                        let count = usize::from(u16::from_le_bytes([c0, c1]));
                        self.outstanding = self.outstanding.saturating_sub(count);
                    }
                }
            }
            [
                indicator::EVENT,
                event::COMMAND_COMPLETE | event::COMMAND_STATUS,
                ..,
            ] => {
                self.commanding = false;
            }
            [
                indicator::EVENT,
                event::DISCONNECTION_COMPLETE,
                _,
                0,
                _,
                _,
                reason,
            ] => {
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
            [
                indicator::EVENT,
                event::LE_META,
                _,
                subevent,
                parameters @ ..,
            ] => {
                // An event that is too short for its fields is ignored.
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
                self.seen.connection.fetch_add(1, Ordering::SeqCst);
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

    /// Queues a command ahead of the data, without waiting for its answer.
    fn queue_command(&mut self, opcode: u16, parameters: &[u8]) {
        let [low, high] = opcode.to_le_bytes();
        let mut bytes = vec![indicator::COMMAND, low, high, parameters.len() as u8];
        bytes.extend_from_slice(parameters);
        self.queue.push_front(Packet {
            bytes,
            last: false,
            turn: Turn::Now,
        });
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
                // Command Reject, Command Not Understood. Responses are not answered.
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
