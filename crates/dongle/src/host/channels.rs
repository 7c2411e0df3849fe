//! Runs L2CAP channels on the host thread, each until one side closes it.

use std::cell::Cell;
use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use dongle_central::links::{LinkId, LinkPhase, Reason};
use dongle_central::mux::{MuxError, Opener};
use embassy_time::Duration;
use futures_channel::oneshot;
use futures_lite::StreamExt as _;
use futures_lite::future::or;
use futures_util::SinkExt as _;
use trouble_host::l2cap::{
    CreditFlowPolicy, L2capChannel, L2capChannelConfig, L2capChannelReader, L2capChannelWriter,
    LeCreditConnResultCode,
};
use trouble_host::{BleHostError, Error as HostError};

use super::hold::HostConnection;
use super::pool::HeapPool;
use super::{Host, turn_on};
use crate::error::Error;
use crate::l2cap::{ChannelRequest, Ends, HostEnds, L2capRefusal};

/// Credits that trouble-host believes it has granted: twice as many as the peer is told of
/// ([`Central::keep_channel`](dongle_central::central::Central::keep_channel)).
const CREDITS: u16 = 128;
/// If the peer has closed a channel before everything was read, and nothing has arrived for this
/// long, something was lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes the handle's ends of the channel.
type Reply = oneshot::Sender<Result<Ends, Error>>;

/// An open channel.
struct OpenChannel<'c, 's, 'a> {
    connection: HostConnection<'c, 's, 'a>,
    channel: L2capChannel<'s, HeapPool>,
    /// Its CID, if the mux keeps track of it.
    cid: Option<u16>,
}

impl<'c, 's, 'a> Host<'c, 's, 'a> {
    /// Opens or accepts a channel, and runs it.
    pub(super) async fn channel(&self, request: ChannelRequest) {
        let ChannelRequest {
            id,
            spsm,
            mtu,
            accept,
            mut reply,
        } = request;
        let config = L2capChannelConfig {
            mtu: Some(mtu),
            flow_policy: CreditFlowPolicy::Every(0),
            initial_credits: Some(CREDITS),
            ..Default::default()
        };
        let opened = match accept {
            true => self.accept(id, spsm, &config, &mut reply).await,
            false => self.open(id, spsm, &config, &mut reply).await,
        };
        let OpenChannel {
            connection,
            channel,
            cid,
        } = match opened {
            Ok(opened) => opened,
            Err(error) => {
                let error = match error {
                    Error::ChannelClosed => self.closed(id),
                    error => error,
                };
                self.tell(reply, Err(error)).await;
                return;
            }
        };
        let (ends, host_ends) = Ends::new(channel.peer_mtu(), channel.peer_mps());
        if reply.send(Ok(ends)).is_ok() {
            let (writer, reader) = channel.split();
            self.run_channel(&connection, cid, writer, reader, host_ends)
                .await;
        } else if let Some(cid) = cid {
            // The caller has given up. The channel is closed when it is dropped.
            self.central.let_channel_go(id, cid);
        }
    }

    /// The error for a channel that could not be opened, or is closed: its connection may have ended.
    fn closed(&self, id: LinkId) -> Error {
        match self.info(id, |info| (info.phase(), info.reason())) {
            Some((LinkPhase::Open, _)) => Error::ChannelClosed,
            ended => {
                let reason = ended.and_then(|(_, reason)| reason);
                Error::Disconnected(reason.unwrap_or(Reason::Unknown))
            }
        }
    }

    async fn open(
        &self,
        id: LinkId,
        spsm: u16,
        config: &L2capChannelConfig,
        reply: &mut Reply,
    ) -> Result<OpenChannel<'c, 's, 'a>, Error> {
        // One at a time on each link, so that it is known which channel a response belongs to.
        let turn = async { Ok(turn_on(&self.opening, id).await) };
        let _turn = or(turn, gone(reply)).await?;
        // Not before the turn has come: trouble-host counts the handles of a connection in one
        // octet. And with no await before the request: trouble-host never frees the slot of one on
        // a connection that has ended.
        let connection = self.central.connection(id).ok_or(Error::ChannelClosed)?;
        let host = connection.host().ok_or(Error::ChannelClosed)?;
        // Not cancelled when the caller gives up: the device would answer all the same, and keep a
        // channel that does not exist here. It ends within 30 s.
        let create = L2capChannel::create(self.stack, host, spsm, config);
        let created = self.channel_waker.share(create).await;
        let channel = created.map_err(|error| {
            self.central.give_up_channel(id);
            match error {
                BleHostError::BleHost(HostError::L2capConnectError(known)) => {
                    let told = self.central.channel_refusal(id);
                    Error::L2cap(L2capRefusal(told.unwrap_or(known as u16)))
                }
                error => explain(error),
            }
        })?;
        Ok(OpenChannel {
            cid: self.central.keep_channel(id, Opener::Us),
            connection,
            channel,
        })
    }

    async fn accept(
        &self,
        id: LinkId,
        spsm: u16,
        config: &L2capChannelConfig,
        reply: &mut Reply,
    ) -> Result<OpenChannel<'c, 's, 'a>, Error> {
        let connection = self.central.connection(id).ok_or(Error::ChannelClosed)?;
        if !self.listening.borrow_mut().insert(id) {
            return Err(Error::InvalidParameter(
                "another l2cap_accept is already waiting on this connection",
            ));
        }
        let _listening = Listening(self, id);
        let stack = self.stack;
        let host = connection.host().ok_or(Error::ChannelClosed)?;
        let listener = L2capChannel::listen(stack, host);
        loop {
            let asked = async {
                let asked = self.channel_waker.share(listener.next()).await;
                asked.map_err(|error| explain(error.into()))
            };
            let ended = async { Err(Error::Disconnected(connection.disconnected().await)) };
            let pending = or(asked, or(ended, gone(reply))).await?;
            // Answered without a wait, and not cancelled: trouble-host would never free the slot.
            if pending.spsm() != spsm {
                let refusal = LeCreditConnResultCode::SpsmNotSupported;
                pending.reject(stack, refusal).await.map_err(explain)?;
                continue;
            }
            let channel = pending.accept(stack, config).await.map_err(explain)?;
            drop(listener);
            return Ok(OpenChannel {
                cid: self.central.keep_channel(id, Opener::Peer),
                connection,
                channel,
            });
        }
    }

    /// Carries units in both directions until either side closes the channel or the connection
    /// ends.
    async fn run_channel(
        &self,
        connection: &HostConnection<'c, 's, 'a>,
        cid: Option<u16>,
        mut writer: L2capChannelWriter<'s, HeapPool>,
        mut reader: L2capChannelReader<'s, HeapPool>,
        ends: HostEnds,
    ) {
        let (stack, id) = (self.stack, connection.id());
        let HostEnds {
            mut outgoing,
            mut incoming,
            open,
            lost,
        } = ends;
        let waiting = Cell::new(false);
        let read = Cell::new(0_u32);
        // Dropped before `incoming`, so that `lost` is set before the handle learns of the end.
        let _taken = Taken {
            host: self,
            link: id,
            channel: cid,
            read: &read,
            waiting: &waiting,
            lost: &lost,
        };
        // The next unit is read, and the peer granted credits for it, once the handle has taken the
        // last.
        let receive = async {
            while let Ok(unit) = reader.receive_sdu(stack).await {
                read.set(read.get().wrapping_add(1));
                self.central.channel_progress(id);
                waiting.set(true);
                let taken = incoming.send(unit.as_ref().to_vec()).await;
                waiting.set(false);
                if taken.is_err() {
                    // The handle no longer reads; whatever still arrives is discarded.
                    while reader.receive_sdu(stack).await.is_ok() {
                        read.set(read.get().wrapping_add(1));
                        self.central.channel_progress(id);
                    }
                }
            }
            // When the peer closes the channel, everything was read by now; not so when trouble-host
            // closes it, which happens if the peer breaks the rules.
            if cid.is_some_and(|cid| self.central.channel_has_unread(id, cid, read.get())) {
                log::warn!("units of an L2CAP channel were lost");
                lost.store(true, Ordering::Relaxed);
            }
        };
        let mut send = pin!(async {
            while let Some(unit) = outgoing.next().await {
                let sent = writer.send(stack, &unit.unit).await.map_err(explain);
                let _ = unit.sent.send(sent);
            }
            pending().await
        });
        let close = async {
            if let Some(cid) = cid {
                self.central.channel_read(id, cid, || read.get()).await;
            }
            pending().await
        };
        let watch = async {
            loop {
                let before = read.get();
                self.deadlines.after(PATIENCE).await;
                let closing = cid.is_some_and(|cid| self.central.channel_is_closing(id, cid));
                if closing && before == read.get() && !waiting.get() {
                    log::warn!("units of an L2CAP channel were lost");
                    lost.store(true, Ordering::Relaxed);
                    return;
                }
            }
        };
        let closed = async {
            let _ = open.await;
        };
        let ended = async {
            connection.disconnected().await;
        };
        let work = or(or(receive, closed), or(watch, or(send.as_mut(), close)));
        or(work, ended).await;
        if let Some(cid) = cid {
            self.central.let_channel_go(id, cid);
        }
        // Disconnected before `send` is dropped with a unit half sent: trouble-host returns the credits
        // of that unit to an open channel without a check for overflow.
        reader.disconnect();
    }
}

/// How many of the received units the handle has taken. The others are lost when the connection or
/// the whole dongle ends.
struct Taken<'h, 'c, 's, 'a> {
    host: &'h Host<'c, 's, 'a>,
    link: LinkId,
    channel: Option<u16>,
    read: &'h Cell<u32>,
    /// A unit was read that the handle has not taken yet.
    waiting: &'h Cell<bool>,
    lost: &'h AtomicBool,
}

impl Drop for Taken<'_, '_, '_, '_> {
    fn drop(&mut self) {
        let (central, id) = (self.host.central, self.link);
        let is_unread = |cid| central.channel_has_unread(id, cid, self.read.get());
        let is_open = self.host.info(id, |info| info.phase()) == Some(LinkPhase::Open);
        if !is_open && (self.waiting.get() || self.channel.is_some_and(is_unread)) {
            log::debug!("units of an L2CAP channel were lost with its connection");
            self.lost.store(true, Ordering::Relaxed);
        }
    }
}

/// Marks a link as waiting for a channel until it is dropped.
struct Listening<'h, 'c, 's, 'a>(&'h Host<'c, 's, 'a>, LinkId);

impl Drop for Listening<'_, '_, '_, '_> {
    fn drop(&mut self) {
        self.0.listening.borrow_mut().remove(&self.1);
    }
}

/// Completes when the caller has given up.
async fn gone<T>(reply: &mut Reply) -> Result<T, Error> {
    reply.cancellation().await;
    Err(Error::Timeout)
}

fn explain(error: BleHostError<MuxError>) -> Error {
    match error {
        BleHostError::BleHost(HostError::L2capConnectError(code)) => {
            Error::L2cap(L2capRefusal(code as u16))
        }
        BleHostError::BleHost(HostError::Timeout) => Error::Timeout,
        BleHostError::BleHost(
            HostError::Disconnected | HostError::ChannelClosed | HostError::NotFound,
        ) => Error::ChannelClosed,
        BleHostError::BleHost(HostError::NoChannelAvailable) => {
            Error::L2cap(L2capRefusal(LeCreditConnResultCode::NoResources as u16))
        }
        error => dongle_central::central::Error::from(error).into(),
    }
}
