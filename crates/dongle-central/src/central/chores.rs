//! Chores: what keeps links and scans in order. There is seldom anything to do, so they are looked
//! at when there is news, and not at each turn of the host.

use core::future::{Future as _, poll_fn};
use core::pin::pin;
use core::task::Poll;

use bt_hci::cmd::info::ReadBdAddr;
use bt_hci::cmd::le::LeReadLocalSupportedFeatures;
use bt_hci::cmd::link_control::Disconnect;
use bt_hci::param::{ConnHandle, DisconnectReason};
use bt_hci::transport::Transport;
use embassy_futures::select::{Either, select};
use trouble_host::PacketPool;

use super::command::Command;
use super::{Central, Error};
use crate::links::Links;
use crate::mux::{CARRIES_ACL, Lull, ParameterRequest, ReportHandler};

/// How many chores go on side by side.
const CHORES: u8 = 2;

/// What a command to the controller is sent for, and is done when it has answered. All go the same
/// way, since each place where one is awaited costs as much code again.
enum Errand {
    /// Ends a link, or an attempt to connect whose caller went away; or answers a peer
    /// whose link layer asks for connection parameters; or asks a controller that has said nothing for
    /// a while: whatever it answers, that it does is enough.
    Tell,
    /// Does as a peer asks on the signalling channel, and tells it so.
    Update(ParameterRequest),
    /// Has trouble-host see so many packets that were held back: it reads them before the next that
    /// comes from the controller, so something has to come.
    Stir(u32),
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Does what is to be done, for ever.
    pub(super) async fn keep_house(&self) -> Error<T::Error> {
        let mut chores = pin!(select(self.run_scans(), self.run_errands()));
        let ended = poll_fn(|cx| {
            // Whatever changes from here on is news, and wakes this task.
            let from_mux = self.mux.take_news(cx.waker());
            let news = self.radio.borrow_mut().take_news(cx.waker()) || from_mux;
            self.serve_links(cx);
            if !news && self.idle.get() == CHORES {
                return Poll::Pending;
            }
            self.idle.set(0);
            chores.as_mut().poll(cx)
        });
        // Told apart here and not in a block of its own, which would take the futures' room twice.
        match ended.await {
            Either::First(e) | Either::Second(e) => e,
        }
    }

    /// Waits until `look` finds something to do. It is asked when there is news from the mux or of
    /// the radio, so what it looks at has to be among those.
    pub(super) async fn chore<X>(&self, mut look: impl FnMut() -> Option<X>) -> X {
        poll_fn(|_| match look() {
            Some(found) => Poll::Ready(found),
            None => {
                self.idle.set(self.idle.get() + 1);
                Poll::Pending
            }
        })
        .await
    }

    /// Runs errands, one after the other: the controller takes one command at a time.
    async fn run_errands(&self) -> Error<T::Error> {
        loop {
            let (command, errand) = self.chore(|| self.next_errand()).await;
            let result = self.tell_it(command).await;
            if let Err(e) = &result {
                debug!("an errand: {:?}", e);
            }
            match errand {
                Errand::Tell => {}
                Errand::Update(request) => self.accept(&request, result.is_ok()),
                Errand::Stir(passes) => self.passed.set(passes),
            }
        }
    }

    fn next_errand(&self) -> Option<(Command, Errand)> {
        #[cfg(feature = "security")]
        self.look_after_pairing();
        if let Some(cancel) = self.next_cancellation() {
            return Some((cancel, Errand::Tell));
        }
        if let Some(handle) = self.mux.next_disconnection() {
            let reason = DisconnectReason::RemoteUserTerminatedConn;
            let command = Disconnect::new(ConnHandle::new(handle), reason);
            return Some((Command::new(&command), Errand::Tell));
        }
        let passes = self.mux.passes();
        if CARRIES_ACL && passes != self.passed.get() {
            let command = Command::new(&LeReadLocalSupportedFeatures::new());
            return Some((command, Errand::Stir(passes)));
        }
        while let Some(request) = self.mux.next_request() {
            let allowed = self.bounds.get().allow(&request.wish.for_host());
            match request.identifier {
                None => return Some((request.reply(allowed), Errand::Tell)),
                Some(_) if allowed => return Some((request.update(), Errand::Update(request))),
                Some(_) => self.accept(&request, false),
            }
        }
        let lull = self.mux.take_silence()?;
        self.asks_for_life(lull)
            .then(|| (Command::new(&ReadBdAddr::new()), Errand::Tell))
    }

    /// Answers a peer that asks for parameters on the signalling channel.
    fn accept(&self, request: &ParameterRequest, accepted: bool) {
        if let Some(identifier) = request.identifier {
            self.mux
                .answer_request(request.handle, identifier, accepted);
        }
    }

    /// Whether to ask something of a controller that has said nothing for a while, so that one that
    /// hangs is found out: soon if somebody waits for it, else some time.
    fn asks_for_life(&self, lull: Lull) -> bool {
        // A long one is only told while there are connections.
        lull == Lull::Long || self.radio.borrow().is_in_use() || self.mux.is_waited_for()
    }
}
