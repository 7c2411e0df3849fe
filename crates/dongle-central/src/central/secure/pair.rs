//! One pairing, from its first command to the keys that it leaves.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use bt_hci::transport::Transport;
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Instant, Timer};
use trouble_host::connection::SecurityLevel;
use trouble_host::{OobData as HostOobData, PacketPool};

use super::heard::{Answer, Step, ask, for_host};
use super::turn::Turn;
use crate::central::Connection;
use crate::links::{LinkPhase, Links};
use crate::mux::ReportHandler;
use crate::security::{Agent, Bond, PairingFailure, Requirements, Security, SecurityError};

/// How long a pairing may stand still (Core Vol 3 Part H, 3.4), and a moment for trouble-host to
/// see it, too.
const PATIENCE: Duration = Duration::from_secs(31);
/// How often to look whether trouble-host has done with another pairing.
const AGAIN: Duration = Duration::from_millis(50);
/// No passkey is like this in its twenty bits, so that entering it ends the pairing.
const IMPOSSIBLE: u32 = 0xF_FFFF;
impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Connection<'_, 's, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Pairs anew, whether there is a bond or not. The bond that comes of it is the caller's to
    /// keep; there is none if one of the two does not want one.
    pub async fn pair<A: Agent>(
        &self,
        wanted: &Requirements,
        agent: &A,
    ) -> Result<Option<Bond>, SecurityError> {
        let deadline = Instant::now() + PATIENCE;
        let mut turn = self.turn(deadline).await?;
        if self
            .host
            .security_level()
            .is_ok_and(|level| level != SecurityLevel::NoEncryption)
        {
            // trouble-host pairs once on a link.
            return match self.security().meets(wanted) {
                true => Ok(None),
                false => Err(SecurityError::AlreadyPaired),
            };
        }
        if self.with_info(|info| info.guard.is_spent())? {
            return Err(SecurityError::Timeout);
        }
        self.with_info(|info| info.guard.open(*wanted))?;
        turn.begun = true;
        self.forget_at_host();
        let stack = self.central.stack;
        stack.set_io_capabilities(agent.capabilities());
        let begun = self
            .host
            .set_bondable(wanted.bond)
            .and_then(|()| self.host.set_oob_available(agent.has_out_of_band()));
        begun.map_err(|_| self.ended().unwrap_or(SecurityError::Host))?;
        while let Err(e) = self.host.request_security() {
            // Another pairing was given up and has not ended yet.
            if let Some(ended) = self.ended() {
                return Err(ended);
            }
            if e != trouble_host::Error::InvalidState || Instant::now() >= deadline {
                return Err(SecurityError::Host);
            }
            Timer::after(AGAIN).await;
        }
        let done = self.go_through(agent, &mut turn).await;
        if let Err(SecurityError::Timeout) = done {
            self.with_info(|info| info.guard.spend())?;
            turn.begun = false;
        }
        let (authenticated, bond) = done?;
        turn.begun = false;
        Ok(self.paired(authenticated, bond))
    }

    /// Answers what is asked, until the pairing has ended.
    async fn go_through<A: Agent>(
        &self,
        agent: &A,
        turn: &mut Turn<'_, '_, 's, 'a, T, L, P, R, BUFFER>,
    ) -> Result<(bool, Option<Bond>), SecurityError> {
        let mut given_up = None;
        let mut next = self.next_step().await?;
        loop {
            let question = match next {
                Step::Complete(authenticated, bond) => return Ok((authenticated, bond)),
                Step::Failed(why) => {
                    turn.begun = false;
                    return Err(self.failed(why, given_up));
                }
                Step::Ask(question) => question,
            };
            turn.question = Some(question);
            let mut steps = pin!(self.next_step());
            next = match select(&mut steps, ask(agent, question)).await {
                Either::First(step) => step?,
                Either::Second(answer) => {
                    turn.question = None;
                    given_up = self.answer(answer);
                    steps.await?
                }
            };
            turn.question = None;
        }
    }

    /// Gives trouble-host an answer; why we gave up, if that was it.
    pub(super) fn answer(&self, answer: Answer) -> Option<PairingFailure> {
        let (done, given_up) = match answer {
            Answer::Shown => (Ok(()), None),
            Answer::Compared(true) => (self.host.pass_key_confirm(), None),
            Answer::Compared(false) => {
                let why = PairingFailure::NUMERIC_COMPARISON_FAILED;
                (self.host.pass_key_cancel(), Some(why))
            }
            Answer::Entered(Some(passkey)) => (self.host.pass_key_input(passkey.number()), None),
            Answer::Entered(None) => {
                let why = PairingFailure::PASSKEY_ENTRY_FAILED;
                (self.host.pass_key_input(IMPOSSIBLE), Some(why))
            }
            Answer::OutOfBand(Some(data)) => {
                let (local, peer) = for_host(data);
                (self.host.provide_oob_data(local, peer), None)
            }
            Answer::OutOfBand(None) => {
                // Data that can't be right: trouble-host has no way to say that there is none.
                let nothing = HostOobData {
                    random: [0; 16],
                    confirm: [1; 16],
                };
                let why = PairingFailure::OOB_NOT_AVAILABLE;
                (self.host.provide_oob_data(nothing, nothing), Some(why))
            }
        };
        // What failed is told by the next step.
        drop(done);
        given_up
    }

    /// The next step of the pairing, or its end by time or by the link's.
    async fn next_step(&self) -> Result<Step, SecurityError> {
        let mut seen = None;
        let mut timer = pin!(Timer::after(PATIENCE));
        poll_fn(|cx| {
            let mut pairing = self.central.pairing.borrow_mut();
            if let Some(step) = pairing.steps.pop_front() {
                return Poll::Ready(Ok(step));
            }
            pairing.waiters.register(cx.waker());
            let progress = self.central.mux.links().with_link(self.id, |link| {
                link.bearer.wait_for_change(cx.waker());
                (link.info.phase() == LinkPhase::Open).then(|| link.info.guard.progress())
            });
            let Some(Some(progress)) = progress else {
                return Poll::Ready(Err(self.ended().unwrap_or(SecurityError::Host)));
            };
            if seen != Some(progress) {
                seen = Some(progress);
                timer.set(Timer::after(PATIENCE));
            }
            timer
                .as_mut()
                .poll(cx)
                .map(|()| Err(SecurityError::Timeout))
        })
        .await
    }

    /// Who made the pairing fail, and why.
    fn failed(
        &self,
        why: Option<PairingFailure>,
        given_up: Option<PairingFailure>,
    ) -> SecurityError {
        let (refused, peer, status) = self
            .info(|i| {
                (
                    i.guard.refused(),
                    i.guard.peer_failed(),
                    i.encryption_status,
                )
            })
            .unwrap_or_default();
        match (given_up.or(refused), peer, why) {
            (Some(why), _, _) => SecurityError::Refused(why),
            (None, Some(why), _) => SecurityError::Peer(why),
            (None, None, Some(_)) if status != 0 => SecurityError::Hci(status),
            (None, None, Some(why)) => SecurityError::Refused(why),
            (None, None, None) => self.ended().unwrap_or(SecurityError::Host),
        }
    }

    /// Notes what a pairing has come to.
    fn paired(&self, authenticated: bool, bond: Option<Bond>) -> Option<Bond> {
        let (irk, (secure_connections, key_size)) = self
            .with_info(|info| (info.guard.take_irk(), info.guard.agreed()))
            .unwrap_or_default();
        self.forget_at_host();
        let bond = bond.map(|bond| Bond {
            irk,
            key_size,
            secure_connections,
            ..bond
        });
        self.protected(Security {
            encrypted: true,
            authenticated,
            secure_connections,
            key_size,
            bonded: bond.is_some(),
        });
        bond
    }

    /// trouble-host keeps no bonds: they are in the store. What it would keep of a pairing that
    /// failed late, it would encrypt the next one with.
    fn forget_at_host(&self) {
        let stack = self.central.stack;
        while let Some(identity) =
            stack.with_bond_information(|all| all.first().map(|bond| bond.identity))
        {
            if stack.remove_bond_information(identity).is_err() {
                break;
            }
        }
    }
}
