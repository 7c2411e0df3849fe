//! What has been discovered of a device's attributes so far.

use std::ops::Range;

use dongle_central::att::{HandleRange, Uuid};
use dongle_central::gatt::{Characteristic, Descriptor, IncludedService, Service};

/// How many UUIDs are remembered to be absent at most.
const MOST_ABSENT: usize = 32;

/// A part of a device's attributes. Each list is known from its start up to where discovery got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// In the order of their declarations, and never overlapping. Those found only as included
    /// services are not marked as primary.
    pub(super) services: Vec<KnownService>,
    /// Whether this includes all primary services.
    pub(super) complete: bool,
    /// UUIDs of which there is no primary service.
    pub(super) absent: Vec<Uuid>,
}

/// A service, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownService {
    pub(super) service: Service,
    pub(super) included: List<IncludedService>,
    pub(super) characteristics: List<KnownCharacteristic>,
}

/// A characteristic, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownCharacteristic {
    pub(super) characteristic: Characteristic,
    pub(super) descriptors: List<Descriptor>,
}

/// The start of a list, or all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) complete: bool,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            complete: false,
        }
    }
}

impl<T> List<T> {
    /// Inserts an item where its `key` belongs, and replaces one with the same key.
    fn insert<K: Ord>(&mut self, item: T, key: impl Fn(&T) -> K) {
        match self.items.binary_search_by_key(&key(&item), &key) {
            Ok(index) => {
                if let Some(place) = self.items.get_mut(index) {
                    *place = item;
                }
            }
            Err(index) => self.items.insert(index, item),
        }
    }
}

/// The known part of a list, and the handles where the rest of it has to be discovered.
pub(crate) type Known<T> = (Vec<T>, Option<HandleRange>);

impl Attributes {
    /// Roughly how many attributes these are.
    pub(crate) fn len(&self) -> usize {
        let of = |known: &KnownService| {
            let characteristics = &known.characteristics.items;
            let descriptors = characteristics.iter().map(|c| c.descriptors.items.len());
            1 + known.included.items.len() + characteristics.len() + descriptors.sum::<usize>()
        };
        self.services.iter().map(of).sum::<usize>() + self.absent.len()
    }

    /// The first primary service with a UUID. `Some(None)` if it is known that there is none.
    #[allow(clippy::option_option)] // "Unknown" and "known to be absent" differ.
    pub(crate) fn service(&self, uuid: Uuid) -> Option<Option<Service>> {
        // Services are learnt in order, so the first known one with a UUID is the first there is.
        let first = self.primary().find(|service| service.uuid == uuid);
        match first {
            Some(service) => Some(Some(service)),
            None if self.complete || self.absent.contains(&uuid) => Some(None),
            None => None,
        }
    }

    pub(crate) fn services(&self) -> Known<Service> {
        match self.complete {
            true => (self.primary().collect(), None),
            false => (Vec::new(), Some(HandleRange::ALL)),
        }
    }

    pub(crate) fn included(&self, service: HandleRange) -> Known<IncludedService> {
        let Some(known) = self.of(service) else {
            return (Vec::new(), Some(service));
        };
        let list = &known.included;
        let last = list.items.last().map(|last| last.handle);
        let rest = match last {
            Some(last) => service.after(last),
            None => Some(service),
        };
        (list.items.clone(), rest.filter(|_| !list.complete))
    }

    pub(crate) fn characteristics(&self, service: HandleRange) -> Known<Characteristic> {
        let Some(known) = self.of(service) else {
            return (Vec::new(), Some(service));
        };
        let list = &known.characteristics;
        let rest = match list.items.last() {
            Some(last) => service.after(last.characteristic.end),
            None => Some(service),
        };
        let items = list.items.iter().map(|known| known.characteristic);
        (items.collect(), rest.filter(|_| !list.complete))
    }

    pub(crate) fn descriptors(&self, of: &Characteristic) -> Known<Descriptor> {
        let Some(known) = self.known(of) else {
            return (Vec::new(), of.descriptors());
        };
        let list = &known.descriptors;
        let rest = match (of.descriptors(), list.items.last()) {
            (Some(all), Some(last)) => all.after(last.handle),
            (all, _) => all,
        };
        (list.items.clone(), rest.filter(|_| !list.complete))
    }

    pub(crate) fn learn_service(&mut self, service: Service) {
        if let Some(known) = self.of_mut(service.range)
            && known.service.uuid == service.uuid
        {
            known.service.primary |= service.primary;
            return;
        }
        // Services do not overlap: one that does is out of date, and a service that was absent then
        // may exist by now.
        let place = self.within(service.range);
        let gone = self.services.splice(place, [KnownService::new(service)]);
        if gone.filter(|known| known.service.primary).count() > 0 {
            self.complete = false;
            self.absent.clear();
        }
    }

    pub(crate) fn learn_absent(&mut self, uuid: Uuid) {
        if self.absent.len() < MOST_ABSENT && !self.absent.contains(&uuid) {
            self.absent.push(uuid);
        }
    }

    pub(crate) fn learn_all_services(&mut self) {
        self.complete = true;
        self.absent.clear();
    }

    pub(crate) fn learn_included(&mut self, service: HandleRange, included: IncludedService) {
        if let Some(known) = self.of_mut(service) {
            known.included.insert(included, |included| included.handle);
            self.learn_service(Service {
                range: included.range,
                uuid: included.uuid,
                primary: false,
            });
        }
    }

    pub(crate) fn learn_all_included(&mut self, service: HandleRange) {
        if let Some(known) = self.of_mut(service) {
            known.included.complete = true;
        }
    }

    pub(crate) fn learn_characteristic(&mut self, service: HandleRange, found: Characteristic) {
        if self.known(&found).is_some() {
            return;
        }
        if let Some(known) = self.of_mut(service) {
            let found = KnownCharacteristic::new(found);
            let list = &mut known.characteristics;
            list.insert(found, |known| known.characteristic.handle);
        }
    }

    pub(crate) fn learn_all_characteristics(&mut self, service: HandleRange) {
        if let Some(known) = self.of_mut(service) {
            known.characteristics.complete = true;
        }
    }

    pub(crate) fn learn_descriptor(&mut self, of: &Characteristic, found: Descriptor) {
        if let Some(known) = self.known_mut(of) {
            known.descriptors.insert(found, |found| found.handle);
        }
    }

    pub(crate) fn learn_all_descriptors(&mut self, of: &Characteristic) {
        if let Some(known) = self.known_mut(of) {
            known.descriptors.complete = true;
        }
    }

    /// Forgets everything in a range or referring to it.
    pub(crate) fn forget(&mut self, changed: HandleRange) {
        self.services
            .retain(|known| !overlap(known.service.range, changed));
        for known in &mut self.services {
            let mut included = known.included.items.iter();
            if included.any(|included| overlap(included.range, changed)) {
                known.included = List::default();
            }
        }
        // There may now be services where there were none.
        self.complete = false;
        self.absent.clear();
    }

    fn primary(&self) -> impl Iterator<Item = Service> {
        let services = self.services.iter().map(|known| known.service);
        services.filter(|service| service.primary)
    }

    /// The indices of the services that overlap this range, or where such a service would be
    /// inserted.
    ///
    /// A binary search, because a device may have 65,535 services, and each is looked up whenever
    /// something is learnt about it.
    fn within(&self, range: HandleRange) -> Range<usize> {
        let from = |s: &KnownService| s.service.range.end() < range.start();
        let to = |s: &KnownService| s.service.range.start() <= range.end();
        self.services.partition_point(from)..self.services.partition_point(to)
    }

    fn of(&self, service: HandleRange) -> Option<&KnownService> {
        let known = self.services.get(self.within(service).start)?;
        (known.service.range == service).then_some(known)
    }

    fn of_mut(&mut self, service: HandleRange) -> Option<&mut KnownService> {
        let place = self.within(service).start;
        let known = self.services.get_mut(place)?;
        (known.service.range == service).then_some(known)
    }

    fn known(&self, of: &Characteristic) -> Option<&KnownCharacteristic> {
        let place = self.within(HandleRange::single(of.handle)).start;
        let list = &self.services.get(place)?.characteristics.items;
        let place = list.binary_search_by_key(&of.handle, |known| known.characteristic.handle);
        let known = list.get(place.ok()?)?;
        (known.characteristic == *of).then_some(known)
    }

    fn known_mut(&mut self, of: &Characteristic) -> Option<&mut KnownCharacteristic> {
        let place = self.within(HandleRange::single(of.handle)).start;
        let list = &mut self.services.get_mut(place)?.characteristics.items;
        let place = list.binary_search_by_key(&of.handle, |known| known.characteristic.handle);
        let known = list.get_mut(place.ok()?)?;
        (known.characteristic == *of).then_some(known)
    }
}

impl KnownCharacteristic {
    pub(super) fn new(characteristic: Characteristic) -> Self {
        Self {
            characteristic,
            descriptors: List::default(),
        }
    }
}

fn overlap(one: HandleRange, other: HandleRange) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
}

impl KnownService {
    pub(super) fn new(service: Service) -> Self {
        Self {
            service,
            included: List::default(),
            characteristics: List::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use dongle_central::att::AttributeHandle;
    use dongle_central::gatt::Properties;

    use super::*;

    fn handle(number: u16) -> AttributeHandle {
        AttributeHandle::new(number).expect("not zero")
    }

    fn range(start: u16, end: u16) -> HandleRange {
        HandleRange::new(handle(start), handle(end)).expect("a range")
    }

    fn service(start: u16, end: u16, uuid: u16) -> Service {
        Service {
            range: range(start, end),
            uuid: Uuid::from_u16(uuid),
            primary: true,
        }
    }

    fn characteristic(at: u16, end: u16, uuid: u16) -> Characteristic {
        Characteristic {
            handle: handle(at),
            value_handle: handle(at + 1),
            end: handle(end),
            properties: Properties::READ,
            uuid: Uuid::from_u16(uuid),
        }
    }

    #[test]
    fn a_list_that_was_left_early_goes_on_where_it_was_left() {
        let mut known = Attributes::default();
        let heart = service(10, 20, 0x180D);
        known.learn_service(heart);
        assert_eq!(
            known.characteristics(heart.range),
            (vec![], Some(heart.range))
        );
        let first = characteristic(11, 13, 0x2A37);
        known.learn_characteristic(heart.range, first);
        let rest = Some(range(14, 20));
        assert_eq!(known.characteristics(heart.range), (vec![first], rest));
        known.learn_all_characteristics(heart.range);
        assert_eq!(known.characteristics(heart.range), (vec![first], None));
        assert_eq!(known.descriptors(&first), (vec![], Some(range(13, 13))));
    }

    #[test]
    fn what_is_not_known_is_told_from_what_is_not_there() {
        let mut known = Attributes::default();
        let (heart, battery) = (Uuid::from_u16(0x180D), Uuid::from_u16(0x180F));
        known.learn_service(service(10, 20, 0x180D));
        assert_eq!(known.service(heart), Some(Some(service(10, 20, 0x180D))));
        assert_eq!(known.service(battery), None);
        known.learn_absent(battery);
        assert_eq!(known.service(battery), Some(None));
        assert_eq!(known.services(), (vec![], Some(HandleRange::ALL)));
        known.learn_all_services();
        assert_eq!(known.services(), (vec![service(10, 20, 0x180D)], None));
    }

    #[test]
    fn what_gives_way_to_a_service_in_its_place_is_not_taken_for_absent() {
        let mut known = Attributes::default();
        let (one, two) = (service(1, 9, 0x1801), service(10, 20, 0x180D));
        known.learn_service(one);
        known.learn_service(two);
        known.learn_all_services();
        // It overlaps the second one.
        let included = IncludedService {
            handle: handle(2),
            range: range(15, 30),
            uuid: Uuid::from_u16(0x180F),
        };
        known.learn_included(one.range, included);
        assert_eq!(known.service(two.uuid), None);
        assert_eq!(known.services(), (vec![], Some(HandleRange::ALL)));
    }

    #[test]
    fn a_device_that_has_all_the_services_there_can_be_is_learnt_at_once() {
        let began = std::time::Instant::now();
        let mut known = Attributes::default();
        for at in (1..=0xFFFD).step_by(2) {
            let service = service(at, at + 1, 0x180D);
            known.learn_service(service);
            let included = IncludedService {
                handle: handle(at),
                range: service.range,
                uuid: service.uuid,
            };
            known.learn_included(service.range, included);
            let found = Characteristic {
                end: handle(at + 1),
                ..characteristic(at, at + 1, 0x2A37)
            };
            known.learn_characteristic(service.range, found);
            known.learn_all_descriptors(&found);
        }
        known.learn_all_services();
        assert_eq!(known.services().0.len(), 0x7FFF);
        let took = began.elapsed();
        // It took minutes when each service was compared with all others.
        assert!(took.as_secs() < 60, "{took:?}");
    }

    #[test]
    fn a_change_takes_the_services_it_touches_and_what_refers_to_them() {
        let mut known = Attributes::default();
        let (one, two) = (service(1, 9, 0x1801), service(10, 20, 0x180D));
        known.learn_service(one);
        known.learn_service(two);
        known.learn_all_services();
        let included = IncludedService {
            handle: handle(2),
            range: two.range,
            uuid: two.uuid,
        };
        known.learn_included(one.range, included);
        known.learn_all_included(one.range);
        known.forget(range(15, 0xFFFF));
        assert_eq!(known.service(one.uuid), Some(Some(one)));
        assert_eq!(known.service(two.uuid), None);
        assert_eq!(known.included(one.range), (vec![], Some(one.range)));
    }
}
