//! Responses: what a server answers to a request, refusals included.

use super::reader::Reader;
use super::writer::Writer;
use super::{
    AttError, AttributeHandle, BufferTooSmall, ErrorCode, GroupList, HandleValueList,
    InformationList, Malformed, MalformedReason, Opcode, RangeList, VariableValueList,
};

/// A response PDU (Part F 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response<'a> {
    /// Error Response (3.4.1.1).
    Error(AttError),
    /// Exchange MTU Response (3.4.2.2).
    ExchangeMtu {
        /// The longest PDU the server can receive, as it said it.
        server_rx_mtu: u16,
    },
    /// Find Information Response (3.4.3.2).
    FindInformation(InformationList<'a>),
    /// Find By Type Value Response (3.4.3.4).
    FindByTypeValue(RangeList<'a>),
    /// Read By Type Response (3.4.4.2).
    ReadByType(HandleValueList<'a>),
    /// Read Response (3.4.4.4).
    Read {
        /// The value, or its first ATT_MTU - 1 octets.
        value: &'a [u8],
    },
    /// Read Blob Response (3.4.4.6).
    ReadBlob {
        /// The value from the offset asked for on, at most ATT_MTU - 1 octets of it.
        value: &'a [u8],
    },
    /// Read Multiple Response (3.4.4.8).
    ReadMultiple {
        /// The values, one after another without a mark between.
        values: &'a [u8],
    },
    /// Read By Group Type Response (3.4.4.10).
    ReadByGroupType(GroupList<'a>),
    /// Write Response (3.4.5.2).
    Write,
    /// Prepare Write Response (3.4.6.2): the request again, as the server understood it.
    PrepareWrite {
        /// Which attribute.
        handle: AttributeHandle,
        /// Where the part goes in its value.
        offset: u16,
        /// The part.
        part: &'a [u8],
    },
    /// Execute Write Response (3.4.6.4).
    ExecuteWrite,
    /// Read Multiple Variable Response (3.4.4.12).
    ReadMultipleVariable(VariableValueList<'a>),
}

impl<'a> Response<'a> {
    /// The opcode.
    pub const fn opcode(&self) -> Opcode {
        match self {
            Self::Error(_) => Opcode::ERROR_RESPONSE,
            Self::ExchangeMtu { .. } => Opcode::EXCHANGE_MTU_RESPONSE,
            Self::FindInformation(_) => Opcode::FIND_INFORMATION_RESPONSE,
            Self::FindByTypeValue(_) => Opcode::FIND_BY_TYPE_VALUE_RESPONSE,
            Self::ReadByType(_) => Opcode::READ_BY_TYPE_RESPONSE,
            Self::Read { .. } => Opcode::READ_RESPONSE,
            Self::ReadBlob { .. } => Opcode::READ_BLOB_RESPONSE,
            Self::ReadMultiple { .. } => Opcode::READ_MULTIPLE_RESPONSE,
            Self::ReadByGroupType(_) => Opcode::READ_BY_GROUP_TYPE_RESPONSE,
            Self::Write => Opcode::WRITE_RESPONSE,
            Self::PrepareWrite { .. } => Opcode::PREPARE_WRITE_RESPONSE,
            Self::ExecuteWrite => Opcode::EXECUTE_WRITE_RESPONSE,
            Self::ReadMultipleVariable(_) => Opcode::READ_MULTIPLE_VARIABLE_RESPONSE,
        }
    }

    /// Writes the PDU to the beginning of `out` and returns its length.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let pdu = Writer::new(out, self.opcode());
        match *self {
            Self::Error(AttError {
                request,
                handle,
                code,
            }) => pdu
                .u8(request.0)
                .u16(handle.map_or(0, AttributeHandle::get))
                .u8(code.0),
            Self::ExchangeMtu { server_rx_mtu } => pdu.u16(server_rx_mtu),
            Self::FindInformation(list) => pdu.u8(list.format()).bytes(list.bytes()),
            Self::FindByTypeValue(list) => pdu.bytes(list.bytes()),
            Self::ReadByType(list) => pdu.u8(list.entry_length()).bytes(list.bytes()),
            Self::Read { value } | Self::ReadBlob { value } => pdu.bytes(value),
            Self::ReadMultiple { values } => pdu.bytes(values),
            Self::ReadByGroupType(list) => pdu.u8(list.entry_length()).bytes(list.bytes()),
            Self::Write | Self::ExecuteWrite => pdu,
            Self::PrepareWrite {
                handle,
                offset,
                part,
            } => pdu.handle(handle).u16(offset).bytes(part),
            Self::ReadMultipleVariable(list) => pdu.bytes(list.bytes()),
        }
        .finish()
    }

    /// Judges a whole PDU as a response; `None`: it is something else. [`Pdu::parse`](super::Pdu::parse)
    /// tells what, which takes more code.
    pub(crate) fn judge(pdu: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let (opcode, parameters) = Reader::new(pdu)?;
        Self::parse(opcode, parameters).transpose()
    }

    /// The response with this opcode and these parameters; `None` if the opcode is no response's.
    pub(super) fn parse(opcode: Opcode, mut pdu: Reader<'a>) -> Option<Result<Self, Malformed>> {
        let response = match opcode {
            Opcode::ERROR_RESPONSE => error(&mut pdu),
            Opcode::EXCHANGE_MTU_RESPONSE => pdu
                .u16()
                .map(|server_rx_mtu| Self::ExchangeMtu { server_rx_mtu }),
            Opcode::FIND_INFORMATION_RESPONSE => {
                let list = list(&mut pdu, InformationList::new);
                list.map(Self::FindInformation)
            }
            Opcode::FIND_BY_TYPE_VALUE_RESPONSE => RangeList::new(pdu.rest())
                .or_else(|reason| pdu.fail(reason))
                .map(Self::FindByTypeValue),
            Opcode::READ_BY_TYPE_RESPONSE => {
                list(&mut pdu, HandleValueList::new).map(Self::ReadByType)
            }
            Opcode::READ_RESPONSE => Ok(Self::Read { value: pdu.rest() }),
            Opcode::READ_BLOB_RESPONSE => Ok(Self::ReadBlob { value: pdu.rest() }),
            Opcode::READ_MULTIPLE_RESPONSE => Ok(Self::ReadMultiple { values: pdu.rest() }),
            Opcode::READ_BY_GROUP_TYPE_RESPONSE => {
                list(&mut pdu, GroupList::new).map(Self::ReadByGroupType)
            }
            Opcode::WRITE_RESPONSE => Ok(Self::Write),
            Opcode::PREPARE_WRITE_RESPONSE => prepare_write(&mut pdu),
            Opcode::EXECUTE_WRITE_RESPONSE => Ok(Self::ExecuteWrite),
            Opcode::READ_MULTIPLE_VARIABLE_RESPONSE => Ok(Self::ReadMultipleVariable(
                VariableValueList::new(pdu.rest()),
            )),
            _ => return None,
        };
        Some(response.and_then(|response| pdu.end(response)))
    }
}

fn error<'a>(pdu: &mut Reader<'a>) -> Result<Response<'a>, Malformed> {
    let (request, handle, code) = (Opcode(pdu.u8()?), pdu.u16()?, ErrorCode(pdu.u8()?));
    Ok(Response::Error(AttError {
        request,
        handle: AttributeHandle::new(handle),
        code,
    }))
}

fn prepare_write<'a>(pdu: &mut Reader<'a>) -> Result<Response<'a>, Malformed> {
    let (handle, offset) = (pdu.handle()?, pdu.u16()?);
    Ok(Response::PrepareWrite {
        handle,
        offset,
        part: pdu.rest(),
    })
}

/// A list led by one octet that says how its entries look.
fn list<'a, L>(
    pdu: &mut Reader<'a>,
    new: fn(u8, &'a [u8]) -> Result<L, MalformedReason>,
) -> Result<L, Malformed> {
    new(pdu.u8()?, pdu.rest()).or_else(|reason| pdu.fail(reason))
}
