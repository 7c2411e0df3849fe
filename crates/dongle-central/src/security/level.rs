//! The security that a link has, and the security that is required of it.

use core::fmt;

/// The security level of a link (Core Vol 3 Part C, 10.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Level {
    /// Not encrypted: anybody can listen. Mode 1, level 1.
    #[default]
    None,
    /// Encrypted, but the peer was not authenticated, or only by a passkey of legacy pairing. Mode 1, level 2.
    Encrypted,
    /// Encrypted, and the peer was authenticated. Mode 1, level 3.
    Authenticated,
    /// As before, with LE Secure Connections and a 16-octet key. Mode 1, level 4.
    SecureConnections,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "not encrypted",
            Self::Encrypted => "encrypted",
            Self::Authenticated => "encrypted and authenticated",
            Self::SecureConnections => "encrypted and authenticated by LE Secure Connections",
        })
    }
}

/// The current security of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Security {
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Whether the pairing authenticated the peer: by a passkey or a numeric comparison with LE Secure
    /// Connections, or out of band. A passkey of legacy pairing does not: a man in the middle can find it in
    /// seconds (Core 6.2, Vol 3 Part H, 2.3.5). The device may accept it nevertheless.
    pub authenticated: bool,
    /// Whether the key comes from LE Secure Connections; an eavesdropper on legacy pairing can get it.
    pub secure_connections: bool,
    /// Octets of the encryption key: 7 to 16; 0 without encryption.
    pub key_size: u8,
    /// Whether the key is saved for the next connection.
    pub bonded: bool,
}

impl Security {
    /// Not encrypted.
    pub const NONE: Self = Self {
        encrypted: false,
        authenticated: false,
        secure_connections: false,
        key_size: 0,
        bonded: false,
    };

    /// The corresponding level.
    pub fn level(&self) -> Level {
        match (self.encrypted, self.authenticated) {
            (false, _) => Level::None,
            (true, false) => Level::Encrypted,
            (true, true) if self.secure_connections && self.key_size == 16 => {
                Level::SecureConnections
            }
            (true, true) => Level::Authenticated,
        }
    }

    /// Whether it meets these requirements.
    pub fn meets(&self, wanted: &Requirements) -> bool {
        self.encrypted
            && (self.authenticated || !wanted.authenticated)
            && (self.secure_connections || !wanted.secure_connections)
            && self.key_size >= wanted.min_key_size
    }
}

/// What a pairing must achieve; one that cannot is rejected before any key is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requirements {
    /// Requires that the peer is authenticated (protection against a man in the middle). A passkey
    /// of legacy pairing does not suffice: see [`Security::authenticated`].
    pub authenticated: bool,
    /// Rejects Just Works. This is weaker than `authenticated`, since a passkey of legacy pairing
    /// suffices. A link that is already encrypted, or a bond, is accepted as it is.
    pub not_just_works: bool,
    /// Rejects legacy pairing.
    pub secure_connections: bool,
    /// The shortest key to accept, in octets: 7 to 16.
    pub min_key_size: u8,
    /// Saves the key for the next connection, if the peer does so, too.
    pub bond: bool,
}

impl Default for Requirements {
    /// As secure as both sides allow, and bonded; only 16-octet keys, so that a man in the middle
    /// cannot have the key shortened (the KNOB attack).
    fn default() -> Self {
        Self {
            authenticated: false,
            not_just_works: false,
            secure_connections: false,
            min_key_size: 16,
            bond: true,
        }
    }
}

impl Requirements {
    /// No less than `security`: a secure bond is never replaced by a less secure one.
    #[must_use]
    pub fn at_least(mut self, security: &Security) -> Self {
        self.authenticated |= security.authenticated;
        self.secure_connections |= security.secure_connections;
        self.min_key_size = self.min_key_size.max(security.key_size);
        self
    }
}
