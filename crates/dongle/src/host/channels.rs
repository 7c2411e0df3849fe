//! Runs L2CAP channels on the host thread, each until one side closes it.

use std::cell::Cell;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};

use dongle_central::links::{LinkId, LinkPhase, Links as _, Reason};
use dongle_central::mux::{MuxError, Opener};
use embassy_time::Duration;
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
        let Some(connection) = self.central.connection(id) else {
            let reason = self
                .central
                .mux()
                .links()
                .with_link(id, |link| link.info.reason());
            let reason = reason.flatten().unwrap_or(Reason::Unknown);
            self.tell(reply, Err(Error::Disconnected(reason))).await;
            return;
        };
        let config = L2capChannelConfig {
            mtu: Some(mtu),
            flow_policy: CreditFlowPolicy::Every(0),
            initial_credits: Some(CREDITS),
            ..Default::default()
        };
        let opened = async {
            match accept {
                true => self.accept(&connection, id, spsm, &config).await,
                false => self.open(&connection, id, spsm, &config).await,
            }
        };
        let gone = async {
            reply.cancellation().await;
            Err(Error::Timeout)
        };
        let (channel, cid) = match or(opened, gone).await {
            Ok(opened) => opened,
            Err(error) => {
                self.tell(reply, Err(error)).await;
                return;
            }
        };
        let (ends, host_ends) = Ends::new(channel.peer_mtu(), channel.peer_mps());
        if reply.send(Ok(ends)).is_ok() {
            let (writer, reader) = channel.split();
            self.run_channel(&connection, cid, writer, reader, host_ends)
                .await;
        }
    }

    async fn open(
        &self,
        connection: &HostConnection<'c, 's, 'a>,
        id: LinkId,
        spsm: u16,
        config: &L2capChannelConfig,
    ) -> Result<(L2capChannel<'s, HeapPool>, Option<u16>), Error> {
        // One at a time on each link, so that it is known which channel a response belongs to.
        let _turn = turn_on(&self.opening, id).await;
        let host = connection.host().ok_or(Error::ChannelClosed)?;
        let created = L2capChannel::create(self.stack, host, spsm, config).await;
        let channel = created.map_err(|error| match explain(error) {
            Error::L2cap(known) => {
                let told = self.central.channel_refusal(id);
                Error::L2cap(told.map_or(known, L2capRefusal))
            }
            error => error,
        })?;
        Ok((channel, self.central.keep_channel(id, Opener::Us)))
    }

    async fn accept(
        &self,
        connection: &HostConnection<'c, 's, 'a>,
        id: LinkId,
        spsm: u16,
        config: &L2capChannelConfig,
    ) -> Result<(L2capChannel<'s, HeapPool>, Option<u16>), Error> {
        if !self.listening.borrow_mut().insert(id) {
            return Err(Error::InvalidParameter(
                "another l2cap_accept is already waiting on this connection",
            ));
        }
        let _listening = Listening(self, id);
        let stack = self.stack;
        let host = connection.host().ok_or(Error::ChannelClosed)?;
        let listener = L2capChannel::listen(stack, host);
        let ended = async { Err(Error::Disconnected(connection.disconnected().await)) };
        let accepted = async {
            loop {
                let pending = listener.next().await.map_err(|e| explain(e.into()))?;
                if pending.spsm() == spsm {
                    let _turn = turn_on(&self.opening, id).await;
                    let channel = pending.accept(stack, config).await.map_err(explain)?;
                    return Ok((channel, self.central.keep_channel(id, Opener::Peer)));
                }
                let refusal = LeCreditConnResultCode::SpsmNotSupported;
                pending.reject(stack, refusal).await.map_err(explain)?;
            }
        };
        or(accepted, ended).await
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
        };
        let send = async {
            while let Some(unit) = outgoing.next().await {
                let sent = writer.send(stack, &unit.unit).await.map_err(explain);
                let _ = unit.sent.send(sent);
            }
        };
        let close = async {
            if let Some(cid) = cid {
                self.central.channel_read(id, cid, || read.get()).await;
            }
            pending().await
        };
        let send = async {
            send.await;
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
        let work = or(or(receive, closed), or(watch, or(send, close)));
        or(work, ended).await;
        if let Some(cid) = cid {
            self.central.let_channel_go(id, cid);
        }
        // With its last handles dropped, trouble-host disconnects the channel.
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

fn explain(error: BleHostError<MuxError>) -> Error {
    match error {
        BleHostError::BleHost(HostError::L2capConnectError(code)) => {
            Error::L2cap(L2capRefusal(code as u16))
        }
        BleHostError::BleHost(HostError::Timeout) => Error::Timeout,
        BleHostError::BleHost(HostError::Disconnected | HostError::ChannelClosed) => {
            Error::ChannelClosed
        }
        BleHostError::BleHost(HostError::NoChannelAvailable) => {
            Error::L2cap(L2capRefusal(LeCreditConnResultCode::NoResources as u16))
        }
        error => dongle_central::central::Error::from(error).into(),
    }
}
