//! What trouble-host has to do with a central: it opens L2CAP channels, if there is one.

use core::future::Future as _;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use bt_hci::cmd::le::LeReadLocalSupportedFeatures;
use bt_hci::param::ConnHandle;
use bt_hci::transport::Transport;
use embassy_futures::select::{Either3, select_array, select3};
use embassy_time::{Duration, Timer};
use trouble_host::connection::{
    ConnectConfig, Connection as HostConnection, RequestedConnParams, ScanConfig,
};
use trouble_host::{BleHostError, PacketPool};

use super::{Central, Connection, Error, HostStack};
use crate::links::Links;
use crate::mux::{Mux, MuxError, ReportHandler};

/// How a part of trouble-host ends.
type Ended = Result<(), BleHostError<MuxError>>;

/// How long trouble-host may take to give away a connection that it has: it does so at once.
const PATIENCE: Duration = Duration::from_secs(2);

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// The central role with trouble-host, which opens L2CAP channels. `stack` has to run on `mux`.
    pub fn with_host(
        mux: &'a Mux<'a, T, L, R, BUFFER>,
        stack: &'s HostStack<'a, T, L, P, R, BUFFER>,
    ) -> Self {
        // Without the L2CAP header.
        mux.set_longest_frame(u16::try_from(P::MTU.saturating_sub(4)).unwrap_or(u16::MAX));
        Self::on(mux, Some(stack))
    }

    /// Runs trouble-host.
    pub(super) async fn run_host(&self) -> Error<T::Error> {
        let Some(stack) = self.stack else {
            return self.take_packets().await;
        };
        let (mut reader, mut control, mut writer) = stack.runner().split();
        // Each behind a reference: inlined into one function, each would have the stack of all.
        let mut writes = pin!(writer.run());
        let mut reads = pin!(async {
            loop {
                match reader.run().await {
                    // One event that it would not have: the next may be about another link.
                    Err(BleHostError::BleHost(e)) => {
                        debug!("trouble-host: {:?}", e);
                    }
                    ended => break ended,
                }
            }
        });
        let mut controls = pin!(control.run());
        let parts: [Pin<&mut dyn Future<Output = Ended>>; 3] =
            [writes.as_mut(), reads.as_mut(), controls.as_mut()];
        match select_array(parts).await {
            (Err(e), _) => e.into(),
            (Ok(()), _) => Error::Ended,
        }
    }

    /// Waits until trouble-host is ready, too.
    pub(super) async fn host_ready(&self) -> Result<(), Error<T::Error>> {
        if let Some(stack) = self.stack {
            // It waits for that before it sends any.
            stack.command(LeReadLocalSupportedFeatures::new()).await?;
        }
        Ok(())
    }

    /// Has trouble-host give us its handle of a connection. False: the connection has ended before.
    pub(super) async fn introduce(
        &self,
        connection: &mut Connection<'_, 's, 'a, T, L, P, R, BUFFER>,
    ) -> Result<bool, Error<T::Error>> {
        let Some(stack) = self.stack else {
            return Ok(true);
        };
        // It gives one to whoever connects. What it asks of the controller for that ends in `Controller`,
        // and of the connection it has been told.
        let config = ConnectConfig {
            scan_config: ScanConfig {
                filter_accept_list: &[connection.peer()],
                ..Default::default()
            },
            connect_params: RequestedConnParams::default(),
        };
        let mut central = stack.central();
        let given = central.connect(&config);
        match select3(given, connection.disconnected(), Timer::after(PATIENCE)).await {
            Either3::First(host) => {
                connection.host = Some(host?);
                Ok(true)
            }
            // It has no place for another one, and has it disconnected.
            Either3::Second(reason) if reason.is_ours() => Err(Error::ConnectionLimit),
            Either3::Second(_) => Ok(false),
            Either3::Third(()) => Err(Error::ConnectionLimit),
        }
    }

    /// trouble-host's own handle of a connection that it was introduced to.
    pub(super) fn hosts(&self, handle: u16) -> Option<HostConnection<'s, P>> {
        self.stack?.get_connected_handle(ConnHandle::new(handle))
    }

    /// Takes trouble-host's events, for which nobody has use, out of its small queues. A new connection is
    /// listened to from the next turn, which the news of it brings.
    pub(super) fn serve_links(&self, cx: &mut Context<'_>) {
        let Some(stack) = self.stack else { return };
        for connection in stack.connections() {
            while let Poll::Ready(event) = pin!(connection.next()).poll(cx) {
                drop(event);
            }
        }
    }
}
