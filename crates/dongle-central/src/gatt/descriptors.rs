//! Discover All Characteristic Descriptors (Part G 4.7.1).

use super::sweep::{Entries, Sweep};
use super::{Descriptor, Procedure, ProcedureError, found};
use crate::att::{HandleRange, InformationList, Mtu, Opcode, Request, Uuid, split_handle};

/// The descriptors of a characteristic, or the types of all attributes in any range.
#[derive(Debug)]
pub struct DiscoverDescriptors {
    sweep: Sweep,
    entries: Entries,
}

impl DiscoverDescriptors {
    /// All descriptors in this range. If [`Characteristic::descriptors`](super::Characteristic::descriptors) is
    /// `None`, there are none and no request is made.
    pub fn new(range: impl Into<Option<HandleRange>>) -> Self {
        Self {
            sweep: Sweep::new(range),
            entries: Entries::default(),
        }
    }
}

impl Procedure for DiscoverDescriptors {
    type Item<'p> = Descriptor;

    fn request(&mut self, _: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        let Some(range) = self.sweep.rest() else {
            return Ok(None);
        };
        Ok(Some(Request::FindInformation { range }.emit(out)?))
    }

    fn is_over(&self) -> bool {
        self.sweep.rest().is_none()
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        self.entries = Entries::default();
        let Some(list) = found(
            pdu,
            Opcode::FIND_INFORMATION_RESPONSE,
            InformationList::parse,
        )?
        else {
            self.sweep.finish();
            return Ok(());
        };
        for entry in list.iter() {
            self.sweep.accept(HandleRange::single(entry.handle))?;
        }
        self.entries = Entries::after_header(2, list.entry_length());
        Ok(())
    }

    fn next_item(&mut self, pdu: &[u8]) -> Option<Descriptor> {
        let (handle, uuid) = split_handle(self.entries.take(pdu)?)?;
        Some(Descriptor {
            handle,
            uuid: Uuid::parse_le(uuid)?,
        })
    }
}
