//! Read Using Characteristic UUID (Part G 4.8.2).

use super::sweep::{Entries, Sweep};
use super::{HandleValue, Misbehaviour, Procedure, ProcedureError, accepted, found};
use crate::att::{HandleRange, HandleValueList, Mtu, Opcode, Request, Uuid, split_handle};

/// The values of all characteristics with one UUID in a range.
///
/// One response holds only values of the same length, so the rest of the range is requested until nothing more
/// is found. If nothing is found at all, the server's Attribute Not Found is the error.
#[derive(Debug)]
pub struct ReadByUuid {
    sweep: Sweep,
    entries: Entries,
    uuid: Uuid,
    /// The length of a value when the response to the last request has no room for more.
    full: usize,
    begun: bool,
}

impl ReadByUuid {
    /// All values in this range.
    pub fn new(range: HandleRange, uuid: Uuid) -> Self {
        Self {
            sweep: Sweep::new(range),
            entries: Entries::default(),
            uuid,
            full: 0,
            begun: false,
        }
    }
}

impl Procedure for ReadByUuid {
    type Item<'p> = HandleValue<'p>;

    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        let Some(range) = self.sweep.rest() else {
            return Ok(None);
        };
        self.full = mtu.max_read_by_type();
        Ok(Some(
            Request::ReadByType {
                range,
                attribute_type: self.uuid,
            }
            .emit(out)?,
        ))
    }

    fn is_over(&self) -> bool {
        self.sweep.rest().is_none()
    }

    fn mtu_grew(&mut self, mtu: Mtu) {
        self.full = mtu.max_read_by_type();
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        self.entries = Entries::default();
        let expected = Opcode::READ_BY_TYPE_RESPONSE;
        let list = if self.begun {
            found(pdu, expected, HandleValueList::parse)?
        } else {
            Some(accepted(pdu, expected, HandleValueList::parse)?)
        };
        let Some(list) = list else {
            self.sweep.finish();
            return Ok(());
        };
        let entry_length = usize::from(list.entry_length());
        if entry_length - 2 > self.full {
            return Err(Misbehaviour::ValueTooLong(entry_length - 2).into());
        }
        for entry in list.iter() {
            self.sweep.accept(HandleRange::single(entry.handle))?;
        }
        self.entries = Entries::after_header(2, entry_length);
        self.begun = true;
        Ok(())
    }

    fn next_item<'p>(&mut self, pdu: &'p [u8]) -> Option<HandleValue<'p>> {
        let (handle, value) = split_handle(self.entries.take(pdu)?)?;
        Some(HandleValue {
            handle,
            value,
            may_be_longer: value.len() >= self.full,
        })
    }
}
