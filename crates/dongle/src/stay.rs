//! A device that is connected to again and again.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use dongle_central::links::Links as _;
use futures_channel::oneshot;
use futures_core::Stream;

use crate::connection::DeviceConnection;
use crate::device::Connect;
use crate::dongle::Inner;
use crate::error::Error;
use crate::host::{self, Command};

/// The first pause after something went wrong, and the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A connection that lasted this long went well.
const GOOD: Duration = Duration::from_secs(10);

/// Connections to one device, one after another: the next begins when the last has ended.
///
/// It is a [`Stream`] that goes on until it is dropped; dropping it does not end a connection that
/// it has given. A device that is not there is waited for. Where connecting fails, or connections
/// end soon, the pauses in between grow from 100 ms to 10 s.
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
    /// A connection was given; its end is waited for.
    Connected(Boxed<()>, Instant),
    Pausing(Boxed<()>),
    Over,
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

    /// The next connection, once the last has ended.
    ///
    /// # Errors
    /// Only what makes all further attempts useless: the dongle is down or was closed, or a
    /// parameter is not valid.
    pub async fn next(&mut self) -> Result<DeviceConnection, Error> {
        match std::future::poll_fn(|cx| self.poll(cx)).await {
            Some(result) => result,
            None => Err(Error::Closed),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<DeviceConnection, Error>>> {
        loop {
            match &mut self.state {
                State::Connecting(connecting) => match ready!(connecting.as_mut().poll(cx)) {
                    Ok(connection) => {
                        self.state = State::Connected(end_of(&connection), Instant::now());
                        return Poll::Ready(Some(Ok(connection)));
                    }
                    Err(error) if is_final(&error) => {
                        self.state = State::Over;
                        return Poll::Ready(Some(Err(error)));
                    }
                    // That was as long as the caller wanted each attempt to take.
                    Err(Error::Timeout) => self.again(),
                    Err(error) => {
                        log::debug!("{}: {error}: trying again", self.connect.device());
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
                State::Over => return Poll::Ready(None),
            }
        }
    }

    fn again(&mut self) {
        self.state = State::Connecting(Box::pin(self.connect.clone().connect()));
    }

    fn rest(&mut self) {
        // Dongles that lost a device together should not all come back together.
        let pause = self.pause.mul_f64(0.75 + 0.5 * fastrand::f64());
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.state = State::Pausing(Box::pin(sleep(Arc::clone(self.connect.dongle()), pause)));
    }
}

fn is_final(error: &Error) -> bool {
    matches!(
        error,
        Error::Closed
            | Error::Transport(_)
            | Error::ControllerFailed(_)
            | Error::InvalidParameter(_)
    )
}

/// Waits on the host thread's clock; not at all where that has ended.
async fn sleep(dongle: Arc<Inner>, pause: Duration) {
    let (reply, woken) = oneshot::channel();
    if let Some(at) = host::deadline(Some(pause))
        && dongle.command(Command::Wake(at, reply)).is_ok()
    {
        let _ = woken.await;
    }
}

/// Waits for the end of a connection without keeping it.
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
        self.poll(cx)
    }
}

impl fmt::Debug for StayConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StayConnected")
            .field("device", self.connect.device())
            .finish_non_exhaustive()
    }
}
