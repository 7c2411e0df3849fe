//! Responses: a server's answers to requests, including errors.

use super::reader::Reader;
use super::writer::Writer;
use super::{
    AttError, AttributeHandle, BufferTooSmall, GroupList, HandleValueList, InformationList,
    MalformedReason, Opcode, RangeList, VariableValueList,
};

/// A response PDU (Part F 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response<'a> {
    /// Error Response (3.4.1.1).
    Error(AttError),
    /// Exchange MTU Response (3.4.2.2).
    ExchangeMtu {
        /// The longest PDU the server can receive, as sent.
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
        /// The value starting at the requested offset, at most ATT_MTU - 1 octets of it.
        value: &'a [u8],
    },
    /// Read Multiple Response (3.4.4.8).
    ReadMultiple {
        /// The values, concatenated without separators.
        values: &'a [u8],
    },
    /// Read By Group Type Response (3.4.4.10).
    ReadByGroupType(GroupList<'a>),
    /// Write Response (3.4.5.2).
    Write,
    /// Prepare Write Response (3.4.6.2): the request repeated, as the server received it.
    PrepareWrite {
        /// Which attribute.
        handle: AttributeHandle,
        /// The position of the part in the value.
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

    /// Parses the parameters of the response with this opcode.
    pub(super) fn parse(opcode: Opcode, mut pdu: Reader<'a>) -> Result<Self, MalformedReason> {
        let response = match opcode {
            Opcode::ERROR_RESPONSE => AttError::parse(pdu.rest()).map(Self::Error),
            Opcode::EXCHANGE_MTU_RESPONSE => pdu
                .u16()
                .map(|server_rx_mtu| Self::ExchangeMtu { server_rx_mtu }),
            Opcode::FIND_INFORMATION_RESPONSE => {
                InformationList::parse(pdu.rest()).map(Self::FindInformation)
            }
            Opcode::FIND_BY_TYPE_VALUE_RESPONSE => {
                RangeList::new(pdu.rest()).map(Self::FindByTypeValue)
            }
            Opcode::READ_BY_TYPE_RESPONSE => {
                HandleValueList::parse(pdu.rest()).map(Self::ReadByType)
            }
            Opcode::READ_RESPONSE => Ok(Self::Read { value: pdu.rest() }),
            Opcode::READ_BLOB_RESPONSE => Ok(Self::ReadBlob { value: pdu.rest() }),
            Opcode::READ_MULTIPLE_RESPONSE => Ok(Self::ReadMultiple { values: pdu.rest() }),
            Opcode::READ_BY_GROUP_TYPE_RESPONSE => {
                GroupList::parse(pdu.rest()).map(Self::ReadByGroupType)
            }
            Opcode::WRITE_RESPONSE => Ok(Self::Write),
            Opcode::PREPARE_WRITE_RESPONSE => {
                split_prepared(pdu.rest()).map(|(handle, offset, part)| Self::PrepareWrite {
                    handle,
                    offset,
                    part,
                })
            }
            Opcode::EXECUTE_WRITE_RESPONSE => Ok(Self::ExecuteWrite),
            Opcode::READ_MULTIPLE_VARIABLE_RESPONSE => Ok(Self::ReadMultipleVariable(
                VariableValueList::new(pdu.rest()),
            )),
            _ => Err(MalformedReason::UnknownOpcode),
        };
        response.and_then(|response| pdu.end(response))
    }
}

/// The parameters of a Prepare Write Response: the handle, the offset and the part.
pub(crate) fn split_prepared(
    parameters: &[u8],
) -> Result<(AttributeHandle, u16, &[u8]), MalformedReason> {
    let mut parameters = Reader::over(parameters);
    Ok((parameters.handle()?, parameters.u16()?, parameters.rest()))
}
