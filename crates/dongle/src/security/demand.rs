//! Security on demand: a call that the device refuses for lack of security pairs once and is
//! repeated.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dongle_central::att::ErrorCode;
use dongle_central::security::{IoCapabilities, Requirements, Security};
use embassy_time::Instant;
use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};

use super::agent::PairingAgent;
use crate::call::{Boxed, Patience};
use crate::connection::Held;
use crate::error::Error;
use crate::l2cap::L2capRefusal;

/// A connection's attempts to become more secure, one at a time. All calls that wait for an attempt
/// poll it, so that one that is no longer polled doesn't hold up the others.
#[derive(Default)]
pub(crate) struct Demand(Mutex<State>);

#[derive(Default)]
struct State {
    under_way: Option<WeakShared<Securing>>,
    /// Why the last attempt that a call caused failed, if it did.
    failure: Option<Failure>,
    /// When an attempt last succeeded.
    success: Option<Instant>,
}

/// What the connection lacks for a call.
#[derive(Debug, PartialEq, Eq)]
struct Lack {
    wanted: Requirements,
    /// A new pairing is needed, even if its result may look the same.
    anew: bool,
}

/// The future of an attempt.
pub(super) type Securing = Boxed<'static, Result<Security, Error>>;

struct Failure {
    at: Instant,
    error: Error,
}

/// An attempt that was just begun, or one that another call had begun.
enum Attempt {
    Ours(Shared<Securing>),
    Anothers(Shared<Securing>),
}

impl State {
    /// Returns the attempt that is under way, or begins one.
    fn attempt(&mut self, begin: impl FnOnce() -> Securing) -> Attempt {
        let under_way = self.under_way.as_ref().and_then(WeakShared::upgrade);
        match under_way.filter(|attempt| attempt.peek().is_none()) {
            Some(attempt) => Attempt::Anothers(attempt),
            None => {
                let attempt = begin().shared();
                self.under_way = attempt.downgrade();
                Attempt::Ours(attempt)
            }
        }
    }
}

impl Held {
    /// Makes a call. If it is refused for lack of security, provides that and repeats the call.
    ///
    /// Calls that are refused at the same time cause one pairing, and share its failure.
    pub(crate) async fn on_demand<T, F>(
        &self,
        patience: Patience,
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
        let raised = self.raise(&refused, began);
        self.in_time(patience.left(), raised).await?;
        call().await
    }

    /// Makes the connection as secure as wanted, after any attempt of another call.
    pub(super) async fn secure(
        &self,
        wanted: Requirements,
        agent: Arc<dyn PairingAgent>,
    ) -> Result<Security, Error> {
        loop {
            let begin = || self.secure_now(wanted, false, Arc::clone(&agent));
            let attempt = self.demand().attempt(begin);
            match attempt {
                Attempt::Ours(attempt) => {
                    return attempt.await.map_err(|error| self.remember(error));
                }
                Attempt::Anothers(attempt) => _ = attempt.await,
            }
        }
    }

    async fn raise(&self, refused: &Error, began: Instant) -> Result<(), Error> {
        loop {
            let attempt = {
                let mut state = self.demand();
                if let Some(failure) = state.failure.as_ref().filter(|f| f.at >= began) {
                    return Err(failure.error.clone());
                }
                let lack = match self.lacking(refused) {
                    Some(lack) if !(lack.anew && state.success >= Some(began)) => lack,
                    // Another call has provided it.
                    _ => return Ok(()),
                };
                state.attempt(|| {
                    log::debug!("{}: {refused}; pairing", self.peer());
                    let agent = Arc::clone(&self.dongle.shared.security.agent);
                    self.secure_now(lack.wanted, lack.anew, agent)
                })
            };
            match attempt {
                Attempt::Ours(attempt) => {
                    let secured = attempt.await;
                    let (at, mut state) = (Instant::now(), self.demand());
                    state.success = secured.is_ok().then_some(at).or(state.success);
                    state.failure = secured.as_ref().err().map(|error| Failure {
                        at,
                        error: error.clone(),
                    });
                    return secured.map(|_| ());
                }
                Attempt::Anothers(attempt) => _ = attempt.await,
            }
        }
    }

    fn demand(&self) -> MutexGuard<'_, State> {
        let Demand(state) = &self.demand;
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the connection needs for a call that was refused. `None` if more security would not
    /// help.
    fn lacking(&self, refused: &Error) -> Option<Lack> {
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
        let has_person = context.agent.capabilities() != IoCapabilities::NoInputNoOutput;
        more(code, now, context.wanted, has_person)
    }
}

/// More security than `now`, as a server asks for with `code` (Core Vol 3 Part C, 10.3.2).
fn more(
    code: ErrorCode,
    now: Security,
    mut wanted: Requirements,
    has_person: bool,
) -> Option<Lack> {
    let mut anew = false;
    match code {
        ErrorCode::INSUFFICIENT_AUTHENTICATION
        | ErrorCode::INSUFFICIENT_ENCRYPTION
        | ErrorCode::ENCRYPTION_KEY_SIZE_TOO_SHORT
            if !now.encrypted => {}
        ErrorCode::INSUFFICIENT_AUTHENTICATION if !now.authenticated => {
            wanted = wanted.at_least(&now);
            // Devices with legacy pairing accept a passkey as authentication, although it isn't.
            anew = has_person && !now.secure_connections;
            match anew {
                true => wanted.not_just_works = true,
                false => wanted.authenticated = true,
            }
        }
        ErrorCode::ENCRYPTION_KEY_SIZE_TOO_SHORT if now.key_size < 16 => {
            wanted = wanted.at_least(&now);
            wanted.min_key_size = 16;
        }
        _ => return None,
    }
    Some(Lack { wanted, anew })
}
