//! GATT client procedures as state machines: what to ask next, and what the answers mean.
//!
//! Core Specification Vol 3 Part G section 4, without I/O and without a clock. Each procedure is a
//! [`Procedure`], so one driver serves them all, asynchronous or not:
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
//! A procedure asks nothing that an earlier answer has made needless, and a server can't keep it
//! going: every answer must bring it strictly nearer to its end, or it ends with
//! [`ProcedureError::Misbehaved`].

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
/// Its driver repeats three steps until [`request`](Self::request) gives `None`: send the request,
/// hand the response to [`response`](Self::response), take items with
/// [`next_item`](Self::next_item) until there are no more. An error ends the procedure. A driver
/// that stops before the end, on an error or because its caller went away, sends what
/// [`cancel`](Self::cancel) gives.
pub trait Procedure: Send {
    /// What comes out one by one. It may borrow from the response.
    type Item<'p>;

    /// Whether it may use the server's queue of prepared writes, so that it may have to [`cancel`]
    /// what is there. The others' runs need no code for that.
    ///
    /// [`cancel`]: Procedure::cancel
    const QUEUES: bool = false;

    /// Writes the next request to the beginning of `out` and returns its length, at most `mtu`;
    /// `None` when there is nothing more to ask.
    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError>;

    /// Judges the response, or Error Response, to the request just made.
    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError>;

    /// The response, which comes next, is longer than the MTU was when it was asked for: that has
    /// grown to this since. The request waited behind an MTU exchange, or the peer asked for our MTU
    /// meanwhile (Part F 3.4.2.2).
    fn mtu_grew(&mut self, mtu: Mtu) {
        let _ = mtu;
    }

    /// The next item in the response just accepted, which is given again; `None` when there are no
    /// more in it.
    fn next_item<'p>(&mut self, pdu: &'p [u8]) -> Option<Self::Item<'p>>;

    /// Whether there is nothing more to ask, where that shows before [`request`](Self::request) is
    /// called. What was found then stands, whatever becomes of the link.
    fn is_over(&self) -> bool {
        false
    }

    /// What the server has to be told if the procedure ends now, before its end. It is a request
    /// like any other and waits its turn behind the one in flight; nobody needs its response.
    fn cancel(&self) -> Option<Request<'static>> {
        None
    }
}

/// What the response that is expected carries, with refusals as errors. Each procedure parses the
/// responses to its own requests: [`Response`](crate::att::Response) knows all, which takes more code.
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

/// The same for a response that tells nothing but that all went well.
fn acknowledged(pdu: &[u8], expected: Opcode) -> Result<(), ProcedureError> {
    accepted(pdu, expected, |parameters| match parameters {
        [] => Ok(()),
        _ => Err(MalformedReason::Length),
    })
}

/// The same for what a discovery finds; `None` for Attribute Not Found, with which every one ends.
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
