//! Advertising data as a whole: its structures in order, and the queries that a scanner makes.

use super::element::{Flags, ManufacturerData, ServiceData, offered};
use super::{AdElement, AdType, Name};
use crate::att::Uuid;

/// The data of one advertisement, or of several concatenated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AdvertisingData<'a> {
    bytes: &'a [u8],
}

/// One AD structure as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AdStructure<'a> {
    /// Its type.
    pub ad_type: AdType,
    /// Its data, without length and type.
    pub data: &'a [u8],
}

impl<'a> AdvertisingData<'a> {
    /// Wraps the data as a controller reported it.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The data as it was reported.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// All complete structures, in order.
    ///
    /// Zeros between structures, which some devices use as padding, are skipped. A structure that
    /// claims more octets than there are is damaged, and ends the list.
    pub fn structures(&self) -> impl Iterator<Item = AdStructure<'a>> + Clone + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            loop {
                let (&length, tail) = rest.split_first()?;
                rest = tail;
                let Some((structure, tail)) = tail.split_at_checked(usize::from(length)) else {
                    rest = &[];
                    return None;
                };
                rest = tail;
                if let Some((&ad_type, data)) = structure.split_first() {
                    return Some(AdStructure {
                        ad_type: AdType(ad_type),
                        data,
                    });
                }
            }
        })
    }

    /// The parsed structures, in order; an unknown one, or one that is too short, is an [`AdElement::Raw`].
    pub fn elements(&self) -> impl Iterator<Item = AdElement<'a>> + Clone + use<'a> {
        self.structures().map(AdElement::from)
    }

    /// The device's name: the complete one, else the shortened one.
    pub fn local_name(&self) -> Option<Name<'a>> {
        let find = |wanted| {
            self.structures()
                .find(|structure| structure.ad_type == wanted)
        };
        find(AdType::COMPLETE_LOCAL_NAME)
            .or_else(|| find(AdType::SHORTENED_LOCAL_NAME))
            .map(|structure| Name::new(structure.data))
    }

    /// The services the device offers, from all lists, complete or not.
    pub fn services(&self) -> impl Iterator<Item = Uuid> + Clone + use<'a> {
        // Not based on `elements`, whose parser would be linked as well.
        self.structures()
            .filter_map(offered)
            .flat_map(|(uuids, _)| uuids.iter())
    }

    /// Whether the device offers this service.
    pub fn has_service(&self, uuid: Uuid) -> bool {
        // Not based on `services`, whose iterator can stop within a list, which takes more code.
        self.structures()
            .filter_map(offered)
            .any(|(uuids, _)| uuids.iter().any(|service| service == uuid))
    }

    /// The services the device is looking for.
    pub fn solicited_services(&self) -> impl Iterator<Item = Uuid> + Clone + use<'a> {
        self.elements()
            .filter_map(|element| match element {
                AdElement::SolicitedServices(uuids) => Some(uuids),
                _ => None,
            })
            .flat_map(|uuids| uuids.iter())
    }

    /// All manufacturer specific data.
    pub fn manufacturer_data(
        &self,
    ) -> impl Iterator<Item = ManufacturerData<'a>> + Clone + use<'a> {
        self.elements().filter_map(|element| match element {
            AdElement::ManufacturerData(data) => Some(data),
            _ => None,
        })
    }

    /// The service data of all services.
    pub fn all_service_data(&self) -> impl Iterator<Item = ServiceData<'a>> + Clone + use<'a> {
        self.elements().filter_map(|element| match element {
            AdElement::ServiceData(data) => Some(data),
            _ => None,
        })
    }

    /// The first service data for this service.
    pub fn service_data(&self, uuid: Uuid) -> Option<&'a [u8]> {
        self.all_service_data()
            .find(|entry| entry.uuid == uuid)
            .map(|entry| entry.data)
    }

    /// The transmit power, in dBm.
    pub fn tx_power(&self) -> Option<i8> {
        self.elements().find_map(|element| match element {
            AdElement::TxPower(power) => Some(power),
            _ => None,
        })
    }

    /// The device's Appearance value (Assigned Numbers 2.6).
    pub fn appearance(&self) -> Option<u16> {
        self.elements().find_map(|element| match element {
            AdElement::Appearance(appearance) => Some(appearance),
            _ => None,
        })
    }

    /// The device's discovery flags.
    pub fn flags(&self) -> Option<Flags> {
        self.elements().find_map(|element| match element {
            AdElement::Flags(flags) => Some(flags),
            _ => None,
        })
    }
}

impl<'a> From<&'a [u8]> for AdvertisingData<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::new(bytes)
    }
}
