//! Where packets pass that have to tell who we are: see [`Privacy`].

use bt_hci::transport::{PacketKind, Transport};

use super::Mux;
use crate::security::Privacy;

impl<T: Transport, L, R, const BUFFER: usize> Mux<'_, T, L, R, BUFFER> {
    /// Goes by the address of this, which the controller has to have.
    pub(crate) fn set_privacy(&self, privacy: Privacy) {
        *self.privacy.borrow_mut() = Some(privacy);
    }

    /// Another address to go by, if we go by private ones.
    pub(crate) fn another_address(&self, random: [u8; 3]) -> Option<[u8; 6]> {
        let privacy = self.privacy.borrow();
        privacy.as_ref().map(|privacy| privacy.make(random))
    }

    /// The controller goes by this address.
    pub(crate) fn go_by(&self, address: [u8; 6]) {
        if let Some(privacy) = &mut *self.privacy.borrow_mut() {
            privacy.go_by(address);
        }
    }

    /// Has a packet on the security channel tell who we are.
    pub(super) fn introduce(&self, acl: &mut [u8]) {
        if let Some(privacy) = &*self.privacy.borrow() {
            privacy.rewrite(PacketKind::AclData, acl, acl.len());
        }
    }

    /// Has a new connection tell the address it was made from; the length of the packet then.
    pub(super) fn sign(&self, kind: PacketKind, buffer: &mut [u8], len: usize) -> usize {
        match &*self.privacy.borrow() {
            Some(privacy) if kind == PacketKind::Event => privacy.rewrite(kind, buffer, len),
            _ => len,
        }
    }
}
