//! One connection on the host thread, from the moment it is up to its end.

use std::future::poll_fn;
use std::pin::pin;

use dongle_central::central::{Connection, Feature};
use dongle_central::links::Links as _;
use futures_channel::{mpsc, oneshot};
use futures_lite::Stream as _;
use futures_lite::future::or;
use hci_transport::HciChannel;
use trouble_host::connection::RequestedConnParams;

use super::pool::HeapPool;
use super::scanning::Scanning;
use super::{BUFFER, HostCentral};
use crate::error::Error;
use crate::links::SharedLinks;

type HostConnection<'c, 's, 'a> =
    Connection<'c, 's, 'a, HciChannel, SharedLinks, HeapPool, Scanning, BUFFER>;

/// What the handles of a connection ask for.
pub(crate) enum HoldCommand {
    Disconnect,
    Rssi(oneshot::Sender<Result<i8, Error>>),
    UpdateParameters(RequestedConnParams, oneshot::Sender<Result<(), Error>>),
}

/// Holds a connection until it ends. When the last handle is gone, or asks for it, it is ended.
pub(super) async fn hold(
    central: &HostCentral<'_, '_>,
    connection: HostConnection<'_, '_, '_>,
    mut commands: mpsc::UnboundedReceiver<HoldCommand>,
) {
    let mut ended = pin!(connection.disconnected());
    let work = async {
        tune(central, &connection).await;
        loop {
            let next = poll_fn(|cx| pin!(&mut commands).poll_next(cx));
            match next.await {
                None | Some(HoldCommand::Disconnect) => {
                    connection.host().disconnect();
                    std::future::pending::<()>().await;
                }
                Some(HoldCommand::Rssi(reply)) => {
                    let _ = reply.send(central.rssi(connection.id()).await.map_err(Error::from));
                }
                Some(HoldCommand::UpdateParameters(parameters, reply)) => {
                    let result = central.update_parameters(connection.id(), &parameters).await;
                    let _ = reply.send(result.map_err(Error::from));
                }
            }
        }
    };
    or(async { _ = ended.as_mut().await }, work).await;
}

/// Longer packets and the faster PHY, where both sides can. What is refused stays as it is.
async fn tune(central: &HostCentral<'_, '_>, connection: &HostConnection<'_, '_, '_>) {
    let ours = central.controller_info().await;
    let links = central.mux().links();
    let theirs = links.with_link(connection.id(), |link| link.info.remote_features).flatten();
    let both = |feature: Feature| {
        ours.has(feature) && theirs.is_some_and(|t| t & (1 << feature as u8) != 0)
    };
    if both(Feature::DataLengthExtension)
        && let Err(error) = central.set_data_length(connection.id(), 251).await
    {
        log::debug!("the controller keeps its data length: {error}");
    }
    if both(Feature::Phy2M)
        && let Err(error) = central.set_phy(connection.id(), bt_hci::param::PhyKind::Le2M).await
    {
        log::debug!("the controller keeps its PHY: {error}");
    }
}
