//! Characteristic Discovery (Part G 4.6): all of a service, or those with one UUID.

use super::sweep::{Entries, Sweep};
use super::{Characteristic, Misbehaviour, Procedure, ProcedureError, Properties, found, uuids};
use crate::att::{
    AttributeHandle, HandleRange, HandleValueList, Mtu, Opcode, Request, Uuid, split_handle,
};

/// The characteristics of a service.
///
/// A characteristic ends where the next begins, so each is held back until that is known.
#[derive(Debug)]
pub struct DiscoverCharacteristics {
    sweep: Sweep,
    entries: Entries,
    end: AttributeHandle,
    uuid: Option<Uuid>,
    held: Option<Characteristic>,
}

impl DiscoverCharacteristics {
    /// All characteristics in this range, which should be a whole service (4.6.1).
    pub fn all(service: HandleRange) -> Self {
        Self {
            sweep: Sweep::new(service),
            entries: Entries::default(),
            end: service.end(),
            uuid: None,
            held: None,
        }
    }

    /// The characteristics with this UUID (4.6.2). The server cannot search for them: all are
    /// requested, and the others are skipped.
    pub fn by_uuid(service: HandleRange, uuid: Uuid) -> Self {
        Self {
            uuid: Some(uuid),
            ..Self::all(service)
        }
    }

    fn wants(&self, found: &Characteristic) -> bool {
        self.uuid.is_none_or(|uuid| uuid == found.uuid)
    }
}

impl Procedure for DiscoverCharacteristics {
    type Item<'p> = Characteristic;

    fn request(&mut self, _: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        let Some(range) = self.sweep.rest() else {
            return Ok(None);
        };
        let attribute_type = uuids::CHARACTERISTIC;
        Ok(Some(
            Request::ReadByType {
                range,
                attribute_type,
            }
            .emit(out)?,
        ))
    }

    fn is_over(&self) -> bool {
        self.sweep.rest().is_none()
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        self.entries = Entries::default();
        let Some(list) = found(pdu, Opcode::READ_BY_TYPE_RESPONSE, HandleValueList::parse)? else {
            self.sweep.finish();
            return Ok(());
        };
        let entry_length = usize::from(list.entry_length());
        if !matches!(entry_length, 7 | 21) {
            return Err(Misbehaviour::DeclarationLength(entry_length - 2).into());
        }
        let mut previous = self.held.map(|held| held.value_handle);
        for entry in list.iter() {
            let declared = declaration(entry.handle, entry.value, self.end)?;
            if previous.is_some_and(|previous| declared.handle <= previous) {
                return Err(Misbehaviour::OutOfOrder(declared.handle).into());
            }
            previous = Some(declared.value_handle);
            self.sweep.accept(HandleRange::single(entry.handle))?;
        }
        if previous.is_some_and(|value| value.next().is_none_or(|next| next >= self.end)) {
            // There is no room after the last value for the two handles that another characteristic needs.
            self.sweep.finish();
        }
        self.entries = Entries::after_header(2, entry_length);
        Ok(())
    }

    fn next_item(&mut self, pdu: &[u8]) -> Option<Characteristic> {
        while let Some(entry) = self.entries.take(pdu) {
            let (handle, value) = split_handle(entry)?;
            let next = declaration(handle, value, self.end).ok()?;
            // The one held back ends before the next one.
            if let Some(held) = self.held.replace(next)
                && self.wants(&held)
            {
                let end = handle.previous().unwrap_or(held.end);
                return Some(Characteristic { end, ..held });
            }
        }
        // Or at the end of the service.
        match self.sweep.rest() {
            Some(_) => None,
            None => self.held.take().filter(|held| self.wants(held)),
        }
    }
}

/// Parses a Characteristic declaration (Part G 3.3.1). Its value handle must come after it, and
/// both must be in the service.
fn declaration(
    handle: AttributeHandle,
    value: &[u8],
    end: AttributeHandle,
) -> Result<Characteristic, Misbehaviour> {
    let parts = value.split_first().and_then(|(&properties, rest)| {
        let (value_handle, uuid) = rest.split_first_chunk()?;
        Some((
            properties,
            u16::from_le_bytes(*value_handle),
            Uuid::parse_le(uuid)?,
        ))
    });
    let (properties, value_handle, uuid) =
        parts.ok_or(Misbehaviour::DeclarationLength(value.len()))?;
    match AttributeHandle::new(value_handle) {
        Some(value_handle) if value_handle > end => Err(Misbehaviour::OutOfRange(value_handle)),
        Some(value_handle) if value_handle > handle => Ok(Characteristic {
            handle,
            value_handle,
            end,
            properties: Properties::from_bits_retain(properties),
            uuid,
        }),
        _ => Err(Misbehaviour::OutOfOrder(handle)),
    }
}
