//! Holds a connection for as long as its value lives, or until the link ends.

use core::fmt;
use core::future::poll_fn;
use core::task::Poll;

use bt_hci::cmd::controller_baseband::ReadTransmitPowerLevel;
use bt_hci::cmd::le::{LeReadRemoteFeatures, LeSetDataLength, LeSetPhy};
use bt_hci::cmd::link_control::ReadRemoteVersionInformation;
use bt_hci::cmd::status::ReadRssi;
use bt_hci::param::{AllPhys, ConnHandle, PhyKind, PhyMask, PhyOptions, PowerLevelKind};
use bt_hci::transport::Transport;
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Timer};
use trouble_host::PacketPool;
use trouble_host::connection::{Connection as HostConnection, RequestedConnParams};

use super::air;
use super::command::{Command, opcode};
use super::{Central, Error};
use crate::client::Client;
use crate::links::{Address, ConnectionParameters, Link, LinkId, LinkPhase, Links, Reason};
use crate::mux::ReportHandler;

/// A connection. Dropping it disconnects.
pub struct Connection<'c, 's, 'a, T: Transport, L, P: PacketPool, R, const BUFFER: usize>
where
    T::Error: 'static,
{
    pub(super) central: &'c Central<'s, 'a, T, L, P, R, BUFFER>,
    /// Its handle in trouble-host, if there is a trouble-host.
    pub(super) host: Option<HostConnection<'s, P>>,
    pub(super) id: LinkId,
    handle: u16,
    peer: Address,
    /// Whether the link is disconnected when this is dropped.
    owns_link: bool,
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

/// Limits of the connection parameters that a peer may request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Shortest interval: 7.5 ms or more.
    pub min_interval: Duration,
    /// Longest interval: 4 s or less.
    pub max_interval: Duration,
    /// Most connection events to skip: 499 or less.
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
    /// The link's id.
    pub fn id(&self) -> LinkId {
        self.id
    }

    /// Its GATT client.
    pub fn client(&self) -> Client<&'a L> {
        Client::new(self.central.mux.links(), self.id)
    }

    /// The peer's address.
    pub fn peer(&self) -> Address {
        self.peer
    }

    /// The parameters in force.
    pub fn parameters(&self) -> Option<ConnectionParameters> {
        self.central
            .mux
            .links()
            .with_link(self.id, |link| link.info.parameters)
    }

    /// Its handle in trouble-host, if there is a trouble-host. Disconnecting through it is the same
    /// as disconnecting through this: the peer gets the same reason, whichever is passed.
    pub fn host(&self) -> Option<&HostConnection<'s, P>> {
        self.host.as_ref()
    }

    /// Its HCI handle.
    pub fn handle(&self) -> u16 {
        self.handle
    }

    /// Waits until the peer has proved its presence by answering with its features. If the
    /// controller cannot ask for them, the connection counts as established.
    ///
    /// # Errors
    /// [`Error::Hci`] with the reason why the link ended: 0x3E if the peer never answered.
    pub async fn established(&self) -> Result<(), Error<T::Error>> {
        let asked = self.ask_features().await;
        self.answered(asked, Timer::after(self.patience())).await
    }

    /// Asks the peer for its features (Core Vol 4 Part E, 7.8.21); false if the controller refuses.
    pub async fn ask_features(&self) -> bool {
        let command = LeReadRemoteFeatures::new(ConnHandle::new(self.handle));
        self.central.tell(&command).await.is_ok()
    }

    /// How long the peer may take for its first answer: the Link Layer allows six intervals (Core
    /// Vol 6 Part B, 4.5.2), then a reply.
    pub fn patience(&self) -> Duration {
        let interval = self.parameters().map(|p| p.interval).unwrap_or_default();
        interval * 8 + Duration::from_millis(500)
    }

    /// Waits until the peer has reported its features, or `patience` ends.
    ///
    /// # Errors
    /// As [`Connection::established`].
    pub async fn answered(
        &self,
        asked: bool,
        patience: impl Future<Output = ()>,
    ) -> Result<(), Error<T::Error>> {
        let links = self.central.mux.links();
        let told = poll_fn(|cx| {
            let told = links.with_link(self.id, |link| {
                match (link.info.phase(), link.info.remote_features) {
                    (LinkPhase::Open, None) if asked => {
                        link.bearer.wait_for_change(cx.waker());
                        Poll::Pending
                    }
                    (LinkPhase::Open, _) => Poll::Ready(None),
                    _ => Poll::Ready(Some(link.info.reason().unwrap_or(Reason::Unknown))),
                }
            });
            told.unwrap_or(Poll::Ready(Some(Reason::Unknown)))
        });
        match select(told, patience).await {
            Either::First(None) | Either::Second(()) => Ok(()),
            Either::First(Some(Reason::Hci(status))) => Err(Error::Hci(status)),
            Either::First(Some(_)) => Err(Error::Disconnected),
        }
    }

    /// Disconnects, and waits until the link has ended.
    pub async fn disconnect(&self) -> Reason {
        self.begin_to_disconnect();
        self.disconnected().await
    }

    /// Requests a disconnection, and does not wait for it.
    pub fn begin_to_disconnect(&self) {
        self.central.mux.disconnect(self.id);
    }

    /// Waits until the link has ended; returns why.
    pub async fn disconnected(&self) -> Reason {
        self.central.mux.links().closed(self.id).await
    }
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Takes ownership of a link that the controller made; `None` if it has ended already.
    pub(super) async fn take(
        &self,
        id: LinkId,
    ) -> Result<Option<Connection<'_, 's, 'a, T, L, P, R, BUFFER>>, Error<T::Error>> {
        let Some(mut connection) = self.handle_to(id) else {
            return Ok(None);
        };
        connection.owns_link = true;
        #[cfg(feature = "security")]
        self.mux.links().with_link(id, |link| {
            // The address has not changed since the link was made: the radio is still ours.
            let own = self.address.get();
            link.info.own = own.map(Address::random);
        });
        let is_up = self.introduce(&mut connection).await?;
        Ok(is_up.then_some(connection))
    }

    /// Another handle to a connection that is up. Dropping it does not disconnect.
    pub fn connection(&self, id: LinkId) -> Option<Connection<'_, 's, 'a, T, L, P, R, BUFFER>> {
        let mut connection = self.handle_to(id)?;
        connection.host = self.hosts(connection.handle);
        Some(connection)
    }

    /// A handle to a link that is up, without ownership.
    fn handle_to(&self, id: LinkId) -> Option<Connection<'_, 's, 'a, T, L, P, R, BUFFER>> {
        let open = |link: &mut Link<'_>| match (link.info.phase(), link.info.peer) {
            (LinkPhase::Open, Some(peer)) => Some((link.info.handle, peer)),
            _ => None,
        };
        let (handle, peer) = self.mux.links().with_link(id, open).flatten()?;
        Some(Connection {
            central: self,
            host: None,
            id,
            handle,
            peer,
            owns_link: false,
        })
    }
}

/// Queries and requests about a connection, by its id.
///
/// Concurrent calls wait for each other: the controller gets one command at a time.
impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Signal strength of the peer in dBm (Core Vol 4 Part E, 7.5.4).
    pub async fn rssi(&self, id: LinkId) -> Result<i8, Error<T::Error>> {
        let command = ReadRssi::new(self.open_handle(id)?);
        Ok(self.ask(&command).await?.rssi)
    }

    /// Our transmit power in dBm (Core Vol 4 Part E, 7.3.35).
    pub async fn tx_power(&self, id: LinkId) -> Result<i8, Error<T::Error>> {
        let command = ReadTransmitPowerLevel::new(self.open_handle(id)?, PowerLevelKind::Current);
        Ok(self.ask(&command).await?.tx_power_level)
    }

    /// Asks the peer for its version (Core Vol 4 Part E, 7.1.23). The answer sets
    /// [`LinkInfo::remote_version`](crate::links::LinkInfo::remote_version).
    pub async fn ask_version(&self, id: LinkId) -> Result<(), Error<T::Error>> {
        let command = ReadRemoteVersionInformation::new(self.open_handle(id)?);
        self.tell(&command).await
    }

    /// Requests other connection parameters (Core Vol 4 Part E, 7.8.18). When
    /// [`LinkInfo::updates`](crate::links::LinkInfo::updates) changes, they are in force or refused.
    pub async fn update_parameters(
        &self,
        id: LinkId,
        parameters: &RequestedConnParams,
    ) -> Result<(), Error<T::Error>> {
        if !parameters.is_valid() {
            return Err(Error::InvalidParameter(
                "connection parameters (Core Vol 3 Part A, 4.20)",
            ));
        }
        let [h0, h1] = self.open_handle(id)?.raw().to_le_bytes();
        let parameters = [&[h0, h1][..], &air::parameters(parameters)];
        self.tell_it(Command::written(opcode::CONNECTION_UPDATE, &parameters))
            .await
    }

    /// Asks for packets of up to `octets` (27 to 251) to be sent (Core Vol 4 Part E, 7.8.33).
    pub async fn set_data_length(&self, id: LinkId, octets: u16) -> Result<(), Error<T::Error>> {
        let octets = octets.clamp(27, 251);
        let command = LeSetDataLength::new(self.open_handle(id)?, octets, (octets + 14) * 8);
        self.tell(&command).await
    }

    /// Asks for another PHY in both directions (Core Vol 4 Part E, 7.8.49).
    pub async fn set_phy(&self, id: LinkId, phy: PhyKind) -> Result<(), Error<T::Error>> {
        let mask = match phy {
            PhyKind::Le1M => PhyMask::new().set_le_1m_phy(true),
            PhyKind::Le2M => PhyMask::new().set_le_2m_phy(true),
            _ => PhyMask::new().set_le_coded_phy(true),
        };
        let all = AllPhys::new();
        let options = PhyOptions::default();
        let command = LeSetPhy::new(self.open_handle(id)?, all, mask, mask, options);
        self.tell(&command).await
    }
}

impl<T: Transport, L, P: PacketPool, R, const BUFFER: usize> Drop
    for Connection<'_, '_, '_, T, L, P, R, BUFFER>
where
    T::Error: 'static,
{
    fn drop(&mut self) {
        if self.owns_link {
            trace!("{:?} is dropped", self);
            self.central.mux.disconnect(self.id);
        }
    }
}
