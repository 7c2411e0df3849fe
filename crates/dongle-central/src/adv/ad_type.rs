//! AD types: the types of the structures in advertising data (Assigned Numbers 2.3).

use core::fmt;

/// The type of an AD structure. Any octet is valid; assigned types have a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdType(pub u8);

/// One line per type: its constant, its number, and its name in Assigned Numbers.
macro_rules! ad_types {
    ($($constant:ident = $number:literal, $name:literal;)*) => {
        impl AdType {
            $(#[doc = concat!($name, ".")] pub const $constant: Self = Self($number);)*

            /// Its name in Assigned Numbers; `None` if it has none.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

ad_types! {
    FLAGS = 0x01, "Flags";
    INCOMPLETE_SERVICES_16 = 0x02, "Incomplete List of 16-bit Service Class UUIDs";
    COMPLETE_SERVICES_16 = 0x03, "Complete List of 16-bit Service Class UUIDs";
    INCOMPLETE_SERVICES_32 = 0x04, "Incomplete List of 32-bit Service Class UUIDs";
    COMPLETE_SERVICES_32 = 0x05, "Complete List of 32-bit Service Class UUIDs";
    INCOMPLETE_SERVICES_128 = 0x06, "Incomplete List of 128-bit Service Class UUIDs";
    COMPLETE_SERVICES_128 = 0x07, "Complete List of 128-bit Service Class UUIDs";
    SHORTENED_LOCAL_NAME = 0x08, "Shortened Local Name";
    COMPLETE_LOCAL_NAME = 0x09, "Complete Local Name";
    TX_POWER_LEVEL = 0x0A, "Tx Power Level";
    CLASS_OF_DEVICE = 0x0D, "Class of Device";
    SIMPLE_PAIRING_HASH_192 = 0x0E, "Simple Pairing Hash C-192";
    SIMPLE_PAIRING_RANDOMIZER_192 = 0x0F, "Simple Pairing Randomizer R-192";
    SECURITY_MANAGER_TK = 0x10, "Device ID or Security Manager TK Value";
    SECURITY_MANAGER_FLAGS = 0x11, "Security Manager Out of Band Flags";
    CONNECTION_INTERVAL_RANGE = 0x12, "Peripheral Connection Interval Range";
    SOLICITED_SERVICES_16 = 0x14, "List of 16-bit Service Solicitation UUIDs";
    SOLICITED_SERVICES_128 = 0x15, "List of 128-bit Service Solicitation UUIDs";
    SERVICE_DATA_16 = 0x16, "Service Data - 16-bit UUID";
    PUBLIC_TARGET_ADDRESS = 0x17, "Public Target Address";
    RANDOM_TARGET_ADDRESS = 0x18, "Random Target Address";
    APPEARANCE = 0x19, "Appearance";
    ADVERTISING_INTERVAL = 0x1A, "Advertising Interval";
    LE_DEVICE_ADDRESS = 0x1B, "LE Bluetooth Device Address";
    LE_ROLE = 0x1C, "LE Role";
    SIMPLE_PAIRING_HASH_256 = 0x1D, "Simple Pairing Hash C-256";
    SIMPLE_PAIRING_RANDOMIZER_256 = 0x1E, "Simple Pairing Randomizer R-256";
    SOLICITED_SERVICES_32 = 0x1F, "List of 32-bit Service Solicitation UUIDs";
    SERVICE_DATA_32 = 0x20, "Service Data - 32-bit UUID";
    SERVICE_DATA_128 = 0x21, "Service Data - 128-bit UUID";
    SECURE_CONNECTIONS_CONFIRMATION = 0x22, "LE Secure Connections Confirmation Value";
    SECURE_CONNECTIONS_RANDOM = 0x23, "LE Secure Connections Random Value";
    URI = 0x24, "URI";
    INDOOR_POSITIONING = 0x25, "Indoor Positioning";
    TRANSPORT_DISCOVERY_DATA = 0x26, "Transport Discovery Data";
    LE_SUPPORTED_FEATURES = 0x27, "LE Supported Features";
    CHANNEL_MAP_UPDATE = 0x28, "Channel Map Update Indication";
    PB_ADV = 0x29, "PB-ADV";
    MESH_MESSAGE = 0x2A, "Mesh Message";
    MESH_BEACON = 0x2B, "Mesh Beacon";
    BIG_INFO = 0x2C, "BIGInfo";
    BROADCAST_CODE = 0x2D, "Broadcast_Code";
    RESOLVABLE_SET_IDENTIFIER = 0x2E, "Resolvable Set Identifier";
    ADVERTISING_INTERVAL_LONG = 0x2F, "Advertising Interval - long";
    BROADCAST_NAME = 0x30, "Broadcast_Name";
    ENCRYPTED_DATA = 0x31, "Encrypted Advertising Data";
    PERIODIC_RESPONSE_TIMING = 0x32, "Periodic Advertising Response Timing Information";
    ELECTRONIC_SHELF_LABEL = 0x34, "Electronic Shelf Label";
    INFORMATION_3D = 0x3D, "3D Information Data";
    MANUFACTURER_DATA = 0xFF, "Manufacturer Specific Data";
}

impl fmt::Display for AdType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "AD type 0x{:02X}", self.0),
        }
    }
}

impl fmt::Debug for AdType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
