//! Configuration of a controller or a beacon, before it enters the air.

use std::time::Duration;

use crate::address::Address;

/// How time passes on the radio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pacing {
    /// Connection events and advertising happen at the intervals that the hosts requested.
    Paced,
    /// Data moves as soon as both sides can accept it, link layer procedures take no time,
    /// advertising happens every 10 ms, and a silent link ends after at most 200 ms.
    #[default]
    FreeRunning,
}

/// The configuration of a simulated controller.
///
/// [`ControllerConfig::default`] is a capable modern controller (extended advertising, data length
/// extension, 2M and Coded PHY); [`ControllerConfig::zephyr_uart`] is a small one, like many boards.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ControllerConfig {
    /// A name for logs.
    pub name: String,
    /// The public address (BD_ADDR), least significant byte first; all zeros when it has none.
    pub public_address: [u8; 6],
    /// How many ACL packets the host may have outstanding.
    pub acl_buffers: u8,
    /// The longest ACL packet of the host, in octets (27 to 251).
    pub acl_length: u16,
    /// The longest payload of one link layer packet, in octets: 27 without data length
    /// extension, up to 251 with it.
    pub data_length: u16,
    /// Whether LE Extended Advertising is supported.
    pub extended_advertising: bool,
    /// How many advertising sets there are (with extended advertising).
    pub advertising_sets: u8,
    /// The most advertising data of a set, in octets (31 to 1650).
    pub advertising_data_length: u16,
    /// Whether LE 2M PHY is supported.
    pub phy_2m: bool,
    /// Whether LE Coded PHY is supported.
    pub phy_coded: bool,
    /// Whether the peripheral may ask for connection parameters by a link layer procedure.
    pub connection_parameter_request: bool,
    /// How many links at once.
    pub connections: usize,
    /// How many devices the filter accept list holds.
    pub accept_list: u8,
    /// How many devices the resolving list holds; 0 is a controller without link layer privacy.
    pub resolving_list: u8,
    /// Whether Read Buffer Size (the BR/EDR command) is supported; Zephyr's controller refuses it.
    pub read_buffer_size: bool,
    /// Whether LE Read Buffer Size v2 is supported.
    pub read_buffer_size_v2: bool,
    /// Whether it has no ACL buffers for LE alone, but shares one set between LE and BR/EDR, as dual-mode
    /// controllers may (Core Vol 4 Part E 7.8.2): Read Buffer Size then reports those.
    pub shared_buffers: bool,
    /// Whether it has BR/EDR, too, and must be told that its host supports LE before it does anything
    /// on the radio (Write LE Host Support, Core Vol 4 Part E 7.3.79).
    pub dual_mode: bool,
    /// The signal strength at which others receive this device, in dBm.
    pub rssi: i8,
    /// How many received ACL packets wait for a slow host before the peer has to wait.
    pub receive_buffers: usize,
    /// How many advertising reports wait for a slow host before more are discarded (and counted).
    pub report_buffers: usize,
    /// How many advertisers the duplicate filter remembers; beyond that, the oldest is forgotten.
    pub duplicate_cache: usize,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        Self {
            name: String::from("controller"),
            public_address: [0; 6],
            acl_buffers: 8,
            acl_length: 251,
            data_length: 251,
            extended_advertising: true,
            advertising_sets: 4,
            advertising_data_length: 1650,
            phy_2m: true,
            phy_coded: true,
            connection_parameter_request: true,
            connections: 16,
            accept_list: 16,
            resolving_list: 16,
            read_buffer_size: true,
            read_buffer_size_v2: true,
            shared_buffers: false,
            dual_mode: false,
            rssi: -50,
            receive_buffers: 16,
            report_buffers: 64,
            duplicate_cache: 1024,
        }
    }
}

impl ControllerConfig {
    /// A controller without extended advertising.
    pub fn legacy() -> Self {
        Self {
            extended_advertising: false,
            ..Self::default()
        }
    }

    /// Like a stock Zephyr `hci_uart` board: no public address, seven ACL buffers of 27 octets, no
    /// BR/EDR buffer commands.
    pub fn zephyr_uart() -> Self {
        Self {
            name: String::from("zephyr"),
            acl_buffers: 7,
            acl_length: 27,
            data_length: 27,
            extended_advertising: false,
            phy_2m: false,
            phy_coded: false,
            read_buffer_size: false,
            read_buffer_size_v2: false,
            ..Self::default()
        }
    }

    /// The same with another name.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same with another public address, least significant byte first.
    pub fn with_public_address(mut self, address: [u8; 6]) -> Self {
        self.public_address = address;
        self
    }

    /// The same with `buffers` ACL buffers of `length` octets.
    pub fn with_acl(mut self, buffers: u8, length: u16) -> Self {
        self.acl_buffers = buffers;
        self.acl_length = length;
        self
    }

    /// The same with another maximum link layer payload (27: no data length extension).
    pub fn with_data_length(mut self, octets: u16) -> Self {
        self.data_length = octets;
        self
    }

    /// The same, received by others at `rssi` dBm.
    pub fn with_rssi(mut self, rssi: i8) -> Self {
        self.rssi = rssi;
        self
    }

    /// Replaces values that can't be simulated with the nearest that can.
    pub(crate) fn normalised(mut self) -> Self {
        self.acl_buffers = self.acl_buffers.max(1);
        self.acl_length = self.acl_length.clamp(27, 251);
        self.data_length = self.data_length.clamp(27, 251);
        self.advertising_data_length = self.advertising_data_length.clamp(31, 1650);
        self.advertising_sets = self.advertising_sets.clamp(1, 0xEF);
        self.receive_buffers = self.receive_buffers.max(1);
        self.report_buffers = self.report_buffers.max(1);
        self.duplicate_cache = self.duplicate_cache.max(1);
        self
    }

    /// LE features, page 0 (Core Vol 6 Part B 4.6).
    pub(crate) fn le_features(&self) -> u64 {
        let mut bits = 0b1_1101; // encryption, extended reject, peripheral features exchange, ping
        let mut set = |bit: u32, on: bool| bits |= u64::from(on) << bit;
        set(1, self.connection_parameter_request);
        set(5, self.data_length > 27);
        set(6, self.resolving_list > 0);
        set(7, self.resolving_list > 0);
        set(8, self.phy_2m);
        set(11, self.phy_coded);
        set(12, self.extended_advertising);
        set(14, true);
        bits
    }

    /// The highest own address type: 2 and 3 require link layer privacy.
    pub(crate) fn most_own_kind(&self) -> u8 {
        match self.resolving_list {
            0 => 1,
            _ => 3,
        }
    }

    /// The supported PHYs, as bits of LE Set PHY.
    pub(crate) fn phys(&self) -> u8 {
        0b001 | u8::from(self.phy_2m) << 1 | u8::from(self.phy_coded) << 2
    }
}

/// An advertiser without a host: it sends its data and accepts no connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BeaconConfig {
    /// The address it sends from.
    pub address: Address,
    /// Advertising data. More than 31 octets are sent as an extended advertisement.
    pub data: Vec<u8>,
    /// Scan response data; `None` makes it non-scannable.
    pub scan_response: Option<Vec<u8>>,
    /// The interval; zero means as often as the scanners' hosts accept reports.
    pub interval: Duration,
    /// The signal strength at which it is received, in dBm.
    pub rssi: i8,
}

impl BeaconConfig {
    /// A beacon that sends `data` every 100 ms.
    pub fn new(address: Address, data: impl Into<Vec<u8>>) -> Self {
        Self {
            address,
            data: data.into(),
            scan_response: None,
            interval: Duration::from_millis(100),
            rssi: -70,
        }
    }

    /// The same with another interval; zero means as often as the scanners' hosts accept reports.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The same, scannable, with `data` as its scan response.
    pub fn with_scan_response(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.scan_response = Some(data.into());
        self
    }

    /// The same, received at `rssi` dBm.
    pub fn with_rssi(mut self, rssi: i8) -> Self {
        self.rssi = rssi;
        self
    }
}
