//! The out-of-band data that we give a peer, and the key pair that it belongs to.

use bt_hci::transport::Transport;
use trouble_host::PacketPool;

use crate::central::Central;
use crate::links::Links;
use crate::mux::ReportHandler;
use crate::security::{Key, OobData, OutOfBand, SecurityError};
use crate::smp::{KeyPair, oob_confirm};

/// The data given out last, with its key pair.
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
    /// Our data for out-of-band pairing, to be carried to the peer by other means (Core Vol 3 Part
    /// H, 2.3.5.6.4). It is valid until the next call.
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

    /// The key pair that this data of ours belongs to, if it is the data given out last.
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
