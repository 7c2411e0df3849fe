//! How pairing and encrypting can fail.

use core::fmt;

use super::reason::PairingFailure;
use crate::links::Reason;

/// Why a link was not made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityError {
    /// The peer rejected the pairing.
    RejectedByPeer(PairingFailure),
    /// We rejected it: the peer can't do what was asked for, or broke the rules.
    RejectedByUs(PairingFailure),
    /// The peer does not have the key of the bond any more, or another one. Only a person can know
    /// whether it is still the same device.
    BondLost,
    /// The link timed out while it was being encrypted with the key of the bond. Either the peer has gone
    /// out of reach, or it has another key: it is the first to find out, and says no more (Core Vol 6
    /// Part B, 5.1.3.1).
    KeyUnconfirmed,
    /// The device says that it is another, which there is a bond with. If it is the same one after
    /// all, and was reset: forget that bond first.
    IdentityTaken,
    /// 30 s without an answer, of the peer or of the person, or an encryption without end. No
    /// further attempt is possible on this connection (Core Vol 3 Part H, 3.4).
    Timeout,
    /// The link ended.
    Disconnected(Reason),
    /// Somebody else pairs on this connection, or encrypts it, and that takes its time: one at a time.
    Busy,
    /// The controller refused, with this status.
    Hci(u8),
    /// It could not be done here: there is no randomness, or no controller.
    Host,
}

impl fmt::Display for SecurityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RejectedByPeer(why) => write!(f, "the device rejected the pairing: {why}"),
            Self::RejectedByUs(why) => write!(f, "the pairing was rejected on this side: {why}"),
            Self::BondLost => f.write_str(
                "the device no longer has the bond's key, or is a different device using the same address",
            ),
            Self::KeyUnconfirmed => f.write_str(
                "the connection timed out while it was being encrypted: the device is out of range, or \
                 has a different key",
            ),
            Self::IdentityTaken => {
                f.write_str("the device claims to be another, which there is a bond with")
            }
            Self::Timeout => f.write_str("the pairing or the encryption was not answered in time"),
            Self::Disconnected(reason) => write!(f, "disconnected: {reason}"),
            Self::Busy => f.write_str("the device is being paired by somebody else"),
            Self::Hci(status) => write!(f, "the controller refused: {}", Reason::Hci(*status)),
            Self::Host => f.write_str("no randomness, or no controller, to pair with"),
        }
    }
}

impl core::error::Error for SecurityError {}
