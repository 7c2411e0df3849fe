//! A device to connect to, whether or not it was found by a scan.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dongle_central::central::{ConnectConfig, Phys};
use embassy_time::Instant;
use futures_channel::oneshot;

use crate::address::Address;
use crate::connection::{DeviceConnection, Held};
use crate::dongle::Inner;
use crate::error::Error;
use crate::host::{self, Command, ConnectRequest};
use crate::range;
use crate::stay::StayConnected;

/// How long connecting looks for the device by default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A device, identified by its address.
#[derive(Clone)]
pub struct Device {
    dongle: Arc<Inner>,
    address: Address,
}

impl Device {
    pub(crate) fn new(dongle: Arc<Inner>, address: Address) -> Self {
        Self { dongle, address }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.dongle
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Connects as soon as the device appears within the timeout (10 s by default). While it looks
    /// for the device, running scans get 1 s in about every 5. If the device is connected already,
    /// this returns the same connection. If another caller is connecting to it, they share the
    /// attempt, which uses the settings of the first of them; each keeps its own timeout. Dropping
    /// the future cancels it.
    ///
    /// # Errors
    /// [`Error::Timeout`] if the device did not appear; the controller has then stopped looking for
    /// it. [`Error::ConnectionLimit`] if no more connections are possible.
    /// [`Error::InvalidParameter`] for parameters out of range, before anything is sent.
    pub fn connect(&self) -> Connect {
        Connect {
            device: self.clone(),
            timeout: Some(CONNECT_TIMEOUT),
            config: ConnectConfig::default(),
            tune: true,
            mtu: None,
        }
    }

    /// Connects, and reconnects whenever the connection has ended, until the result is dropped.
    pub fn stay_connected(&self) -> StayConnected {
        StayConnected::new(self.connect().no_timeout())
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

/// A connection attempt. Nothing happens until it is awaited.
#[derive(Debug, Clone)]
#[must_use = "nothing happens before this is awaited"]
pub struct Connect {
    device: Device,
    timeout: Option<Duration>,
    config: ConnectConfig,
    tune: bool,
    mtu: Option<u16>,
}

impl Connect {
    /// Looks for the device for this long.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Looks for the device until it appears.
    pub fn no_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// The time between two connection events, from 7.5 ms to 4 s. The controller chooses within
    /// this range, which is 30 to 50 ms by default.
    pub fn interval(mut self, interval: RangeInclusive<Duration>) -> Self {
        let parameters = &mut self.config.parameters;
        parameters.min_connection_interval = for_host(*interval.start());
        parameters.max_connection_interval = for_host(*interval.end());
        self
    }

    /// How many connection events the device may skip: 0 to 499.
    pub fn latency(mut self, latency: u16) -> Self {
        self.config.parameters.max_latency = latency;
        self
    }

    /// How long the connection may be silent before it counts as lost: 100 ms to 32 s, 5 s by
    /// default.
    pub fn supervision_timeout(mut self, timeout: Duration) -> Self {
        self.config.parameters.supervision_timeout = for_host(timeout);
        self
    }

    /// The PHYs on which to look for the device, LE 1M by default. Coded PHY requires a controller
    /// with extended advertising.
    pub fn phys(mut self, phys: Phys) -> Self {
        self.config.phys = phys;
        self
    }

    /// Whether to ask for longer packets and the 2M PHY once connected, if both sides support them.
    /// On by default.
    pub fn tune(mut self, tune: bool) -> Self {
        self.tune = tune;
        self
    }

    /// Also exchanges the ATT MTU: it becomes the smaller of this (23 to 517) and the device's.
    pub fn mtu(mut self, mtu: u16) -> Self {
        self.mtu = Some(mtu);
        self
    }

    /// Connects, and reconnects whenever the connection has ended, until the result is dropped. The
    /// timeout applies to each attempt.
    pub fn stay_connected(self) -> StayConnected {
        StayConnected::new(self)
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    pub(crate) fn dongle(&self) -> &Arc<Inner> {
        &self.device.dongle
    }

    pub(crate) async fn connect(self) -> Result<DeviceConnection, Error> {
        range::connection_parameters(&self.config.parameters)?;
        self.mtu.map_or(Ok(()), range::mtu)?;
        let deadline = host::deadline(self.timeout);
        let held = match self.device.private_bond() {
            Some(bond) => self.find(&bond, deadline).await?,
            None => self.attempt(self.device.address, deadline).await?,
        };
        let connection = DeviceConnection::new(held);
        if let Some(mtu) = self.mtu {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let exchange = async { connection.exchange_mtu(mtu).await };
            connection
                .timeout(left.map(Duration::from), exchange)
                .await?;
        }
        Ok(connection)
    }

    /// Connects to the device with this address.
    pub(crate) async fn attempt(
        &self,
        peer: Address,
        deadline: Option<Instant>,
    ) -> Result<Arc<Held>, Error> {
        let (reply, result) = oneshot::channel();
        let dongle = &self.device.dongle;
        let id = dongle.next_id();
        dongle.command(Command::Connect(ConnectRequest {
            id,
            dongle: Arc::clone(dongle),
            peer,
            config: self.config.clone(),
            tune: self.tune,
            deadline,
            reply,
        }))?;
        let mut cancel = CancelOnDrop(Some((dongle, id)));
        let result = result.await;
        cancel.0 = None;
        match result {
            Ok(held) => held,
            Err(_) => Err(dongle.shared.wait_for_end().await),
        }
    }
}

/// Tells the host thread when nobody waits for a connection any more.
struct CancelOnDrop<'d>(Option<(&'d Arc<Inner>, u64)>);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some((dongle, id)) = self.0 {
            // If the dongle is down, there is nothing to cancel.
            dongle.tell(Command::CancelConnect(id));
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

/// A duration that is too long for the host becomes its longest.
pub(crate) fn for_host(duration: Duration) -> embassy_time::Duration {
    embassy_time::Duration::try_from(duration).unwrap_or(embassy_time::Duration::MAX)
}
