//! Pairing and encrypting, each link for itself.

mod out_of_band;
mod pair;
mod turn;

use bt_hci::cmd::le::LeRand;
use bt_hci::transport::Transport;
use embassy_time::{Duration, Instant};
use trouble_host::PacketPool;
use zeroize::Zeroizing;

use super::command::Command;
use super::{Central, Connection, Error};
use crate::links::{LinkInfo, LinkPhase, Links, Reason};
use crate::mux::{ENABLE_ENCRYPTION, ReportHandler};
use crate::security::{Agent, Bond, BondStore, Requirements, Security, SecurityError};
use crate::smp::{Channel, Encryption, Generator};
pub(super) use out_of_band::LocalData;
use turn::Turn;

/// Fills with random octets that nobody can foresee; false: there are none.
pub(super) type Random<'a> = &'a dyn Fn(&mut [u8]) -> bool;

/// How long a pairing may stand still (Core Vol 3 Part H, 3.4).
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an encryption may take: the link layer's own limit is 40 s (Core Vol 6 Part B, 5.2), and
/// this is for controllers that don't keep it.
const ENCRYPTION: Duration = Duration::from_secs(41);

/// Status of encrypting with a key that the peer does not have: Authentication Failure, PIN or Key
/// Missing, MIC Failure.
const KEY_MISSING: [u8; 3] = [0x05, 0x06, 0x3D];

/// Connection Timeout (Core Vol 1 Part F, 2.8).
const CONNECTION_TIMEOUT: u8 = 0x08;

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Where the secrets of pairings come from: a function that fills with random octets, which nobody must
    /// be able to foresee, and tells whether it could. Without, the controller is asked for them (LE Rand,
    /// Core Vol 4 Part E, 7.8.23).
    pub fn set_random(&self, random: Random<'a>) {
        self.random.set(Some(random));
    }

    /// What the secrets of one pairing are made from.
    async fn generator(&self) -> Result<Generator, SecurityError> {
        let mut seed = Zeroizing::new([0; 16]);
        if let Some(fill) = self.random.get() {
            if !fill(&mut *seed) {
                return Err(SecurityError::Host);
            }
            return Ok(Generator::new(seed));
        }
        self.controller_info().await;
        for half in seed.chunks_exact_mut(8) {
            let octets = self.ask(&LeRand::new()).await;
            half.copy_from_slice(&octets.map_err(|_| SecurityError::Host)?);
        }
        Ok(Generator::new(seed))
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
    /// anew by itself: take the bond out of the store to allow that. [`SecurityError::Disconnected`]
    /// also where the peer has left after its last key: the bond is kept then.
    pub async fn secure<A: Agent, S: BondStore>(
        &self,
        wanted: &Requirements,
        agent: &A,
        store: &S,
    ) -> Result<Security, SecureError<S::Error>> {
        if self.security().meets(wanted) {
            return Ok(self.security());
        }
        self.secure_by(wanted, false, agent, store).await
    }

    /// The same by a new pairing, however safe the link is: for a peer that wants a passkey, where
    /// [`Security`] can't tell whether there was one (see [`Security::authenticated`]).
    ///
    /// # Errors
    /// As [`secure`](Self::secure).
    pub async fn secure_anew<A: Agent, S: BondStore>(
        &self,
        wanted: &Requirements,
        agent: &A,
        store: &S,
    ) -> Result<Security, SecureError<S::Error>> {
        self.secure_by(wanted, true, agent, store).await
    }

    async fn secure_by<A: Agent, S: BondStore>(
        &self,
        wanted: &Requirements,
        anew: bool,
        agent: &A,
        store: &S,
    ) -> Result<Security, SecureError<S::Error>> {
        // To the end: who comes next has to find what this has left in the store.
        let mut turn = self.turn().await?;
        let now = self.security();
        if now.meets(wanted) && !anew {
            // Somebody else has seen to it while this waited.
            return Ok(now);
        }
        let mut wanted = *wanted;
        if now.encrypted {
            wanted = wanted.at_least(&now);
        }
        let mut before = None;
        if let Some(bond) = store.find(self.peer()).await {
            if bond.security().meets(&wanted) && !now.encrypted {
                return Ok(self.encrypt_in(&turn, &bond).await?);
            }
            wanted = wanted.at_least(&bond.security());
            before = Some(bond.identity);
        }
        if let Some(bond) = self.pair_in(&mut turn, &wanted, agent).await? {
            let other = store.find(bond.identity).await.map(|other| other.identity);
            if other.is_some() && other != before {
                self.protected(Security::NONE)?;
                return Err(SecurityError::IdentityTaken.into());
            }
            store.save(&bond).await.map_err(SecureError::Store)?;
        }
        // The peer may have left with its last key: the bond is kept all the same.
        self.with_info(|info| info.security).map_err(Into::into)
    }

    /// Encrypts the link with the key of a bond.
    ///
    /// # Errors
    /// [`SecurityError::BondLost`] if the peer does not have the key. If it has another one, a controller may
    /// notice, and the error is the same; most often the link times out, which is
    /// [`SecurityError::KeyUnconfirmed`]. [`SecurityError::Timeout`] if the
    /// controller tells of no end for 41 s; the link is ended then. Also where a pairing on it was not answered
    /// in time, as for [`Connection::pair`]; [`SecurityError::Busy`] while somebody pairs.
    pub async fn encrypt(&self, bond: &Bond) -> Result<Security, SecurityError> {
        let before = self.security();
        let turn = self.turn().await?;
        let now = self.security();
        if now != before && now == bond.security() {
            // Somebody else has encrypted it while this waited.
            return Ok(now);
        }
        self.encrypt_in(&turn, bond).await
    }

    async fn encrypt_in(
        &self,
        _: &Turn<'_, '_, 's, 'a, T, L, P, R, BUFFER>,
        bond: &Bond,
    ) -> Result<Security, SecurityError> {
        let with = Encryption {
            key: bond.ltk.clone(),
            ediv: bond.ediv,
            rand: bond.rand,
        };
        match self.encrypt_with(&with, Instant::now() + ENCRYPTION).await {
            Ok(0) => self.protected(bond.security()),
            Ok(status) if KEY_MISSING.contains(&status) => Err(SecurityError::BondLost),
            Ok(status) => Err(SecurityError::Hci(status)),
            Err(SecurityError::Disconnected(Reason::Hci(reason)))
                if KEY_MISSING.contains(&reason) =>
            {
                Err(SecurityError::BondLost)
            }
            Err(SecurityError::Disconnected(Reason::Hci(CONNECTION_TIMEOUT))) => {
                Err(SecurityError::KeyUnconfirmed)
            }
            Err(e) => {
                // What comes later must not be taken for another attempt's.
                self.begin_to_disconnect();
                Err(e)
            }
        }
    }

    /// Has the controller encrypt the link; the status it ends with. One at a time, with the turn.
    async fn encrypt_with(&self, with: &Encryption, until: Instant) -> Result<u8, SecurityError> {
        // One whose caller went away has an end, too, which must not be taken for this one's.
        self.look_until(|| match self.with_info(|info| info.encrypting) {
            Ok(true) => self.is_due(until).then_some(Err(SecurityError::Timeout)),
            _ => Some(Ok(())),
        })
        .await?;
        self.on_channel(Channel::seal);
        self.with_info(|info| info.encryption_status = None)?;
        let [h0, h1] = self.handle().to_le_bytes();
        let ediv = with.ediv.to_le_bytes();
        let parameters = [&[h0, h1][..], &with.rand, &ediv, with.key.reveal()];
        let command = Command::written(ENABLE_ENCRYPTION, &parameters);
        match self.central.tell_it(command).await {
            // That it is refused is told as its end is.
            Ok(()) | Err(Error::Hci(_)) => {}
            Err(_) => return Err(self.ended().unwrap_or(SecurityError::Host)),
        }
        // It counts also if the link has ended since.
        self.look_until(|| match self.info(|info| info.encryption_status) {
            Some(Some(status)) => Some(Ok(status)),
            _ => self.is_due(until).then_some(Err(SecurityError::Timeout)),
        })
        .await
    }

    fn protected(&self, security: Security) -> Result<Security, SecurityError> {
        self.with_info(|info| info.security = security)?;
        Ok(security)
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
