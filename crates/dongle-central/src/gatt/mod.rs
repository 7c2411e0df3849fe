//! GATT client procedures as state machines, which make requests and interpret the responses.
//!
//! They implement Core Specification Vol 3 Part G section 4, without I/O and without a clock. Each
//! is a [`Procedure`], so one driver serves them all, asynchronous or not:
//!
//! ```
//! use dongle_central::att::{HandleRange, Mtu};
//! use dongle_central::gatt::{DiscoverServices, Procedure, Service};
//!
//! # fn exchange(request: &[u8]) -> &'static [u8] {
//! #     assert_eq!(request, [0x10, 1, 0, 0xFF, 0xFF, 0x00, 0x28]);
//! #     &[0x11, 6, 1, 0, 0xFF, 0xFF, 0x0D, 0x18]
//! # }
//! let mut procedure = DiscoverServices::primary(HandleRange::ALL);
//! let mut out = [0; 23];
//! while let Some(length) = procedure.request(Mtu::DEFAULT, &mut out)? {
//!     let answer = exchange(&out[..length]);
//!     procedure.response(answer)?;
//!     while let Some(Service { range, uuid, .. }) = procedure.next_item(answer) {
//!         println!("{uuid} at {range}");
//!     }
//! }
//! # Ok::<(), dongle_central::gatt::ProcedureError>(())
//! ```
//!
//! A procedure requests nothing that earlier answers have made unnecessary, and a server cannot keep it
//! running: every answer must bring it closer to its end, or it fails with [`ProcedureError::Misbehaved`].

mod characteristics;
mod configuration;
mod database_hash;
mod descriptors;
mod error;
mod included;
mod items;
mod queued_write;
mod read;
mod read_by_uuid;
mod read_multiple;
mod services;
mod sweep;
pub mod uuids;
mod write;

pub use characteristics::DiscoverCharacteristics;
pub use configuration::{ClientConfiguration, ClientFeatures, changed_services};
pub use database_hash::ReadDatabaseHash;
pub use descriptors::DiscoverDescriptors;
pub use error::{Misbehaviour, ProcedureError};
pub use included::DiscoverIncluded;
pub use items::{
    Characteristic, Descriptor, ExtendedProperties, HandleValue, IncludedService, MultipleValues,
    Properties, Service,
};
pub use queued_write::QueuedWrite;
pub use read::{ReadLong, ValueBuffer};
pub use read_by_uuid::ReadByUuid;
pub use read_multiple::{ReadMultiple, ReadMultipleVariable};
pub use services::{DiscoverServices, DiscoverServicesByUuid};
pub use write::{Write, WriteMode, write_command};

use crate::att::{AttError, ErrorCode, Malformed, MalformedReason, Mtu, Opcode, Request};

/// One GATT procedure.
///
/// Its driver repeats three steps until [`request`](Self::request) returns `None`: send the request, pass the
/// response to [`response`](Self::response), and take items with [`next_item`](Self::next_item) until there are
/// no more. An error ends the procedure. A driver that stops early, on an error or because its caller is gone,
/// sends what [`cancel`](Self::cancel) returns.
pub trait Procedure: Send {
    /// The type of its results. It may borrow from the response.
    type Item<'p>;

    /// Whether it may use the server's prepare queue, so that it may have to [`cancel`] what it
    /// queued. Other procedures need no code for that.
    ///
    /// [`cancel`]: Procedure::cancel
    const QUEUES: bool = false;

    /// Writes the next request to the beginning of `out` and returns its length, at most `mtu`;
    /// `None` if there is nothing more to request.
    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError>;

    /// Takes the response, or Error Response, to the last request.
    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError>;

    /// Called before [`response`](Self::response) if the response is longer than the MTU allowed when
    /// the request was made, since the MTU has grown to this: the request waited behind an MTU
    /// exchange, or the peer requested one meanwhile (Part F 3.4.2.2).
    fn mtu_grew(&mut self, mtu: Mtu) {
        let _ = mtu;
    }

    /// The next item in the response just accepted, which is passed again; `None` if it has no more.
    fn next_item<'p>(&mut self, pdu: &'p [u8]) -> Option<Self::Item<'p>>;

    /// Whether there is nothing more to request, if that is known before [`request`](Self::request)
    /// is called. The results are then complete, even if the link ends.
    fn is_over(&self) -> bool {
        false
    }

    /// The request to send to the server if the procedure is stopped now. It waits its turn behind
    /// the request in flight, like any other; nobody needs its response.
    fn cancel(&self) -> Option<Request<'static>> {
        None
    }
}

/// The parameters of the expected response; other responses are errors. Each procedure parses the responses to
/// its own requests: [`Response`](crate::att::Response) parses all, which takes more code.
fn accepted<'p, T>(
    pdu: &'p [u8],
    expected: Opcode,
    parse: impl FnOnce(&'p [u8]) -> Result<T, MalformedReason>,
) -> Result<T, ProcedureError> {
    let parameters = parameters(pdu, expected)?;
    parse(parameters).map_err(|reason| Malformed::new(expected, reason).into())
}

fn parameters(pdu: &[u8], expected: Opcode) -> Result<&[u8], ProcedureError> {
    let Some((&opcode, parameters)) = pdu.split_first() else {
        let (opcode, reason) = (None, MalformedReason::Empty);
        return Err(Malformed { opcode, reason }.into());
    };
    match Opcode(opcode) {
        opcode if opcode == expected => Ok(parameters),
        Opcode::ERROR_RESPONSE => Err(match AttError::parse(parameters) {
            Ok(error) => error.into(),
            Err(reason) => Malformed::new(Opcode::ERROR_RESPONSE, reason).into(),
        }),
        _ => Err(Misbehaviour::UnexpectedResponse.into()),
    }
}

/// The same for a response without parameters.
fn acknowledged(pdu: &[u8], expected: Opcode) -> Result<(), ProcedureError> {
    accepted(pdu, expected, |parameters| match parameters {
        [] => Ok(()),
        _ => Err(MalformedReason::Length),
    })
}

/// The same for discoveries; `None` for Attribute Not Found, with which each of them ends.
fn found<'p, T>(
    pdu: &'p [u8],
    expected: Opcode,
    parse: impl FnOnce(&'p [u8]) -> Result<T, MalformedReason>,
) -> Result<Option<T>, ProcedureError> {
    match accepted(pdu, expected, parse) {
        Ok(found) => Ok(Some(found)),
        Err(ProcedureError::Att(error)) if error.code == ErrorCode::ATTRIBUTE_NOT_FOUND => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
