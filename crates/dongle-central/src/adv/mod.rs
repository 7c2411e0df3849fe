//! What devices say about themselves in advertising data, scan responses and the like.
//!
//! The data is a sequence of AD structures (Core Specification Vol 3 Part C section 11; their meaning is in the
//! Supplement to the Core Specification, Part A). Anyone within range can send it, so parsing never fails:
//! complete structures are returned, damaged ones skipped, and unknown ones returned as received.
//!
//! ```
//! use dongle_central::adv::AdvertisingData;
//! use dongle_central::att::Uuid;
//!
//! let data = AdvertisingData::new(b"\x02\x01\x06\x03\x03\x0D\x18\x06\x09Heart");
//! assert!(data.has_service(Uuid::from_u16(0x180D)));
//! assert_eq!(data.local_name().unwrap().to_string(), "Heart");
//! ```

mod ad_type;
mod data;
mod element;
mod text;

pub use ad_type::AdType;
pub use data::{AdStructure, AdvertisingData};
pub use element::{AdElement, AddressList, Flags, LeRole, ManufacturerData, ServiceData, UuidList};
pub use text::{Name, Uri};

#[cfg(test)]
mod tests;
