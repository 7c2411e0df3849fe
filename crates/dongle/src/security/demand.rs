//! Security on demand: a call that the device refuses for lack of it pairs, once, and is repeated.

use std::sync::Arc;
use std::time::Duration;

use dongle_central::att::ErrorCode;
use dongle_central::security::{Requirements, Security};
use embassy_time::Instant;
use futures_util::lock::Mutex;

use super::agent::PairingAgent;
use crate::connection::Held;
use crate::error::Error;
use crate::l2cap::L2capRefusal;

/// The attempts of one connection to become safer, one after another.
#[derive(Default)]
pub(crate) struct Demand(Mutex<Option<Failure>>);

/// The last attempt, if it failed.
struct Failure {
    at: Instant,
    error: Error,
}

impl Held {
    /// Makes a call; if it is refused for lack of security, sees to that, and makes it again.
    ///
    /// Calls that are refused at the same time cause one pairing, and share its failure.
    pub(crate) async fn on_demand<T, F>(
        &self,
        timeout: Option<Duration>,
        call: impl Fn() -> F + Send,
    ) -> Result<T, Error>
    where
        T: Send,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let began = Instant::now();
        let refused = match call().await {
            Err(error) => error,
            done => return done,
        };
        if self.lacking(&refused).is_none() {
            return Err(refused);
        }
        match timeout {
            Some(timeout) => self.in_time(timeout, self.raise(&refused, began)).await?,
            None => self.raise(&refused, began).await?,
        }
        call().await
    }

    /// Makes the connection as safe as wanted, when nobody else does.
    pub(super) async fn secure(
        &self,
        wanted: Requirements,
        agent: Arc<dyn PairingAgent>,
    ) -> Result<Security, Error> {
        let _turn = self.demand.0.lock().await;
        self.secure_now(wanted, agent).await
    }

    async fn raise(&self, refused: &Error, began: Instant) -> Result<(), Error> {
        let mut last = self.demand.0.lock().await;
        if let Some(failure) = last.as_ref().filter(|failure| failure.at >= began) {
            return Err(failure.error.clone());
        }
        let Some(wanted) = self.lacking(refused) else {
            // Another call has seen to it.
            return Ok(());
        };
        log::debug!("{}: {refused}; pairing", self.peer());
        let agent = Arc::clone(&self.dongle.shared.security.agent);
        let secured = self.secure_now(wanted, agent).await;
        *last = secured.as_ref().err().map(|error| Failure {
            at: Instant::now(),
            error: error.clone(),
        });
        secured.map(|_| ())
    }

    /// What a connection has to come to for a call that was refused; `None`: that would not help.
    fn lacking(&self, refused: &Error) -> Option<Requirements> {
        let context = &self.dongle.shared.security;
        if !context.on_demand {
            return None;
        }
        let code = match refused {
            Error::L2cap(L2capRefusal(0x0005)) => ErrorCode::INSUFFICIENT_AUTHENTICATION,
            Error::L2cap(L2capRefusal(0x0007)) => ErrorCode::ENCRYPTION_KEY_SIZE_TOO_SHORT,
            Error::L2cap(L2capRefusal(0x0008)) => ErrorCode::INSUFFICIENT_ENCRYPTION,
            error => error.att()?.code,
        };
        let now = self.info(|info| info.security)?;
        more(code, now, context.wanted)
    }
}

/// More than `now`, as a server that answers with `code` asks for it (Core Vol 3 Part C, 10.3.2).
fn more(code: ErrorCode, now: Security, wanted: Requirements) -> Option<Requirements> {
    match code {
        ErrorCode::INSUFFICIENT_AUTHENTICATION
        | ErrorCode::INSUFFICIENT_ENCRYPTION
        | ErrorCode::ENCRYPTION_KEY_SIZE_TOO_SHORT
            if !now.encrypted =>
        {
            Some(wanted)
        }
        ErrorCode::INSUFFICIENT_AUTHENTICATION if !now.authenticated => {
            let mut wanted = wanted.at_least(&now);
            wanted.authenticated = true;
            Some(wanted)
        }
        ErrorCode::ENCRYPTION_KEY_SIZE_TOO_SHORT if now.key_size < 16 => {
            let mut wanted = wanted.at_least(&now);
            wanted.min_key_size = 16;
            Some(wanted)
        }
        _ => None,
    }
}
