//! What we tell a peer by another way, and the key pair that it is about.

use bt_hci::transport::Transport;
use trouble_host::PacketPool;

use crate::central::Central;
use crate::links::Links;
use crate::mux::ReportHandler;
use crate::security::{Key, OobData, OutOfBand, SecurityError};
use crate::smp::{KeyPair, oob_confirm};

/// What was given away last.
pub(in crate::central) struct LocalData {
    pair: KeyPair,
    random: Key,
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Our data for a pairing out of band, to go to the peer by another way (Core Vol 3 Part H,
    /// 2.3.5.6.4). It is good until it is asked for again.
    ///
    /// # Errors
    /// [`SecurityError::Host`] without [randomness](Central::set_random).
    pub async fn local_oob(&self) -> Result<OobData, SecurityError> {
        let mut generator = self.generator().await?;
        let pair = KeyPair::generate(&mut generator);
        let random = Key::new(*generator.block());
        let confirm = Key::new(oob_confirm(&pair.x(), random.reveal()));
        let local = LocalData {
            pair,
            random: random.clone(),
        };
        self.local_data.replace(Some(local));
        Ok(OobData { random, confirm })
    }

    /// The key pair that this data of ours is about.
    pub(super) fn pair_of(&self, data: &OutOfBand) -> Option<KeyPair> {
        let OutOfBand::SecureConnections {
            local: Some(local), ..
        } = data
        else {
            return None;
        };
        let data = self.local_data.borrow();
        let given = data.as_ref().filter(|given| given.random == local.random);
        given.map(|given| given.pair.clone())
    }
}
