//! The Database Hash (Part G 7.3), which shows whether a server's attributes have changed.

use super::{Procedure, ProcedureError, ReadByUuid, uuids};
use crate::att::{HandleRange, Mtu};

/// Reads the Database Hash by its UUID, in one request, as the specification requires (7.3).
///
/// A server without one refuses with Attribute Not Found.
#[derive(Debug)]
pub struct ReadDatabaseHash {
    read: ReadByUuid,
    asked: bool,
}

impl Default for ReadDatabaseHash {
    fn default() -> Self {
        Self {
            read: ReadByUuid::new(HandleRange::ALL, uuids::DATABASE_HASH),
            asked: false,
        }
    }
}

impl Procedure for ReadDatabaseHash {
    type Item<'p> = [u8; 16];

    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        // A server has only one, so the remaining handles need not be searched.
        match core::mem::replace(&mut self.asked, true) {
            false => self.read.request(mtu, out),
            true => Ok(None),
        }
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        self.read.response(pdu)
    }

    fn next_item(&mut self, pdu: &[u8]) -> Option<[u8; 16]> {
        self.read.next_item(pdu)?.value.try_into().ok()
    }
}
