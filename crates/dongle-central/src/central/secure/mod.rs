//! Pairing and encryption, independently for each link.

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

/// Fills the buffer with unpredictable random octets; false if there are none.
pub(super) type Random<'a> = &'a dyn Fn(&mut [u8]) -> bool;

/// How long a pairing may make no progress (Core Vol 3 Part H, 3.4).
const PATIENCE: Duration = Duration::from_secs(30);

/// How long encryption may take to start: the Link Layer's own limit is 40 s (Core Vol 6 Part B,
/// 5.2), and this is for controllers that do not keep it.
const ENCRYPTION: Duration = Duration::from_secs(41);

/// Statuses of encrypting with a key that the peer does not have: Authentication Failure, PIN or
/// Key Missing, MIC Failure.
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
    /// Sets the source of the secrets of pairings: a function that fills its buffer with
    /// unpredictable random octets, and returns whether it could. Without it, the controller
    /// supplies them (LE Rand, Core Vol 4 Part E, 7.8.23).
    pub fn set_random(&self, random: Random<'a>) {
        self.random.set(Some(random));
    }

    /// The generator of one pairing's secrets.
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
    /// The security of the link.
    pub fn security(&self) -> Security {
        self.info(|info| info.security).unwrap_or_default()
    }

    /// Secures the link to at least `wanted`: encrypts with the bond in `store` if that is enough, and pairs
    /// otherwise. A peer with an authenticated bond is never paired again without authentication.
    ///
    /// # Errors
    /// [`SecurityError::BondLost`] if the peer no longer has the key. It is never paired again
    /// automatically: remove the bond from the store to allow that. [`SecurityError::Disconnected`] also if the
    /// peer leaves after its last key: the bond is saved nevertheless.
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

    /// Like [`secure`](Self::secure), but always pairs: for a peer that wants a passkey, where
    /// [`Security`] cannot tell whether one was used (see [`Security::authenticated`]).
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
        // Held to the end: the next caller must find in the store what this one saved.
        let mut turn = self.turn().await?;
        let now = self.security();
        if now.meets(wanted) && !anew {
            // Another call secured the link while this one waited.
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
        // The peer may have left after its last key: the bond is saved nevertheless.
        self.with_info(|info| info.security).map_err(Into::into)
    }

    /// Encrypts the link with the key of a bond.
    ///
    /// # Errors
    /// [`SecurityError::BondLost`] if the peer does not have the key. If it has a different key, some
    /// controllers notice, which gives the same error; most often the link times out, which is
    /// [`SecurityError::KeyUnconfirmed`]. [`SecurityError::Timeout`] if the controller reports no outcome for
    /// 41 s, and then the link is ended; also if an earlier pairing on the link was not answered in time, as
    /// for [`Connection::pair`]. [`SecurityError::Busy`] while another call pairs.
    pub async fn encrypt(&self, bond: &Bond) -> Result<Security, SecurityError> {
        let before = self.security();
        let turn = self.turn().await?;
        let now = self.security();
        if now != before && now == bond.security() {
            // Another call encrypted it while this one waited.
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
                // A later event must not be taken for the outcome of another attempt.
                self.begin_to_disconnect();
                Err(e)
            }
        }
    }

    /// Encrypts the link; returns the resulting status. One at a time, by the holder of the turn.
    async fn encrypt_with(&self, with: &Encryption, until: Instant) -> Result<u8, SecurityError> {
        // An earlier one whose caller is gone still has an outcome to come, which must not be taken
        // for this one's.
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
        let command = command.only_to(Some(self.id));
        match self.central.tell_it(command).await {
            // A refusal is recorded in the same place as the outcome.
            Ok(()) | Err(Error::Hci(_)) => {}
            Err(_) => return Err(self.ended().unwrap_or(SecurityError::Host)),
        }
        // The status counts even if the link has ended since.
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

    /// Why the link ended, if it did.
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

/// Why a link could not be secured, or its bond not saved.
#[derive(Debug)]
pub enum SecureError<E> {
    /// It could not be secured.
    Security(SecurityError),
    /// It is secured, but the bond could not be saved.
    Store(E),
}

impl<E> From<SecurityError> for SecureError<E> {
    fn from(error: SecurityError) -> Self {
        Self::Security(error)
    }
}
