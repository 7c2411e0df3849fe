//! What a device advertises, assembled from the reports about it.

use std::fmt;
use std::sync::Arc;

use dongle_central::adv::{AdvertisingData, ManufacturerData, Name};
use dongle_central::att::Uuid;
use dongle_central::mux::Report;

use crate::address::Address;

/// The longest advertising data possible (Core Vol 6 Part B, 2.3.4.9).
const LONGEST_DATA: usize = 1650;

/// What a device advertises: its advertisement and its scan response together. Cheap to clone.
#[derive(Clone)]
pub struct Advertisement {
    address: Address,
    identity: Option<Address>,
    set: Option<u8>,
    rssi: Option<i8>,
    tx_power: Option<i8>,
    kind: Kind,
    data: Arc<[u8]>,
    response: Arc<[u8]>,
    truncated: bool,
}

/// The properties of an advertisement's PDU.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    connectable: bool,
    scannable: bool,
    directed: bool,
    direct_to: Option<Address>,
    legacy: bool,
    phys: (u8, u8),
}

impl Kind {
    fn of(report: &Report<'_>) -> Self {
        Self {
            connectable: report.connectable,
            scannable: report.scannable,
            directed: report.directed,
            direct_to: report.direct_to.map(Address::from_host),
            legacy: report.legacy,
            phys: report.phys,
        }
    }
}

impl Advertisement {
    /// The address that the device uses at the moment.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The identity address of the bonded device that sent it; `None` if it isn't bonded.
    pub fn identity(&self) -> Option<Address> {
        self.identity
    }

    /// The advertising set it belongs to, for a device that sends several extended advertisements.
    pub fn advertising_set(&self) -> Option<u8> {
        self.set
    }

    /// How strongly it was received, in dBm.
    pub fn rssi(&self) -> Option<i8> {
        self.rssi
    }

    /// Whether it can be connected to.
    pub fn is_connectable(&self) -> bool {
        self.kind.connectable
    }

    /// Whether it has scan response data, which an active scan requests.
    pub fn is_scannable(&self) -> bool {
        self.kind.scannable
    }

    /// Whether it is directed at a single device.
    pub fn is_directed(&self) -> bool {
        self.kind.directed
    }

    /// The address that a directed advertisement is meant for, where the controller reports it.
    pub fn directed_to(&self) -> Option<Address> {
        self.kind.direct_to
    }

    /// Whether it was sent with extended advertising.
    pub fn is_extended(&self) -> bool {
        !self.kind.legacy
    }

    /// Whether it came over LE Coded PHY.
    pub fn is_coded(&self) -> bool {
        self.kind.phys.0 == 3
    }

    /// Whether the controller lost the end of the data.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// The device's name. Octets that are not UTF-8 become replacement characters.
    pub fn name(&self) -> Option<String> {
        self.local_name().map(|name| name.to_string())
    }

    pub(crate) fn local_name(&self) -> Option<Name<'_>> {
        self.both().find_map(|data| data.local_name())
    }

    /// The services that it advertises.
    pub fn services(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.both().flat_map(|data| data.services())
    }

    /// Whether it advertises this service. A string has to be [parsed](Uuid) first, because an
    /// invalid UUID would look like a service that no device advertises.
    pub fn has_service(&self, uuid: impl Into<Uuid>) -> bool {
        let uuid = uuid.into();
        self.services().any(|service| service == uuid)
    }

    /// Manufacturer-specific data, each with its company identifier.
    pub fn manufacturer_data(&self) -> impl Iterator<Item = ManufacturerData<'_>> {
        self.both().flat_map(|data| data.manufacturer_data())
    }

    /// The data that belongs to a service. A string has to be [parsed](Uuid) first.
    pub fn service_data(&self, uuid: impl Into<Uuid>) -> Option<&[u8]> {
        let uuid = uuid.into();
        self.both().find_map(|data| data.service_data(uuid))
    }

    /// The transmit power that the device claims, in dBm.
    pub fn tx_power(&self) -> Option<i8> {
        self.tx_power
            .or_else(|| self.both().find_map(|data| data.tx_power()))
    }

    /// The appearance, which is the kind of device that it claims to be.
    pub fn appearance(&self) -> Option<u16> {
        self.both().find_map(|data| data.appearance())
    }

    /// The advertising data, as it was received.
    pub fn data(&self) -> AdvertisingData<'_> {
        AdvertisingData::new(&self.data)
    }

    /// The scan response data, as it was received.
    pub fn scan_response(&self) -> AdvertisingData<'_> {
        AdvertisingData::new(&self.response)
    }

    fn both(&self) -> impl Iterator<Item = AdvertisingData<'_>> {
        [&self.data, &self.response]
            .into_iter()
            .map(|data| AdvertisingData::new(data))
    }
}

impl fmt::Display for Advertisement {
    /// `D0:18:0D:48:52:4D "Dongle HRM" -50 dBm`, as far as it is known. Quotes and escapes keep a
    /// device's name from looking like anything else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(name) = self.name() {
            write!(f, " {name:?}")?;
        }
        match self.rssi {
            Some(rssi) => write!(f, " {rssi} dBm"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Advertisement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<_> = self.services().collect();
        f.debug_struct("Advertisement")
            .field("address", &self.address)
            .field("name", &self.name())
            .field("rssi", &self.rssi)
            .field("connectable", &self.kind.connectable)
            .field("services", &services)
            .finish_non_exhaustive()
    }
}

/// An advertisement that is being assembled, since reports come in parts.
pub(crate) struct Heard {
    advertisement: Advertisement,
    /// Fragments of extended data until the last one comes, and whether they are of a scan
    /// response.
    partial: Vec<u8>,
    of_response: bool,
    whole: bool,
    once: Once,
}

/// The state of a device in a scan that reports each device once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Once {
    #[default]
    New,
    /// It was heard, and its scan response is expected.
    AwaitsResponse,
    /// What was known of it was judged. It is judged again after the next change.
    Judged,
    Reported,
}

/// What a report changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// The advertisement is not complete yet.
    Partial,
    /// Nothing.
    Same,
    /// Something.
    Changed,
}

impl Heard {
    pub(crate) fn new(address: Address, report: &Report<'_>) -> Self {
        let advertisement = Advertisement {
            address,
            identity: None,
            set: report.sid,
            rssi: None,
            tx_power: None,
            kind: Kind::of(report),
            data: Arc::default(),
            response: Arc::default(),
            truncated: false,
        };
        Self {
            advertisement,
            partial: Vec::new(),
            of_response: false,
            whole: false,
            once: Once::New,
        }
    }

    pub(crate) fn advertisement(&self) -> &Advertisement {
        &self.advertisement
    }

    /// Sets the device's current address. After a change, its advertisement is assembled anew.
    pub(crate) fn goes_by(&mut self, identity: Option<Address>, address: Address) {
        let told = &mut self.advertisement;
        if (told.identity, told.address) != (identity, address) {
            told.identity = identity;
            told.address = address;
            self.partial.clear();
            self.whole = false;
        }
    }

    /// Whether a scan that reports each device once should judge it now: when its scan response has
    /// come or, since not every response is heard, when it is heard again without one. `asks` says
    /// whether the scan requests responses.
    pub(crate) fn is_due_once(&mut self, report: &Report<'_>, update: Update, asks: bool) -> bool {
        let response_follows = asks && report.scannable && !report.scan_response;
        match self.once {
            Once::New if response_follows => {
                self.once = Once::AwaitsResponse;
                false
            }
            Once::New | Once::AwaitsResponse => {
                self.once = Once::Judged;
                true
            }
            Once::Judged => update == Update::Changed,
            Once::Reported => false,
        }
    }

    /// Whether it was heard but has not been judged yet.
    pub(crate) fn awaits_response(&self) -> bool {
        self.once == Once::AwaitsResponse
    }

    pub(crate) fn reported(&mut self) {
        self.once = Once::Reported;
    }

    /// Whether an advertisement is still incomplete.
    pub(crate) fn has_fragments(&self) -> bool {
        !self.partial.is_empty()
    }

    /// How many bytes of data it holds.
    pub(crate) fn size(&self) -> usize {
        self.advertisement.data.len() + self.advertisement.response.len() + self.partial.len()
    }

    /// Takes in a report.
    pub(crate) fn update(&mut self, report: &Report<'_>) -> Update {
        if self.of_response != report.scan_response {
            // The last fragments of the previous data were lost.
            self.partial.clear();
            self.of_response = report.scan_response;
        }
        let room = LONGEST_DATA.saturating_sub(self.partial.len());
        let piece = report
            .data
            .get(..room.min(report.data.len()))
            .unwrap_or_default();
        if report.more_follows {
            self.partial.extend_from_slice(piece);
            return Update::Partial;
        }
        let joined;
        let data = if self.partial.is_empty() {
            piece
        } else {
            joined = [&std::mem::take(&mut self.partial), piece].concat();
            joined.as_slice()
        };
        let told = &mut self.advertisement;
        let mut changed = !std::mem::replace(&mut self.whole, true) || told.rssi != report.rssi;
        told.rssi = report.rssi;
        if report.tx_power.is_some() {
            told.tx_power = report.tx_power;
        }
        let place = if report.scan_response {
            &mut told.response
        } else {
            let kind = Kind::of(report);
            changed |= told.kind != kind || told.truncated != report.truncated;
            told.kind = kind;
            told.truncated = report.truncated;
            &mut told.data
        };
        // A device that responds with nothing doesn't withdraw what it advertised before.
        if **place != *data && !(report.scan_response && data.is_empty()) {
            *place = Arc::from(data);
            changed = true;
        }
        if changed {
            Update::Changed
        } else {
            Update::Same
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Address = Address::random([0xC1, 2, 3, 4, 5, 6]);

    fn report(data: &[u8]) -> Report<'_> {
        Report {
            address: Some(SENDER.for_host()),
            connectable: true,
            scannable: true,
            directed: false,
            scan_response: false,
            legacy: true,
            more_follows: false,
            truncated: false,
            rssi: Some(-60),
            tx_power: None,
            sid: None,
            phys: (1, 0),
            direct_to: None,
            data,
        }
    }

    #[test]
    fn fragments_are_put_together_and_told_once() {
        let mut heard = Heard::new(SENDER, &report(&[]));
        let part = |data, more_follows| Report {
            more_follows,
            legacy: false,
            ..report(data)
        };
        assert_eq!(heard.update(&part(b"\x05\x09a", true)), Update::Partial);
        assert_eq!(heard.update(&part(b"b", true)), Update::Partial);
        assert_eq!(heard.update(&part(b"cd", false)), Update::Changed);
        assert_eq!(heard.advertisement().name().as_deref(), Some("abcd"));
        assert_eq!(heard.size(), 6);
        assert_eq!(heard.update(&part(b"\x05\x09abcd", false)), Update::Same);
    }

    #[test]
    fn a_scan_response_is_merged_and_an_empty_one_takes_nothing_back() {
        let mut heard = Heard::new(SENDER, &report(&[]));
        heard.update(&report(&[2, 1, 6]));
        let response = Report {
            scan_response: true,
            ..report(&[3, 9, b'h', b'i'])
        };
        assert_eq!(heard.update(&response), Update::Changed);
        assert_eq!(heard.update(&report(&[2, 1, 6])), Update::Same);
        let empty = Report {
            scan_response: true,
            ..report(&[])
        };
        assert_eq!(heard.update(&empty), Update::Same);
        assert_eq!(heard.advertisement().name().as_deref(), Some("hi"));
        assert!(heard.advertisement().data().flags().is_some());
    }

    #[test]
    fn a_fragment_whose_end_was_lost_does_not_spoil_the_next() {
        let mut heard = Heard::new(SENDER, &report(&[]));
        heard.update(&Report {
            more_follows: true,
            ..report(&[9, 9, 9])
        });
        heard.update(&Report {
            scan_response: true,
            ..report(&[2, 9, b'x'])
        });
        heard.update(&report(&[2, 1, 6]));
        assert_eq!(heard.size(), 6);
    }

    #[test]
    fn it_is_shown_as_far_as_it_is_known() {
        let mut heard = Heard::new(SENDER, &report(&[]));
        assert_eq!(heard.advertisement().to_string(), "C1:02:03:04:05:06");
        heard.update(&report(b"\x04\x09a\nb"));
        assert_eq!(
            heard.advertisement().to_string(),
            "C1:02:03:04:05:06 \"a\\nb\" -60 dBm"
        );
    }

    #[test]
    fn no_device_can_make_it_grow_without_end() {
        let mut heard = Heard::new(SENDER, &report(&[]));
        let piece = [0xAA; 229];
        for _ in 0..100 {
            heard.update(&Report {
                more_follows: true,
                ..report(&piece)
            });
        }
        assert!(heard.size() <= LONGEST_DATA);
    }

    #[test]
    fn what_only_the_strength_of_is_new_is_news() {
        let mut heard = Heard::new(SENDER, &report(&[]));
        assert_eq!(heard.update(&report(&[])), Update::Changed, "the first is");
        assert_eq!(heard.update(&report(&[])), Update::Same);
        assert_eq!(
            heard.update(&Report {
                rssi: Some(-61),
                ..report(&[])
            }),
            Update::Changed
        );
    }
}
