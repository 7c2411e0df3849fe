//! The Supported Commands bitmap (Core Vol 4 Part E 6.27), built from each command's position.

use super::opcode::*;

/// (opcode, octet, bit)
const POSITIONS: &[(u16, usize, u8)] = &[
    (DISCONNECT, 0, 5),
    (READ_REMOTE_VERSION, 2, 7),
    (SET_EVENT_MASK, 5, 6),
    (RESET, 5, 7),
    (READ_TRANSMIT_POWER_LEVEL, 10, 2),
    (SET_CONTROLLER_TO_HOST_FLOW_CONTROL, 10, 5),
    (HOST_BUFFER_SIZE, 10, 6),
    (HOST_NUMBER_OF_COMPLETED_PACKETS, 10, 7),
    (READ_LOCAL_VERSION, 14, 3),
    (READ_LOCAL_SUPPORTED_COMMANDS, 14, 4),
    (READ_LOCAL_SUPPORTED_FEATURES, 14, 5),
    (READ_BUFFER_SIZE, 14, 7),
    (READ_BD_ADDR, 15, 1),
    (READ_RSSI, 15, 5),
    (SET_EVENT_MASK_PAGE_2, 22, 2),
    (READ_LE_HOST_SUPPORT, 24, 5),
    (WRITE_LE_HOST_SUPPORT, 24, 6),
    (LE_SET_EVENT_MASK, 25, 0),
    (LE_READ_BUFFER_SIZE, 25, 1),
    (LE_READ_LOCAL_SUPPORTED_FEATURES, 25, 2),
    (LE_SET_RANDOM_ADDRESS, 25, 4),
    (LE_SET_ADVERTISING_PARAMETERS, 25, 5),
    (LE_READ_ADVERTISING_CHANNEL_TX_POWER, 25, 6),
    (LE_SET_ADVERTISING_DATA, 25, 7),
    (LE_SET_SCAN_RESPONSE_DATA, 26, 0),
    (LE_SET_ADVERTISING_ENABLE, 26, 1),
    (LE_SET_SCAN_PARAMETERS, 26, 2),
    (LE_SET_SCAN_ENABLE, 26, 3),
    (LE_CREATE_CONNECTION, 26, 4),
    (LE_CREATE_CONNECTION_CANCEL, 26, 5),
    (LE_READ_FILTER_ACCEPT_LIST_SIZE, 26, 6),
    (LE_CLEAR_FILTER_ACCEPT_LIST, 26, 7),
    (LE_ADD_TO_FILTER_ACCEPT_LIST, 27, 0),
    (LE_REMOVE_FROM_FILTER_ACCEPT_LIST, 27, 1),
    (LE_CONNECTION_UPDATE, 27, 2),
    (LE_SET_HOST_CHANNEL_CLASSIFICATION, 27, 3),
    (LE_READ_CHANNEL_MAP, 27, 4),
    (LE_READ_REMOTE_FEATURES, 27, 5),
    (LE_ENCRYPT, 27, 6),
    (LE_RAND, 27, 7),
    (LE_ENABLE_ENCRYPTION, 28, 0),
    (LE_LTK_REQUEST_REPLY, 28, 1),
    (LE_LTK_REQUEST_NEGATIVE_REPLY, 28, 2),
    (LE_READ_SUPPORTED_STATES, 28, 3),
    (LE_REMOTE_PARAMETER_REQUEST_REPLY, 33, 4),
    (LE_REMOTE_PARAMETER_REQUEST_NEGATIVE_REPLY, 33, 5),
    (LE_SET_DATA_LENGTH, 33, 6),
    (LE_READ_SUGGESTED_DATA_LENGTH, 33, 7),
    (LE_WRITE_SUGGESTED_DATA_LENGTH, 34, 0),
    (LE_ADD_TO_RESOLVING_LIST, 34, 3),
    (LE_REMOVE_FROM_RESOLVING_LIST, 34, 4),
    (LE_CLEAR_RESOLVING_LIST, 34, 5),
    (LE_READ_RESOLVING_LIST_SIZE, 34, 6),
    (LE_READ_PEER_RESOLVABLE_ADDRESS, 34, 7),
    (LE_READ_LOCAL_RESOLVABLE_ADDRESS, 35, 0),
    (LE_SET_ADDRESS_RESOLUTION_ENABLE, 35, 1),
    (LE_SET_RPA_TIMEOUT, 35, 2),
    (LE_READ_MAXIMUM_DATA_LENGTH, 35, 3),
    (LE_READ_PHY, 35, 4),
    (LE_SET_DEFAULT_PHY, 35, 5),
    (LE_SET_PHY, 35, 6),
    (LE_SET_ADVERTISING_SET_RANDOM_ADDRESS, 36, 1),
    (LE_SET_EXTENDED_ADVERTISING_PARAMETERS, 36, 2),
    (LE_SET_EXTENDED_ADVERTISING_DATA, 36, 3),
    (LE_SET_EXTENDED_SCAN_RESPONSE_DATA, 36, 4),
    (LE_SET_EXTENDED_ADVERTISING_ENABLE, 36, 5),
    (LE_READ_MAXIMUM_ADVERTISING_DATA_LENGTH, 36, 6),
    (LE_READ_NUMBER_OF_ADVERTISING_SETS, 36, 7),
    (LE_REMOVE_ADVERTISING_SET, 37, 0),
    (LE_CLEAR_ADVERTISING_SETS, 37, 1),
    (LE_SET_EXTENDED_SCAN_PARAMETERS, 37, 5),
    (LE_SET_EXTENDED_SCAN_ENABLE, 37, 6),
    (LE_EXTENDED_CREATE_CONNECTION, 37, 7),
    (LE_READ_TRANSMIT_POWER, 38, 7),
    (LE_SET_PRIVACY_MODE, 39, 2),
    (LE_READ_BUFFER_SIZE_V2, 41, 5),
];

/// The bitmap of the commands for which `has` is true.
pub(crate) fn supported_commands(has: impl Fn(u16) -> bool) -> [u8; 64] {
    let mut bitmap = [0; 64];
    for &(opcode, octet, bit) in POSITIONS {
        if has(opcode)
            && let Some(byte) = bitmap.get_mut(octet)
        {
            *byte |= 1 << bit;
        }
    }
    bitmap
}

/// Whether the simulated controller knows the command in any configuration.
pub(crate) fn is_known(opcode: u16) -> bool {
    POSITIONS.iter().any(|&(known, ..)| known == opcode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_stands_where_the_specification_puts_it() {
        let bitmap = supported_commands(|opcode| opcode == LE_SET_DATA_LENGTH);
        assert_eq!(bitmap[33], 1 << 6);
        assert_eq!(bitmap.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
        assert!(is_known(RESET));
        assert!(!is_known(0xFC01));
    }
}
