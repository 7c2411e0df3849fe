//! What can be learnt about a connection and requested for it, apart from its services.

use std::future::{Future, poll_fn};
use std::ops::RangeInclusive;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bt_hci::param::{DisconnectReason, PhyKind};
use dongle_central::links::{
    ConnectionParameters, LinkId, LinkPhase, Links as _, Reason, RemoteVersion,
};
use embassy_time::Instant;
use futures_channel::oneshot;
use trouble_host::connection::RequestedConnParams;

use crate::call::Call;
use crate::connection::{DeviceConnection, Held};
use crate::device::for_host;
use crate::error::Error;
use crate::host::{self, Command, HoldCommand, Query};
use crate::range;

impl Held {
    /// Asks the controller. A question is completed even if the caller stops waiting.
    fn ask<'a, T: Send + 'a>(
        &'a self,
        query: impl FnOnce(LinkId, oneshot::Sender<Result<T, Error>>) -> Query,
    ) -> Call<'a, T> {
        let (reply, result) = oneshot::channel();
        let query = query(self.id, reply);
        Call::new(move |timeout| {
            self.in_time(timeout, async move {
                self.dongle.command(Command::Query(query))?;
                match result.await {
                    Ok(result) => result.map_err(|error| self.remember(error)),
                    Err(_) => Err(self.dongle.shared.wait_for_end().await),
                }
            })
        })
    }
}

impl DeviceConnection {
    /// The connection parameters in force.
    pub fn parameters(&self) -> Option<ConnectionParameters> {
        self.held.info(|info| info.parameters)
    }

    /// The time between two connection events.
    pub fn interval(&self) -> Option<Duration> {
        self.parameters().map(|p| p.interval.into())
    }

    /// The most octets in a link layer packet, ours and the device's: 27 to 251.
    pub fn data_length(&self) -> Option<(u16, u16)> {
        self.held.info(|info| info.data_length)
    }

    /// The PHYs in use, for sending and for receiving.
    pub fn phy(&self) -> Option<(Phy, Phy)> {
        self.held
            .info(|info| (Phy::from_hci(info.phy.0), Phy::from_hci(info.phy.1)))
    }

    /// What the device's link layer supports, as a bit field (Core Vol 6 Part B, 4.6). `None` if
    /// the controller could not ask, or the device did not answer.
    pub fn remote_features(&self) -> Option<u64> {
        let told = self.held.info(|info| info.remote_features).flatten()?;
        told.ok()
    }

    /// The version and the manufacturer of the device's link layer.
    ///
    /// # Errors
    /// [`Error::Hci`] if the device does not answer, [`Error::Timeout`] if there is no outcome
    /// within 42 s: the link layer allows a device 40 s (Core Vol 6 Part B, 5.2).
    pub fn remote_version(&self) -> Call<'_, RemoteVersion> {
        self.held.ask(Query::Version)
    }

    /// The signal strength at which the device is received, in dBm.
    pub fn rssi(&self) -> Call<'_, i8> {
        self.held.ask(Query::Rssi)
    }

    /// The power at which we send to the device, in dBm.
    pub fn tx_power(&self) -> Call<'_, i8> {
        self.held.ask(Query::TxPower)
    }

    /// Requests other connection parameters and returns the resulting ones. The controller chooses
    /// the interval within this range.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if the specification does not allow them, [`Error::Hci`] if the
    /// controller or the device refuses them and the current ones stay in force. [`Error::Timeout`]
    /// if there is no outcome within 42 s: the link layer allows a device 40 s (Core Vol 6 Part B,
    /// 5.2).
    pub fn update_parameters(
        &self,
        interval: RangeInclusive<Duration>,
        latency: u16,
        supervision_timeout: Duration,
    ) -> Call<'_, ConnectionParameters> {
        let parameters = RequestedConnParams {
            min_connection_interval: for_host(*interval.start()),
            max_connection_interval: for_host(*interval.end()),
            max_latency: latency,
            supervision_timeout: for_host(supervision_timeout),
            min_event_length: for_host(Duration::ZERO),
            max_event_length: for_host(Duration::ZERO),
        };
        Call::new(move |timeout| async move {
            range::connection_parameters(&parameters)?;
            let update = |id, reply| Query::Update(id, parameters, reply);
            self.held.ask(update).maybe(timeout).await
        })
    }

    /// Requests another PHY for both directions (Core Vol 4 Part E, 7.8.49). Returns when the
    /// controller has accepted that. The link layers change a few connection events later, or not
    /// at all if the device does not want it: [`phy`](Self::phy) shows the result.
    ///
    /// A new connection requests LE 2M by itself, unless [`tune`](crate::Connect::tune) is off.
    ///
    /// # Errors
    /// [`Error::Hci`] if the controller does not support the PHY.
    pub fn set_phy(&self, phy: Phy) -> Call<'_, ()> {
        self.held
            .ask(move |id, reply| Query::SetPhy(id, phy.for_host(), reply))
    }

    /// Requests that packets of the link layer to the device may have this many octets, 27 to 251
    /// (Core Vol 4 Part E, 7.8.33). Returns when the controller has accepted that.
    /// [`data_length`](Self::data_length) shows what the link layers agree on.
    ///
    /// A new connection requests 251 by itself, unless [`tune`](crate::Connect::tune) is off.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] out of this range, [`Error::Hci`] if the controller refuses.
    pub fn set_data_length(&self, octets: u16) -> Call<'_, ()> {
        Call::new(move |timeout| async move {
            range::within(octets, 27..=251, "the data length: 27 to 251 octets")?;
            let set = |id, reply| Query::SetDataLength(id, octets, reply);
            self.held.ask(set).maybe(timeout).await
        })
    }

    /// Runs `work` until it is done, its time `budget` is used up, or the device disconnects,
    /// whichever comes first. Without a budget, only a disconnection ends it early. The connection
    /// itself stays up.
    ///
    /// ```
    /// # use dongle::{Dongle, Uuid};
    /// # use std::time::Duration;
    /// # futures_lite::future::block_on(async {
    /// # let dongle = Dongle::open("virtual").await?;
    /// # let mut scan = dongle.scan().service(Uuid::from_u16(0x180F)).start()?;
    /// # let connection = scan.next().await?.ok_or("nothing")?.device().connect().await?;
    /// let level = connection.timeout(Some(Duration::from_secs(2)), async {
    ///     let battery = connection.service(Uuid::from_u16(0x180F)).await?;
    ///     battery.characteristic(Uuid::from_u16(0x2A19)).await?.read().await
    /// });
    /// println!("{:?}", level.await?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`Error::Timeout`] when the budget is used up, [`Error::Disconnected`] if the device
    /// disconnects, or the error of `work`.
    pub async fn timeout<T>(
        &self,
        budget: Option<Duration>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let deadline = host::deadline(budget);
        let mut work = pin!(work);
        let links = &self.held.dongle.shared.links;
        poll_fn(|cx| {
            if let Poll::Ready(result) = work.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            let late = deadline.is_some_and(|at| at <= Instant::now());
            // The link's own alarm wakes this, so it needs no timer of the caller's runtime.
            let open = links.with_link(self.held.id, |link| {
                let open = link.info.phase() == LinkPhase::Open;
                if open && !late {
                    link.bearer.wait_for_change(cx.waker());
                    if let Some(at) = deadline
                        && link.bearer.set_alarm(at)
                    {
                        links.doorbell().ring(self.held.id.index());
                    }
                }
                open
            });
            match open {
                Some(true) if late => Poll::Ready(Err(Error::Timeout)),
                Some(true) => Poll::Pending,
                _ => Poll::Ready(Err(self.held.gone())),
            }
        })
        .await
    }

    /// Disconnects, and waits until that is done. Values that have been received can still be read.
    pub async fn disconnect(&self) -> Reason {
        self.disconnect_for(Farewell::Done).await
    }

    /// Disconnects with a reason for the device, and waits until that is done.
    pub async fn disconnect_for(&self, farewell: Farewell) -> Reason {
        self.held
            .disconnect(HoldCommand::Disconnect(farewell.for_host()));
        self.disconnected().await
    }

    /// Waits until the connection has ended, and returns the reason.
    pub async fn disconnected(&self) -> Reason {
        let reason = self.held.dongle.shared.links.closed(self.held.id).await;
        match (reason, self.held.ended.get()) {
            // The link's place may have been reused since.
            (Reason::Unknown, Some(reason)) => *reason,
            (reason, _) => reason,
        }
    }
}

/// A PHY of LE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phy {
    /// LE 1M: 1 Mbit/s.
    OneM,
    /// LE 2M: 2 Mbit/s.
    TwoM,
    /// LE Coded: long range.
    Coded,
}

impl Phy {
    fn for_host(self) -> PhyKind {
        match self {
            Self::OneM => PhyKind::Le1M,
            Self::TwoM => PhyKind::Le2M,
            Self::Coded => PhyKind::LeCoded,
        }
    }

    fn from_hci(phy: u8) -> Self {
        match phy {
            2 => Self::TwoM,
            3 => Self::Coded,
            _ => Self::OneM,
        }
    }
}

/// The reason that the device gets when it is disconnected (Core Vol 4 Part E, 7.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Farewell {
    /// The user has finished.
    #[default]
    Done,
    /// We are low on resources.
    LowResources,
    /// We are about to be switched off.
    PowerOff,
    /// Authentication failed.
    AuthenticationFailure,
    /// The device's link layer lacks something that we need.
    UnsupportedFeature,
    /// The device's connection parameters are unacceptable to us.
    UnacceptableParameters,
}

impl Farewell {
    fn for_host(self) -> DisconnectReason {
        match self {
            Self::Done => DisconnectReason::RemoteUserTerminatedConn,
            Self::LowResources => DisconnectReason::RemoteDeviceTerminatedConnLowResources,
            Self::PowerOff => DisconnectReason::RemoteDeviceTerminatedConnPowerOff,
            Self::AuthenticationFailure => DisconnectReason::AuthenticationFailure,
            Self::UnsupportedFeature => DisconnectReason::UnsupportedRemoteFeature,
            Self::UnacceptableParameters => DisconnectReason::UnacceptableConnParameters,
        }
    }
}
