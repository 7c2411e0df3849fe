//! HCI packets as H4 writes them: an indicator, a header, a payload (Core Vol 4 Part A 2).

pub use bt_hci::transport::PacketKind;

/// HCI_Reset as H4 writes it (Core Vol 4 Part E 7.3.2).
pub const RESET: [u8; 4] = [0x01, 0x03, 0x0c, 0x00];

/// The largest packet that H4 can carry: an ACL Data packet with 65,535 bytes of data.
pub const MAX_PACKET: usize = 1 + 4 + 65_535;

/// The kind that an H4 packet indicator stands for.
pub fn kind_of(indicator: u8) -> Option<PacketKind> {
    match indicator {
        0x01 => Some(PacketKind::Cmd),
        0x02 => Some(PacketKind::AclData),
        0x03 => Some(PacketKind::SyncData),
        0x04 => Some(PacketKind::Event),
        0x05 => Some(PacketKind::IsoData),
        _ => None,
    }
}

/// The length of a packet's header in bytes, without the indicator (Core Vol 4 Part E 5.4).
pub fn header_length(kind: PacketKind) -> usize {
    match kind {
        PacketKind::Event => 2,
        PacketKind::Cmd | PacketKind::SyncData => 3,
        PacketKind::AclData | PacketKind::IsoData => 4,
    }
}

/// The length in bytes of the whole packet at the front of `bytes`, indicator included.
///
/// `None` while the header is incomplete, or if the first byte is no packet indicator.
///
/// ```
/// // HCI_Command_Complete for HCI_Reset
/// let bytes = [0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00];
/// assert_eq!(hci_transport::packet::total_length(&bytes[..3]), Some(7));
/// assert_eq!(hci_transport::packet::total_length(&bytes[..2]), None);
/// ```
pub fn total_length(bytes: &[u8]) -> Option<usize> {
    let kind = kind_of(*bytes.first()?)?;
    let header = bytes.get(1..1 + header_length(kind))?;
    let payload = match (kind, header) {
        (PacketKind::Event, [_, length]) => usize::from(*length),
        (PacketKind::Cmd | PacketKind::SyncData, [_, _, length]) => usize::from(*length),
        (PacketKind::AclData, [_, _, low, high]) => u16::from_le_bytes([*low, *high]).into(),
        // ISO_Data_Load_Length has 14 bits; the two above it are reserved (5.4.5).
        (PacketKind::IsoData, [_, _, low, high]) => {
            (u16::from_le_bytes([*low, *high]) & 0x3fff).into()
        }
        _ => return None,
    };
    Some(1 + header.len() + payload)
}

/// The kind of a packet if its length is right for its header and a controller sends such packets.
/// `head` is the first 5 bytes, which hold any header; the whole packet has `length` bytes.
///
/// An event's contents aren't checked.
pub(crate) fn kind_from_controller(head: &[u8], length: usize) -> Option<PacketKind> {
    if total_length(head) != Some(length) {
        return None;
    }
    match kind_of(*head.first()?)? {
        PacketKind::Cmd => None,
        PacketKind::IsoData => {
            // The first fragment of an SDU, or a complete one, begins with a header of its own
            // (5.4.5).
            let flags = head.get(2)? >> 4;
            let load_header = match (flags & 0b01, flags & 0b100) {
                (0, 0) => 4,
                (0, _) => 8,
                _ => 0,
            };
            (length >= 5 + load_header).then_some(PacketKind::IsoData)
        }
        kind => Some(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_the_length_of_its_packet() {
        assert_eq!(total_length(&RESET), Some(4));
        assert_eq!(total_length(&[0x04, 0x3e, 0xff]), Some(3 + 255));
        assert_eq!(
            total_length(&[0x02, 0x01, 0x20, 0xff, 0xff]),
            Some(MAX_PACKET)
        );
        assert_eq!(total_length(&[0x03, 0x01, 0x00, 0x10]), Some(4 + 16));
        assert_eq!(total_length(&[0x05, 0x01, 0x00, 0x10, 0xc0]), Some(5 + 16));
    }

    #[test]
    fn an_incomplete_header_and_an_unknown_indicator_have_no_length() {
        assert_eq!(total_length(&[]), None);
        assert_eq!(total_length(&[0x02, 0x01, 0x20, 0x04]), None);
        assert_eq!(total_length(&[0x06, 0x00, 0x00, 0x00, 0x00]), None);
    }

    #[test]
    fn only_whole_packets_of_a_controller_are_readable() {
        let judge =
            |packet: &[u8]| kind_from_controller(&packet[..packet.len().min(5)], packet.len());
        assert_eq!(judge(&[0x04, 0x10, 0x01, 0x00]), Some(PacketKind::Event));
        assert_eq!(judge(&[0x04, 0x10, 0x02, 0x00]), None);
        assert_eq!(judge(&[0x04, 0x10, 0x00, 0x00]), None);
        assert_eq!(judge(&RESET), None);
        // A complete ISO fragment without room for its sequence number.
        assert_eq!(judge(&[0x05, 0x01, 0x20, 0x01, 0x00, 0xaa]), None);
        assert_eq!(
            judge(&[0x05, 0x01, 0x10, 0x01, 0x00, 0xaa]),
            Some(PacketKind::IsoData)
        );
        assert_eq!(judge(&[]), None);
    }
}
