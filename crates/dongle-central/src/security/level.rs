//! How safe a link is, and how safe it has to become.

use core::fmt;

/// How safe a link is (Core Vol 3 Part C, 10.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum Level {
    /// Anybody can listen. Mode 1, level 1.
    #[default]
    None,
    /// Encrypted, but nobody made sure who is at the other end, or no more than by a passkey of
    /// legacy pairing. Mode 1, level 2.
    Encrypted,
    /// Encrypted, and a person made sure of the other end. Mode 1, level 3.
    Authenticated,
    /// As before, with LE Secure Connections and a key of full length. Mode 1, level 4.
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

/// What protects a link at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Security {
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Whether a person made sure, when it was paired, who is at the other end: by a passkey or a
    /// comparison with LE Secure Connections, or out of band. A passkey of legacy pairing does not:
    /// an attacker in between finds it in seconds (Core 6.2, Vol 3 Part H, 2.3.5). The device may
    /// take it for enough all the same.
    pub authenticated: bool,
    /// Whether the key comes from LE Secure Connections; a listener of legacy pairing has the key.
    pub secure_connections: bool,
    /// Octets of the encryption key: 7 to 16; 0 without encryption.
    pub key_size: u8,
    /// Whether the key is kept for the next connection.
    pub bonded: bool,
}

impl Security {
    /// No protection.
    pub const NONE: Self = Self {
        encrypted: false,
        authenticated: false,
        secure_connections: false,
        key_size: 0,
        bonded: false,
    };

    /// Which level that is.
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

    /// Whether it is all that is asked for.
    pub fn meets(&self, wanted: &Requirements) -> bool {
        self.encrypted
            && (self.authenticated || !wanted.authenticated)
            && (self.secure_connections || !wanted.secure_connections)
            && self.key_size >= wanted.min_key_size
    }
}

/// What a pairing must come to; one that can't is refused before any key is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requirements {
    /// A person has to make sure of the other end (protection against a man in the middle). Legacy
    /// pairing by passkey does not suffice: see [`Security::authenticated`].
    pub authenticated: bool,
    /// Just Works is refused. Less than `authenticated`: a passkey of legacy pairing will do. What is
    /// paired or bonded already is not paired again for it.
    pub not_just_works: bool,
    /// Legacy pairing is refused.
    pub secure_connections: bool,
    /// Shortest key taken, in octets: 7 to 16.
    pub min_key_size: u8,
    /// Keep the key for the next connection, if the peer does, too.
    pub bond: bool,
}

impl Default for Requirements {
    /// As safe as both sides can, kept for the next connection; keys of 16 octets only, so that
    /// nobody in between can have the key shortened (the KNOB attack).
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
    /// No less than what `security` was: who was bonded safely is not bonded again less safely.
    #[must_use]
    pub fn at_least(mut self, security: &Security) -> Self {
        self.authenticated |= security.authenticated;
        self.secure_connections |= security.secure_connections;
        self.min_key_size = self.min_key_size.max(security.key_size);
        self
    }
}
