//! Pairing and encrypting. One pairing at a time, since trouble-host knows one; bonds are ours.

mod heard;
mod pair;
mod turn;

use bt_hci::cmd::le::LeEnableEncryption;
use bt_hci::param::ConnHandle;
use bt_hci::transport::Transport;
use embassy_time::{Duration, Instant};
use trouble_host::PacketPool;

use super::{Central, Connection, Error};
use crate::links::{LinkId, LinkInfo, LinkPhase, Links, Reason};
use crate::mux::ReportHandler;
use crate::security::{
    Agent, Bond, BondStore, Key, OobData, Requirements, Security, SecurityError,
};
pub(super) use heard::Pairing;

/// How long a pairing may stand still (Core Vol 3 Part H, 3.4), and a moment for trouble-host to
/// see it, too.
const PATIENCE: Duration = Duration::from_secs(31);

/// How long an encryption may take: the link layer's own limit is 40 s (Core Vol 6 Part B, 5.2), and
/// this is for controllers that don't keep it.
const ENCRYPTION: Duration = Duration::from_secs(41);

/// Status of encrypting with a key that the peer does not have: Authentication Failure, PIN or Key
/// Missing, MIC Failure.
const KEY_MISSING: [u8; 3] = [0x05, 0x06, 0x3D];

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Another handle of a connection, while it is up. Dropped, it disconnects nothing.
    pub fn connection(&self, id: LinkId) -> Option<Connection<'_, 's, 'a, T, L, P, R, BUFFER>> {
        let mut connection = self.handle_to(id)?;
        if let Some(stack) = self.stack() {
            connection.host = stack.get_connected_handle(ConnHandle::new(connection.handle()));
        }
        Some(connection)
    }

    /// Our data for a pairing out of band, to go to the peer by another way; none without trouble-host,
    /// which pairs.
    pub fn local_oob(&self) -> Option<OobData> {
        let data = self.stack()?.get_local_oob_data();
        Some(OobData {
            random: Key::new(data.random),
            confirm: Key::new(data.confirm),
        })
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
        let mut before = None;
        if let Some(bond) = store.find(self.peer()).await {
            if bond.security().meets(&wanted) && !now.encrypted {
                return Ok(self.encrypt(&bond).await?);
            }
            wanted = wanted.at_least(&bond.security());
            before = Some(bond.identity);
        }
        if let Some(bond) = self.pair(&wanted, agent).await? {
            let other = store.find(bond.identity).await.map(|other| other.identity);
            if other.is_some() && other != before {
                self.protected(Security::NONE);
                return Err(SecurityError::IdentityTaken.into());
            }
            store.save(&bond).await.map_err(SecureError::Store)?;
        }
        Ok(self.security())
    }

    /// Encrypts the link with the key of a bond.
    ///
    /// # Errors
    /// [`SecurityError::BondLost`] if the peer does not have the key. If it has another one, its
    /// controller ends the link, and the error is the same. [`SecurityError::Timeout`] if the
    /// controller tells of no end for 41 s; the link is ended then.
    pub async fn encrypt(&self, bond: &Bond) -> Result<Security, SecurityError> {
        let before = self.changes()?;
        let handle = ConnHandle::new(self.handle());
        let command = LeEnableEncryption::new(handle, bond.rand, bond.ediv, *bond.ltk.reveal());
        match self.central.tell(&command).await {
            // A refusal is a change of the encryption that has failed.
            Ok(()) | Err(Error::Hci(_)) => {}
            Err(_) => return Err(self.ended().unwrap_or(SecurityError::Host)),
        }
        let until = Instant::now() + ENCRYPTION;
        match self.encryption_changed(before, until).await {
            Ok(0) => Ok(self.protected(bond.security())),
            Ok(status) if KEY_MISSING.contains(&status) => Err(SecurityError::BondLost),
            Ok(status) => Err(SecurityError::Hci(status)),
            Err(SecurityError::Disconnected(Reason::Hci(reason)))
                if KEY_MISSING.contains(&reason) =>
            {
                Err(SecurityError::BondLost)
            }
            Err(e) => {
                // What comes later must not be taken for another attempt's.
                self.begin_to_disconnect();
                Err(e)
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

    /// Waits for a change of the encryption; its status.
    async fn encryption_changed(&self, before: u32, until: Instant) -> Result<u8, SecurityError> {
        self.look_until(|pairing| {
            let links = self.central.mux.links();
            let changed = links.with_link(self.id, |link| {
                (link.info.encryption_changes != before).then_some(link.info.encryption_status)
            });
            match changed.flatten() {
                Some(status) => Some(Ok(status)),
                None => pairing.is_due(until).then_some(Err(SecurityError::Timeout)),
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
