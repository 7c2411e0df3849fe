//! One pairing, from its first command to the keys that it leaves.

use core::pin::pin;
use core::task::{Context, Waker};

use bt_hci::transport::Transport;
use embassy_futures::select::{Either, select};
use embassy_time::Instant;
use trouble_host::PacketPool;
use trouble_host::connection::SecurityLevel;

use super::PATIENCE;
use super::heard::{Question, Step, for_host};
use super::turn::Turn;
use crate::central::Connection;
use crate::links::Links;
use crate::mux::ReportHandler;
use crate::security::{
    Agent, Bond, OutOfBand, PairingFailure, Requirements, Security, SecurityError, is_lasting,
};

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
        let (Some(host), Some(stack)) = (self.host(), self.central.stack()) else {
            return Err(SecurityError::Host);
        };
        let mut turn = self.turn().await?;
        if host
            .security_level()
            .is_ok_and(|level| level != SecurityLevel::NoEncryption)
        {
            // trouble-host pairs once on a link.
            return match self.security().meets(wanted) {
                true => Ok(None),
                false => Err(SecurityError::AlreadyPaired),
            };
        }
        self.forget_at_host();
        self.settle().await?;
        if !self.with_info(|info| info.guard.open(*wanted))? {
            return Err(SecurityError::Timeout);
        }
        stack.set_io_capabilities(agent.capabilities());
        let begun = host
            .set_bondable(wanted.bond)
            .and_then(|()| host.set_oob_available(agent.has_out_of_band()))
            .and_then(|()| host.request_security());
        match begun {
            Ok(()) => turn.begun = true,
            // One that was not answered in time, on another connection, has not ended there yet.
            Err(trouble_host::Error::InvalidState) => return Err(SecurityError::Busy),
            Err(_) => return Err(self.ended().unwrap_or(SecurityError::Host)),
        }
        let done = self.go_through(agent, &mut turn).await;
        if let Err(SecurityError::Timeout) = done {
            self.with_info(|info| info.guard.spend())?;
            turn.begun = false;
        }
        let (authenticated, bond) = done?;
        turn.begun = false;
        let paired = self.paired(wanted, authenticated, bond);
        self.forget_at_host();
        paired
    }

    /// Answers what is asked, until the pairing has ended.
    async fn go_through<A: Agent>(
        &self,
        agent: &A,
        turn: &mut Turn<'_, '_, 's, 'a, T, L, P, R, BUFFER>,
    ) -> Result<(bool, Option<Bond>), SecurityError> {
        let mut next = self.next_step().await?;
        loop {
            let question = match next {
                Step::Complete(authenticated, bond) => return Ok((authenticated, bond)),
                Step::Failed(why) => {
                    turn.begun = false;
                    return Err(self.failed(why));
                }
                Step::Ask(question) => question,
            };
            let mut steps = pin!(self.next_step());
            next = match select(&mut steps, self.ask(agent, question)).await {
                Either::First(step) => step?,
                Either::Second(answered) => {
                    if let Err(why) = answered {
                        self.give_up(why);
                    }
                    steps.await?
                }
            };
        }
    }

    /// Asks the agent, and gives trouble-host the answer, or tells why there is none. Each question
    /// with what its answer leads to, so that what an agent never says is not linked.
    async fn ask<A: Agent>(&self, agent: &A, question: Question) -> Result<(), PairingFailure> {
        let Some(host) = self.host() else {
            return Ok(());
        };
        let done = match question {
            Question::Display(passkey) => {
                agent.display(passkey).await;
                Ok(())
            }
            Question::Compare(passkey) => match agent.compare(passkey).await {
                true => host.pass_key_confirm(),
                false => return Err(PairingFailure::NUMERIC_COMPARISON_FAILED),
            },
            Question::Enter => match agent.enter().await {
                Some(passkey) => host.pass_key_input(passkey.number()),
                None => return Err(PairingFailure::PASSKEY_ENTRY_FAILED),
            },
            Question::OutOfBand => match agent.out_of_band().await {
                Some(data) if self.authenticates(&data) => {
                    let (local, peer) = for_host(data);
                    host.provide_oob_data(local, peer)
                }
                _ => return Err(PairingFailure::OOB_NOT_AVAILABLE),
            },
        };
        // What failed is told by the next step.
        drop(done);
        Ok(())
    }

    /// Whether such data makes sure of the peer. With data of the other version, or with ours
    /// alone where the peer says that it has none, trouble-host would reckon with zeros.
    fn authenticates(&self, data: &OutOfBand) -> bool {
        let agreed = self.info(|info| info.guard.agreed()).unwrap_or_default();
        match data {
            OutOfBand::Legacy(_) => !agreed.secure_connections,
            OutOfBand::SecureConnections { peer, local } => {
                agreed.secure_connections
                    && (peer.is_some() || local.is_some() && agreed.peer_has_ours)
            }
        }
    }

    /// Ends the pairing: trouble-host hears of it in the peer's name, whatever it waits for, and
    /// tells the peer.
    pub(super) fn give_up(&self, why: PairingFailure) {
        // Without a link there is nothing left to end.
        if let Ok(failed) = self.with_info(|info| info.guard.give_up(why)) {
            self.central.mux.end_pairing(self.handle(), &failed);
        }
    }

    /// Waits until trouble-host has seen the end of a pairing that was given up, and forgets what
    /// it says of it.
    async fn settle(&self) -> Result<(), SecurityError> {
        self.stirred().await?;
        // What is there already; nothing waits.
        self.central
            .serve_links(&mut Context::from_waker(Waker::noop()));
        self.central.pairing.borrow_mut().steps.clear();
        Ok(())
    }

    /// Waits until something has come from the controller, if that is wanted.
    async fn stirred(&self) -> Result<(), SecurityError> {
        let passes = self.central.mux.passes();
        self.look_until(|_| {
            let passed = self.central.passed.get().wrapping_sub(passes) as i32 >= 0;
            passed.then_some(Ok(()))
        })
        .await
    }

    /// The next step of the pairing, or its end by time or by the link's.
    async fn next_step(&self) -> Result<Step, SecurityError> {
        let mut seen = None;
        let mut until = Instant::now() + PATIENCE;
        self.look_until(|pairing| {
            if let Some(step) = pairing.steps.pop_front() {
                return Some(Ok(step));
            }
            let progress = self.info(|info| info.guard.progress());
            if seen != progress {
                seen = progress;
                until = Instant::now() + PATIENCE;
            }
            pairing.is_due(until).then_some(Err(SecurityError::Timeout))
        })
        .await
    }

    /// Who made the pairing fail, and why.
    fn failed(&self, why: Option<PairingFailure>) -> SecurityError {
        let told = self.info(|info| {
            let guard = &info.guard;
            (guard.refused(), guard.peer_failed(), info.encryption_status)
        });
        let (refused, peer, status) = told.unwrap_or_default();
        match (refused, peer, why) {
            (Some(why), _, _) => SecurityError::Refused(why),
            (None, Some(why), _) => SecurityError::Peer(why),
            (None, None, Some(_)) if status != 0 => SecurityError::Hci(status),
            (None, None, Some(why)) => SecurityError::Refused(why),
            // Something came out of turn, and trouble-host ends the connection, too.
            (None, None, None) => SecurityError::Refused(PairingFailure::UNSPECIFIED),
        }
    }

    /// Notes what a pairing has come to.
    fn paired(
        &self,
        wanted: &Requirements,
        authenticated: bool,
        bond: Option<Bond>,
    ) -> Result<Option<Bond>, SecurityError> {
        let (irk, agreed, peer) =
            self.with_info(|info| (info.guard.take_irk(), info.guard.agreed(), info.peer))?;
        // Otherwise, what trouble-host calls the key is that of this connection alone.
        let keeps_key = agreed.secure_connections || agreed.key_came;
        let mut bond = bond.filter(|_| keeps_key);
        if let Some(b) = &mut bond {
            b.irk = irk;
            b.key_size = agreed.key_size;
            b.secure_connections = agreed.secure_connections;
            // Only one that goes by changing addresses can have another identity, and its key tells.
            if let Some(peer) = peer.filter(|peer| !b.is_of(*peer)) {
                warn!("a peer claims an identity that is not its own");
                (b.identity, b.irk) = (peer, None);
            }
        }
        bond = bond.filter(|bond| is_lasting(bond.identity));
        let security = Security {
            encrypted: true,
            authenticated,
            secure_connections: agreed.secure_connections,
            key_size: agreed.key_size,
            bonded: bond.is_some(),
        };
        if !security.meets(wanted) {
            return Err(SecurityError::Refused(
                PairingFailure::AUTHENTICATION_REQUIREMENTS,
            ));
        }
        self.protected(security);
        Ok(bond)
    }

    /// trouble-host keeps no bonds: they are in the store. What it would keep of a pairing that
    /// failed late, it would encrypt the next one with.
    fn forget_at_host(&self) {
        let Some(stack) = self.central.stack() else {
            return;
        };
        let first = || stack.with_bond_information(|all| all.first().map(|bond| bond.identity));
        while let Some(identity) = first()
            && stack.remove_bond_information(identity).is_ok()
        {}
    }
}
