//! A device that can be connected to, seen or not.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dongle_central::central::ConnectConfig;
use futures_channel::oneshot;

use crate::address::Address;
use crate::connection::DeviceConnection;
use crate::dongle::Inner;
use crate::error::Error;
use crate::host::{self, Command};

/// How long a connect looks for its device if nothing else is said.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A device, by its address.
#[derive(Clone)]
pub struct Device {
    dongle: Arc<Inner>,
    address: Address,
}

impl Device {
    pub(crate) fn new(dongle: Arc<Inner>, address: Address) -> Self {
        Self { dongle, address }
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Connects, whenever the device appears within the timeout (10 s if nothing else is said). A
    /// running scan pauses meanwhile. If it is connected already, this is the same connection.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the device did not appear; the controller has stopped looking for
    /// it by then. [`Error::ConnectionLimit`] when no more connections are possible.
    pub fn connect(&self) -> Connect {
        Connect {
            device: self.clone(),
            timeout: Some(CONNECT_TIMEOUT),
            config: ConnectConfig::default(),
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({:#})", self.address)
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.address, f)
    }
}

/// A connect in the making; await it.
#[derive(Debug)]
#[must_use = "nothing happens before this is awaited"]
pub struct Connect {
    device: Device,
    timeout: Option<Duration>,
    config: ConnectConfig,
}

impl Connect {
    /// Look for the device that long.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Look for the device until it appears.
    pub fn no_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// Time between two connection events, from 7.5 ms to 4 s: the controller chooses in this
    /// range. 30 to 50 ms if nothing else is said.
    pub fn interval(mut self, interval: RangeInclusive<Duration>) -> Self {
        let parameters = &mut self.config.parameters;
        parameters.min_connection_interval = for_host(*interval.start());
        parameters.max_connection_interval = for_host(*interval.end());
        self
    }

    /// How many connection events the device may sleep through: 0 to 499.
    pub fn latency(mut self, latency: u16) -> Self {
        self.config.parameters.max_latency = latency;
        self
    }

    /// After how long a silence the connection counts as lost: 100 ms to 32 s. 5 s if nothing else
    /// is said.
    pub fn supervision_timeout(mut self, timeout: Duration) -> Self {
        self.config.parameters.supervision_timeout = for_host(timeout);
        self
    }

    async fn connect(self) -> Result<DeviceConnection, Error> {
        let deadline = host::deadline(self.timeout);
        let (reply, result) = oneshot::channel();
        let dongle = Arc::clone(&self.device.dongle);
        let peer = self.device.address;
        let config = self.config;
        self.device.dongle.command(Command::Connect { dongle, peer, config, deadline, reply })?;
        match result.await {
            Ok(held) => held.map(DeviceConnection::new),
            Err(_) => Err(self.device.dongle.shared.wait_for_end().await),
        }
    }
}

impl IntoFuture for Connect {
    type Output = Result<DeviceConnection, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}

/// What is too long for the host is as long as it gets.
pub(crate) fn for_host(duration: Duration) -> embassy_time::Duration {
    embassy_time::Duration::try_from(duration).unwrap_or(embassy_time::Duration::MAX)
}
