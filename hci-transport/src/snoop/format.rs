//! The bytes of a btsnoop file (RFC 1761, with the datalink types of Bluetooth). No I/O.

use std::time::{SystemTime, UNIX_EPOCH};

/// The start of a file with packets in H4 form: version 1, datalink type 1002 (HCI UART).
pub(super) const HEADER: [u8; 16] = *b"btsnoop\0\0\0\0\x01\0\0\x03\xea";

/// The length of the header in front of each packet.
pub(super) const RECORD_HEADER: usize = 24;

/// Microseconds from the year 0 to 1970, by the count that readers of these files use.
const EPOCH: u64 = 0x00dc_ddb3_0f2f_8000;

/// Replaces `out` with the record of a packet in H4 form.
pub(super) fn record(out: &mut Vec<u8>, at: SystemTime, from_controller: bool, packet: &[u8]) {
    let length = u32::try_from(packet.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    // Bit 0: received by the host. Bit 1: a command or an event.
    let is_data = matches!(packet.first(), Some(0x02 | 0x03 | 0x05));
    let flags = u32::from(from_controller) | u32::from(!is_data) << 1;
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = EPOCH + u64::try_from(since.as_micros()).unwrap_or_default();
    out.clear();
    out.extend(length);
    out.extend(length);
    out.extend(flags.to_be_bytes());
    out.extend([0; 4]);
    out.extend(time.to_be_bytes());
    out.extend(packet);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_record_is_as_everyone_reads_it() {
        let mut out = vec![9; 3];
        let at = UNIX_EPOCH + Duration::from_micros(1_000_001);
        record(&mut out, at, true, &[0x04, 0x10, 0x00]);
        assert_eq!(out[..8], [0, 0, 0, 3, 0, 0, 0, 3]);
        assert_eq!(out[8..16], [0, 0, 0, 3, 0, 0, 0, 0]);
        assert_eq!(
            out[16..24],
            (0x00dc_ddb3_0f2f_8000_u64 + 1_000_001).to_be_bytes()
        );
        assert_eq!(out[RECORD_HEADER..], [0x04, 0x10, 0x00]);
        let flags = |from, packet: &[u8]| {
            let mut out = Vec::new();
            record(&mut out, at, from, packet);
            out[11]
        };
        assert_eq!(flags(false, &[0x01, 0x03, 0x0c, 0x00]), 2);
        assert_eq!(flags(false, &[0x02, 0, 0, 0, 0]), 0);
        assert_eq!(flags(true, &[0x02, 0, 0, 0, 0]), 1);
    }
}
