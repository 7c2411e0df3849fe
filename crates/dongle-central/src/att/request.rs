//! Requests: sent by a client, answered by a server.

use super::reader::Reader;
use super::writer::Writer;
use super::{
    AttributeHandle, BufferTooSmall, HandleList, HandleRange, MalformedReason, Opcode, Uuid,
};

/// A request PDU (Part F 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// Exchange MTU Request (3.4.2.1).
    ExchangeMtu {
        /// The longest PDU the client can receive, as sent.
        client_rx_mtu: u16,
    },
    /// Find Information Request (3.4.3.1): asks which attributes there are.
    FindInformation {
        /// The range to search.
        range: HandleRange,
    },
    /// Find By Type Value Request (3.4.3.3): asks which attributes have this type and value.
    FindByTypeValue {
        /// The range to search.
        range: HandleRange,
        /// The type, always 16 bits.
        attribute_type: u16,
        /// The value.
        value: &'a [u8],
    },
    /// Read By Type Request (3.4.4.1).
    ReadByType {
        /// The range to search.
        range: HandleRange,
        /// The type.
        attribute_type: Uuid,
    },
    /// Read Request (3.4.4.3).
    Read {
        /// Which attribute.
        handle: AttributeHandle,
    },
    /// Read Blob Request (3.4.4.5): the value starting at an offset.
    ReadBlob {
        /// Which attribute.
        handle: AttributeHandle,
        /// The first octet of the value to read.
        offset: u16,
    },
    /// Read Multiple Request (3.4.4.7): several values whose lengths the client knows.
    ReadMultiple {
        /// Which attributes.
        handles: HandleList<'a>,
    },
    /// Read By Group Type Request (3.4.4.9).
    ReadByGroupType {
        /// The range to search.
        range: HandleRange,
        /// The type of the attributes that start groups.
        group_type: Uuid,
    },
    /// Write Request (3.4.5.1).
    Write {
        /// Which attribute.
        handle: AttributeHandle,
        /// Its new value.
        value: &'a [u8],
    },
    /// Prepare Write Request (3.4.6.1): queues a part of a value.
    PrepareWrite {
        /// Which attribute.
        handle: AttributeHandle,
        /// The position of the part in the value.
        offset: u16,
        /// The part.
        part: &'a [u8],
    },
    /// Execute Write Request (3.4.6.3): writes or discards what is queued.
    ExecuteWrite {
        /// Whether to write or discard it.
        action: ExecuteAction,
    },
    /// Read Multiple Variable Request (3.4.4.11): several values with their lengths.
    ReadMultipleVariable {
        /// Which attributes.
        handles: HandleList<'a>,
    },
}

/// What to do with the prepared writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExecuteAction {
    /// Discard them.
    Cancel,
    /// Write them, in order.
    Write,
}

impl<'a> Request<'a> {
    /// The opcode.
    pub const fn opcode(&self) -> Opcode {
        match self {
            Self::ExchangeMtu { .. } => Opcode::EXCHANGE_MTU_REQUEST,
            Self::FindInformation { .. } => Opcode::FIND_INFORMATION_REQUEST,
            Self::FindByTypeValue { .. } => Opcode::FIND_BY_TYPE_VALUE_REQUEST,
            Self::ReadByType { .. } => Opcode::READ_BY_TYPE_REQUEST,
            Self::Read { .. } => Opcode::READ_REQUEST,
            Self::ReadBlob { .. } => Opcode::READ_BLOB_REQUEST,
            Self::ReadMultiple { .. } => Opcode::READ_MULTIPLE_REQUEST,
            Self::ReadByGroupType { .. } => Opcode::READ_BY_GROUP_TYPE_REQUEST,
            Self::Write { .. } => Opcode::WRITE_REQUEST,
            Self::PrepareWrite { .. } => Opcode::PREPARE_WRITE_REQUEST,
            Self::ExecuteWrite { .. } => Opcode::EXECUTE_WRITE_REQUEST,
            Self::ReadMultipleVariable { .. } => Opcode::READ_MULTIPLE_VARIABLE_REQUEST,
        }
    }

    /// Writes the PDU to the beginning of `out` and returns its length.
    // Where the compiler knows which request it is, it drops the code for the others.
    #[inline(always)]
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let pdu = Writer::new(out, self.opcode());
        match *self {
            Self::ExchangeMtu { client_rx_mtu } => pdu.u16(client_rx_mtu),
            Self::FindInformation { range } => pdu.range(range),
            Self::FindByTypeValue {
                range,
                attribute_type,
                value,
            } => pdu.range(range).u16(attribute_type).bytes(value),
            Self::ReadByType {
                range,
                attribute_type: uuid,
            }
            | Self::ReadByGroupType {
                range,
                group_type: uuid,
            } => pdu.range(range).uuid(uuid),
            Self::Read { handle } => pdu.handle(handle),
            Self::ReadBlob { handle, offset } => pdu.handle(handle).u16(offset),
            Self::ReadMultiple { handles } | Self::ReadMultipleVariable { handles } => {
                handles.iter().fold(pdu, Writer::handle)
            }
            Self::Write { handle, value } => pdu.handle(handle).bytes(value),
            Self::PrepareWrite {
                handle,
                offset,
                part,
            } => pdu.handle(handle).u16(offset).bytes(part),
            Self::ExecuteWrite { action } => pdu.u8(match action {
                ExecuteAction::Cancel => 0x00,
                ExecuteAction::Write => 0x01,
            }),
        }
        .finish()
    }

    /// Parses the parameters of the request with this opcode.
    pub(super) fn parse(opcode: Opcode, mut pdu: Reader<'a>) -> Result<Self, MalformedReason> {
        let request = match opcode {
            Opcode::EXCHANGE_MTU_REQUEST => pdu
                .u16()
                .map(|client_rx_mtu| Self::ExchangeMtu { client_rx_mtu }),
            Opcode::FIND_INFORMATION_REQUEST => {
                pdu.range().map(|range| Self::FindInformation { range })
            }
            Opcode::FIND_BY_TYPE_VALUE_REQUEST => find_by_type_value(&mut pdu),
            Opcode::READ_BY_TYPE_REQUEST => {
                range_and_type(&mut pdu).map(|(range, attribute_type)| Self::ReadByType {
                    range,
                    attribute_type,
                })
            }
            Opcode::READ_REQUEST => pdu.handle().map(|handle| Self::Read { handle }),
            Opcode::READ_BLOB_REQUEST => handle_and_offset(&mut pdu)
                .map(|(handle, offset)| Self::ReadBlob { handle, offset }),
            Opcode::READ_MULTIPLE_REQUEST => {
                handles(&mut pdu).map(|handles| Self::ReadMultiple { handles })
            }
            Opcode::READ_BY_GROUP_TYPE_REQUEST => range_and_type(&mut pdu)
                .map(|(range, group_type)| Self::ReadByGroupType { range, group_type }),
            Opcode::WRITE_REQUEST => pdu.handle().map(|handle| Self::Write {
                handle,
                value: pdu.rest(),
            }),
            Opcode::PREPARE_WRITE_REQUEST => {
                handle_and_offset(&mut pdu).map(|(handle, offset)| Self::PrepareWrite {
                    handle,
                    offset,
                    part: pdu.rest(),
                })
            }
            Opcode::EXECUTE_WRITE_REQUEST => {
                execute_action(&mut pdu).map(|action| Self::ExecuteWrite { action })
            }
            Opcode::READ_MULTIPLE_VARIABLE_REQUEST => {
                handles(&mut pdu).map(|handles| Self::ReadMultipleVariable { handles })
            }
            _ => Err(MalformedReason::UnknownOpcode),
        };
        request.and_then(|request| pdu.end(request))
    }
}

fn find_by_type_value<'a>(pdu: &mut Reader<'a>) -> Result<Request<'a>, MalformedReason> {
    let (range, attribute_type) = (pdu.range()?, pdu.u16()?);
    Ok(Request::FindByTypeValue {
        range,
        attribute_type,
        value: pdu.rest(),
    })
}

fn range_and_type(pdu: &mut Reader<'_>) -> Result<(HandleRange, Uuid), MalformedReason> {
    let range = pdu.range()?;
    // Read as a whole before it is checked: ATT has UUIDs of 2 and 16 octets, not of 4 (3.2.1).
    let uuid = pdu.rest();
    match Uuid::parse_le(uuid) {
        Some(parsed) if uuid.len() != 4 => Ok((range, parsed)),
        _ => Err(MalformedReason::Length),
    }
}

fn handle_and_offset(pdu: &mut Reader<'_>) -> Result<(AttributeHandle, u16), MalformedReason> {
    Ok((pdu.handle()?, pdu.u16()?))
}

fn handles<'a>(pdu: &mut Reader<'a>) -> Result<HandleList<'a>, MalformedReason> {
    HandleList::from_wire(pdu.rest())
}

fn execute_action(pdu: &mut Reader<'_>) -> Result<ExecuteAction, MalformedReason> {
    match pdu.u8()? {
        0x00 => Ok(ExecuteAction::Cancel),
        0x01 => Ok(ExecuteAction::Write),
        flags => Err(MalformedReason::ExecuteFlags(flags)),
    }
}
