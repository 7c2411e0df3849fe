//! Stands in for `host.rs` where the feature that needs trouble-host is off, so that none of it is linked.

use core::task::Context;

use bt_hci::transport::Transport;
use trouble_host::PacketPool;
use trouble_host::connection::Connection as HostConnection;

use super::{Central, Connection, Error};
use crate::links::Links;
use crate::mux::ReportHandler;

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    pub(super) fn run_host(&self) -> impl Future<Output = Error<T::Error>> {
        self.take_packets()
    }

    pub(super) async fn host_ready(&self) -> Result<(), Error<T::Error>> {
        Ok(())
    }

    pub(super) async fn introduce(
        &self,
        _: &mut Connection<'_, 's, 'a, T, L, P, R, BUFFER>,
    ) -> Result<bool, Error<T::Error>> {
        Ok(true)
    }

    pub(super) fn hosts(&self, _: u16) -> Option<HostConnection<'s, P>> {
        None
    }

    pub(super) fn serve_links(&self, _: &mut Context<'_>) {}
}
