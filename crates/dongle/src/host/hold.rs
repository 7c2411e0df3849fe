//! Looks after one connection on the host thread, from its beginning to its end.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use bt_hci::param::DisconnectReason;
use dongle_central::central::{Connection, Error as CentralError, is_worth_another_attempt};
use dongle_central::client::Client;
use dongle_central::links::{Links as _, Reason};
use futures_channel::mpsc;
use futures_lite::Stream as _;
use futures_lite::future::or;
use hci_transport::HciChannel;

use super::pool::HeapPool;
use super::scanning::Scanning;
use super::{BUFFER, Host, Job, SecurityContext, connecting};
use crate::address::Address;
use crate::error::Error;
use crate::gatt::cache::save;
use crate::gatt::{Basis, Database};
use crate::links::SharedLinks;

pub(super) type HostConnection<'c, 's, 'a> =
    Connection<'c, 's, 'a, HciChannel, SharedLinks, HeapPool, Scanning, BUFFER>;

/// Connection Timeout (Core Vol 1 Part F, 2.8): if the device has not answered yet, this is treated
/// as a connection that was never established.
const CONNECTION_TIMEOUT: u8 = 0x08;

/// What the handles of a connection ask for.
pub(crate) enum HoldCommand {
    Disconnect(DisconnectReason),
}

impl<'c, 's, 'a> Host<'c, 's, 'a> {
    /// Waits until the device shows that it is there, gives the connection to all who want it, and
    /// holds it until it ends.
    pub(super) async fn hold(
        &self,
        connection: HostConnection<'c, 's, 'a>,
        peer: Address,
        number: u64,
    ) {
        let links = self.central.mux().links();
        let id = connection.id();
        let database = Arc::new(Database::default());
        self.recall(&connection, peer, &database);
        let answered = async {
            let asked = {
                let _turn = self.commands.lock().await;
                connection.ask_features().await
            };
            let patience = self.deadlines.after(connection.patience());
            let answered = connection.answered(asked, patience).await;
            let protected = match answered {
                Ok(()) => self.protect(&connection).await,
                Err(_) => Ok(()),
            };
            Some((answered, protected))
        };
        let unwanted = async {
            self.connecting.unwanted(peer, &self.deadlines).await;
            None
        };
        let result = or(answered, unwanted).await;
        let mut held = None;
        match result {
            Some((Ok(()), Ok(()))) => {
                let database = Arc::clone(&database);
                held = self.connecting.established(number, peer, id, database);
            }
            Some((Ok(()), Err(error))) => self.connecting.refuse(peer, &error),
            Some((Err(CentralError::Hci(status)), _))
                if is_worth_another_attempt(status) || status == CONNECTION_TIMEOUT =>
            {
                log::debug!("{peer}: the connection failed to be established: trying again");
            }
            Some((Err(CentralError::Hci(status)), _)) => {
                self.connecting
                    .refuse(peer, &Error::Disconnected(Reason::Hci(status)));
            }
            Some((Err(error), _)) => self.connecting.refuse(peer, &error.into()),
            None => {}
        }
        if let Some(held) = held {
            log::debug!("{peer}: connected");
            if held.tune {
                self.jobs.borrow_mut().push_back(Job::Tune(id));
            }
            let keep = || save(self.security, peer, &database);
            let lost = async {
                loop {
                    poll_fn(|cx| database.poll_lost(cx)).await;
                    keep();
                }
            };
            or(self.until_ended(&connection, held.commands, keep), lost).await;
            keep();
            let reason = links.with_link(id, |link| link.info.reason()).flatten();
            let reason = reason.unwrap_or(Reason::Unknown);
            log::debug!("{peer}: disconnected: {reason}");
            let _ = held.ended.set(reason);
            if held.handle.strong_count() == 0 {
                links.release(id);
            }
        } else {
            connection.begin_to_disconnect();
            connecting::closed(self.central, id, &self.deadlines).await;
            links.release(id);
        }
        drop(connection);
        self.connecting.ended(number, peer);
    }

    /// Restores what is known of a bonded device that indicates changes: it does so as soon as the
    /// link is encrypted (Core Vol 3 Part G, 7.1), so this must be ready before that.
    fn recall(&self, connection: &HostConnection<'c, 's, 'a>, peer: Address, database: &Database) {
        let SecurityContext { bonds, caches, .. } = self.security;
        let Some((bond, cached)) = bonds.cached(peer) else {
            return;
        };
        if !caches.is_enabled() {
            // Nothing would record the changes.
            bonds.cache(peer, bond, None);
            return;
        }
        let basis = Basis {
            bond: Some(bond),
            cleared: caches.cleared(peer),
        };
        let client = Client::new(self.central.mux().links().clone(), connection.id());
        database.inherit(&client, basis, cached);
    }

    /// Ends the connection when the last handle is dropped or asks for it.
    async fn until_ended(
        &self,
        connection: &HostConnection<'c, 's, 'a>,
        mut commands: mpsc::UnboundedReceiver<HoldCommand>,
        keep: impl Fn(),
    ) {
        let ended = async {
            connection.disconnected().await;
        };
        let work = async {
            let next = poll_fn(|cx| pin!(&mut commands).poll_next(cx));
            let reason = match next.await {
                Some(HoldCommand::Disconnect(reason)) => reason,
                None => DisconnectReason::RemoteUserTerminatedConn,
            };
            // The program may exit as soon as the connection has ended.
            keep();
            self.jobs
                .borrow_mut()
                .push_back(Job::Disconnect(connection.id(), reason));
            pending().await
        };
        or(ended, work).await;
    }
}
