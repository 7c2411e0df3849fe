//! A pairing that a program asks for.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use dongle_central::links::LinkId;
use dongle_central::security::{OobData, Requirements, Security};
use futures_channel::oneshot;

use super::agent::{Asked, PairingAgent};
use crate::call::Boxed;
use crate::connection::{DeviceConnection, Held};
use crate::dongle::Dongle;
use crate::error::Error;
use crate::host::{Command, Query};
use crate::range;

/// A pairing in the making; await it.
#[must_use = "nothing is paired before this is awaited"]
pub struct Pair<'a> {
    held: &'a Held,
    wanted: Requirements,
    agent: Arc<dyn PairingAgent>,
    timeout: Option<Duration>,
}

/// What the host thread is asked for.
pub(crate) struct SecureRequest {
    pub(crate) id: LinkId,
    pub(crate) wanted: Requirements,
    /// By a new pairing, however safe the connection is.
    pub(crate) anew: bool,
    pub(crate) asked: Asked,
    pub(crate) reply: oneshot::Sender<Result<Security, Error>>,
}

impl<'a> Pair<'a> {
    pub(crate) fn new(held: &'a Held) -> Self {
        let context = &held.dongle.shared.security;
        let agent = Arc::clone(&context.agent);
        Self {
            held,
            wanted: context.wanted,
            agent,
            timeout: None,
        }
    }

    /// A person has to make sure of the device, by a passkey, a comparison or out of band; where
    /// that is not possible, nothing is paired. A device that only knows legacy pairing can't be made
    /// sure of by its passkey
    /// ([`Security::authenticated`](crate::security::Security::authenticated)): pair with it by
    /// [`not_just_works`](Self::not_just_works).
    pub fn authenticated(mut self) -> Self {
        self.wanted.authenticated = true;
        self
    }

    /// Not by Just Works, by which anybody could pair in the device's place. Less than
    /// [`authenticated`](Self::authenticated): a passkey of legacy pairing will do.
    pub fn not_just_works(mut self) -> Self {
        self.wanted.not_just_works = true;
        self
    }

    /// Only by LE Secure Connections. Anyone who listens to a legacy pairing has its key.
    pub fn secure_connections(mut self) -> Self {
        self.wanted.secure_connections = true;
        self
    }

    /// Shortest key to be taken, in octets: 7 to 16, 16 by default.
    pub fn min_key_size(mut self, octets: u8) -> Self {
        self.wanted.min_key_size = octets;
        self
    }

    /// Whether to keep the key for the next connection; it is kept by default.
    pub fn bond(mut self, bond: bool) -> Self {
        self.wanted.bond = bond;
        self
    }

    /// Who answers for the person, this time.
    pub fn agent(mut self, agent: impl PairingAgent) -> Self {
        self.agent = Arc::new(agent);
        self
    }

    /// Give up after this time, with [`Error::Timeout`]; the pairing itself goes on to its end. The
    /// specification gives each step 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn pair(self) -> Result<Security, Error> {
        let Self {
            held,
            wanted,
            agent,
            timeout,
        } = self;
        range::min_key_size(wanted.min_key_size)?;
        held.in_time(timeout, held.secure(wanted, agent)).await
    }
}

impl<'a> IntoFuture for Pair<'a> {
    type Output = Result<Security, Error>;
    type IntoFuture = Boxed<'a, Result<Security, Error>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.pair())
    }
}

impl fmt::Debug for Pair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl Dongle {
    /// Our data for a pairing by LE Secure Connections, to be given to a device by another way. The
    /// agent then has it in [`OutOfBand::SecureConnections`](super::OutOfBand). Good until it is
    /// asked for again, or the dongle is closed.
    ///
    /// # Errors
    /// [`Error::Closed`], or why the dongle is down.
    pub async fn local_oob(&self) -> Result<OobData, Error> {
        let (reply, data) = oneshot::channel();
        let inner = self.inner();
        inner.command(Command::Query(Query::LocalOob(reply)))?;
        let gone = |_| self.failure().unwrap_or(Error::Closed);
        data.await.map_err(gone)?
    }
}

impl DeviceConnection {
    /// Pairs with the device, or encrypts with the bond there is, if that is safe enough; what
    /// the connection comes to. If it is safe enough already, nothing is asked.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a [key size](Pair::min_key_size) out of range;
    /// [`Error::Security`] with the reason. A device that has lost its key is
    /// [`BondLost`](crate::security::SecurityError::BondLost): see
    /// [`Dongle::forget`](crate::Dongle::forget).
    pub fn pair(&self) -> Pair<'_> {
        Pair::new(&self.held)
    }

    /// What protects the connection.
    pub fn security(&self) -> Security {
        self.held.info(|info| info.security).unwrap_or_default()
    }
}

impl Held {
    /// Has the host thread make the connection as safe as wanted.
    pub(super) fn secure_now(
        &self,
        wanted: Requirements,
        anew: bool,
        agent: Arc<dyn PairingAgent>,
    ) -> Boxed<'static, Result<Security, Error>> {
        let (dongle, id, peer) = (Arc::clone(&self.dongle), self.id, self.peer());
        let asked = Asked { agent, peer };
        Box::pin(async move {
            let (reply, result) = oneshot::channel();
            let request = SecureRequest {
                id,
                wanted,
                anew,
                asked,
                reply,
            };
            dongle.command(Command::Query(Query::Secure(request)))?;
            match result.await {
                Ok(secured) => secured,
                Err(_) => Err(dongle.shared.wait_for_end().await),
            }
        })
    }

    /// Gives up waiting for something after a time, if there is one.
    pub(crate) async fn in_time<T>(
        &self,
        timeout: Option<Duration>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if timeout.is_none() {
            return work.await;
        }
        let (reply, due) = oneshot::channel();
        let at = crate::host::deadline(timeout);
        if let Some(at) = at {
            self.dongle.command(Command::Wake(at, reply))?;
        }
        let late = async {
            match (at, due.await) {
                (Some(_), Ok(())) => Err(Error::Timeout),
                _ => std::future::pending().await,
            }
        };
        futures_lite::future::or(work, late).await
    }
}
