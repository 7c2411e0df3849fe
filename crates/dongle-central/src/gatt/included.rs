//! Find Included Services (Part G 4.5.1).

use heapless::Deque;

use super::sweep::{Entries, Sweep};
use super::{IncludedService, Misbehaviour, Procedure, ProcedureError, accepted, found, uuids};
use crate::att::{
    AttributeHandle, HandleRange, HandleValueList, Mtu, Opcode, Request, Uuid, split_handle,
    split_range,
};

/// How many declarations without a UUID are kept while their UUIDs are read; any more are requested again.
const PENDING: usize = 8;

/// The services that a service refers to.
///
/// A 16-bit UUID comes with the declaration. A 128-bit UUID does not: it is read from the included
/// service's own declaration, with one request each.
#[derive(Debug)]
pub struct DiscoverIncluded {
    sweep: Sweep,
    entries: Entries,
    pending: Deque<(AttributeHandle, HandleRange), PENDING>,
    reading: bool,
    item: Option<IncludedService>,
}

impl DiscoverIncluded {
    /// All services that the service in this range includes.
    pub fn new(service: HandleRange) -> Self {
        Self {
            sweep: Sweep::new(service),
            entries: Entries::default(),
            pending: Deque::new(),
            reading: false,
            item: None,
        }
    }

    fn declarations(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        let Some(list) = found(pdu, Opcode::READ_BY_TYPE_RESPONSE, HandleValueList::parse)? else {
            self.sweep.finish();
            return Ok(());
        };
        let entry_length = usize::from(list.entry_length());
        let with_uuid = match entry_length {
            8 => true,
            6 => false,
            _ => return Err(Misbehaviour::DeclarationLength(entry_length - 2).into()),
        };
        for entry in list.iter() {
            let (range, _) = split_range(entry.value)
                .ok_or(Misbehaviour::DeclarationLength(entry.value.len()))?;
            let range = range.map_err(|_| Misbehaviour::OutOfOrder(entry.handle))?;
            if !with_uuid && self.pending.push_back((entry.handle, range)).is_err() {
                break;
            }
            self.sweep.accept(HandleRange::single(entry.handle))?;
        }
        if with_uuid {
            self.entries = Entries::after_header(2, entry_length);
        }
        Ok(())
    }

    fn uuid(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        let value = accepted(pdu, Opcode::READ_RESPONSE, Ok)?;
        let uuid = match value.len() {
            2 | 16 => Uuid::parse_le(value),
            _ => None,
        };
        let uuid = uuid.ok_or(Misbehaviour::DeclarationLength(value.len()))?;
        if let Some((handle, range)) = self.pending.pop_front() {
            self.item = Some(IncludedService {
                handle,
                range,
                uuid,
            });
        }
        Ok(())
    }
}

impl Procedure for DiscoverIncluded {
    type Item<'p> = IncludedService;

    fn request(&mut self, _: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        let request = match (self.pending.front(), self.sweep.rest()) {
            (Some((_, service)), _) => Request::Read {
                handle: service.start(),
            },
            (None, Some(range)) => Request::ReadByType {
                range,
                attribute_type: uuids::INCLUDE,
            },
            (None, None) => return Ok(None),
        };
        self.reading = matches!(request, Request::Read { .. });
        Ok(Some(request.emit(out)?))
    }

    fn is_over(&self) -> bool {
        self.pending.is_empty() && self.sweep.rest().is_none()
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        self.entries = Entries::default();
        if self.reading {
            self.uuid(pdu)
        } else {
            self.declarations(pdu)
        }
    }

    fn next_item(&mut self, pdu: &[u8]) -> Option<IncludedService> {
        if let Some(item) = self.item.take() {
            return Some(item);
        }
        let (handle, value) = split_handle(self.entries.take(pdu)?)?;
        let (range, uuid) = split_range(value)?;
        Some(IncludedService {
            handle,
            range: range.ok()?,
            uuid: Uuid::parse_le(uuid)?,
        })
    }
}
