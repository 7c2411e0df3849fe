//! Values that GATT itself defines: what a client configures, and which services changed.

use bitflags::bitflags;

use crate::att::{HandleRange, split_range};

bitflags! {
    /// The value of a Client Characteristic Configuration descriptor (Part G 3.3.3.3).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ClientConfiguration: u16 {
        /// The server notifies the value.
        const NOTIFICATIONS = 0x0001;
        /// The server indicates the value.
        const INDICATIONS = 0x0002;
        const _ = !0;
    }

    /// The first octet of the Client Supported Features characteristic (Part G 7.2). Bits that were
    /// set cannot be cleared again.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ClientFeatures: u8 {
        /// The client wants an error response when its view of the database is outdated.
        const ROBUST_CACHING = 0x01;
        /// The client supports the Enhanced ATT bearer.
        const ENHANCED_BEARER = 0x02;
        /// The client supports Multiple Handle Value Notifications.
        const MULTIPLE_NOTIFICATIONS = 0x04;
        const _ = !0;
    }
}

impl ClientConfiguration {
    /// The value as written to the server.
    pub const fn to_le_bytes(self) -> [u8; 2] {
        self.bits().to_le_bytes()
    }

    /// Parses a value that was read; `None` unless it has two octets.
    pub fn parse(value: &[u8]) -> Option<Self> {
        value
            .try_into()
            .ok()
            .map(u16::from_le_bytes)
            .map(Self::from_bits_retain)
    }
}

/// The range of handles in a Service Changed indication (Part G 7.1); `None` if the value is invalid.
pub fn changed_services(value: &[u8]) -> Option<HandleRange> {
    match split_range(value)? {
        (range, []) => range.ok(),
        _ => None,
    }
}
