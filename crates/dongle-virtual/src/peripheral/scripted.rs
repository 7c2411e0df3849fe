//! A peripheral without a host stack: a test decides every byte of its attribute protocol.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use futures_lite::future;

use super::l2cap;
use super::presence::{self, Presence};
use super::script::{Order, Script, Seen};
use crate::Address;
use crate::air::{Air, AirController};
use crate::world::ControllerConfig;

/// The configuration of a [`ScriptedPeripheral`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ScriptedConfig {
    /// The address it advertises from.
    pub address: Address,
    /// Its advertising data, at most 31 octets.
    pub data: Vec<u8>,
    /// Its scan response data, at most 31 octets.
    pub scan_response: Vec<u8>,
    /// The key that it supplies when the central encrypts the link; `None` refuses.
    pub long_term_key: Option<[u8; 16]>,
    /// The maximum link layer payload to request once connected; 27 requests nothing.
    pub data_length: u16,
    /// Its controller's configuration; a public address is replaced by the peripheral's.
    pub controller: ControllerConfig,
}

impl Default for ScriptedConfig {
    fn default() -> Self {
        Self {
            address: Address::random([0x01, 0x5C, 0x21, 0x97, 0xED, 0xD1]),
            data: presence::flags_and_name("Scripted"),
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

    /// The same, on a controller with this configuration.
    pub fn with_controller(mut self, controller: ControllerConfig) -> Self {
        self.controller = controller;
        self
    }

    /// The same, encrypting with this key.
    pub fn with_long_term_key(mut self, key: [u8; 16]) -> Self {
        self.long_term_key = Some(key);
        self
    }

    /// The same, requesting longer link layer payloads once connected.
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

/// A peripheral whose every ATT PDU the test decides; dropping it removes it from the air.
///
/// A handler answers each PDU that it receives with any number of PDUs, and [`send`] sends others at
/// any time. The peripheral advertises again after each disconnection. It rejects every request on the
/// signalling channel, and refuses to pair.
///
/// [`send`]: ScriptedPeripheral::send
#[derive(Debug)]
pub struct ScriptedPeripheral {
    presence: Presence,
    orders: Sender<(u64, Order)>,
    events: Receiver<PeerEvent>,
    seen: Arc<Seen>,
}

impl ScriptedPeripheral {
    /// Puts the peripheral into the air.
    pub fn start<H>(air: &Air, config: ScriptedConfig, handler: H) -> Self
    where
        H: FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    {
        let (orders, ordered) = async_channel::bounded(16);
        let (happened, events) = async_channel::unbounded();
        let seen = Arc::<Seen>::default();
        let (of, sees) = (config.clone(), Arc::clone(&seen));
        let body = move |channel| async move {
            let script = Script::new(channel, of, handler, ordered, happened, sees);
            if let Err(error) = script.run().await {
                log::debug!("scripted peripheral: {error}");
            }
        };
        let (controller, address) = (&config.controller, config.address);
        let name = controller.name.as_str();
        Self {
            presence: Presence::start(air, controller, name, address, "scripted", body),
            orders,
            events,
            seen,
        }
    }

    /// The address it advertises from.
    pub fn address(&self) -> Address {
        self.presence.address()
    }

    /// Its controller, to observe and to inject faults.
    pub fn controller(&self) -> &AirController {
        self.presence.controller()
    }

    /// Whether a central is connected.
    pub fn is_connected(&self) -> bool {
        self.seen.connected.load(Ordering::SeqCst)
    }

    /// How many frames have been given to the controller in full.
    pub fn sent(&self) -> u64 {
        self.seen.sent.load(Ordering::SeqCst)
    }

    /// How many ATT PDUs have been received.
    pub fn received(&self) -> u64 {
        self.seen.received.load(Ordering::SeqCst)
    }

    /// Sends an ATT PDU; waits while the controller has no room.
    ///
    /// # Errors
    /// If no central is connected. A PDU that is still queued when the link ends is lost.
    pub fn send(&self, pdu: &[u8]) -> Result<(), NotConnected> {
        self.send_frame(l2cap::ATT, pdu)
    }

    /// Sends an ATT PDU; waits, without blocking the thread, while the controller has no room.
    ///
    /// # Errors
    /// As [`ScriptedPeripheral::send`].
    pub async fn send_async(&self, pdu: &[u8]) -> Result<(), NotConnected> {
        let order = Order::Frame {
            channel: l2cap::ATT,
            payload: pdu.to_vec(),
        };
        let connection = self.connected()?;
        let order = (connection, order);
        self.orders.send(order).await.map_err(|_| NotConnected)
    }

    /// Sends a frame on any L2CAP channel.
    ///
    /// # Errors
    /// As [`ScriptedPeripheral::send`].
    pub fn send_frame(&self, channel: u16, payload: &[u8]) -> Result<(), NotConnected> {
        self.order(Order::Frame {
            channel,
            payload: payload.to_vec(),
        })
    }

    /// Sends one ACL packet with exactly this data, L2CAP header or not: a frame that claims to be
    /// longer than it is, or a continuation without a beginning.
    ///
    /// # Errors
    /// As [`ScriptedPeripheral::send`].
    pub fn send_fragment(&self, first: bool, data: &[u8]) -> Result<(), NotConnected> {
        self.order(Order::Fragment {
            first,
            data: data.to_vec(),
        })
    }

    /// Ends the link once everything queued before has been sent; 0x13 is "remote user terminated
    /// connection".
    ///
    /// # Errors
    /// As [`ScriptedPeripheral::send`].
    pub fn disconnect(&self, reason: u8) -> Result<(), NotConnected> {
        self.order(Order::Disconnect { reason })
    }

    /// The current connection, if any.
    fn connected(&self) -> Result<u64, NotConnected> {
        let connection = self.seen.connection.load(Ordering::SeqCst);
        self.is_connected()
            .then_some(connection)
            .ok_or(NotConnected)
    }

    fn order(&self, order: Order) -> Result<(), NotConnected> {
        let order = (self.connected()?, order);
        self.orders.send_blocking(order).map_err(|_| NotConnected)
    }

    /// The next event of the link; `None` if there is none in time.
    pub fn next_event(&self, timeout: Duration) -> Option<PeerEvent> {
        let late = async {
            super::pause(timeout).await;
            None
        };
        future::block_on(future::or(self.event(), late))
    }

    /// The next event of the link; `None` once the peripheral has stopped.
    pub async fn event(&self) -> Option<PeerEvent> {
        self.events.recv().await.ok()
    }
}
