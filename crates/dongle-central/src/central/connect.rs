//! Connecting: one attempt at a time, which ends in the controller before it ends for the caller.

use core::cell::Cell;
use core::future::poll_fn;
use core::task::Poll;

use bt_hci::cmd::le::LeReadRemoteFeatures;
use bt_hci::param::ConnHandle;
use bt_hci::transport::Transport;
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_time::{Duration, Instant, Timer};
use trouble_host::PacketPool;
use trouble_host::connection::{
    ConnectConfig as HostConnectConfig, Connection as HostConnection, RequestedConnParams,
    ScanConfig as HostScanConfig,
};

use super::{Central, Connection, Error, Phys};
use crate::links::{Address, LinkId, LinkPhase, Links, Reason};
use crate::mux::{Attempt, ReportHandler};

/// Connection Failed to be Established: the peer never answered (Core Vol 1 Part F, 2.59).
const FAILED_TO_BE_ESTABLISHED: u8 = 0x3E;
const CONNECTION_LIMIT_EXCEEDED: u8 = 0x09;
/// How long the controller may take to end an attempt that was cancelled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// How to connect (Core Vol 4 Part E, 7.8.12).
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectConfig {
    /// Give up at this time.
    pub deadline: Option<Instant>,
    /// Connection parameters to begin with.
    pub parameters: RequestedConnParams,
    /// Time from one scan window to the next while looking for the peer.
    pub scan_interval: Duration,
    /// How long to listen in each interval.
    pub scan_window: Duration,
    /// PHYs to look on, where the controller knows extended connecting.
    pub phys: Phys,
}

impl Default for ConnectConfig {
    /// 30 to 50 ms interval, 5 s supervision timeout, no deadline.
    fn default() -> Self {
        Self {
            deadline: None,
            parameters: RequestedConnParams {
                min_connection_interval: Duration::from_millis(30),
                max_connection_interval: Duration::from_millis(50),
                max_latency: 0,
                min_event_length: Duration::from_ticks(0),
                max_event_length: Duration::from_ticks(0),
                supervision_timeout: Duration::from_secs(5),
            },
            scan_interval: Duration::from_millis(60),
            scan_window: Duration::from_millis(60),
            phys: Phys::OneM,
        }
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
    /// Connects to a peer, whenever it appears before the deadline.
    ///
    /// Attempts wait for each other, and a scan pauses meanwhile. A connection that fails to be
    /// established (0x3E) is tried again. When this returns without a connection, the controller
    /// does not look for the peer any more.
    pub async fn connect(
        &self,
        peer: Address,
        config: &ConnectConfig,
    ) -> Result<Connection<'_, 's, 'a, T, L, P, R, BUFFER>, Error<T::Error>> {
        if !config.parameters.is_valid() {
            return Err(Error::InvalidParameter(
                "connection parameters (Core Vol 3 Part A, 4.20)",
            ));
        }
        let silence = self.silence();
        let work = async {
            silence.claim().await?;
            self.settle().await;
            loop {
                match self.attempt(peer, config).await {
                    Err(Error::Hci(FAILED_TO_BE_ESTABLISHED)) => {
                        debug!("connection failed to be established: trying again");
                    }
                    other => return other,
                }
            }
        };
        let expired = async {
            match config.deadline {
                Some(deadline) => Timer::at(deadline).await,
                None => core::future::pending().await,
            }
        };
        let result = match select3(work, expired, self.mux.failed()).await {
            Either3::First(result) => result,
            Either3::Second(()) => Err(Error::Timeout),
            Either3::Third(failure) => return Err(Error::Controller(failure)),
        };
        // Whatever ended the attempt for the caller, it ends in the controller before this returns.
        if result.is_err() && silence.claimed.get() {
            self.settle().await;
        }
        result
    }

    /// One attempt, up to the point where the peer has answered.
    async fn attempt(
        &self,
        peer: Address,
        config: &ConnectConfig,
    ) -> Result<Connection<'_, 's, 'a, T, L, P, R, BUFFER>, Error<T::Error>> {
        let extended = self.extended().await;
        let mut central = self.stack.central();
        let host_config = HostConnectConfig {
            scan_config: HostScanConfig {
                filter_accept_list: &[peer],
                interval: config.scan_interval,
                window: config.scan_window,
                phys: config.phys.for_host(),
                ..Default::default()
            },
            connect_params: config.parameters.clone(),
        };
        let result = if extended {
            central.connect_ext(&host_config).await
        } else {
            central.connect(&host_config).await
        };
        let ended = self.mux.take_attempt();
        let host = match (result, ended) {
            (Ok(connection), _) => connection,
            (Err(_), Attempt::Failed(CONNECTION_LIMIT_EXCEEDED)) => {
                return Err(Error::ConnectionLimit);
            }
            // trouble-host calls any failure a timeout; the mux has seen which it was.
            (Err(_), Attempt::Failed(status)) => return Err(Error::Hci(status)),
            (Err(e), _) => return Err(e.into()),
        };
        let Some(id) = self.mux.links().find(host.handle().raw()) else {
            // Over before it was looked at, or no room for its bearer.
            drop(host);
            return Err(match self.mux.links().with(0, |_| ()) {
                Some(()) => Error::Hci(FAILED_TO_BE_ESTABLISHED),
                None => Error::ConnectionLimit,
            });
        };
        self.established(&host, id).await?;
        self.radio.borrow_mut().changed();
        Ok(Connection::new(self, host, id))
    }

    /// Waits until the peer has shown that it is there, by telling its features. Where the
    /// controller can't ask, the connection is taken as it is.
    async fn established(
        &self,
        host: &HostConnection<'s, P>,
        id: LinkId,
    ) -> Result<(), Error<T::Error>> {
        let links = self.mux.links();
        let handle = ConnHandle::new(host.handle().raw());
        let asked = self
            .stack
            .async_command(LeReadRemoteFeatures::new(handle))
            .await
            .is_ok();
        let interval = links.with_link(id, |link| link.info.parameters.interval);
        // The link layer gives the peer six intervals (Core Vol 6 Part B, 4.5.2), then a reply.
        let patience = interval.unwrap_or_default() * 8 + Duration::from_millis(500);
        let told = poll_fn(|cx| {
            links
                .with_link(id, |link| {
                    match (link.info.phase(), link.info.remote_features) {
                        (LinkPhase::Open, None) if asked => {
                            link.bearer.wait_for_change(cx.waker());
                            Poll::Pending
                        }
                        (LinkPhase::Open, _) => Poll::Ready(None),
                        _ => Poll::Ready(Some(link.info.reason().unwrap_or(Reason::Unknown))),
                    }
                })
                .unwrap_or(Poll::Ready(Some(Reason::Unknown)))
        });
        match select(told, Timer::after(patience)).await {
            Either::First(None) | Either::Second(()) => Ok(()),
            Either::First(Some(Reason::Hci(status))) => Err(Error::Hci(status)),
            Either::First(Some(_)) => Err(Error::Ended),
        }
    }

    /// Waits until the controller's attempt has ended, and disconnects what it may have come to.
    async fn settle(&self) {
        let ended = match select(self.mux.attempt_ended(), Timer::after(CANCEL_TIMEOUT)).await {
            Either::First(ended) => ended,
            Either::Second(()) => {
                warn!("the controller did not end a cancelled attempt to connect");
                return;
            }
        };
        if let Attempt::Connected(id) = ended {
            self.disconnect(id).await;
            let _ = select(self.mux.links().closed(id), Timer::after(CANCEL_TIMEOUT)).await;
        }
    }

    /// Disconnects what an attempt has come to whose caller went away.
    pub(super) async fn end_orphans(&self) -> Error<T::Error> {
        loop {
            let orphan = poll_fn(|cx| {
                let mut radio = self.radio.borrow_mut();
                radio.register(cx.waker());
                if radio.busy {
                    return Poll::Pending;
                }
                self.mux.poll_attempt(cx)
            });
            if let Attempt::Connected(id) = orphan.await {
                self.disconnect(id).await;
            }
        }
    }

    fn silence(&self) -> Silence<'_, 's, 'a, T, L, P, R, BUFFER> {
        self.radio.borrow_mut().connecting += 1;
        self.radio.borrow_mut().changed();
        Silence {
            central: self,
            claimed: Cell::new(false),
        }
    }
}

/// Keeps scans away while it lives, and other attempts to connect once it is claimed.
struct Silence<'c, 's, 'a, T: Transport, L, P: PacketPool, R, const BUFFER: usize>
where
    T::Error: 'static,
{
    central: &'c Central<'s, 'a, T, L, P, R, BUFFER>,
    claimed: Cell<bool>,
}

impl<T: Transport, L, P: PacketPool, R, const BUFFER: usize> Silence<'_, '_, '_, T, L, P, R, BUFFER>
where
    T::Error: 'static,
{
    /// Waits until no scan runs and no other attempt.
    async fn claim(&self) -> Result<(), Error<T::Error>> {
        poll_fn(|cx| {
            let mut radio = self.central.radio.borrow_mut();
            radio.register(cx.waker());
            match (radio.ended, radio.scanning || radio.busy) {
                (true, _) => Poll::Ready(Err(Error::Ended)),
                (false, true) => Poll::Pending,
                (false, false) => {
                    radio.busy = true;
                    self.claimed.set(true);
                    Poll::Ready(Ok(()))
                }
            }
        })
        .await
    }
}

impl<T: Transport, L, P: PacketPool, R, const BUFFER: usize> Drop
    for Silence<'_, '_, '_, T, L, P, R, BUFFER>
where
    T::Error: 'static,
{
    fn drop(&mut self) {
        let mut radio = self.central.radio.borrow_mut();
        radio.connecting = radio.connecting.saturating_sub(1);
        if self.claimed.get() {
            radio.busy = false;
        }
        radio.changed();
    }
}
