//! Parses one AD structure (Supplement to the Core Specification, Part A section 1).

use core::fmt;
use core::time::Duration;

use bitflags::bitflags;

use super::{AdStructure, AdType, Name, Uri};
use crate::att::Uuid;

/// A parsed AD structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdElement<'a> {
    /// Discovery flags.
    Flags(Flags),
    /// Services the device offers.
    Services {
        /// Their UUIDs, all of one size.
        uuids: UuidList<'a>,
        /// Whether these are all of its services with UUIDs of this size.
        complete: bool,
    },
    /// The device's name.
    LocalName {
        /// The name.
        name: Name<'a>,
        /// Whether it is the complete name, not a shortened one.
        complete: bool,
    },
    /// The transmit power, in dBm.
    TxPower(i8),
    /// The connection intervals that the device prefers.
    ConnectionIntervalRange {
        /// The shortest; `None` if it has no preference.
        min: Option<Duration>,
        /// The longest; `None` if it has no preference.
        max: Option<Duration>,
    },
    /// Services the device is looking for.
    SolicitedServices(UuidList<'a>),
    /// Data of a service.
    ServiceData(ServiceData<'a>),
    /// The intended recipients, by public address.
    PublicTargets(AddressList<'a>),
    /// The intended recipients, by random address.
    RandomTargets(AddressList<'a>),
    /// The device's Appearance value (Assigned Numbers 2.6).
    Appearance(u16),
    /// How often the device advertises.
    AdvertisingInterval(Duration),
    /// The device's address.
    DeviceAddress {
        /// The address, least significant octet first.
        address: [u8; 6],
        /// Whether it is a random address.
        random: bool,
    },
    /// The roles that the device supports.
    LeRole(LeRole),
    /// A URI.
    Uri(Uri<'a>),
    /// The features of the device's Link Layer, least significant octet first; omitted octets are
    /// zero (Core Vol 6 Part B 4.6).
    LeSupportedFeatures(&'a [u8]),
    /// Identifies a set of devices to those who know its key, least significant octet first: three
    /// octets of hash, then three random octets.
    ResolvableSetIdentifier([u8; 6]),
    /// The name of a broadcast.
    BroadcastName(Name<'a>),
    /// Data of a manufacturer.
    ManufacturerData(ManufacturerData<'a>),
    /// Any other structure, or one of the above that is too short.
    Raw(AdStructure<'a>),
}

impl<'a> From<AdStructure<'a>> for AdElement<'a> {
    fn from(structure: AdStructure<'a>) -> Self {
        element(structure).unwrap_or(Self::Raw(structure))
    }
}

/// The services listed in a structure, and whether these are all with UUIDs of their size.
pub(super) fn offered(structure: AdStructure<'_>) -> Option<(UuidList<'_>, bool)> {
    let (width, complete) = match structure.ad_type {
        AdType::INCOMPLETE_SERVICES_16 => (2, false),
        AdType::COMPLETE_SERVICES_16 => (2, true),
        AdType::INCOMPLETE_SERVICES_32 => (4, false),
        AdType::COMPLETE_SERVICES_32 => (4, true),
        AdType::INCOMPLETE_SERVICES_128 => (16, false),
        AdType::COMPLETE_SERVICES_128 => (16, true),
        _ => return None,
    };
    Some((UuidList::new(width, structure.data), complete))
}

fn element(structure: AdStructure<'_>) -> Option<AdElement<'_>> {
    if let Some((uuids, complete)) = offered(structure) {
        return Some(AdElement::Services { uuids, complete });
    }
    let AdStructure { ad_type, data } = structure;
    let solicited = |width| Some(AdElement::SolicitedServices(UuidList::new(width, data)));
    Some(match ad_type {
        // Trailing zero octets may be omitted, even all of them (1.3).
        AdType::FLAGS => {
            let bits = data.first().copied().unwrap_or(0);
            AdElement::Flags(Flags::from_bits_retain(bits))
        }
        AdType::SOLICITED_SERVICES_16 => return solicited(2),
        AdType::SOLICITED_SERVICES_32 => return solicited(4),
        AdType::SOLICITED_SERVICES_128 => return solicited(16),
        AdType::SHORTENED_LOCAL_NAME => AdElement::LocalName {
            name: Name::new(data),
            complete: false,
        },
        AdType::COMPLETE_LOCAL_NAME => AdElement::LocalName {
            name: Name::new(data),
            complete: true,
        },
        AdType::BROADCAST_NAME => AdElement::BroadcastName(Name::new(data)),
        AdType::TX_POWER_LEVEL => {
            let (power, _) = data.split_first_chunk()?;
            AdElement::TxPower(i8::from_le_bytes(*power))
        }
        AdType::CONNECTION_INTERVAL_RANGE => {
            let (min, rest) = data.split_first_chunk()?;
            let (max, _) = rest.split_first_chunk()?;
            AdElement::ConnectionIntervalRange {
                min: connection_interval(*min),
                max: connection_interval(*max),
            }
        }
        AdType::SERVICE_DATA_16 => service_data(2, data)?,
        AdType::SERVICE_DATA_32 => service_data(4, data)?,
        AdType::SERVICE_DATA_128 => service_data(16, data)?,
        AdType::PUBLIC_TARGET_ADDRESS => AdElement::PublicTargets(AddressList { bytes: data }),
        AdType::RANDOM_TARGET_ADDRESS => AdElement::RandomTargets(AddressList { bytes: data }),
        AdType::APPEARANCE => {
            let (appearance, _) = data.split_first_chunk()?;
            AdElement::Appearance(u16::from_le_bytes(*appearance))
        }
        AdType::ADVERTISING_INTERVAL => advertising_interval(data, 2..=2)?,
        AdType::ADVERTISING_INTERVAL_LONG => advertising_interval(data, 3..=4)?,
        AdType::LE_DEVICE_ADDRESS => {
            let (address, rest) = data.split_first_chunk()?;
            AdElement::DeviceAddress {
                address: *address,
                random: rest.first()? & 0x01 != 0,
            }
        }
        AdType::LE_ROLE => AdElement::LeRole(match data.first()? {
            0x00 => LeRole::PeripheralOnly,
            0x01 => LeRole::CentralOnly,
            0x02 => LeRole::PeripheralPreferred,
            0x03 => LeRole::CentralPreferred,
            _ => return None,
        }),
        AdType::URI => AdElement::Uri(Uri::new(data)),
        AdType::LE_SUPPORTED_FEATURES => AdElement::LeSupportedFeatures(data),
        AdType::RESOLVABLE_SET_IDENTIFIER => {
            AdElement::ResolvableSetIdentifier(data.try_into().ok()?)
        }
        AdType::MANUFACTURER_DATA => {
            let (company, data) = data.split_first_chunk()?;
            AdElement::ManufacturerData(ManufacturerData {
                company: u16::from_le_bytes(*company),
                data,
            })
        }
        _ => return None,
    })
}

fn service_data(width: usize, data: &[u8]) -> Option<AdElement<'_>> {
    let (uuid, data) = data.split_at_checked(width)?;
    Some(AdElement::ServiceData(ServiceData {
        uuid: Uuid::parse_le(uuid)?,
        data,
    }))
}

/// In units of 1.25 ms; 0xFFFF means no preference (1.9).
fn connection_interval(units: [u8; 2]) -> Option<Duration> {
    match u16::from_le_bytes(units) {
        0xFFFF => None,
        units => Some(Duration::from_micros(1250 * u64::from(units))),
    }
}

/// In units of 0.625 ms, least significant octet first (1.15).
fn advertising_interval(
    data: &[u8],
    lengths: core::ops::RangeInclusive<usize>,
) -> Option<AdElement<'_>> {
    if !lengths.contains(&data.len()) {
        return None;
    }
    let units = data
        .iter()
        .rev()
        .fold(0, |units, &octet| units << 8 | u64::from(octet));
    Some(AdElement::AdvertisingInterval(Duration::from_micros(
        625 * units,
    )))
}

bitflags! {
    /// How a device can be discovered (1.3).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Flags: u8 {
        /// Limited Discoverable Mode.
        const LE_LIMITED_DISCOVERABLE = 0x01;
        /// General Discoverable Mode.
        const LE_GENERAL_DISCOVERABLE = 0x02;
        /// The device supports only Bluetooth LE.
        const BR_EDR_NOT_SUPPORTED = 0x04;
        /// Its controller supports LE and BR/EDR simultaneously.
        const SIMULTANEOUS_LE_BR_EDR = 0x08;
        const _ = !0;
    }
}

/// The roles that a device supports (1.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeRole {
    /// Peripheral only.
    PeripheralOnly,
    /// Central only.
    CentralOnly,
    /// Both; preferably peripheral when connecting.
    PeripheralPreferred,
    /// Both; preferably central when connecting.
    CentralPreferred,
}

/// Data of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceData<'a> {
    /// The service.
    pub uuid: Uuid,
    /// Its data.
    pub data: &'a [u8],
}

/// Data of a manufacturer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManufacturerData<'a> {
    /// The company identifier of the manufacturer (Assigned Numbers 7.1).
    pub company: u16,
    /// Its data.
    pub data: &'a [u8],
}

/// UUIDs of one size. Trailing octets that do not make a whole UUID are ignored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UuidList<'a> {
    width: usize,
    bytes: &'a [u8],
}

impl<'a> UuidList<'a> {
    /// `width` is 2, 4 or 16.
    fn new(width: usize, bytes: &'a [u8]) -> Self {
        Self { width, bytes }
    }

    /// The UUIDs in order.
    pub fn iter(&self) -> impl Iterator<Item = Uuid> + Clone + use<'a> {
        self.bytes
            // Never 0, but stated so that the compiler omits the panic.
            .chunks_exact(self.width.max(1))
            .filter_map(Uuid::parse_le)
    }
}

impl fmt::Debug for UuidList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Device addresses. Trailing octets that do not make a whole address are ignored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AddressList<'a> {
    bytes: &'a [u8],
}

impl<'a> AddressList<'a> {
    /// The addresses in order, least significant octet first.
    pub fn iter(&self) -> impl Iterator<Item = [u8; 6]> + Clone + use<'a> {
        self.bytes
            .chunks_exact(6)
            .filter_map(|address| address.try_into().ok())
    }
}

impl fmt::Debug for AddressList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
