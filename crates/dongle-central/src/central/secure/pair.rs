//! Runs one pairing, from its first command to the keys that it distributes.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::Poll;

use bt_hci::cmd::info::ReadBdAddr;
use bt_hci::param::AddrKind;
use bt_hci::transport::Transport;
use embassy_futures::select::{Either, select};
use embassy_time::Instant;
use trouble_host::PacketPool;

use super::turn::Turn;
use super::{ENCRYPTION, PATIENCE};
use crate::central::Connection;
use crate::links::{Address, Links};
use crate::mux::ReportHandler;
use crate::security::{
    Agent, Bond, PairingFailure, Requirements, Security, SecurityError, is_lasting,
};
use crate::smp::{Answer, Channel, Frame, Initiator, Next, Outcome, Parties, Question};

/// The question to the user, and the answer.
#[derive(Default)]
struct Talk {
    question: Cell<Option<Question>>,
    answer: RefCell<Option<Answer>>,
}

/// What a pairing continues with.
enum Heard {
    Command(Frame),
    Answer(Answer),
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Connection<'_, 's, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Pairs, whether there is a bond or not. The caller must save the returned bond; there is none
    /// if one of the two sides does not want one.
    ///
    /// # Errors
    /// [`SecurityError::Host`] without [randomness](crate::central::Central::set_random).
    pub async fn pair<A: Agent>(
        &self,
        wanted: &Requirements,
        agent: &A,
    ) -> Result<Option<Bond>, SecurityError> {
        let before = self.security();
        let mut turn = self.turn().await?;
        let now = self.security();
        if now != before && now.meets(wanted) {
            // Another call paired while this one waited.
            return Ok(None);
        }
        self.pair_in(&mut turn, wanted, agent).await
    }

    pub(super) async fn pair_in<A: Agent>(
        &self,
        turn: &mut Turn<'_, '_, 's, 'a, T, L, P, R, BUFFER>,
        wanted: &Requirements,
        agent: &A,
    ) -> Result<Option<Bond>, SecurityError> {
        // The longest command, in one frame.
        const {
            assert!(
                BUFFER >= 69,
                "a mux that pairs has a buffer of 69 bytes or more"
            )
        };
        let random = self.central.generator().await?;
        let parties = self.parties().await?;
        let (io, has_data) = (agent.capabilities(), agent.has_out_of_band());
        let mut pairing = Initiator::new(random, *wanted, parties, io, has_data);
        let talk = Talk::default();
        turn.begun = true;
        let through = self.go_through(&mut pairing, &talk);
        let Either::First(done) = select(through, self.ask(agent, &talk)).await;
        match done {
            Ok(()) => {}
            Err(SecurityError::RejectedByUs(why)) => self.give_up(why),
            Err(SecurityError::Timeout) => self.on_channel(Channel::spend),
            // The peer has ended the pairing itself, or has disconnected.
            Err(SecurityError::RejectedByPeer(_) | SecurityError::Disconnected(_)) => {
                self.on_channel(Channel::forget);
            }
            Err(_) => self.give_up(PairingFailure::UNSPECIFIED),
        }
        turn.begun = false;
        done?;
        self.paired(wanted, &pairing)
    }

    /// Runs a pairing to its end.
    async fn go_through(&self, pairing: &mut Initiator, talk: &Talk) -> Result<(), SecurityError> {
        // Each command of ours restarts the 30 s (Core Vol 3 Part H, 3.4); what the peer sends does
        // not, or it could keep a pairing from ever ending.
        let mut until = Instant::now() + PATIENCE;
        loop {
            match pairing.next() {
                Next::Send(frame) => {
                    self.send(frame, until).await?;
                    until = Instant::now() + PATIENCE;
                }
                Next::Ask(question) => {
                    talk.question.set(Some(question));
                    self.on_channel(|_| {});
                }
                Next::Encrypt(with) => {
                    match self
                        .encrypt_with(&with, Instant::now() + ENCRYPTION)
                        .await?
                    {
                        0 => pairing.encrypted(),
                        status => return Err(SecurityError::Hci(status)),
                    }
                    // Whatever comes next, the link is encrypted with this key now, unless it has ended.
                    let _ = self.protected(protection(&pairing.outcome(), false));
                    until = Instant::now() + PATIENCE;
                }
                Next::Wait => match self.hear(talk, until).await? {
                    Heard::Command(frame) => pairing.received(&frame)?,
                    Heard::Answer(answer) => pairing.answered(answer)?,
                },
                Next::Complete => return Ok(()),
            }
        }
    }

    /// Waits for the peer's next command, or for the user's answer. A command sent before the link
    /// ended counts: a device that leaves after its last key keeps its bond, too.
    async fn hear(&self, talk: &Talk, until: Instant) -> Result<Heard, SecurityError> {
        self.look_until(|| {
            let links = self.central.mux.links();
            match links.with_link(self.id, |link| link.info.smp.next()) {
                Some(Ok(Some(frame))) => return Some(Ok(Heard::Command(frame))),
                Some(Err(why)) => return Some(Err(SecurityError::RejectedByUs(why))),
                _ => {}
            }
            if let Some(answer) = talk.answer.take() {
                return Some(Ok(Heard::Answer(answer)));
            }
            self.is_due(until).then_some(Err(SecurityError::Timeout))
        })
        .await
    }

    /// Passes the questions to the agent.
    async fn ask<A: Agent>(&self, agent: &A, talk: &Talk) -> core::convert::Infallible {
        loop {
            let question = poll_fn(|_| match talk.question.take() {
                Some(question) => Poll::Ready(question),
                None => Poll::Pending,
            });
            let answer = match question.await {
                Question::Display(passkey) => {
                    agent.display(passkey).await;
                    continue;
                }
                Question::Compare(number) => Answer::Same(agent.compare(number).await),
                Question::Enter => Answer::Passkey(agent.enter().await),
                Question::OutOfBand => {
                    let data = agent.out_of_band().await;
                    let pair = data.as_ref().and_then(|data| self.central.pair_of(data));
                    Answer::OutOfBand(data, pair)
                }
            };
            talk.answer.replace(Some(answer));
            self.on_channel(|_| {});
        }
    }

    /// The addresses that the connection was made with, and our identity if we use private addresses.
    async fn parties(&self) -> Result<Parties, SecurityError> {
        let ours = match self.with_info(|info| info.own)? {
            Some(own) => own,
            None => match self.central.ask(&ReadBdAddr::new()).await {
                Ok(address) => Address::new(AddrKind::PUBLIC, address),
                Err(_) => return Err(self.ended().unwrap_or(SecurityError::Host)),
            },
        };
        let privacy = self.central.privacy.borrow();
        Ok(Parties {
            ours,
            peers: self.with_info(|info| info.on_air)?.unwrap_or(self.peer()),
            identity: privacy.as_ref().map(|privacy| privacy.identity()),
        })
    }

    /// Records the outcome of a pairing.
    fn paired(
        &self,
        wanted: &Requirements,
        pairing: &Initiator,
    ) -> Result<Option<Bond>, SecurityError> {
        let mut outcome = pairing.outcome();
        let peer = self.peer();
        let mut bond = outcome.key.take().map(|key| Bond {
            identity: outcome.identity.unwrap_or(peer),
            irk: outcome.irk.take(),
            ltk: key.key,
            ediv: key.ediv,
            rand: key.rand,
            key_size: outcome.key_size,
            authenticated: outcome.authenticated,
            secure_connections: outcome.secure_connections,
        });
        if let Some(b) = &mut bond
            // Only a peer with a private address can have another identity, and its IRK proves it.
            && !b.is_of(peer)
        {
            warn!("a peer claims an identity that is not its own");
            (b.identity, b.irk) = (peer, None);
        }
        bond = bond.filter(|bond| is_lasting(bond.identity));
        let security = protection(&outcome, bond.is_some());
        if !security.meets(wanted) {
            return Err(SecurityError::RejectedByUs(
                PairingFailure::AUTHENTICATION_REQUIREMENTS,
            ));
        }
        // The link may have ended: the bond is still good for the next one.
        let _ = self.protected(security);
        Ok(bond)
    }
}

/// The security of a link that is encrypted with the key of a pairing.
fn protection(outcome: &Outcome, bonded: bool) -> Security {
    Security {
        encrypted: true,
        authenticated: outcome.authenticated,
        secure_connections: outcome.secure_connections,
        key_size: outcome.key_size,
        bonded,
    }
}
