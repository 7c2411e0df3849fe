//! Connects, with one attempt at a time, which ends in the controller before it ends for the caller.

use core::cell::Cell;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use bt_hci::cmd::le::LeCreateConnCancel;
use bt_hci::transport::Transport;
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_time::{Duration, Instant, Timer};
use trouble_host::PacketPool;
use trouble_host::connection::RequestedConnParams;

use super::air::fill_accept_list;
use super::command::Command;
use super::scan::UNSUPPORTED_FEATURE;
use super::{Central, Connection, Error, Phys};
use crate::links::{Address, Links};
use crate::mux::{Attempt, ReportHandler};

/// Unknown Connection Identifier: the status of a cancelled attempt (Core Vol 4 Part E, 7.8.13).
const CANCELLED: u8 = 0x02;
/// Connection Failed to be Established: the peer never answered (Core Vol 1 Part F, 2.59).
const FAILED_TO_BE_ESTABLISHED: u8 = 0x3E;
const CONNECTION_LIMIT_EXCEEDED: u8 = 0x09;
/// Connection Already Exists (2.11).
const CONNECTION_ALREADY_EXISTS: u8 = 0x0B;
/// How long the controller may take to end an attempt that was cancelled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);
/// How long until the controller is asked again to cancel.
const CANCEL_AGAIN: Duration = Duration::from_millis(50);

/// How to connect (Core Vol 4 Part E, 7.8.12).
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectConfig {
    /// Initial connection parameters.
    pub parameters: RequestedConnParams,
    /// Interval of the scan for the peer.
    pub scan_interval: Duration,
    /// How long to listen in each interval.
    pub scan_window: Duration,
    /// PHYs to look on, if the controller supports extended connecting.
    pub phys: Phys,
}

impl Default for ConnectConfig {
    /// 30 to 50 ms interval, 5 s supervision timeout.
    fn default() -> Self {
        Self {
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

impl ConnectConfig {
    /// Checks the values; the error names the one that the specification does not allow.
    pub fn check(&self) -> Result<(), &'static str> {
        let bounds = Duration::from_micros(2500)..=Duration::from_micros(10_240_000);
        if !self.parameters.is_valid() {
            return Err("connection parameters (Core Vol 3 Part A, 4.20)");
        }
        if !bounds.contains(&self.scan_interval) || !bounds.contains(&self.scan_window) {
            return Err("scan interval and window: 2.5 ms to 10.24 s");
        }
        if self.scan_window > self.scan_interval {
            return Err("scan window: at most the interval");
        }
        Ok(())
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
    /// Connects to a peer when it appears, until the deadline.
    ///
    /// Attempts wait for each other, and a scan pauses meanwhile. A connection that fails to be
    /// established (0x3E) is tried again. When this returns without a connection, the controller no
    /// longer looks for the peer.
    pub async fn connect(
        &self,
        peer: Address,
        config: &ConnectConfig,
        deadline: Option<Instant>,
    ) -> Result<Connection<'_, 's, 'a, T, L, P, R, BUFFER>, Error<T::Error>> {
        let expired = || async {
            match deadline {
                Some(deadline) => Timer::at(deadline).await,
                None => core::future::pending().await,
            }
        };
        loop {
            let peers = [peer];
            let connection = match self.connect_first(&peers, config, expired()).await {
                Ok(Some(connection)) => connection,
                Ok(None) => return Err(Error::Timeout),
                // It ended before it could be used.
                Err(Error::Hci(FAILED_TO_BE_ESTABLISHED)) => continue,
                Err(e) => return Err(e),
            };
            match select(connection.established(), expired()).await {
                Either::First(Ok(())) => return Ok(connection),
                Either::First(Err(Error::Hci(FAILED_TO_BE_ESTABLISHED))) => {
                    debug!("connection failed to be established: trying again");
                }
                Either::First(Err(e)) => return Err(e),
                Either::Second(()) => {
                    let _ = select(connection.disconnect(), Timer::after(CANCEL_TIMEOUT)).await;
                    return Err(Error::Timeout);
                }
            }
        }
    }

    /// Connects to whichever of these peers appears first, until `stop` ends. `None` means that it
    /// was stopped, and the controller no longer looks for them.
    ///
    /// The peer may still fail to answer: see [`Connection::established`]. Several peers need as
    /// many entries in the controller's filter accept list.
    pub async fn connect_first(
        &self,
        peers: &[Address],
        config: &ConnectConfig,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<Connection<'_, 's, 'a, T, L, P, R, BUFFER>>, Error<T::Error>> {
        config.check().map_err(Error::InvalidParameter)?;
        if peers.is_empty() {
            return Err(Error::InvalidParameter("peers to connect to: at least one"));
        }
        #[cfg(not(feature = "security"))]
        return self.connect_until(peers, config, stop).await;
        #[cfg(feature = "security")]
        {
            let mut stop = pin!(stop);
            loop {
                let stopped = Cell::new(false);
                let until = async {
                    let ended = select(stop.as_mut(), self.renewing(true)).await;
                    stopped.set(matches!(ended, Either::First(())));
                };
                let found = self.connect_until(peers, config, until).await?;
                if found.is_some() || stopped.get() {
                    return Ok(found);
                }
                // It was interrupted for a new address of ours; it continues with that.
                if let Either::First(()) = select(stop.as_mut(), self.renewing(false)).await {
                    return Ok(None);
                }
            }
        }
    }

    /// One attempt, until `stop` ends.
    async fn connect_until(
        &self,
        peers: &[Address],
        config: &ConnectConfig,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<Connection<'_, 's, 'a, T, L, P, R, BUFFER>>, Error<T::Error>> {
        let mut stop = pin!(stop);
        let silence = self.silence();
        match select3(silence.claim(), stop.as_mut(), self.mux.failed()).await {
            Either3::First(claimed) => claimed?,
            Either3::Second(()) => return Ok(None),
            Either3::Third(failure) => return Err(Error::Controller(failure)),
        }
        // Ends what is left of an attempt whose caller is gone.
        self.settle().await;
        let mut attempt = pin!(self.attempt(peers, config));
        match select3(attempt.as_mut(), stop, self.mux.failed()).await {
            Either3::First(result) => return result.map(Some),
            Either3::Second(()) => {}
            Either3::Third(failure) => return Err(Error::Controller(failure)),
        }
        // The controller may already have a connection.
        let cancelled = select(self.cancel(), Timer::after(CANCEL_TIMEOUT));
        match select3(attempt, cancelled, self.mux.failed()).await {
            Either3::First(Ok(connection)) => Ok(Some(connection)),
            Either3::First(Err(e @ (Error::Transport(_) | Error::Controller(_)))) => Err(e),
            Either3::First(Err(_)) => Ok(None),
            Either3::Second(_) => {
                warn!("the controller did not end a cancelled attempt to connect");
                Ok(None)
            }
            Either3::Third(failure) => Err(Error::Controller(failure)),
        }
    }

    /// Asks the controller repeatedly to end its attempt: the command that starts it may still wait to be sent.
    async fn cancel(&self) {
        loop {
            if let Err(e) = self.tell(&LeCreateConnCancel::new()).await {
                debug!("cancelling an attempt to connect: {:?}", e);
            }
            Timer::after(CANCEL_AGAIN).await;
        }
    }

    /// One attempt, until the controller reports a connection; with extended commands if the
    /// controller has them.
    async fn attempt(
        &self,
        peers: &[Address],
        config: &ConnectConfig,
    ) -> Result<Connection<'_, 's, 'a, T, L, P, R, BUFFER>, Error<T::Error>> {
        loop {
            let extended = self.extended().await;
            if config.phys != Phys::OneM && !extended {
                return Err(Error::Hci(UNSUPPORTED_FEATURE));
            }
            let family = self.family(extended);
            let several = if peers.len() > 1 { peers } else { &[] };
            let commands = |number| match fill_accept_list(several, number) {
                Err(0) => Some(family.create_connection(peers, config)),
                filling => filling.ok(),
            };
            let cancel = || Command::new(&LeCreateConnCancel::new());
            let Err(e) = self.begin(&commands, &cancel).await else {
                break;
            };
            self.end_orphan();
            match e {
                Error::Hci(CONNECTION_ALREADY_EXISTS) => {
                    // It may be an unclaimed connection to the same peer.
                    let Some(id) = self.mux.ending() else {
                        return Err(e);
                    };
                    let ended = self.mux.links().closed(id);
                    if let Either::Second(()) = select(ended, Timer::after(CANCEL_TIMEOUT)).await {
                        return Err(e);
                    }
                }
                Error::Hci(status) if self.gives_up_extended(extended, config.phys, status) => {}
                e => return Err(e),
            }
        }
        let id = match self.mux.attempt_ended().await {
            Attempt::Connected(id) => id,
            Attempt::Failed(CONNECTION_LIMIT_EXCEEDED) => return Err(Error::ConnectionLimit),
            Attempt::Failed(status) => return Err(Error::Hci(status)),
            // No one else takes it.
            Attempt::Idle | Attempt::Running => return Err(Error::Hci(FAILED_TO_BE_ESTABLISHED)),
        };
        self.radio.borrow_mut().changed();
        let is_wanted = |peer: Address| peer.kind.as_raw() > 1 || peers.contains(&peer);
        match self.take(id).await? {
            // A resolved address differs from the one that was asked for.
            Some(connection) if is_wanted(connection.peer()) => Ok(connection),
            // It ended already, or comes from an attempt that the controller did not cancel.
            _ => Err(Error::Hci(FAILED_TO_BE_ESTABLISHED)),
        }
    }

    /// Ends the controller's attempt if its caller is gone, and disconnects the connection that it
    /// may have made.
    pub(super) async fn settle(&self) {
        let (ended, limit) = (self.mux.attempt_ended(), Timer::after(CANCEL_TIMEOUT));
        let ended = match select3(ended, self.cancel(), limit).await {
            Either3::First(ended) => ended,
            Either3::Second(()) | Either3::Third(()) => {
                warn!("the controller did not end a cancelled attempt to connect");
                return;
            }
        };
        if let Attempt::Connected(id) = ended {
            self.mux.disconnect(id);
            let _ = select(self.mux.links().closed(id), Timer::after(CANCEL_TIMEOUT)).await;
        }
    }

    /// Disconnects a connection that no caller takes.
    fn end_orphan(&self) {
        if let Attempt::Connected(id) = self.mux.take_attempt() {
            self.mux.disconnect(id);
        }
    }

    /// The command that ends an attempt whose caller is gone, if there is one.
    pub(super) fn next_cancellation(&self) -> Option<Command> {
        if self.radio.borrow().busy {
            return None;
        }
        self.end_orphan();
        self.mux
            .take_cancellation()
            .then(|| Command::new(&LeCreateConnCancel::new()))
    }

    pub(super) fn silence(&self) -> Silence<'_, 's, 'a, T, L, P, R, BUFFER> {
        self.radio.borrow_mut().connecting += 1;
        self.radio.borrow_mut().changed();
        Silence {
            central: self,
            claimed: Cell::new(false),
        }
    }
}

/// Whether an attempt that ended with this status may simply be repeated: a late cancel of an
/// earlier one hit it, or the peer was lost during setup.
pub fn is_worth_another_attempt(status: u8) -> bool {
    matches!(status, CANCELLED | FAILED_TO_BE_ESTABLISHED)
}

/// Stops scans while it lives, and, once claimed, other attempts to connect.
pub(super) struct Silence<'c, 's, 'a, T: Transport, L, P: PacketPool, R, const BUFFER: usize>
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
    /// Waits until no scan and no other attempt runs.
    pub(super) async fn claim(&self) -> Result<(), Error<T::Error>> {
        poll_fn(|cx| {
            let mut radio = self.central.radio.borrow_mut();
            radio.register(cx.waker());
            match (radio.ended, radio.is_in_use()) {
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
