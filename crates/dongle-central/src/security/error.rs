//! How pairing and encryption can fail.

use core::fmt;

use super::reason::PairingFailure;
use crate::links::Reason;

/// Why a link could not be secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityError {
    /// The peer rejected the pairing.
    RejectedByPeer(PairingFailure),
    /// We rejected it: the peer cannot meet the requirements, or it misbehaved.
    RejectedByUs(PairingFailure),
    /// The peer no longer has the bond's key, or has another one. Only the user can know whether it
    /// is still the same device.
    BondLost,
    /// The link timed out while it was being encrypted with the bond's key. Either the peer is out of range, or
    /// it has another key, notices that first, and stops responding (Core Vol 6 Part B, 5.1.3.1).
    KeyUnconfirmed,
    /// The peer claims the identity of another bonded device. If it is that device, and was reset,
    /// delete that bond first.
    IdentityTaken,
    /// No answer for 30 s, from the peer or the user, or no end of the encryption. No further
    /// attempt is possible on this connection (Core Vol 3 Part H, 3.4).
    Timeout,
    /// The link ended.
    Disconnected(Reason),
    /// Another call has been pairing on this connection, or encrypting it, for too long: there is
    /// one at a time.
    Busy,
    /// The controller refused, with this status.
    Hci(u8),
    /// This side could not do it: it has no random numbers, or no controller.
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
