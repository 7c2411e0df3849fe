//! Why a pairing failed, in the specification's terms.

use core::fmt;

/// Why one side ended a pairing (Core Vol 3 Part H, 3.5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PairingFailure(pub u8);

impl PairingFailure {
    /// The passkey was not entered.
    pub const PASSKEY_ENTRY_FAILED: Self = Self(0x01);
    /// There is no out-of-band data.
    pub const OOB_NOT_AVAILABLE: Self = Self(0x02);
    /// One side requires more than the other supports.
    pub const AUTHENTICATION_REQUIREMENTS: Self = Self(0x03);
    /// The confirm value is wrong: the passkey was wrong, or there is a man in the middle.
    pub const CONFIRM_VALUE_FAILED: Self = Self(0x04);
    /// The peer does not support pairing.
    pub const PAIRING_NOT_SUPPORTED: Self = Self(0x05);
    /// The key would be too short.
    pub const ENCRYPTION_KEY_SIZE: Self = Self(0x06);
    /// The command is unknown.
    pub const COMMAND_NOT_SUPPORTED: Self = Self(0x07);
    /// No particular reason.
    pub const UNSPECIFIED: Self = Self(0x08);
    /// Too soon after the last attempt.
    pub const REPEATED_ATTEMPTS: Self = Self(0x09);
    /// A parameter is invalid.
    pub const INVALID_PARAMETERS: Self = Self(0x0A);
    /// The DHKey check value is wrong.
    pub const DHKEY_CHECK_FAILED: Self = Self(0x0B);
    /// The numbers shown differ, or the user did not confirm that they match.
    pub const NUMERIC_COMPARISON_FAILED: Self = Self(0x0C);
    /// A key was rejected.
    pub const KEY_REJECTED: Self = Self(0x0F);

    fn text(self) -> Option<&'static str> {
        Some(match self.0 {
            0x01 => "the passkey was not entered",
            0x02 => "out of band data is not available",
            0x03 => {
                "authenticated pairing or LE Secure Connections is required, and one side can't do it"
            }
            0x04 => "the confirm value is wrong: another passkey, or somebody in between",
            0x05 => "the peer does not pair",
            0x06 => "the encryption key would be too short",
            0x07 => "the peer does not know the command",
            0x08 => "unspecified reason",
            0x09 => "too soon after the last attempt",
            0x0A => "invalid parameters",
            0x0B => "the check of the Diffie-Hellman key is wrong",
            0x0C => "the numbers were not confirmed to be the same",
            0x0D => "pairing over BR/EDR is in progress",
            0x0E => "a key can't be derived across transports",
            0x0F => "a key was rejected",
            0x10 => "busy",
            _ => return None,
        })
    }
}

impl fmt::Display for PairingFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => write!(f, "{text} (0x{:02X})", self.0),
            None => write!(f, "SMP reason 0x{:02X}", self.0),
        }
    }
}
