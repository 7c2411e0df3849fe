//! UUIDs that the Bluetooth SIG has assigned, by the names it gave them: constants, which cost a
//! program nothing. What shows names of UUIDs to people is the crate `dongle-names`.
//!
//! ```
//! use dongle_central::assigned::{characteristics, services};
//!
//! assert_eq!(services::HEART_RATE.to_string(), "0x180D");
//! assert_eq!(characteristics::HEART_RATE_MEASUREMENT.as_u16(), Some(0x2A37));
//! ```

pub mod characteristics;
pub mod descriptors;
pub mod services;
