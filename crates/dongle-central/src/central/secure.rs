//! Pairing and encrypting. One pairing at a time, since trouble-host knows one; bonds are ours.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use bt_hci::cmd::le::LeEnableEncryption;
use bt_hci::param::ConnHandle;
use bt_hci::transport::Transport;
use embassy_futures::select::{Either, select};
use embassy_sync::waitqueue::MultiWakerRegistration;
use embassy_time::{Duration, Instant, Timer};
use heapless::Deque;
use trouble_host::connection::{ConnectionEvent, SecurityLevel};
use trouble_host::{BondInformation, OobData as HostOobData, PacketPool};

use super::{Central, Connection};
use crate::links::{Link, LinkId, LinkInfo, LinkPhase, Links, Reason};
use crate::mux::ReportHandler;
use crate::security::{
    Agent, Bond, BondStore, Key, OobData, OutOfBand, PairingFailure, Passkey, Requirements,
    Security, SecurityError,
};

/// How long a pairing may stand still (Core Vol 3 Part H, 3.4), and a moment for trouble-host to
/// see it, too.
const PATIENCE: Duration = Duration::from_secs(31);
/// How often to look whether trouble-host has done with another pairing.
const AGAIN: Duration = Duration::from_millis(50);
/// Status of encrypting with a key that the peer does not have: Authentication Failure, PIN or Key
/// Missing, MIC Failure.
const KEY_MISSING: [u8; 3] = [0x05, 0x06, 0x3D];
/// No passkey is like this in its twenty bits, so that entering it ends the pairing.
const IMPOSSIBLE: u32 = 0xF_FFFF;

/// The pairing that is under way.
#[derive(Debug)]
pub(super) struct Pairing {
    busy: bool,
    handle: Option<u16>,
    steps: Deque<Step, 8>,
    waiters: MultiWakerRegistration<8>,
}

/// What trouble-host tells of a pairing.
#[derive(Debug)]
enum Step {
    Ask(Question),
    Complete(bool, Option<Bond>),
    Failed(Option<PairingFailure>),
}

/// What only a person can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Display(Passkey),
    Compare(Passkey),
    Enter,
    OutOfBand,
}

#[derive(Debug)]
enum Answer {
    Shown,
    Compared(bool),
    Entered(Option<Passkey>),
    OutOfBand(Option<OutOfBand>),
}

impl Pairing {
    pub(super) const fn new() -> Self {
        Self {
            busy: false,
            handle: None,
            steps: Deque::new(),
            waiters: MultiWakerRegistration::new(),
        }
    }

    /// Takes an event of a connection, if it is of the one that pairs.
    pub(super) fn heard(&mut self, handle: u16, event: ConnectionEvent) {
        let passkey = |number: u32| Passkey::new(number);
        let step = match event {
            ConnectionEvent::PassKeyDisplay(number) => {
                passkey(number.value()).map(|p| Step::Ask(Question::Display(p)))
            }
            ConnectionEvent::PassKeyConfirm(number) => {
                passkey(number.value()).map(|p| Step::Ask(Question::Compare(p)))
            }
            ConnectionEvent::PassKeyInput => Some(Step::Ask(Question::Enter)),
            ConnectionEvent::OobRequest => Some(Step::Ask(Question::OutOfBand)),
            ConnectionEvent::PairingComplete {
                security_level,
                bond,
            } => {
                let authenticated = security_level == SecurityLevel::EncryptedAuthenticated;
                Some(Step::Complete(
                    authenticated,
                    bond.map(|b| ours(&b, authenticated)),
                ))
            }
            ConnectionEvent::PairingFailed(error) => Some(Step::Failed(match error {
                trouble_host::Error::Security(reason) => Some(PairingFailure(reason.into())),
                _ => None,
            })),
            _ => None,
        };
        if let Some(step) = step
            && self.handle == Some(handle)
        {
            if self.steps.push_back(step).is_err() {
                warn!("a step of a pairing was lost");
            }
            self.waiters.wake();
        }
    }
}

/// A bond of trouble-host's as one of ours; the identity key is with the link's guard.
fn ours(bond: &BondInformation, authenticated: bool) -> Bond {
    #[cfg(feature = "legacy-pairing")]
    let (ediv, rand, key_size) = (bond.ediv, bond.rand, bond.encryption_key_len);
    #[cfg(not(feature = "legacy-pairing"))]
    let (ediv, rand, key_size) = (0, [0; 8], 16);
    Bond {
        identity: bond.identity.addr,
        irk: None,
        ltk: Key::new(bond.ltk.to_le_bytes()),
        ediv,
        rand,
        key_size,
        authenticated,
        secure_connections: false,
    }
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Another handle of a connection, while it is up.
    pub fn connection(&self, id: LinkId) -> Option<Connection<'_, 's, 'a, T, L, P, R, BUFFER>> {
        let open = |link: &mut Link<'_>| {
            (link.info.phase() == LinkPhase::Open).then_some(link.info.handle)
        };
        let handle = self.mux.links().with_link(id, open).flatten()?;
        let host = self
            .stack
            .connections()
            .find(|c| c.handle().raw() == handle)?;
        Some(Connection::new(self, host, id))
    }

    /// Our data for a pairing out of band, to go to the peer by another way.
    pub fn local_oob(&self) -> OobData {
        let data = self.stack.get_local_oob_data();
        OobData {
            random: Key::new(data.random),
            confirm: Key::new(data.confirm),
        }
    }
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Connection<'_, 's, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// What protects the link.
    pub fn security(&self) -> Security {
        self.info(|info| info.security).unwrap_or_default()
    }

    /// Makes the link as safe as `wanted`: with the bond that `store` has, if that is enough, and by
    /// pairing otherwise. Who has an authenticated bond is not paired again without.
    ///
    /// # Errors
    /// [`SecurityError::BondLost`] if the peer does not have the key any more. It is never paired
    /// anew by itself: take the bond out of the store to allow that.
    pub async fn secure<A: Agent, S: BondStore>(
        &self,
        wanted: &Requirements,
        agent: &A,
        store: &S,
    ) -> Result<Security, SecureError<S::Error>> {
        let now = self.security();
        if now.meets(wanted) {
            return Ok(now);
        }
        let mut wanted = *wanted;
        if let Some(bond) = store.find(self.peer()).await {
            if bond.security().meets(&wanted) && !now.encrypted {
                return Ok(self.encrypt(&bond).await?);
            }
            wanted = wanted.at_least(&bond.security());
        }
        if let Some(bond) = self.pair(&wanted, agent).await? {
            store.save(&bond).await.map_err(SecureError::Store)?;
        }
        Ok(self.security())
    }

    /// Encrypts the link with the key of a bond.
    ///
    /// # Errors
    /// [`SecurityError::BondLost`] if the peer does not have the key. If it has another one, its
    /// controller ends the link, and the error is the same.
    pub async fn encrypt(&self, bond: &Bond) -> Result<Security, SecurityError> {
        let before = self.changes()?;
        let handle = ConnHandle::new(self.host.handle().raw());
        let command = LeEnableEncryption::new(handle, bond.rand, bond.ediv, *bond.ltk.reveal());
        if self.central.stack.async_command(command).await.is_err() {
            return Err(self.ended().unwrap_or(SecurityError::Host));
        }
        match self.encryption_changed(before).await {
            Ok(0) => Ok(self.protected(bond.security())),
            Ok(status) if KEY_MISSING.contains(&status) => Err(SecurityError::BondLost),
            Ok(status) => Err(SecurityError::Hci(status)),
            Err(SecurityError::Disconnected(Reason::Hci(reason)))
                if KEY_MISSING.contains(&reason) =>
            {
                Err(SecurityError::BondLost)
            }
            Err(e) => Err(e),
        }
    }

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
    fn answer(&self, answer: Answer) -> Option<PairingFailure> {
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

    fn protected(&self, security: Security) -> Security {
        let _ = self.with_info(|info| {
            info.security = security;
            info.guard.close();
        });
        security
    }

    /// Waits until nobody else pairs.
    async fn turn(
        &self,
        deadline: Instant,
    ) -> Result<Turn<'_, '_, 's, 'a, T, L, P, R, BUFFER>, SecurityError> {
        let free = poll_fn(|cx| {
            if let Some(ended) = self.ended() {
                return Poll::Ready(Err(ended));
            }
            let mut pairing = self.central.pairing.borrow_mut();
            if pairing.busy {
                pairing.waiters.register(cx.waker());
                let links = self.central.mux.links();
                links.with_link(self.id, |link| link.bearer.wait_for_change(cx.waker()));
                return Poll::Pending;
            }
            pairing.busy = true;
            pairing.handle = Some(self.host.handle().raw());
            pairing.steps.clear();
            Poll::Ready(Ok(()))
        });
        match select(free, Timer::at(deadline)).await {
            Either::First(result) => result?,
            Either::Second(()) => return Err(SecurityError::Timeout),
        }
        Ok(Turn {
            connection: self,
            begun: false,
            question: None,
        })
    }

    /// Waits for a change of the encryption; its status.
    async fn encryption_changed(&self, before: u32) -> Result<u8, SecurityError> {
        poll_fn(|cx| {
            let links = self.central.mux.links();
            let now = links.with_link(self.id, |link| {
                if link.info.encryption_changes != before {
                    return Some(link.info.encryption_status);
                }
                link.bearer.wait_for_change(cx.waker());
                None
            });
            match (now.flatten(), self.ended()) {
                (Some(status), _) => Poll::Ready(Ok(status)),
                (None, Some(ended)) => Poll::Ready(Err(ended)),
                (None, None) => Poll::Pending,
            }
        })
        .await
    }

    fn changes(&self) -> Result<u32, SecurityError> {
        self.with_info(|info| info.encryption_changes)
    }

    /// How the link ended, if it did.
    fn ended(&self) -> Option<SecurityError> {
        self.with_info(|_| ()).err()
    }

    fn with_info<X>(&self, f: impl FnOnce(&mut LinkInfo) -> X) -> Result<X, SecurityError> {
        let links = self.central.mux.links();
        let result = links.with_link(self.id, |link| match link.info.phase() {
            LinkPhase::Open => Ok(f(link.info)),
            _ => Err(SecurityError::Disconnected(
                link.info.reason().unwrap_or(Reason::Unknown),
            )),
        });
        result.unwrap_or(Err(SecurityError::Disconnected(Reason::Unknown)))
    }

    fn info<X>(&self, f: impl FnOnce(&LinkInfo) -> X) -> Option<X> {
        self.central
            .mux
            .links()
            .with_link(self.id, |link| f(link.info))
    }
}

async fn ask<A: Agent>(agent: &A, question: Question) -> Answer {
    match question {
        Question::Display(passkey) => {
            agent.display(passkey).await;
            Answer::Shown
        }
        Question::Compare(passkey) => Answer::Compared(agent.compare(passkey).await),
        Question::Enter => Answer::Entered(agent.enter().await),
        Question::OutOfBand => Answer::OutOfBand(agent.out_of_band().await),
    }
}

/// Ours, and the peer's, as trouble-host takes them: zeros where there is none.
fn for_host(data: OutOfBand) -> (HostOobData, HostOobData) {
    let none = HostOobData {
        random: [0; 16],
        confirm: [0; 16],
    };
    let host = |data: Option<OobData>| {
        data.map_or(none, |d| HostOobData {
            random: *d.random.reveal(),
            confirm: *d.confirm.reveal(),
        })
    };
    match data {
        OutOfBand::SecureConnections { peer, local } => (host(local), host(peer)),
        OutOfBand::Legacy(key) => (
            HostOobData {
                random: *key.reveal(),
                ..none
            },
            none,
        ),
    }
}

/// The right to pair, as long as it lives. Dropped in the middle, it gives the pairing up.
struct Turn<'t, 'c, 's, 'a: 's, T, L, P, R, const BUFFER: usize>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    connection: &'t Connection<'c, 's, 'a, T, L, P, R, BUFFER>,
    begun: bool,
    /// What is asked at the moment.
    question: Option<Question>,
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Drop for Turn<'_, '_, 's, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    fn drop(&mut self) {
        let connection = self.connection;
        if self.begun {
            // trouble-host waits for the person, or for the peer.
            let _ = connection.with_info(|info| info.guard.abort(PairingFailure::UNSPECIFIED));
            match self.question {
                Some(Question::Compare(_)) => _ = connection.answer(Answer::Compared(false)),
                Some(Question::Enter) => _ = connection.answer(Answer::Entered(None)),
                Some(Question::OutOfBand) => _ = connection.answer(Answer::OutOfBand(None)),
                Some(Question::Display(_)) | None => {}
            }
        } else {
            let _ = connection.with_info(|info| info.guard.close());
        }
        let mut pairing = connection.central.pairing.borrow_mut();
        pairing.busy = false;
        pairing.handle = None;
        pairing.steps.clear();
        pairing.waiters.wake();
    }
}

/// Why a link was not made safe, or the bond not kept.
#[derive(Debug)]
pub enum SecureError<E> {
    /// It was not made safe.
    Security(SecurityError),
    /// It is safe, and the bond could not be kept.
    Store(E),
}

impl<E> From<SecurityError> for SecureError<E> {
    fn from(error: SecurityError) -> Self {
        Self::Security(error)
    }
}
