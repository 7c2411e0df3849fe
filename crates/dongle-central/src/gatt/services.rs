//! Primary Service Discovery (Part G 4.4): all services, or those with one UUID.

use super::sweep::{Entries, Sweep};
use super::{Misbehaviour, Procedure, ProcedureError, Service, found, uuids};
use crate::att::{GroupList, HandleRange, Mtu, Opcode, RangeList, Request, Uuid, split_range};

/// Discover All Primary Services (Part G 4.4.1), and secondary ones by the same means.
#[derive(Debug)]
pub struct DiscoverServices {
    sweep: Sweep,
    entries: Entries,
    primary: bool,
}

impl DiscoverServices {
    /// All primary services in a range, usually [`HandleRange::ALL`].
    pub fn primary(range: HandleRange) -> Self {
        Self {
            sweep: Sweep::new(range),
            entries: Entries::default(),
            primary: true,
        }
    }

    /// All secondary services in a range. GATT has no procedure for this, but Read By Group Type
    /// supports it (Part G 2.5.3).
    pub fn secondary(range: HandleRange) -> Self {
        Self {
            primary: false,
            ..Self::primary(range)
        }
    }
}

impl Procedure for DiscoverServices {
    type Item<'p> = Service;

    fn request(&mut self, _: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        let Some(range) = self.sweep.rest() else {
            return Ok(None);
        };
        let group_type = if self.primary {
            uuids::PRIMARY_SERVICE
        } else {
            uuids::SECONDARY_SERVICE
        };
        Ok(Some(
            Request::ReadByGroupType { range, group_type }.emit(out)?,
        ))
    }

    fn is_over(&self) -> bool {
        self.sweep.rest().is_none()
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        self.entries = Entries::default();
        let Some(list) = found(pdu, Opcode::READ_BY_GROUP_TYPE_RESPONSE, GroupList::parse)? else {
            self.sweep.finish();
            return Ok(());
        };
        let entry_length = usize::from(list.entry_length());
        if !matches!(entry_length, 6 | 20) {
            return Err(Misbehaviour::DeclarationLength(entry_length - 4).into());
        }
        for group in list.iter() {
            self.sweep.accept(group.range)?;
        }
        self.entries = Entries::after_header(2, entry_length);
        Ok(())
    }

    fn next_item(&mut self, pdu: &[u8]) -> Option<Service> {
        let (range, uuid) = split_range(self.entries.take(pdu)?)?;
        Some(Service {
            range: range.ok()?,
            uuid: Uuid::parse_le(uuid)?,
            primary: self.primary,
        })
    }
}

/// Discover Primary Service by Service UUID (Part G 4.4.2).
#[derive(Debug)]
pub struct DiscoverServicesByUuid {
    sweep: Sweep,
    entries: Entries,
    uuid: Uuid,
}

impl DiscoverServicesByUuid {
    /// All primary services with this UUID in a range, usually [`HandleRange::ALL`].
    pub fn new(range: HandleRange, uuid: Uuid) -> Self {
        Self {
            sweep: Sweep::new(range),
            entries: Entries::default(),
            uuid,
        }
    }
}

impl Procedure for DiscoverServicesByUuid {
    type Item<'p> = Service;

    fn request(&mut self, _: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        let Some(range) = self.sweep.rest() else {
            return Ok(None);
        };
        let mut value = [0; 16];
        let value = self.uuid.write_le(&mut value);
        let attribute_type = 0x2800;
        Ok(Some(
            Request::FindByTypeValue {
                range,
                attribute_type,
                value,
            }
            .emit(out)?,
        ))
    }

    fn is_over(&self) -> bool {
        self.sweep.rest().is_none()
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        self.entries = Entries::default();
        let Some(list) = found(pdu, Opcode::FIND_BY_TYPE_VALUE_RESPONSE, RangeList::new)? else {
            self.sweep.finish();
            return Ok(());
        };
        for range in list.iter() {
            self.sweep.accept(range)?;
        }
        self.entries = Entries::after_header(1, 4);
        Ok(())
    }

    fn next_item(&mut self, pdu: &[u8]) -> Option<Service> {
        let (range, _) = split_range(self.entries.take(pdu)?)?;
        Some(Service {
            range: range.ok()?,
            uuid: self.uuid,
            primary: true,
        })
    }
}
