//! Attribute opcodes: those of Core 5.4 by name, any other by its bits.

use core::fmt;

/// The first octet of every PDU (Part F 3.3.1): a method, and flags for commands and for signed
/// PDUs. Any octet is valid; opcodes in the specification have a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Opcode(pub u8);

/// One line per opcode: its constant, its number, its name in the specification, and its kind.
macro_rules! opcodes {
    ($($constant:ident = $number:literal, $name:literal, $kind:ident;)*) => {
        impl Opcode {
            $(#[doc = concat!($name, ".")] pub const $constant: Self = Self($number);)*

            /// Its name in the specification; `None` if it has none.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }

            const fn kind(self) -> Option<Kind> {
                match self.0 {
                    $($number => Some(Kind::$kind),)*
                    _ => None,
                }
            }

            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$constant),*];
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Command,
    Request,
    Response,
    Notification,
    Indication,
    Confirmation,
}

opcodes! {
    ERROR_RESPONSE = 0x01, "Error Response", Response;
    EXCHANGE_MTU_REQUEST = 0x02, "Exchange MTU Request", Request;
    EXCHANGE_MTU_RESPONSE = 0x03, "Exchange MTU Response", Response;
    FIND_INFORMATION_REQUEST = 0x04, "Find Information Request", Request;
    FIND_INFORMATION_RESPONSE = 0x05, "Find Information Response", Response;
    FIND_BY_TYPE_VALUE_REQUEST = 0x06, "Find By Type Value Request", Request;
    FIND_BY_TYPE_VALUE_RESPONSE = 0x07, "Find By Type Value Response", Response;
    READ_BY_TYPE_REQUEST = 0x08, "Read By Type Request", Request;
    READ_BY_TYPE_RESPONSE = 0x09, "Read By Type Response", Response;
    READ_REQUEST = 0x0A, "Read Request", Request;
    READ_RESPONSE = 0x0B, "Read Response", Response;
    READ_BLOB_REQUEST = 0x0C, "Read Blob Request", Request;
    READ_BLOB_RESPONSE = 0x0D, "Read Blob Response", Response;
    READ_MULTIPLE_REQUEST = 0x0E, "Read Multiple Request", Request;
    READ_MULTIPLE_RESPONSE = 0x0F, "Read Multiple Response", Response;
    READ_BY_GROUP_TYPE_REQUEST = 0x10, "Read By Group Type Request", Request;
    READ_BY_GROUP_TYPE_RESPONSE = 0x11, "Read By Group Type Response", Response;
    WRITE_REQUEST = 0x12, "Write Request", Request;
    WRITE_RESPONSE = 0x13, "Write Response", Response;
    PREPARE_WRITE_REQUEST = 0x16, "Prepare Write Request", Request;
    PREPARE_WRITE_RESPONSE = 0x17, "Prepare Write Response", Response;
    EXECUTE_WRITE_REQUEST = 0x18, "Execute Write Request", Request;
    EXECUTE_WRITE_RESPONSE = 0x19, "Execute Write Response", Response;
    HANDLE_VALUE_NOTIFICATION = 0x1B, "Handle Value Notification", Notification;
    HANDLE_VALUE_INDICATION = 0x1D, "Handle Value Indication", Indication;
    HANDLE_VALUE_CONFIRMATION = 0x1E, "Handle Value Confirmation", Confirmation;
    READ_MULTIPLE_VARIABLE_REQUEST = 0x20, "Read Multiple Variable Request", Request;
    READ_MULTIPLE_VARIABLE_RESPONSE = 0x21, "Read Multiple Variable Response", Response;
    MULTIPLE_HANDLE_VALUE_NOTIFICATION = 0x23, "Multiple Handle Value Notification", Notification;
    WRITE_COMMAND = 0x52, "Write Command", Command;
    SIGNED_WRITE_COMMAND = 0xD2, "Signed Write Command", Command;
}

impl Opcode {
    const AUTHENTICATION_SIGNATURE_FLAG: u8 = 0x80;
    const COMMAND_FLAG: u8 = 0x40;

    /// The method: the opcode without its two flags.
    pub const fn method(self) -> u8 {
        self.0 & !(Self::AUTHENTICATION_SIGNATURE_FLAG | Self::COMMAND_FLAG)
    }

    /// Whether the Authentication Signature Flag is set: the PDU ends with 12 octets of signature.
    pub const fn is_signed(self) -> bool {
        self.0 & Self::AUTHENTICATION_SIGNATURE_FLAG != 0
    }

    /// Whether the Command Flag is set. An unknown command is ignored, while an unknown request
    /// gets an Error Response (Part F 3.3).
    pub const fn is_command(self) -> bool {
        self.0 & Self::COMMAND_FLAG != 0
    }

    /// Whether this is a known request.
    pub const fn is_request(self) -> bool {
        matches!(self.kind(), Some(Kind::Request))
    }

    /// Whether this is a known response, including Error Response.
    pub const fn is_response(self) -> bool {
        matches!(self.kind(), Some(Kind::Response))
    }

    /// Whether this is a notification, of one value or of several.
    pub const fn is_notification(self) -> bool {
        matches!(self.kind(), Some(Kind::Notification))
    }

    /// Whether a server must answer this: every known request, and every unknown opcode that is not a command.
    pub const fn wants_response(self) -> bool {
        match self.kind() {
            Some(kind) => matches!(kind, Kind::Request),
            None => !self.is_command(),
        }
    }

    /// The response to this request; `None` if this is not a request.
    pub const fn response(self) -> Option<Self> {
        if self.is_request() {
            Some(Self(self.0 + 1))
        } else {
            None
        }
    }

    /// Whether a PDU with this opcode can answer that request: its response, or an Error Response.
    pub const fn answers(self, request: Self) -> bool {
        match request.response() {
            Some(response) => self.0 == response.0 || self.0 == Self::ERROR_RESPONSE.0,
            None => false,
        }
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "opcode 0x{:02X}", self.0),
        }
    }
}

impl fmt::Debug for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_request_has_a_response() {
        for opcode in Opcode::ALL
            .iter()
            .copied()
            .filter(|opcode| opcode.is_request())
        {
            let response = opcode.response().unwrap();
            assert!(response.is_response(), "{opcode}");
            assert!(response.answers(opcode) && Opcode::ERROR_RESPONSE.answers(opcode));
            assert!(!opcode.answers(opcode));
            assert!(opcode.wants_response() && !response.wants_response());
        }
        assert_eq!(Opcode::WRITE_COMMAND.response(), None);
        assert!(!Opcode::READ_RESPONSE.answers(Opcode::WRITE_COMMAND));
    }

    #[test]
    fn flags_are_told_apart() {
        assert_eq!(Opcode::WRITE_COMMAND.method(), Opcode::WRITE_REQUEST.0);
        assert_eq!(
            Opcode::SIGNED_WRITE_COMMAND.method(),
            Opcode::WRITE_REQUEST.0
        );
        assert!(
            Opcode::SIGNED_WRITE_COMMAND.is_signed() && Opcode::SIGNED_WRITE_COMMAND.is_command()
        );
        assert!(Opcode::WRITE_COMMAND.is_command() && !Opcode::WRITE_COMMAND.is_signed());
        assert!(!Opcode::WRITE_COMMAND.wants_response());
    }

    #[test]
    fn the_unknown_is_answered_unless_it_is_a_command() {
        assert!(Opcode(0x3E).wants_response());
        assert!(!Opcode(0x7E).wants_response());
        assert_eq!(Opcode(0x3E).to_string(), "opcode 0x3E");
    }
}
