//! L2CAP channels next to GATT: connection-oriented, with credits (Core Vol 3 Part A, 10).

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use dongle_central::links::LinkId;
use futures_channel::{mpsc, oneshot};
use futures_lite::{AsyncRead, AsyncWrite, Stream as _, StreamExt as _};

use crate::call::{Boxed, Call, Patience};
use crate::connection::{DeviceConnection, Held};
use crate::error::Error;
use crate::host::{Command, Query};
use crate::range;

/// The longest service data unit that is accepted by default.
pub(crate) const MTU: u16 = 1000;
/// The longest unit whose credits trouble-host calculates correctly.
const LONGEST: u16 = u16::MAX - 2;
/// How many units may wait to be read. With that many, the peer gets no credits for another.
const INCOMING: usize = 4;

impl DeviceConnection {
    /// Opens a channel to the service with this number (SPSM), 1 to 255.
    ///
    /// Channels of a connection are opened one after another, even if a call is dropped or times
    /// out: the next one waits until the device has answered, for up to 30 s.
    ///
    /// # Errors
    /// [`Error::L2cap`] with the device's reason, [`Error::InvalidParameter`] for a number or an
    /// [MTU](L2capOpen::mtu) out of range. If it is refused for lack of security, the connection is
    /// paired and the request repeated, as with any other call.
    pub fn l2cap_connect(&self, spsm: u16) -> L2capOpen<'_> {
        L2capOpen {
            held: &self.held,
            spsm,
            mtu: MTU,
            accept: false,
            timeout: None,
        }
    }

    /// Waits until the device opens a channel to this number (SPSM), 1 to 255. Other numbers are
    /// refused meanwhile. Only one call at a time can wait on a connection.
    pub fn l2cap_accept(&self, spsm: u16) -> L2capOpen<'_> {
        L2capOpen {
            held: &self.held,
            spsm,
            mtu: MTU,
            accept: true,
            timeout: None,
        }
    }
}

/// A request for a channel. Nothing happens until it is awaited.
#[must_use = "nothing is opened before this is awaited"]
pub struct L2capOpen<'a> {
    held: &'a Arc<Held>,
    spsm: u16,
    mtu: u16,
    accept: bool,
    timeout: Option<Duration>,
}

/// A request to the host thread to open or accept a channel.
pub(crate) struct ChannelRequest {
    pub(crate) id: LinkId,
    pub(crate) spsm: u16,
    pub(crate) mtu: u16,
    pub(crate) accept: bool,
    pub(crate) reply: oneshot::Sender<Result<Ends, Error>>,
}

/// The handle's ends of a channel.
pub(crate) struct Ends {
    pub(crate) peer_mtu: u16,
    pub(crate) peer_mps: u16,
    pub(crate) outgoing: mpsc::Sender<Outgoing>,
    pub(crate) incoming: mpsc::Receiver<Vec<u8>>,
    /// Dropping this closes the channel.
    pub(crate) open: oneshot::Sender<()>,
    pub(crate) lost: Arc<AtomicBool>,
}

/// The host thread's ends of a channel.
pub(crate) struct HostEnds {
    pub(crate) outgoing: mpsc::Receiver<Outgoing>,
    pub(crate) incoming: mpsc::Sender<Vec<u8>>,
    pub(crate) open: oneshot::Receiver<()>,
    /// Not everything that the device sent has arrived.
    pub(crate) lost: Arc<AtomicBool>,
}

/// A unit to be sent.
pub(crate) struct Outgoing {
    pub(crate) unit: Vec<u8>,
    pub(crate) sent: oneshot::Sender<Result<(), Error>>,
}

impl Ends {
    pub(crate) fn new(peer_mtu: u16, peer_mps: u16) -> (Self, HostEnds) {
        let (to_host, outgoing) = mpsc::channel(0);
        let (from_host, incoming) = mpsc::channel(INCOMING);
        let (open, closed) = oneshot::channel();
        let lost = Arc::new(AtomicBool::new(false));
        let ends = Self {
            peer_mtu,
            peer_mps,
            outgoing: to_host,
            incoming,
            open,
            lost: Arc::clone(&lost),
        };
        (
            ends,
            HostEnds {
                outgoing,
                incoming: from_host,
                open: closed,
                lost,
            },
        )
    }
}

impl<'a> L2capOpen<'a> {
    /// The longest service data unit to accept: 23 to 1018 octets, 1000 by default.
    pub fn mtu(mut self, mtu: u16) -> Self {
        self.mtu = mtu;
        self
    }

    /// Gives up after this time with [`Error::Timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn open(self) -> Result<L2capChannel, Error> {
        let Self {
            held,
            spsm,
            mtu,
            accept,
            timeout,
        } = self;
        range::within(spsm, 1..=255, "an SPSM: 1 to 255 (Core Vol 3 Part A, 4.22)")?;
        range::within(mtu, 23..=1018, "the L2CAP MTU: 23 to 1018 octets")?;
        let ask = || async move {
            let (reply, result) = oneshot::channel();
            let request = ChannelRequest {
                id: held.id,
                spsm,
                mtu,
                accept,
                reply,
            };
            held.dongle
                .command(Command::Query(Query::Channel(request)))?;
            let opened = result.await.unwrap_or_else(|_| Err(held.gone()));
            opened.map_err(|error| held.remember(error))
        };
        let opened = held.on_demand(Patience::new(timeout), ask);
        let ends = held.in_time(timeout, opened).await?;
        Ok(L2capChannel::new(Arc::clone(held), spsm, mtu, ends))
    }
}

impl<'a> IntoFuture for L2capOpen<'a> {
    type Output = Result<L2capChannel, Error>;
    type IntoFuture = Boxed<'a, Result<L2capChannel, Error>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}

impl fmt::Debug for L2capOpen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("L2capOpen")
            .field("spsm", &self.spsm)
            .finish_non_exhaustive()
    }
}

/// An L2CAP channel. Dropping it closes it. The connection stays up at least as long as it exists.
///
/// It carries units of at most its MTU ([`send`](Self::send), [`receive`](Self::receive)), or, as
/// [`AsyncRead`] and [`AsyncWrite`], a stream of octets without unit boundaries.
pub struct L2capChannel {
    held: Arc<Held>,
    spsm: u16,
    mtu: u16,
    peer_mtu: u16,
    peer_mps: u16,
    outgoing: mpsc::Sender<Outgoing>,
    incoming: mpsc::Receiver<Vec<u8>>,
    open: Option<oneshot::Sender<()>>,
    lost: Arc<AtomicBool>,
    /// A unit that is being sent.
    sending: Option<oneshot::Receiver<Result<(), Error>>>,
    /// The rest of a unit that is read as a stream.
    rest: Vec<u8>,
    taken: usize,
}

impl L2capChannel {
    fn new(held: Arc<Held>, spsm: u16, mtu: u16, ends: Ends) -> Self {
        let Ends {
            peer_mtu,
            peer_mps,
            outgoing,
            incoming,
            open,
            lost,
        } = ends;
        Self {
            held,
            spsm,
            mtu,
            peer_mtu,
            peer_mps,
            outgoing,
            incoming,
            open: Some(open),
            lost,
            sending: None,
            rest: Vec::new(),
            taken: 0,
        }
    }

    /// The number (SPSM) that it was opened to.
    pub fn spsm(&self) -> u16 {
        self.spsm
    }

    /// The longest unit that we accept.
    pub fn mtu(&self) -> u16 {
        self.mtu
    }

    /// The longest unit that the device accepts.
    pub fn peer_mtu(&self) -> u16 {
        self.peer_mtu
    }

    /// Sends a unit once the device has granted credits for all of it. Returns when it is on its
    /// way. If this is dropped or times out, the unit may be sent anyway.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] if it is longer than the device accepts;
    /// [`Error::ChannelClosed`].
    pub fn send<'a>(&'a mut self, unit: &'a [u8]) -> Call<'a, ()> {
        Call::new(move |timeout| async move {
            let held = Arc::clone(&self.held);
            held.in_time(timeout, self.send_unit(unit)).await
        })
    }

    async fn send_unit(&mut self, unit: &[u8]) -> Result<(), Error> {
        if unit.len() > usize::from(self.peer_mtu.min(LONGEST)) {
            return Err(Error::InvalidParameter(
                "a unit longer than the device takes",
            ));
        }
        std::future::poll_fn(|cx| self.poll_sent(cx)).await?;
        std::future::poll_fn(|cx| self.outgoing.poll_ready(cx))
            .await
            .map_err(|_| self.closed())?;
        self.start(unit.to_vec())?;
        std::future::poll_fn(|cx| self.poll_sent(cx)).await
    }

    /// The next unit from the device; `None` when the channel is closed or its connection has
    /// ended.
    ///
    /// # Errors
    /// [`Error::ChannelDataLost`] instead of `None` if something that the device sent has been
    /// lost.
    pub fn receive(&mut self) -> Call<'_, Option<Vec<u8>>> {
        Call::new(move |timeout| async move {
            let next = async { Ok(self.incoming.next().await) };
            match self.held.in_time(timeout, next).await? {
                Some(unit) => Ok(Some(unit)),
                None if self.lost.load(Ordering::Relaxed) => Err(Error::ChannelDataLost),
                None => Ok(None),
            }
        })
    }

    /// Closes it once what was sent is on its way. What was received can still be read.
    pub async fn disconnect(&mut self) {
        let _ = std::future::poll_fn(|cx| self.poll_sent(cx)).await;
        self.outgoing.close_channel();
        self.open = None;
    }

    /// Waits until the unit that is being sent, if any, is on its way.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(sending) = &mut self.sending else {
            return Poll::Ready(Ok(()));
        };
        let sent = ready!(Pin::new(sending).poll(cx));
        self.sending = None;
        Poll::Ready(sent.unwrap_or_else(|_| Err(self.closed())))
    }

    fn start(&mut self, unit: Vec<u8>) -> Result<(), Error> {
        let (sent, sending) = oneshot::channel();
        let started = self.outgoing.start_send(Outgoing { unit, sent });
        started.map_err(|_| self.closed())?;
        self.sending = Some(sending);
        Ok(())
    }

    fn closed(&self) -> Error {
        match self.held.is_connected() {
            true => Error::ChannelClosed,
            false => self.held.gone(),
        }
    }
}

impl AsyncRead for L2capChannel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        while self.taken == self.rest.len() {
            match ready!(Pin::new(&mut self.incoming).poll_next(cx)) {
                Some(unit) => (self.rest, self.taken) = (unit, 0),
                None if self.lost.load(Ordering::Relaxed) => {
                    return Poll::Ready(Err(io::Error::other(Error::ChannelDataLost)));
                }
                None => return Poll::Ready(Ok(0)),
            }
        }
        let rest = self.rest.get(self.taken..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        self.taken += len;
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for L2capChannel {
    /// Each write is one unit of one credit, so that few credits suffice.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_sent(cx)).map_err(io::Error::other)?;
        let ready = ready!(self.outgoing.poll_ready(cx));
        ready.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        let most = usize::from(self.peer_mtu.min(self.peer_mps.saturating_sub(2)));
        let unit = data.get(..most).unwrap_or(data);
        self.start(unit.to_vec()).map_err(io::Error::other)?;
        Poll::Ready(Ok(unit.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_sent(cx).map_err(io::Error::other)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx)).map_err(io::Error::other)?;
        self.outgoing.close_channel();
        self.open = None;
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for L2capChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("L2capChannel")
            .field("spsm", &self.spsm)
            .finish_non_exhaustive()
    }
}

/// The reason why a device refuses a channel (Core Vol 3 Part A, 4.23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct L2capRefusal(pub u16);

impl std::error::Error for L2capRefusal {}

impl fmt::Display for L2capRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0x0002 => "it offers nothing under this number",
            0x0004 => "it has no room",
            0x0005 => "insufficient authentication",
            0x0006 => "insufficient authorization",
            0x0007 => "the encryption key is too short",
            0x0008 => "insufficient encryption",
            0x000B => "unacceptable parameters",
            _ => return write!(f, "the device refuses the channel (0x{:04X})", self.0),
        };
        write!(
            f,
            "the device refuses the channel: {text} (0x{:04X})",
            self.0
        )
    }
}
