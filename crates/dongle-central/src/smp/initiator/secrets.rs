//! The values of a pairing that must stay secret, wiped when it is over.

use zeroize::Zeroize as _;

use crate::smp::toolbox::{Block, Coordinate};

/// Values that must stay secret.
#[derive(Default)]
pub(super) struct Secrets {
    /// The Diffie-Hellman key, DHKey.
    pub(super) shared: Coordinate,
    /// The key of the DHKey checks.
    pub(super) check: Block,
    /// The values that authenticate the two sides (ra and rb of 2.3.5.6; `ours` is TK of legacy pairing). Both
    /// are the passkey, or each side's out-of-band random value; with neither they are zero.
    pub(super) ours: Block,
    pub(super) peers: Block,
    /// The key that the link is first encrypted with.
    pub(super) key: Block,
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.shared.zeroize();
        for block in [
            &mut self.check,
            &mut self.ours,
            &mut self.peers,
            &mut self.key,
        ] {
            block.zeroize();
        }
    }
}
