//! Changes our private address, whenever the radio is free for it.

use core::future::poll_fn;
use core::task::Poll;

use bt_hci::cmd::le::{LeRand, LeSetRandomAddr};
use bt_hci::param::BdAddr;
use bt_hci::transport::Transport;
use embassy_time::{Duration, Timer};
use trouble_host::PacketPool;

use super::{Central, Error};
use crate::links::Links;
use crate::mux::ReportHandler;
use crate::security::Privacy;

/// How long to use one address: TGAP(private_addr_int) (Core Vol 3 Part C, 10.7 and appendix A).
pub const PRIVATE_ADDRESS_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// How long to wait before offering an address again that the controller refused.
const AGAIN: Duration = Duration::from_secs(5);

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Uses resolvable private addresses; peers that pair with us learn our identity. Call it
    /// before [`Central::run`]. The returned future must run beside that one: it changes the
    /// address after each `interval`, until the controller fails. It is not part of `run`, so that
    /// programs without private addresses do not link it.
    ///
    /// A change of address interrupts scans and attempts to connect for a moment, since the
    /// controller refuses one meanwhile (Core Vol 4 Part E, 7.8.4).
    pub fn go_private(
        &self,
        privacy: Privacy,
        interval: Duration,
    ) -> impl Future<Output = Error<T::Error>> {
        self.address.set(Some(privacy.address().addr.into_inner()));
        *self.privacy.borrow_mut() = Some(privacy);
        self.renew_addresses(interval)
    }

    /// Changes the address after each interval.
    async fn renew_addresses(&self, interval: Duration) -> Error<T::Error> {
        self.controller_info().await;
        let mut pause = interval;
        loop {
            Timer::after(pause).await;
            pause = match self.renew_address().await {
                Ok(()) => interval,
                Err(Error::Hci(status)) => {
                    warn!("the controller refuses another address: 0x{:02X}", status);
                    AGAIN
                }
                Err(e) => return e,
            };
        }
    }

    async fn renew_address(&self) -> Result<(), Error<T::Error>> {
        let silence = self.silence();
        self.radio.borrow_mut().set_renewing(true);
        let renewed = async {
            silence.claim().await?;
            self.settle().await;
            let [a, b, c, ..] = self.ask(&LeRand::new()).await?;
            let another = |privacy: &Privacy| privacy.make([a, b, c]);
            let Some(address) = self.privacy.borrow().as_ref().map(another) else {
                return Ok(());
            };
            self.tell(&LeSetRandomAddr::new(BdAddr::new(address)))
                .await?;
            self.address.set(Some(address));
            Ok(())
        };
        let renewed = renewed.await;
        self.radio.borrow_mut().set_renewing(false);
        renewed
    }

    /// Waits until a change of address needs the radio (`true`), or no longer does (`false`).
    pub(super) async fn renewing(&self, renewing: bool) {
        poll_fn(|cx| {
            let mut radio = self.radio.borrow_mut();
            radio.register(cx.waker());
            match radio.is_renewing() == renewing {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}
