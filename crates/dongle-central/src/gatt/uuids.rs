//! The UUIDs that GATT itself uses (Assigned Numbers 3.5, 3.7, 3.8).

use crate::att::Uuid;

/// Generic Access service.
pub const GENERIC_ACCESS: Uuid = Uuid::from_u16(0x1800);
/// Generic Attribute service.
pub const GENERIC_ATTRIBUTE: Uuid = Uuid::from_u16(0x1801);

/// Primary Service declaration.
pub const PRIMARY_SERVICE: Uuid = Uuid::from_u16(0x2800);
/// Secondary Service declaration.
pub const SECONDARY_SERVICE: Uuid = Uuid::from_u16(0x2801);
/// Include declaration.
pub const INCLUDE: Uuid = Uuid::from_u16(0x2802);
/// Characteristic declaration.
pub const CHARACTERISTIC: Uuid = Uuid::from_u16(0x2803);

/// Characteristic Extended Properties descriptor.
pub const EXTENDED_PROPERTIES: Uuid = Uuid::from_u16(0x2900);
/// Characteristic User Description descriptor.
pub const USER_DESCRIPTION: Uuid = Uuid::from_u16(0x2901);
/// Client Characteristic Configuration descriptor (CCCD).
pub const CLIENT_CONFIGURATION: Uuid = Uuid::from_u16(0x2902);
/// Server Characteristic Configuration descriptor.
pub const SERVER_CONFIGURATION: Uuid = Uuid::from_u16(0x2903);
/// Characteristic Presentation Format descriptor.
pub const PRESENTATION_FORMAT: Uuid = Uuid::from_u16(0x2904);
/// Characteristic Aggregate Format descriptor.
pub const AGGREGATE_FORMAT: Uuid = Uuid::from_u16(0x2905);

/// Device Name.
pub const DEVICE_NAME: Uuid = Uuid::from_u16(0x2A00);
/// Appearance.
pub const APPEARANCE: Uuid = Uuid::from_u16(0x2A01);
/// Peripheral Preferred Connection Parameters.
pub const PREFERRED_CONNECTION_PARAMETERS: Uuid = Uuid::from_u16(0x2A04);
/// Service Changed.
pub const SERVICE_CHANGED: Uuid = Uuid::from_u16(0x2A05);
/// Central Address Resolution.
pub const CENTRAL_ADDRESS_RESOLUTION: Uuid = Uuid::from_u16(0x2AA6);
/// Client Supported Features.
pub const CLIENT_SUPPORTED_FEATURES: Uuid = Uuid::from_u16(0x2B29);
/// Database Hash.
pub const DATABASE_HASH: Uuid = Uuid::from_u16(0x2B2A);
/// Server Supported Features.
pub const SERVER_SUPPORTED_FEATURES: Uuid = Uuid::from_u16(0x2B3A);
