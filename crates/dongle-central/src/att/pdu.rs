//! Any PDU that can arrive on a bearer, from a client or a server.

use super::reader::Reader;
use super::writer::Writer;
use super::{
    AttributeHandle, BufferTooSmall, Malformed, MalformedReason, NotificationList, Opcode, Request,
    Response,
};

/// An ATT PDU (Part F 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pdu<'a> {
    /// A client's request, which must be answered.
    Request(Request<'a>),
    /// A server's response.
    Response(Response<'a>),
    /// A client's command, which is not answered.
    Command(Command<'a>),
    /// Handle Value Notification (3.4.7.1).
    Notification {
        /// Which attribute.
        handle: AttributeHandle,
        /// Its value.
        value: &'a [u8],
    },
    /// Multiple Handle Value Notification (3.4.7.4).
    MultipleNotification(NotificationList<'a>),
    /// Handle Value Indication (3.4.7.2); it must be confirmed.
    Indication {
        /// Which attribute.
        handle: AttributeHandle,
        /// Its value.
        value: &'a [u8],
    },
    /// Handle Value Confirmation (3.4.7.3).
    Confirmation,
}

/// A command PDU: a write without a response (Part F 3.4.5.3 and 3.4.5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// Write Command.
    Write {
        /// Which attribute.
        handle: AttributeHandle,
        /// Its new value.
        value: &'a [u8],
    },
    /// Signed Write Command.
    SignedWrite {
        /// Which attribute.
        handle: AttributeHandle,
        /// Its new value.
        value: &'a [u8],
        /// The Authentication Signature: a counter and a message authentication code.
        signature: [u8; Command::SIGNATURE_LENGTH],
    },
}

impl<'a> Pdu<'a> {
    /// Parses and checks a whole PDU.
    ///
    /// # Errors
    /// [`Malformed`] says which opcode the PDU has and what is wrong with it, and how a server must answer it.
    pub fn parse(pdu: &'a [u8]) -> Result<Self, Malformed> {
        let (opcode, parameters) = Reader::new(pdu)?;
        Self::parse_parameters(opcode, parameters).map_err(|reason| Malformed::new(opcode, reason))
    }

    fn parse_parameters(opcode: Opcode, mut pdu: Reader<'a>) -> Result<Self, MalformedReason> {
        match opcode {
            // Notifications come first: a busy link carries little else.
            Opcode::HANDLE_VALUE_NOTIFICATION => Ok(Self::Notification {
                handle: pdu.handle()?,
                value: pdu.rest(),
            }),
            Opcode::HANDLE_VALUE_INDICATION => Ok(Self::Indication {
                handle: pdu.handle()?,
                value: pdu.rest(),
            }),
            Opcode::MULTIPLE_HANDLE_VALUE_NOTIFICATION => {
                NotificationList::new(pdu.rest()).map(Self::MultipleNotification)
            }
            Opcode::HANDLE_VALUE_CONFIRMATION => pdu.end(Self::Confirmation),
            Opcode::WRITE_COMMAND => Ok(Self::Command(Command::Write {
                handle: pdu.handle()?,
                value: pdu.rest(),
            })),
            Opcode::SIGNED_WRITE_COMMAND => Command::parse_signed(pdu).map(Self::Command),
            _ if opcode.is_response() => Response::parse(opcode, pdu).map(Self::Response),
            _ => Request::parse(opcode, pdu).map(Self::Request),
        }
    }

    /// The opcode.
    pub const fn opcode(&self) -> Opcode {
        match self {
            Self::Request(request) => request.opcode(),
            Self::Response(response) => response.opcode(),
            Self::Command(command) => command.opcode(),
            Self::Notification { .. } => Opcode::HANDLE_VALUE_NOTIFICATION,
            Self::MultipleNotification(_) => Opcode::MULTIPLE_HANDLE_VALUE_NOTIFICATION,
            Self::Indication { .. } => Opcode::HANDLE_VALUE_INDICATION,
            Self::Confirmation => Opcode::HANDLE_VALUE_CONFIRMATION,
        }
    }

    /// Writes the PDU to the beginning of `out` and returns its length.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        match *self {
            Self::Request(request) => request.emit(out),
            Self::Response(response) => response.emit(out),
            Self::Command(command) => command.emit(out),
            Self::Notification { handle, value } | Self::Indication { handle, value } => {
                Writer::new(out, self.opcode())
                    .handle(handle)
                    .bytes(value)
                    .finish()
            }
            Self::MultipleNotification(list) => {
                Writer::new(out, self.opcode()).bytes(list.bytes()).finish()
            }
            Self::Confirmation => Writer::new(out, self.opcode()).finish(),
        }
    }
}

impl<'a> Command<'a> {
    /// The length of an Authentication Signature in octets.
    pub const SIGNATURE_LENGTH: usize = 12;

    /// The opcode.
    pub const fn opcode(&self) -> Opcode {
        match self {
            Self::Write { .. } => Opcode::WRITE_COMMAND,
            Self::SignedWrite { .. } => Opcode::SIGNED_WRITE_COMMAND,
        }
    }

    /// Writes the PDU to the beginning of `out` and returns its length.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let pdu = Writer::new(out, self.opcode());
        match *self {
            Self::Write { handle, value } => pdu.handle(handle).bytes(value),
            Self::SignedWrite {
                handle,
                value,
                signature,
            } => pdu.handle(handle).bytes(value).bytes(&signature),
        }
        .finish()
    }

    fn parse_signed(mut pdu: Reader<'a>) -> Result<Self, MalformedReason> {
        let handle = pdu.handle()?;
        match pdu.rest().split_last_chunk() {
            Some((value, signature)) => Ok(Self::SignedWrite {
                handle,
                value,
                signature: *signature,
            }),
            None => Err(MalformedReason::Length),
        }
    }
}

#[cfg(test)]
mod tests;
