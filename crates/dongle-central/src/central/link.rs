//! A connection that is held: it lasts as long as its value, or as the link.

use core::fmt;

use bt_hci::param::PhyKind;
use bt_hci::transport::Transport;
use embassy_time::Duration;
use trouble_host::PacketPool;
use trouble_host::connection::{Connection as HostConnection, RequestedConnParams};

use super::{Central, Error};
use crate::client::Client;
use crate::links::{Address, ConnectionParameters, LinkId, Links, Reason};
use crate::mux::ReportHandler;

/// A connection. Dropped, it is disconnected.
pub struct Connection<'c, 's, 'a, T: Transport, L, P: PacketPool, R, const BUFFER: usize>
where
    T::Error: 'static,
{
    central: &'c Central<'s, 'a, T, L, P, R, BUFFER>,
    host: HostConnection<'s, P>,
    id: LinkId,
}

impl<T: Transport, L, P: PacketPool, R, const BUFFER: usize> fmt::Debug
    for Connection<'_, '_, '_, T, L, P, R, BUFFER>
where
    T::Error: 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connection").field(&self.id).finish()
    }
}

/// Connection parameters that a peer may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Shortest interval: 7.5 ms or more.
    pub min_interval: Duration,
    /// Longest interval: 4 s or less.
    pub max_interval: Duration,
    /// Most events to sleep through: 499 or less.
    pub max_latency: u16,
    /// Longest supervision timeout: 32 s or less.
    pub max_supervision_timeout: Duration,
}

impl Default for Bounds {
    /// Whatever the specification allows (Core Vol 3 Part A, 4.20).
    fn default() -> Self {
        Self {
            min_interval: Duration::from_micros(7500),
            max_interval: Duration::from_secs(4),
            max_latency: 499,
            max_supervision_timeout: Duration::from_secs(32),
        }
    }
}

impl Bounds {
    pub(super) fn allow(&self, asked: &RequestedConnParams) -> bool {
        asked.is_valid()
            && asked.min_connection_interval >= self.min_interval
            && asked.max_connection_interval <= self.max_interval
            && asked.max_latency <= self.max_latency
            && asked.supervision_timeout <= self.max_supervision_timeout
    }
}

impl<'c, 's, 'a: 's, T, L, P, R, const BUFFER: usize> Connection<'c, 's, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    pub(super) fn new(
        central: &'c Central<'s, 'a, T, L, P, R, BUFFER>,
        host: HostConnection<'s, P>,
        id: LinkId,
    ) -> Self {
        Self { central, host, id }
    }

    /// Which link it is.
    pub fn id(&self) -> LinkId {
        self.id
    }

    /// Its GATT client.
    pub fn client(&self) -> Client<&'a L> {
        Client::new(self.central.mux.links(), self.id)
    }

    /// The peer's address.
    pub fn peer(&self) -> Address {
        self.host.peer_address()
    }

    /// The parameters in force.
    pub fn parameters(&self) -> Option<ConnectionParameters> {
        self.central
            .mux
            .links()
            .with_link(self.id, |link| link.info.parameters)
    }

    /// trouble-host's own handle of it.
    pub fn host(&self) -> &HostConnection<'s, P> {
        &self.host
    }

    /// Signal strength of the peer in dBm (Core Vol 4 Part E, 7.5.4).
    pub async fn rssi(&self) -> Result<i8, Error<T::Error>> {
        Ok(self.host.rssi(self.central.stack).await?)
    }

    /// Asks for other connection parameters (Core Vol 4 Part E, 7.8.18). They are in force when
    /// [`Connection::parameters`] shows them.
    pub async fn update_parameters(
        &self,
        parameters: &RequestedConnParams,
    ) -> Result<(), Error<T::Error>> {
        if !parameters.is_valid() {
            return Err(Error::InvalidParameter(
                "connection parameters (Core Vol 3 Part A, 4.20)",
            ));
        }
        Ok(self
            .host
            .update_connection_params(self.central.stack, parameters)
            .await?)
    }

    /// Asks for packets of up to `octets` (27 to 251) in both directions.
    pub async fn set_data_length(&self, octets: u16) -> Result<(), Error<T::Error>> {
        let time = (octets.clamp(27, 251) + 14) * 8;
        Ok(self
            .host
            .update_data_length(self.central.stack, octets, time)
            .await?)
    }

    /// Asks for another PHY in both directions.
    pub async fn set_phy(&self, phy: PhyKind) -> Result<(), Error<T::Error>> {
        Ok(self.host.set_phy(self.central.stack, phy).await?)
    }

    /// Disconnects, and waits until it is.
    pub async fn disconnect(&self) -> Reason {
        self.host.disconnect();
        self.disconnected().await
    }

    /// Waits until the link has ended, and tells why.
    pub async fn disconnected(&self) -> Reason {
        self.central.mux.links().closed(self.id).await
    }
}

impl<T: Transport, L, P: PacketPool, R, const BUFFER: usize> Drop
    for Connection<'_, '_, '_, T, L, P, R, BUFFER>
where
    T::Error: 'static,
{
    fn drop(&mut self) {
        // trouble-host disconnects when the last of its handles is dropped, which is ours.
        trace!("{:?} is let go", self);
    }
}
