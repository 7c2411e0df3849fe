//! Lets a program answer for the person while a device is being paired.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;

use dongle_central::security::{self, IoCapabilities, OutOfBand, Passkey};
use futures_channel::oneshot;
use futures_lite::future::{block_on, or};

use crate::address::Address;

/// An agent's answer, as a future.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Answers for the person while a device is being paired.
///
/// Each question is asked on a thread of its own, so an agent may block, for instance on a
/// terminal. A device waits for 30 s. If the pairing ends before the answer, the future is dropped.
///
/// ```
/// use dongle::security::{Answer, IoCapabilities, Passkey, PairingAgent};
/// use dongle::Address;
///
/// struct Screen;
///
/// impl PairingAgent for Screen {
///     fn capabilities(&self) -> IoCapabilities {
///         IoCapabilities::DisplayOnly
///     }
///
///     fn display(&self, peer: Address, passkey: Passkey) -> Answer<'_, ()> {
///         println!("enter {passkey} on {peer}");
///         Box::pin(async {})
///     }
/// }
/// ```
pub trait PairingAgent: Send + Sync + 'static {
    /// What the person can see and do. This determines which questions are asked, and how secure a
    /// pairing can be.
    fn capabilities(&self) -> IoCapabilities {
        IoCapabilities::NoInputNoOutput
    }

    /// Whether [`PairingAgent::out_of_band`] can supply the *device's* data. False if only our data
    /// reached the device; `out_of_band` is still asked then.
    fn has_out_of_band(&self, peer: Address) -> bool {
        let _ = peer;
        false
    }

    /// Shows a passkey that has to be entered on the device. Pairing doesn't wait for this to
    /// complete.
    fn display(&self, peer: Address, passkey: Passkey) -> Answer<'_, ()> {
        let _ = (peer, passkey);
        Box::pin(async {})
    }

    /// Asks whether the device shows the same number.
    fn compare(&self, peer: Address, passkey: Passkey) -> Answer<'_, bool> {
        let _ = (peer, passkey);
        Box::pin(async { false })
    }

    /// Asks for the passkey that the device shows, or that is printed on it. `None` refuses.
    fn enter(&self, peer: Address) -> Answer<'_, Option<Passkey>> {
        let _ = peer;
        Box::pin(async { None })
    }

    /// Asks for the data that was exchanged by other means than Bluetooth. `None` refuses.
    fn out_of_band(&self, peer: Address) -> Answer<'_, Option<OutOfBand>> {
        let _ = peer;
        Box::pin(async { None })
    }
}

/// No person is there: nothing can be shown, compared or entered, and pairing is Just Works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Nobody;

impl PairingAgent for Nobody {}

/// The agent in the form in which the host thread asks it.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) agent: Arc<dyn PairingAgent>,
    pub(crate) peer: Address,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Asked {
    /// Asks on a thread of its own; `None` if that fails or panics.
    async fn ask<T, F>(&self, question: F) -> Option<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a dyn PairingAgent) -> Answer<'a, T> + Send + 'static,
    {
        let (mut reply, answer) = oneshot::channel();
        let agent = Arc::clone(&self.agent);
        let asked = thread::Builder::new()
            .name("dongle-agent".into())
            .spawn(move || {
                let asked = async { Some(question(&*agent).await) };
                let moot = async {
                    reply.cancellation().await;
                    None
                };
                if let Some(answer) = block_on(or(asked, moot)) {
                    // The pairing may have ended in the meantime.
                    let _ = reply.send(answer);
                }
            });
        match asked {
            Ok(_) => answer.await.ok(),
            Err(error) => {
                log::warn!("the pairing agent can't be asked: {error}");
                None
            }
        }
    }
}

impl security::Agent for Asked {
    fn capabilities(&self) -> IoCapabilities {
        self.agent.capabilities()
    }

    fn has_out_of_band(&self) -> bool {
        self.agent.has_out_of_band(self.peer)
    }

    async fn display(&self, passkey: Passkey) {
        let peer = self.peer;
        let _ = self.ask(move |agent| agent.display(peer, passkey)).await;
    }

    async fn compare(&self, passkey: Passkey) -> bool {
        let peer = self.peer;
        self.ask(move |agent| agent.compare(peer, passkey))
            .await
            .unwrap_or(false)
    }

    async fn enter(&self) -> Option<Passkey> {
        let peer = self.peer;
        self.ask(move |agent| agent.enter(peer)).await.flatten()
    }

    async fn out_of_band(&self) -> Option<OutOfBand> {
        let peer = self.peer;
        self.ask(move |agent| agent.out_of_band(peer))
            .await
            .flatten()
    }
}
