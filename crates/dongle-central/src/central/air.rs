//! Writes the scan and connect commands octet by octet (Core Vol 4 Part E, 7.8), legacy or extended.

use bt_hci::param::AddrKind;
use embassy_time::Duration;
use trouble_host::connection::RequestedConnParams;

use super::command::{Command, opcode};
use super::{ConnectConfig, Phys, ScanConfig};
use crate::links::Address;

/// Which family of commands to use, and which kind of own address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    /// Whether to use LE Set Extended Scan Parameters and its like instead of the commands of Bluetooth 4.
    pub(super) extended: bool,
    /// Whether our own address is random.
    pub(super) random: bool,
}

impl Family {
    /// LE Set Scan Parameters (7.8.10), or LE Set Extended Scan Parameters (7.8.64).
    pub(super) fn scan_parameters(self, config: &ScanConfig) -> Command {
        let kind = u8::from(config.active);
        let (own, filtered) = (u8::from(self.random), u8::from(!config.accept.is_empty()));
        let [i0, i1] = units(config.interval, 625);
        let [w0, w1] = units(config.window, 625);
        let timing = [kind, i0, i1, w0, w1];
        if !self.extended {
            return Command::written(opcode::SET_SCAN_PARAMETERS, &[&timing, &[own, filtered]]);
        }
        let (phys, second) = config.phys.listed(&timing);
        let first = [own, filtered, phys];
        Command::written(
            opcode::SET_EXTENDED_SCAN_PARAMETERS,
            &[&first[..], &timing, second],
        )
    }

    /// LE Set Scan Enable (7.8.11), or LE Set Extended Scan Enable (7.8.65).
    pub(super) fn scan_enable(self, on: bool, filter_duplicates: bool) -> Command {
        let what = [u8::from(on), u8::from(filter_duplicates)];
        match self.extended {
            false => Command::written(opcode::SET_SCAN_ENABLE, &[&what]),
            // Duration and period 0: scan continuously, with no end.
            true => Command::written(opcode::SET_EXTENDED_SCAN_ENABLE, &[&what, &[0; 4][..]]),
        }
    }

    /// LE Create Connection (7.8.12), or LE Extended Create Connection (7.8.66). Several peers must
    /// already be in the filter accept list.
    pub(super) fn create_connection(self, peers: &[Address], config: &ConnectConfig) -> Command {
        let own = u8::from(self.random);
        let (filtered, peer) = match peers {
            [peer] => (0, *peer),
            _ => (1, Address::default()),
        };
        let [k, a0, a1, a2, a3, a4, a5] = octets(peer);
        let [i0, i1] = units(config.scan_interval, 625);
        let [w0, w1] = units(config.scan_window, 625);
        let parameters = parameters(&config.parameters);
        if !self.extended {
            let first = [i0, i1, w0, w1, filtered, k, a0, a1, a2, a3, a4, a5, own];
            return Command::written(opcode::CREATE_CONNECTION, &[&first[..], &parameters]);
        }
        let mut each = [0; 16];
        for (to, from) in each
            .iter_mut()
            .zip([i0, i1, w0, w1].iter().chain(&parameters))
        {
            *to = *from;
        }
        let (phys, second) = config.phys.listed(&each);
        let first = [filtered, own, k, a0, a1, a2, a3, a4, a5, phys];
        Command::written(
            opcode::EXTENDED_CREATE_CONNECTION,
            &[&first[..], &each, second],
        )
    }
}

/// The command with this number of those that put `peers` into the filter accept list: LE Clear
/// Filter Accept List (7.8.15), then LE Add Device To Filter Accept List (7.8.16) for each; none if
/// there are no peers. `Err` counts on after them: 0 for the first command that follows.
pub(super) fn fill_accept_list(peers: &[Address], number: usize) -> Result<Command, usize> {
    if peers.is_empty() {
        return Err(number);
    }
    let Some(index) = number.checked_sub(1) else {
        return Ok(Command::written(opcode::CLEAR_FILTER_ACCEPT_LIST, &[]));
    };
    match peers.get(index) {
        Some(peer) => {
            let peer = octets(*peer);
            Ok(Command::written(
                opcode::ADD_TO_FILTER_ACCEPT_LIST,
                &[&peer],
            ))
        }
        None => Err(index - peers.len()),
    }
}

impl Phys {
    /// The bits of these PHYs, and the parameters of the second PHY if there are two: those of the first.
    fn listed(self, of_each: &[u8]) -> (u8, &[u8]) {
        match self {
            Self::OneM => (1, &[]),
            Self::Coded => (4, &[]),
            Self::Both => (5, of_each),
        }
    }
}

/// The type of a peer's address, then the address.
fn octets(peer: Address) -> [u8; 7] {
    let [a0, a1, a2, a3, a4, a5] = peer.addr.into_inner();
    // Identity addresses that the controller has resolved are of one of these two types, too.
    let random = peer.kind.as_raw() & AddrKind::RANDOM.as_raw();
    [random, a0, a1, a2, a3, a4, a5]
}

/// Connection parameters, in the layout with which several commands end.
pub(super) fn parameters(asked: &RequestedConnParams) -> [u8; 12] {
    let [i0, i1] = units(asked.min_connection_interval, 1250);
    let [j0, j1] = units(asked.max_connection_interval, 1250);
    let [l0, l1] = asked.max_latency.to_le_bytes();
    let [t0, t1] = units(asked.supervision_timeout, 10_000);
    let [e0, e1] = units(asked.min_event_length, 625);
    let [f0, f1] = units(asked.max_event_length, 625);
    [i0, i1, j0, j1, l0, l1, t0, t1, e0, e1, f0, f1]
}

/// A duration in units of `micros` microseconds.
fn units(duration: Duration, micros: u32) -> [u8; 2] {
    // No valid duration exceeds 41 s.
    let duration = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
    let units = u16::try_from(duration / micros).unwrap_or(u16::MAX);
    units.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use bt_hci::cmd::le::{
        LeAddDeviceToFilterAcceptList, LeClearFilterAcceptList, LeCreateConn, LeExtCreateConn,
        LeSetExtScanEnable, LeSetExtScanParams, LeSetScanEnable, LeSetScanParams,
    };
    use bt_hci::param::{
        BdAddr, Duration as HciDuration, FilterDuplicates, InitiatingPhy, LeScanKind, PhyParams,
        ScanningFilterPolicy, ScanningPhy,
    };

    use super::*;
    use crate::central::AcceptList;

    const PEER: [u8; 6] = [1, 2, 3, 4, 5, 0xC6];
    const LEGACY: Family = Family {
        extended: false,
        random: true,
    };
    const EXTENDED: Family = Family {
        extended: true,
        random: false,
    };

    fn scan(phys: Phys) -> ScanConfig {
        ScanConfig {
            active: true,
            interval: Duration::from_millis(100),
            window: Duration::from_micros(2500),
            phys,
            ..ScanConfig::default()
        }
    }

    fn connect(phys: Phys) -> ConnectConfig {
        let parameters = RequestedConnParams {
            min_connection_interval: Duration::from_micros(7500),
            max_connection_interval: Duration::from_secs(4),
            max_latency: 499,
            min_event_length: Duration::from_micros(625),
            max_event_length: Duration::from_millis(10),
            supervision_timeout: Duration::from_secs(32),
        };
        ConnectConfig {
            parameters,
            phys,
            ..ConnectConfig::default()
        }
    }

    #[test]
    fn a_scan_by_legacy_commands() {
        let config = scan(Phys::OneM);
        let (interval, window) = (HciDuration::from_u16(160), HciDuration::from_u16(4));
        let policy = ScanningFilterPolicy::BasicUnfiltered;
        let theirs = LeSetScanParams::new(
            LeScanKind::Active,
            interval,
            window,
            AddrKind::RANDOM,
            policy,
        );
        LEGACY.scan_parameters(&config).assert_is(&theirs);
        LEGACY
            .scan_enable(true, true)
            .assert_is(&LeSetScanEnable::new(true, true));
        LEGACY
            .scan_enable(false, false)
            .assert_is(&LeSetScanEnable::new(false, false));
    }

    #[test]
    fn a_scan_by_extended_commands_on_each_phy() {
        let phy = ScanningPhy {
            active_scan: true,
            scan_interval: HciDuration::from_u16(160),
            scan_window: HciDuration::from_u16(4),
        };
        for (phys, one_m, coded) in [
            (Phys::OneM, Some(phy), None),
            (Phys::Coded, None, Some(phy)),
            (Phys::Both, Some(phy), Some(phy)),
        ] {
            let mut config = scan(phys);
            config.accept = AcceptList::from_slice(&[Address::random(PEER)]).unwrap();
            let policy = ScanningFilterPolicy::BasicFiltered;
            let phys = PhyParams {
                le_1m_phy: one_m,
                le_2m_phy: None,
                le_coded_phy: coded,
            };
            let theirs = LeSetExtScanParams::new(AddrKind::PUBLIC, policy, phys);
            EXTENDED.scan_parameters(&config).assert_is(&theirs);
        }
        let (filter, zero) = (FilterDuplicates::Enabled, HciDuration::from_u16(0));
        let theirs = LeSetExtScanEnable::new(true, filter, HciDuration::from_u16(0), zero);
        EXTENDED.scan_enable(true, true).assert_is(&theirs);
    }

    #[test]
    fn a_connection_by_legacy_commands() {
        for peers in [&[Address::random(PEER)][..], &[Address::default(); 2]] {
            let [peer, ..] = peers else { continue };
            let theirs = LeCreateConn::new(
                HciDuration::from_u16(96),
                HciDuration::from_u16(96),
                peers.len() > 1,
                peer.kind,
                peer.addr,
                AddrKind::RANDOM,
                HciDuration::from_u16(6),
                HciDuration::from_u16(3200),
                499,
                HciDuration::from_u16(3200),
                HciDuration::from_u16(1),
                HciDuration::from_u16(16),
            );
            LEGACY
                .create_connection(peers, &connect(Phys::OneM))
                .assert_is(&theirs);
        }
    }

    #[test]
    fn a_connection_by_extended_commands_on_each_phy() {
        let phy = InitiatingPhy {
            scan_interval: HciDuration::from_u16(96),
            scan_window: HciDuration::from_u16(96),
            conn_interval_min: HciDuration::from_u16(6),
            conn_interval_max: HciDuration::from_u16(3200),
            max_latency: 499,
            supervision_timeout: HciDuration::from_u16(3200),
            min_ce_len: HciDuration::from_u16(1),
            max_ce_len: HciDuration::from_u16(16),
        };
        let peer = Address::random(PEER);
        for (phys, one_m, coded) in [
            (Phys::OneM, Some(phy), None),
            (Phys::Coded, None, Some(phy)),
            (Phys::Both, Some(phy), Some(phy)),
        ] {
            let list = PhyParams {
                le_1m_phy: one_m,
                le_2m_phy: None,
                le_coded_phy: coded,
            };
            let theirs = LeExtCreateConn::new(false, AddrKind::PUBLIC, peer.kind, peer.addr, list);
            EXTENDED
                .create_connection(&[peer], &connect(phys))
                .assert_is(&theirs);
        }
    }

    #[test]
    fn the_filter_accept_list_is_cleared_and_filled() {
        // An identity address, as reported by a controller that resolves addresses.
        let identity = Address::new(AddrKind::new(3), BdAddr::new(PEER));
        let peers = [Address::random(PEER), identity];
        fill_accept_list(&peers, 0)
            .unwrap()
            .assert_is(&LeClearFilterAcceptList::new());
        let theirs = LeAddDeviceToFilterAcceptList::new(AddrKind::RANDOM, BdAddr::new(PEER));
        for number in [1, 2] {
            fill_accept_list(&peers, number).unwrap().assert_is(&theirs);
        }
        assert_eq!(fill_accept_list(&peers, 4).err(), Some(1));
        assert_eq!(fill_accept_list(&[], 1).err(), Some(1));
    }
}
