//! Pairing on a program's request.

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

/// A pairing. Nothing happens until it is awaited.
#[must_use = "nothing is paired before this is awaited"]
pub struct Pair<'a> {
    held: &'a Held,
    wanted: Requirements,
    agent: Arc<dyn PairingAgent>,
    timeout: Option<Duration>,
}

/// A request to the host thread to secure a connection.
pub(crate) struct SecureRequest {
    pub(crate) id: LinkId,
    pub(crate) wanted: Requirements,
    /// Whether to pair anew even if the connection is secure enough.
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

    /// Requires that a person verifies the device, by a passkey, a comparison or out of band;
    /// otherwise pairing fails. The passkey of a device that supports only legacy pairing doesn't
    /// verify it ([`Security::authenticated`](crate::security::Security::authenticated)): pair with
    /// such a device by [`not_just_works`](Self::not_just_works).
    pub fn authenticated(mut self) -> Self {
        self.wanted.authenticated = true;
        self
    }

    /// Refuses Just Works, with which anybody could pair in the device's place. Requires less than
    /// [`authenticated`](Self::authenticated): a passkey of legacy pairing is enough.
    pub fn not_just_works(mut self) -> Self {
        self.wanted.not_just_works = true;
        self
    }

    /// Only pairs by LE Secure Connections. Anyone who listens to a legacy pairing learns its key.
    pub fn secure_connections(mut self) -> Self {
        self.wanted.secure_connections = true;
        self
    }

    /// The shortest key to accept, in octets: 7 to 16, 16 by default.
    pub fn min_key_size(mut self, octets: u8) -> Self {
        self.wanted.min_key_size = octets;
        self
    }

    /// Whether to keep the key for the next connection; it is kept by default.
    pub fn bond(mut self, bond: bool) -> Self {
        self.wanted.bond = bond;
        self
    }

    /// Answers for the person during this pairing.
    pub fn agent(mut self, agent: impl PairingAgent) -> Self {
        self.agent = Arc::new(agent);
        self
    }

    /// Gives up after this time with [`Error::Timeout`]; the pairing itself continues to its end.
    /// The specification allows 30 s for each step.
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
    /// Our data for a pairing with LE Secure Connections, to be given to a device by other means.
    /// The agent then includes it in [`OutOfBand::SecureConnections`](super::OutOfBand). It is
    /// valid until this is called again or the dongle is closed.
    ///
    /// # Errors
    /// [`Error::Closed`], or the reason why the dongle is down.
    pub async fn local_oob(&self) -> Result<OobData, Error> {
        let (reply, data) = oneshot::channel();
        let inner = self.inner();
        inner.command(Command::Query(Query::LocalOob(reply)))?;
        let gone = |_| self.failure().unwrap_or(Error::Closed);
        data.await.map_err(gone)?
    }
}

impl DeviceConnection {
    /// Pairs with the device, or encrypts with the existing bond if that is secure enough, and
    /// returns the security achieved. If the connection is secure enough already, this does
    /// nothing.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a [key size](Pair::min_key_size) out of range;
    /// [`Error::Security`] with the reason. If the device has lost its key, that is
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
    /// Makes the host thread secure the connection as wanted.
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

    /// Stops waiting for `work` after a timeout, if there is one.
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
