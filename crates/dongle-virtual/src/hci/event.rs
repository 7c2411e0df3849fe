//! Event codes, LE subevent codes, and the mask bit that enables each of them.

pub(crate) const DISCONNECTION_COMPLETE: u8 = 0x05;
pub(crate) const ENCRYPTION_CHANGE: u8 = 0x08;
pub(crate) const READ_REMOTE_VERSION_COMPLETE: u8 = 0x0C;
pub(crate) const COMMAND_COMPLETE: u8 = 0x0E;
pub(crate) const COMMAND_STATUS: u8 = 0x0F;
pub(crate) const HARDWARE_ERROR: u8 = 0x10;
pub(crate) const NUMBER_OF_COMPLETED_PACKETS: u8 = 0x13;
pub(crate) const DATA_BUFFER_OVERFLOW: u8 = 0x1A;
pub(crate) const ENCRYPTION_KEY_REFRESH: u8 = 0x30;
pub(crate) const LE_META: u8 = 0x3E;

/// Subevent codes of the LE Meta event.
pub(crate) mod le {
    pub(crate) const CONNECTION_COMPLETE: u8 = 0x01;
    pub(crate) const ADVERTISING_REPORT: u8 = 0x02;
    pub(crate) const CONNECTION_UPDATE_COMPLETE: u8 = 0x03;
    pub(crate) const READ_REMOTE_FEATURES_COMPLETE: u8 = 0x04;
    pub(crate) const LTK_REQUEST: u8 = 0x05;
    pub(crate) const REMOTE_PARAMETER_REQUEST: u8 = 0x06;
    pub(crate) const DATA_LENGTH_CHANGE: u8 = 0x07;
    pub(crate) const ENHANCED_CONNECTION_COMPLETE: u8 = 0x0A;
    pub(crate) const PHY_UPDATE_COMPLETE: u8 = 0x0C;
    pub(crate) const EXTENDED_ADVERTISING_REPORT: u8 = 0x0D;
    pub(crate) const SCAN_TIMEOUT: u8 = 0x11;
    pub(crate) const ADVERTISING_SET_TERMINATED: u8 = 0x12;
    pub(crate) const SCAN_REQUEST_RECEIVED: u8 = 0x13;
    pub(crate) const CHANNEL_SELECTION_ALGORITHM: u8 = 0x14;
}

/// The event mask after a reset (Core Vol 4 Part E 7.3.1). LE Meta is not enabled in it.
pub(crate) const DEFAULT_MASK: u64 = 0x0000_1FFF_FFFF_FFFF;
/// The LE event mask after a reset (Core Vol 4 Part E 7.8.1).
pub(crate) const DEFAULT_LE_MASK: u64 = 0x1F;

/// Whether `mask` lets the event through. Some events can't be masked.
pub(crate) fn passes(mask: u64, code: u8) -> bool {
    match code {
        COMMAND_COMPLETE | COMMAND_STATUS | NUMBER_OF_COMPLETED_PACKETS => true,
        1..=64 => mask & (1 << (code - 1)) != 0,
        _ => true,
    }
}
