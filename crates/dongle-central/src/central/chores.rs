//! Chores: what keeps links and scans in order. There is seldom anything to do, so they are looked
//! at when there is news, and not at each turn of the host.

use core::future::{Future as _, poll_fn};
use core::pin::pin;
use core::task::Poll;

use bt_hci::cmd::le::LeReadLocalSupportedFeatures;
use bt_hci::transport::Transport;
use embassy_futures::select::{Either, select};
use trouble_host::PacketPool;

use super::{Central, Error};
use crate::links::{LinkId, Links};
use crate::mux::{Lull, ParameterRequest, ReportHandler};

/// How many chores go on side by side.
const CHORES: u8 = if cfg!(feature = "security") { 3 } else { 2 };

/// What one command to the controller does, at most.
enum Errand {
    /// Ends a link whose bearer expired, or that was made for somebody who went away.
    Disconnect(LinkId),
    /// Answers a peer that asks for connection parameters.
    Answer(ParameterRequest),
    /// Has trouble-host see packets that were held back: it reads them before the next that comes
    /// from the controller, so something has to come.
    Stir,
    /// Asks a controller that has said nothing for a while.
    AskForLife(Lull),
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
        let chores = select(self.run_scans(), self.run_errands());
        #[cfg(feature = "security")]
        let chores = select(chores, self.renew_addresses());
        let mut chores = pin!(chores);
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
            #[cfg(feature = "security")]
            Either::First(Either::First(e) | Either::Second(e)) | Either::Second(e) => e,
            #[cfg(not(feature = "security"))]
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
            match self.chore(|| self.next_errand()).await {
                Errand::Disconnect(id) => self.disconnect(id).await,
                Errand::Answer(request) => self.answer(&request).await,
                Errand::Stir => self.stir().await,
                Errand::AskForLife(lull) => self.ask_for_life(lull).await,
            }
        }
    }

    fn next_errand(&self) -> Option<Errand> {
        #[cfg(feature = "security")]
        self.look_after_pairing();
        if let Some(id) = self.mux.next_doomed().or_else(|| self.next_orphan()) {
            return Some(Errand::Disconnect(id));
        }
        if self.mux.passes() != self.passed.get() {
            return Some(Errand::Stir);
        }
        if let Some(request) = self.mux.next_request() {
            return Some(Errand::Answer(request));
        }
        self.mux.take_silence().map(Errand::AskForLife)
    }

    /// Has something come from the controller.
    async fn stir(&self) {
        let passes = self.mux.passes();
        let stirred = self.tell(&LeReadLocalSupportedFeatures::new());
        if let Err(e) = stirred.await {
            debug!("having a packet passed: {:?}", e);
        }
        self.passed.set(passes);
        #[cfg(feature = "security")]
        self.wake_links();
    }
}
