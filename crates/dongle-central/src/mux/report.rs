//! Parses the controller's advertising reports.
//!
//! They never reach trouble-host: bt-hci panics on an extended report that is cut short.

use bt_hci::param::{AddrKind, BdAddr};

use crate::links::Address;

/// One advertising report (Core Vol 4 Part E, 7.7.65.2 and 7.7.65.13).
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The advertiser's address; `None` if it is anonymous.
    pub address: Option<Address>,
    /// Whether it accepts connections.
    pub connectable: bool,
    /// Whether it answers a scan request.
    pub scannable: bool,
    /// Whether it is meant for one device, `direct_to`.
    pub directed: bool,
    /// Whether this is a scan response.
    pub scan_response: bool,
    /// Whether it was sent with legacy PDUs.
    pub legacy: bool,
    /// Whether another report has more data of this advertisement.
    pub more_follows: bool,
    /// Whether the controller lost the rest of the data.
    pub truncated: bool,
    /// Received signal strength in dBm.
    pub rssi: Option<i8>,
    /// Transmit power in dBm, if the PDU contains it.
    pub tx_power: Option<i8>,
    /// Advertising SID of an extended advertisement.
    pub sid: Option<u8>,
    /// Primary and secondary PHY: 1 for 1M, 2 for 2M, 3 for Coded, 0 for none.
    pub phys: (u8, u8),
    /// The target of a directed advertisement.
    pub direct_to: Option<Address>,
    /// Advertising data, or a fragment of it.
    pub data: &'a [u8],
}

/// Receives advertising reports. It is called from within the receiving task, so it must return quickly.
pub trait ReportHandler {
    /// Takes a report.
    fn report(&self, report: &Report<'_>);
}

/// Ignores all reports.
impl ReportHandler for () {
    fn report(&self, _: &Report<'_>) {}
}

impl<F: Fn(&Report<'_>)> ReportHandler for F {
    fn report(&self, report: &Report<'_>) {
        self(report);
    }
}

/// Parses the parameters of an LE Advertising Report event, after the subevent code; returns false
/// if they end in the middle of a report.
pub fn legacy(parameters: &[u8], mut each: impl FnMut(&Report<'_>)) -> bool {
    let Some((&count, mut rest)) = parameters.split_first() else {
        return false;
    };
    for _ in 0..count {
        let Some((&[kind, address_kind, ref whose @ .., len], tail)) =
            rest.split_first_chunk::<9>()
        else {
            return false;
        };
        let Some((data, tail)) = tail.split_at_checked(usize::from(len)) else {
            return false;
        };
        let Some((&rssi, tail)) = tail.split_first() else {
            return false;
        };
        rest = tail;
        each(&Report {
            address: Some(address(address_kind, whose)),
            connectable: matches!(kind, 0 | 1),
            scannable: matches!(kind, 0 | 2),
            directed: kind == 1,
            scan_response: kind == 4,
            legacy: true,
            more_follows: false,
            truncated: false,
            rssi: rssi_of(rssi),
            tx_power: None,
            sid: None,
            phys: (1, 0),
            direct_to: None,
            data,
        });
    }
    true
}

/// Parses the parameters of an LE Extended Advertising Report event, after the subevent code;
/// returns false if they end in the middle of a report.
pub fn extended(parameters: &[u8], mut each: impl FnMut(&Report<'_>)) -> bool {
    let Some((&count, mut rest)) = parameters.split_first() else {
        return false;
    };
    for _ in 0..count {
        let Some((head, tail)) = rest.split_first_chunk::<24>() else {
            return false;
        };
        let &[
            kind,
            _,
            address_kind,
            a0,
            a1,
            a2,
            a3,
            a4,
            a5,
            primary,
            secondary,
            sid,
            tx_power,
            rssi,
            _,
            _,
            direct_kind,
            ref direct @ ..,
            len,
        ] = head;
        let Some((data, tail)) = tail.split_at_checked(usize::from(len)) else {
            return false;
        };
        rest = tail;
        let directed = kind & 0b100 != 0;
        each(&Report {
            address: (address_kind != 0xFF)
                .then(|| address(address_kind, &[a0, a1, a2, a3, a4, a5])),
            connectable: kind & 0b1 != 0,
            scannable: kind & 0b10 != 0,
            directed,
            scan_response: kind & 0b1000 != 0,
            legacy: kind & 0b1_0000 != 0,
            more_follows: kind >> 5 & 0b11 == 1,
            truncated: kind >> 5 & 0b11 == 2,
            rssi: rssi_of(rssi),
            tx_power: rssi_of(tx_power),
            sid: (sid != 0xFF).then_some(sid),
            phys: (primary, secondary),
            direct_to: directed.then(|| address(direct_kind, direct)),
            data,
        });
    }
    true
}

fn address(kind: u8, bytes: &[u8; 6]) -> Address {
    // Types 2 and 3 are identity addresses, public and random static, that the controller resolved.
    let kind = if kind & 1 == 0 {
        AddrKind::PUBLIC
    } else {
        AddrKind::RANDOM
    };
    Address::new(kind, BdAddr::new(*bytes))
}

/// 127 means not available.
fn rssi_of(raw: u8) -> Option<i8> {
    (raw != 127).then_some(raw as i8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const LEGACY: [u8; 14] = [1, 0, 1, 1, 2, 3, 4, 5, 0xC6, 3, 2, 1, 6, 0xC8];

    fn extended_report() -> Vec<u8> {
        let mut r = std::vec![
            1,
            0b0010_0001,
            0,
            1,
            1,
            2,
            3,
            4,
            5,
            0xC6,
            1,
            2,
            7,
            127,
            0xD0
        ];
        r.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 2, 1, 6]);
        r
    }

    #[test]
    fn a_legacy_report_tells_who_how_strong_and_what() {
        let mut seen = 0;
        assert!(legacy(&LEGACY, |r| {
            seen += 1;
            assert_eq!(r.address.unwrap().addr.raw(), &[1, 2, 3, 4, 5, 0xC6]);
            assert!(r.connectable && r.scannable && r.legacy && !r.scan_response);
            assert_eq!((r.rssi, r.data), (Some(-56), &[2, 1, 6][..]));
        }));
        assert_eq!(seen, 1);
    }

    #[test]
    fn an_extended_report_tells_set_and_phy() {
        assert!(extended(&extended_report(), |r| {
            assert!(r.connectable && !r.scannable && !r.legacy && r.more_follows);
            assert_eq!(
                (r.sid, r.phys, r.tx_power, r.rssi),
                (Some(7), (1, 2), None, Some(-48))
            );
            assert_eq!(r.data, [2, 1, 6]);
        }));
    }

    #[test]
    fn a_report_that_is_cut_anywhere_is_no_report() {
        for (whole, is_legacy) in [(LEGACY.to_vec(), true), (extended_report(), false)] {
            for len in 0..whole.len() {
                let mut seen = 0;
                let cut = &whole[..len];
                let complete = match is_legacy {
                    true => legacy(cut, |_| seen += 1),
                    false => extended(cut, |_| seen += 1),
                };
                assert!(!complete && seen == 0, "cut at {len}");
            }
        }
    }

    #[test]
    fn whole_reports_before_a_damaged_one_are_told() {
        let mut two = LEGACY.to_vec();
        two[0] = 2;
        two.extend(&LEGACY[1..9]);
        let mut seen = 0;
        assert!(!legacy(&two, |_| seen += 1));
        assert_eq!(seen, 1);
    }
}
