//! Chores that keep links and scans in order. There is seldom anything to do, so they run only when
//! there is news, and not in each turn of the host.

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

/// How many chores run concurrently.
const CHORES: u8 = 2;

/// Why a command is sent, and what to do when it is answered. All commands share one await, since
/// each place that awaits one costs as much code again.
enum Errand {
    /// Nothing remains to be done. The command ends a link, or an attempt to connect whose caller
    /// is gone; or answers a peer whose Link Layer requests connection parameters; or checks a
    /// silent controller, where any answer will do.
    Tell,
    /// Starts the update that a peer requested on the signalling channel; then answers the peer.
    Update(ParameterRequest),
    /// Makes trouble-host read packets that were held back, up to this count: it reads them before
    /// the next packet from the controller, so one must come.
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
    /// Runs the chores until the controller fails.
    pub(super) async fn keep_house(&self) -> Error<T::Error> {
        let mut chores = pin!(select(self.run_scans(), self.run_errands()));
        let ended = poll_fn(|cx| {
            // Any later change is news, and wakes this task.
            let from_mux = self.mux.take_news(cx.waker());
            let news = self.radio.borrow_mut().take_news(cx.waker()) || from_mux;
            self.serve_links(cx);
            if !news && self.idle.get() == CHORES {
                return Poll::Pending;
            }
            self.idle.set(0);
            chores.as_mut().poll(cx)
        });
        // Matched here and not in an async block, which would hold the futures twice.
        match ended.await {
            Either::First(e) | Either::Second(e) => e,
        }
    }

    /// Waits until `look` finds something to do. It is called when there is news from the mux or
    /// the radio, so it may only look at what those report.
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

    /// Runs errands one at a time, since the controller takes one command at a time.
    async fn run_errands(&self) -> Error<T::Error> {
        loop {
            let (command, errand) = self.chore(|| self.next_errand()).await;
            let result = self.tell_it(command).await;
            if let Err(e) = &result {
                debug!("a background command failed: {:?}", e);
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
            let command = Command::new(&command).only_to(self.mux.link(handle));
            return Some((command, Errand::Tell));
        }
        let passes = self.mux.passes();
        if CARRIES_ACL && passes != self.passed.get() {
            let command = Command::new(&LeReadLocalSupportedFeatures::new());
            return Some((command, Errand::Stir(passes)));
        }
        while let Some(request) = self.mux.next_request() {
            let allowed = self.bounds.get().allow(&request.wish.for_host());
            let to_it = |command: Command| command.only_to(self.mux.link(request.handle));
            match request.identifier {
                None => return Some((to_it(request.reply(allowed)), Errand::Tell)),
                Some(_) if allowed => {
                    return Some((to_it(request.update()), Errand::Update(request)));
                }
                Some(_) => self.accept(&request, false),
            }
        }
        let lull = self.mux.take_silence()?;
        self.asks_for_life(lull)
            .then(|| (Command::new(&ReadBdAddr::new()), Errand::Tell))
    }

    /// Answers a peer that requested parameters on the signalling channel.
    fn accept(&self, request: &ParameterRequest, accepted: bool) {
        if let Some(identifier) = request.identifier {
            self.mux
                .answer_request(request.handle, identifier, accepted);
        }
    }

    /// Whether to send something to a silent controller, to find out whether it hangs: after a
    /// short lull only if somebody waits for it.
    fn asks_for_life(&self, lull: Lull) -> bool {
        // A long one is only reported while there are connections.
        lull == Lull::Long || self.radio.borrow().is_in_use() || self.mux.is_waited_for()
    }
}
