//! Does the handles' other work, apart from holding connections: commands to the controller.

use std::future::{pending, poll_fn};
use std::task::Poll;

use bt_hci::param::{DisconnectReason, PhyKind};
use dongle_central::central::{Error as CentralError, Feature};
use dongle_central::links::{
    ConnectionParameters, LinkId, LinkInfo, LinkPhase, Links, Reason, RemoteVersion,
};
use dongle_central::security::OobData;
use embassy_time::{Duration, Instant};
use futures_channel::oneshot;
use futures_lite::future::or;
use trouble_host::connection::RequestedConnParams;

use super::hold::HostConnection;
use super::{Host, turn_on};
use crate::address::Address;
use crate::error::Error;
use crate::l2cap::ChannelRequest;
use crate::security::SecureRequest;

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// The most bytes a packet can have (Core Vol 6 Part B, 4.5.10).
const LONGEST_PACKET: u16 = 251;

/// How long a procedure of the link layer may take: a device that doesn't respond for 40 s loses
/// its connection (Core Vol 6 Part B, 5.2), and a controller gets 2 s more to report that.
const PROCEDURE: Duration = Duration::from_secs(40 + 2);

/// A task of the host thread.
pub(super) enum Job<'c, 's, 'a> {
    /// Looks after a new connection.
    Hold {
        connection: HostConnection<'c, 's, 'a>,
        peer: Address,
        number: u64,
    },
    /// Asks for longer packets and the faster PHY, if both sides support them.
    Tune(LinkId),
    Disconnect(LinkId, DisconnectReason),
    Query(Query),
    Wake(Instant, oneshot::Sender<()>),
}

/// A handle's question to the controller.
pub(crate) enum Query {
    Rssi(LinkId, Reply<i8>),
    TxPower(LinkId, Reply<i8>),
    Version(LinkId, Reply<RemoteVersion>),
    Update(LinkId, RequestedConnParams, Reply<ConnectionParameters>),
    SetPhy(LinkId, PhyKind, Reply<()>),
    SetDataLength(LinkId, u16, Reply<()>),
    Secure(SecureRequest),
    LocalOob(Reply<OobData>),
    Channel(ChannelRequest),
}

impl<'c, 's, 'a> Host<'c, 's, 'a> {
    pub(super) async fn work(&self, job: Job<'c, 's, 'a>) {
        match job {
            Job::Hold {
                connection,
                peer,
                number,
            } => self.hold(connection, peer, number).await,
            Job::Tune(id) => self.tune(id).await,
            Job::Disconnect(id, reason) => self.disconnect(id, reason).await,
            Job::Query(query) => self.query(query).await,
            Job::Wake(at, mut reply) => {
                or(self.deadlines.at(at), reply.cancellation()).await;
                let _ = reply.send(());
            }
        }
    }

    /// Finishes each command before the next, even if the caller has given up: a late answer would
    /// otherwise be taken for that of the next command.
    async fn query(&self, query: Query) {
        match query {
            Query::Rssi(id, reply) => {
                let _turn = self.commands.lock().await;
                let result = self.central.rssi(id).await;
                let result = result.map_err(|error| self.explain(id, error));
                self.tell(reply, result).await;
            }
            Query::TxPower(id, reply) => {
                let _turn = self.commands.lock().await;
                let result = self.central.tx_power(id).await;
                let result = result.map_err(|error| self.explain(id, error));
                self.tell(reply, result).await;
            }
            Query::SetPhy(id, phy, reply) => {
                let _turn = self.commands.lock().await;
                let result = self.central.set_phy(id, phy).await;
                let result = result.map_err(|error| self.explain(id, error));
                self.tell(reply, result).await;
            }
            Query::SetDataLength(id, octets, reply) => {
                let _turn = self.commands.lock().await;
                let result = self.central.set_data_length(id, octets).await;
                let result = result.map_err(|error| self.explain(id, error));
                self.tell(reply, result).await;
            }
            Query::Secure(request) => self.secure(request).await,
            Query::LocalOob(reply) => {
                let data = self.central.local_oob().await;
                self.tell(reply, data.map_err(Error::from)).await;
            }
            Query::Channel(request) => self.channel(request).await,
            Query::Version(id, reply) => {
                self.tell(reply, self.version(id).await).await;
            }
            Query::Update(id, parameters, reply) => {
                self.tell(reply, self.update(id, &parameters).await).await;
            }
        }
    }

    /// Answers the caller, unless the controller has failed: then the end of the host does, which
    /// knows the reason.
    pub(super) async fn tell<T>(&self, reply: Reply<T>, result: Result<T, Error>) {
        if result.is_err() && self.central.mux().failure().is_some() {
            pending().await
        }
        let _ = reply.send(result);
    }

    async fn version(&self, id: LinkId) -> Result<RemoteVersion, Error> {
        if let Some(Some(Ok(version))) = self.info(id, |info| info.remote_version) {
            return Ok(version);
        }
        {
            let _turn = self.commands.lock().await;
            let asked = self.central.ask_version(id).await;
            asked.map_err(|error| self.explain(id, error))?;
        }
        let told = self.until(id, |info| info.remote_version).await?;
        told.map_err(Error::Hci)
    }

    /// Updates of a link are made one at a time, each after the one before is in force or refused.
    async fn update(
        &self,
        id: LinkId,
        parameters: &RequestedConnParams,
    ) -> Result<ConnectionParameters, Error> {
        let _updates = turn_on(&self.updates, id).await;
        let before = self.info(id, |info| info.updates);
        {
            let _turn = self.commands.lock().await;
            let asked = self.central.update_parameters(id, parameters).await;
            asked.map_err(|error| self.explain(id, error))?;
        }
        let done = |info: &LinkInfo| {
            let outcome = (info.update_status, info.parameters);
            (Some(info.updates) != before).then_some(outcome)
        };
        match self.until(id, done).await? {
            (0, parameters) => Ok(parameters),
            (status, _) => Err(Error::Hci(status)),
        }
    }

    async fn disconnect(&self, id: LinkId, reason: DisconnectReason) {
        let _turn = self.commands.lock().await;
        if let Err(error) = self.central.disconnect_for(id, reason).await {
            log::debug!("disconnecting: {error}");
        }
    }

    /// Whatever is refused stays as it is.
    async fn tune(&self, id: LinkId) {
        let ours = self.central.controller_info().await;
        let theirs = self.info(id, |info| info.remote_features).flatten();
        let theirs = theirs.and_then(Result::ok);
        let both = |feature: Feature| {
            ours.has(feature) && theirs.is_some_and(|t| t & (1 << feature as u8) != 0)
        };
        if both(Feature::DataLengthExtension) {
            let _turn = self.commands.lock().await;
            if let Err(error) = self.central.set_data_length(id, LONGEST_PACKET).await {
                log::debug!("the controller keeps its data length: {error}");
            }
        }
        if both(Feature::Phy2M) {
            let _turn = self.commands.lock().await;
            if let Err(error) = self.central.set_phy(id, PhyKind::Le2M).await {
                log::debug!("the controller keeps its PHY: {error}");
            }
        }
    }

    /// Waits until the outcome of a procedure is known.
    async fn until<T>(
        &self,
        id: LinkId,
        known: impl Fn(&LinkInfo) -> Option<T>,
    ) -> Result<T, Error> {
        let late = self.deadlines.after(PROCEDURE);
        let outcome = outcome(self.central.mux().links(), id, known, late).await;
        outcome.map_err(|error| self.explain(id, error))
    }

    pub(super) fn info<T>(&self, id: LinkId, f: impl FnOnce(&LinkInfo) -> T) -> Option<T> {
        self.central
            .mux()
            .links()
            .with_link(id, |link| f(link.info))
    }

    /// An error of a command, or the reason why the link ended if that caused it.
    fn explain(&self, id: LinkId, error: CentralError<hci_transport::Error>) -> Error {
        const UNKNOWN_CONNECTION: u8 = 0x02;
        match error {
            CentralError::Disconnected | CentralError::Hci(UNKNOWN_CONNECTION) => {
                let reason = self.info(id, LinkInfo::reason).flatten();
                Error::Disconnected(reason.unwrap_or(Reason::Unknown))
            }
            error => error.into(),
        }
    }
}

/// Waits until `known` returns something about a link, or until `late` completes.
async fn outcome<T>(
    links: &impl Links,
    id: LinkId,
    known: impl Fn(&LinkInfo) -> Option<T>,
    late: impl Future<Output = ()>,
) -> Result<T, CentralError<hci_transport::Error>> {
    let told = poll_fn(|cx| {
        let told = links.with_link(id, |link| match known(link.info) {
            Some(told) => Poll::Ready(Ok(told)),
            None if link.info.phase() == LinkPhase::Open => {
                link.bearer.wait_for_change(cx.waker());
                Poll::Pending
            }
            None => Poll::Ready(Err(CentralError::Disconnected)),
        });
        told.unwrap_or(Poll::Ready(Err(CentralError::Disconnected)))
    });
    let late = async {
        late.await;
        Err(CentralError::Timeout)
    };
    or(told, late).await
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use dongle_central::links::AddressKind;
    use futures_lite::future::{block_on, poll_once};

    use super::*;
    use crate::links::SharedLinks;

    fn connected() -> (SharedLinks, LinkId) {
        let links = SharedLinks::new(0);
        let peer = dongle_central::links::Address::new(AddressKind::PUBLIC, Default::default());
        let id = links.open(7, peer, ConnectionParameters::from_hci(24, 0, 500));
        (links, id.expect("there is room"))
    }

    #[test]
    fn what_the_controller_never_tells_is_not_waited_for_for_ever() {
        let (links, id) = connected();
        let version = |info: &LinkInfo| info.remote_version;
        let in_time = outcome(&links, id, version, pending());
        assert!(block_on(poll_once(in_time)).is_none());
        let late = block_on(outcome(&links, id, version, ready(())));
        assert!(matches!(late, Err(CentralError::Timeout)), "{late:?}");
    }

    #[test]
    fn what_was_told_at_the_last_moment_counts() {
        let (links, id) = connected();
        let told = Some(Err(0x1A));
        links.with_link(id, |link| link.info.remote_version = told);
        let version = |info: &LinkInfo| info.remote_version;
        let outcome = block_on(outcome(&links, id, version, ready(())));
        assert_eq!(outcome.ok(), told);
    }

    #[test]
    fn the_end_of_the_connection_ends_the_wait() {
        let (links, id) = connected();
        links.close(id, Reason::Hci(0x13));
        let outcome = outcome(&links, id, |info| info.remote_version, pending());
        let ended = block_on(outcome);
        assert!(
            matches!(ended, Err(CentralError::Disconnected)),
            "{ended:?}"
        );
    }
}
