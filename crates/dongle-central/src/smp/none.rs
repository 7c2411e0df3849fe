//! Stands in for the security channel where the feature `security` is off: nobody can pair.

use crate::security::CID_SMP;

/// The channel of one link.
#[derive(Debug)]
pub(crate) struct Channel {
    /// Whether the current frame belongs to this channel.
    within: bool,
}

impl Channel {
    pub(crate) const SHUT: Self = Self { within: false };

    /// Takes a fragment of a frame, L2CAP header first; false if the frame belongs to another channel.
    pub(crate) fn takes(&mut self, first: bool, fragment: &[u8]) -> bool {
        if first {
            let channel = fragment.get(2..4);
            self.within = channel == Some(&CID_SMP.to_le_bytes());
        }
        self.within
    }

    /// Whether the current frame belongs to this channel.
    pub(crate) fn is_within(&self) -> bool {
        self.within
    }

    pub(crate) fn unseal(&mut self) {}

    /// The link has ended.
    pub(crate) fn hang_up(&mut self) {
        *self = Self::SHUT;
    }

    pub(crate) fn has_output(&self) -> bool {
        false
    }

    pub(crate) fn transmit(&mut self, _: &mut [u8]) -> usize {
        0
    }
}
