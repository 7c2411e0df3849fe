//! Connects to a device again and again.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use dongle_central::links::Links as _;
use dongle_central::security::SecurityError;
use futures_channel::oneshot;
use futures_core::Stream;

use crate::connection::DeviceConnection;
use crate::device::Connect;
use crate::dongle::Inner;
use crate::error::Error;
use crate::host::{self, Command};

/// The first pause after a failure, and the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A connection that lasted this long was a success.
const GOOD: Duration = Duration::from_secs(10);

/// Connections to one device, one after another: each begins when the last has ended.
///
/// This is a [`Stream`] that continues until it is dropped, or ends with an error that no further
/// attempt can fix. Dropping it does not end a connection that it has returned. If the device is
/// absent, it is waited for. If connecting fails, or connections end soon, the pauses between
/// attempts grow from 100 ms to 10 s.
///
/// ```no_run
/// # use dongle::{Address, Dongle};
/// # async fn example(dongle: Dongle, address: Address) -> Result<(), dongle::Error> {
/// let mut connections = dongle.device(address).stay_connected();
/// loop {
///     let connection = connections.next().await?;
///     println!("connected; {}", connection.disconnected().await);
/// }
/// # }
/// ```
#[must_use = "nothing happens before connections are taken"]
pub struct StayConnected {
    connect: Connect,
    state: State,
    pause: Duration,
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

enum State {
    Connecting(Boxed<Result<DeviceConnection, Error>>),
    /// A connection was returned, and its end is awaited.
    Connected(Boxed<()>, Instant),
    Pausing(Boxed<()>),
    /// No further attempt can fix this.
    Over(Error),
}

impl StayConnected {
    pub(crate) fn new(connect: Connect) -> Self {
        let state = State::Connecting(Box::pin(connect.clone().connect()));
        Self {
            connect,
            state,
            pause: SHORTEST_PAUSE,
        }
    }

    /// The next connection, once the last one has ended.
    ///
    /// # Errors
    /// Only those that no further attempt can fix, and then the same each time: the dongle is down
    /// or was closed, a parameter is invalid, or there is a problem with the bond that a person has
    /// to solve, above all [`BondLost`](crate::security::SecurityError::BondLost). Once it is
    /// solved, call `stay_connected` again.
    pub async fn next(&mut self) -> Result<DeviceConnection, Error> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<DeviceConnection, Error>> {
        loop {
            match &mut self.state {
                State::Connecting(connecting) => match ready!(connecting.as_mut().poll(cx)) {
                    Ok(connection) => {
                        self.state = State::Connected(end_of(&connection), Instant::now());
                        return Poll::Ready(Ok(connection));
                    }
                    Err(error) if is_final(&error) => self.state = State::Over(error),
                    // The caller limited each attempt to this time.
                    Err(Error::Timeout) => self.again(),
                    Err(error) => {
                        let device = self.connect.device();
                        log::log!(level(&error), "{device}: {error}: trying again");
                        self.rest();
                    }
                },
                State::Connected(ended, since) => {
                    ready!(ended.as_mut().poll(cx));
                    if since.elapsed() >= GOOD {
                        self.pause = SHORTEST_PAUSE;
                        self.again();
                    } else {
                        self.rest();
                    }
                }
                State::Pausing(pause) => {
                    ready!(pause.as_mut().poll(cx));
                    self.again();
                }
                State::Over(error) => return Poll::Ready(Err(error.clone())),
            }
        }
    }

    fn again(&mut self) {
        self.state = State::Connecting(Box::pin(self.connect.clone().connect()));
    }

    fn rest(&mut self) {
        // So that dongles which lost a device at the same time don't all come back at the same
        // time.
        let pause = self.pause.mul_f64(0.75 + 0.5 * fastrand::f64());
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.state = State::Pausing(Box::pin(sleep(Arc::clone(self.connect.dongle()), pause)));
    }
}

/// Whether every further attempt would fail in the same way.
fn is_final(error: &Error) -> bool {
    match error {
        Error::Closed
        | Error::Transport(_)
        | Error::ControllerFailed(_)
        | Error::InvalidParameter(_) => true,
        // The first two have to be solved by a person, and the last is our own decision, which
        // won't change. What the device or the controller refuses, it may allow another time.
        Error::Security(why) => matches!(
            why,
            SecurityError::BondLost | SecurityError::IdentityTaken | SecurityError::RejectedByUs(_)
        ),
        _ => false,
    }
}

/// The log level of an error after which another attempt is made. One about a key may need a
/// person's attention, and appears nowhere else.
fn level(error: &Error) -> log::Level {
    match error {
        Error::Security(_) => log::Level::Warn,
        _ => log::Level::Debug,
    }
}

/// Waits on the host thread's clock, or not at all if that has ended.
async fn sleep(dongle: Arc<Inner>, pause: Duration) {
    let (reply, woken) = oneshot::channel();
    if let Some(at) = host::deadline(Some(pause))
        && dongle.command(Command::Wake(at, reply)).is_ok()
    {
        let _ = woken.await;
    }
}

/// Waits for the end of a connection without keeping it open.
fn end_of(connection: &DeviceConnection) -> Boxed<()> {
    let (links, id) = (
        connection.held.dongle.shared.links.clone(),
        connection.held.id,
    );
    Box::pin(async move {
        links.closed(id).await;
    })
}

impl Stream for StayConnected {
    type Item = Result<DeviceConnection, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.state {
            State::Over(_) => Poll::Ready(None),
            _ => self.poll(cx).map(Some),
        }
    }
}

impl fmt::Debug for StayConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StayConnected")
            .field("device", self.connect.device())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use dongle_central::links::Reason;
    use dongle_central::security::PairingFailure;

    use super::*;

    #[test]
    fn it_ends_at_what_no_further_attempt_can_mend_and_at_nothing_else() {
        let refused = SecurityError::RejectedByUs(PairingFailure::AUTHENTICATION_REQUIREMENTS);
        for error in [
            Error::Closed,
            Error::ControllerFailed("…".into()),
            Error::InvalidParameter("…"),
            Error::Security(SecurityError::BondLost),
            Error::Security(SecurityError::IdentityTaken),
            Error::Security(refused),
        ] {
            assert!(is_final(&error), "{error:?}");
        }
        let given_up = SecurityError::RejectedByPeer(PairingFailure::REPEATED_ATTEMPTS);
        for error in [
            Error::Timeout,
            Error::Disconnected(Reason::Hci(0x3E)),
            Error::Hci(0x0D),
            Error::ConnectionLimit,
            Error::Security(SecurityError::Timeout),
            Error::Security(SecurityError::KeyUnconfirmed),
            Error::Security(SecurityError::Busy),
            Error::Security(given_up),
        ] {
            assert!(!is_final(&error), "{error:?}");
        }
    }

    #[test]
    fn a_key_that_may_be_wrong_is_a_warning_and_a_device_out_of_range_is_none() {
        let unconfirmed = Error::Security(SecurityError::KeyUnconfirmed);
        assert_eq!(level(&unconfirmed), log::Level::Warn);
        let lost = Error::Disconnected(Reason::Hci(0x08));
        assert_eq!(level(&lost), log::Level::Debug);
    }
}
