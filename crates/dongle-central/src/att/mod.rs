//! The Attribute Protocol on the wire: checked PDUs in both directions, without state.
//!
//! Everything here is from Core Specification Vol 3 Part F. Parsing checks a whole PDU at once:
//! lengths, handles and list entries. A parsed PDU can be iterated over without further checks, and
//! nothing here panics on a peer's data. PDUs of both directions can be parsed and written, because
//! a peer may be a client of ours while we are a client of it.
//!
//! ```
//! use dongle_central::att::{AttributeHandle, Pdu, Request, Response};
//!
//! let handle = AttributeHandle::new(0x002A).ok_or("zero is not a handle")?;
//! let mut out = [0; 23];
//! let length = Request::Read { handle }.emit(&mut out)?;
//! assert_eq!(out[..length], [0x0A, 0x2A, 0x00]);
//!
//! let answer = Pdu::parse(&[0x0B, 72])?;
//! assert_eq!(answer, Pdu::Response(Response::Read { value: &[72] }));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod error;
mod handle;
mod list;
mod malformed;
mod mtu;
mod opcode;
mod pdu;
mod reader;
mod request;
mod response;
mod uuid;
mod writer;

pub use error::{AttError, ErrorCode};
pub use handle::{AttributeHandle, HandleRange};
pub use list::{
    GroupEntry, GroupList, HandleList, HandleValueEntry, HandleValueList, InformationEntry,
    InformationList, NotificationList, RangeList, VariableValue, VariableValueList,
};
pub(crate) use list::{split_handle, split_range};
pub use malformed::{Malformed, MalformedReason};
pub use mtu::Mtu;
pub use opcode::Opcode;
pub use pdu::{Command, Pdu};
pub use request::{ExecuteAction, Request};
pub use response::Response;
pub(crate) use response::split_prepared;
pub use uuid::{ParseUuidError, Uuid};
pub use writer::BufferTooSmall;

/// The longest value an attribute may have, in octets (Part F 3.2.9).
pub const MAX_VALUE_LENGTH: usize = 512;
