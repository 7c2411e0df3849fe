//! What a pairing's confirm values and checks are made of (Core Vol 3 Part H, 2.3.5).

use super::Initiator;
use crate::smp::KeyPair;
use crate::smp::toolbox::{Block, Coordinate, address, f4, f6};
#[cfg(feature = "legacy-pairing")]
use crate::smp::{command::code, toolbox};

impl Initiator {
    /// The bit of the passkey that this round checks.
    pub(super) fn bit(&self) -> u8 {
        let passed = self.round >> 3;
        let octet = self.secrets.ours.get(usize::from(passed)).copied();
        0x80 | octet.unwrap_or_default() >> (self.round & 7) & 1
    }

    pub(super) fn own_confirm(&self) -> Block {
        if self.secure {
            return f4(&self.own_x(), &self.peer_x, &self.nonce, self.bit());
        }
        self.legacy_confirm(&self.nonce)
    }

    #[cfg(feature = "legacy-pairing")]
    pub(super) fn legacy_confirm(&self, nonce: &Block) -> Block {
        let (ours, peers) = self.addresses();
        toolbox::c1(
            &self.secrets.ours,
            nonce,
            &self.request.command(code::PAIRING_REQUEST),
            &self.response.command(code::PAIRING_RESPONSE),
            &ours,
            &peers,
        )
    }

    /// Legacy pairing was refused before this.
    #[cfg(not(feature = "legacy-pairing"))]
    pub(super) fn legacy_confirm(&self, _: &Block) -> Block {
        [0; 16]
    }

    pub(super) fn own_x(&self) -> Coordinate {
        self.pair.as_ref().map_or([0; 32], KeyPair::x)
    }

    pub(super) fn addresses(&self) -> ([u8; 7], [u8; 7]) {
        (address(self.parties.ours), address(self.parties.peers))
    }

    pub(super) fn own_check(&self) -> Block {
        let (ours, peers) = self.addresses();
        f6(
            &self.secrets.check,
            &self.nonce,
            &self.peer_nonce,
            &self.secrets.peers,
            &self.request.capabilities(),
            &ours,
            &peers,
        )
    }
}
