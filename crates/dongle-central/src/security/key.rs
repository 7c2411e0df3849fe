//! A 128-bit key that no log, error or debug output shows, and that is wiped when dropped.

use core::fmt;

use zeroize::Zeroize as _;

/// A key, least significant octet first, as SMP sends it (Core Vol 3 Part H, 3.6).
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 16]);

impl Key {
    /// A key from its octets.
    pub const fn new(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// The octets. The caller is responsible for where they go.
    pub const fn reveal(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether it is all zeros, which means no key.
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 16]
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
