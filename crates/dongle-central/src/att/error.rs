//! Error Response and its error codes.

use core::fmt;

use super::{AttributeHandle, MalformedReason, Opcode};

/// An error code (Part F 3.4.1.1, and the Core Specification Supplement Part B for the codes that
/// profiles share). Any octet is valid; assigned codes have a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub u8);

/// One line per code: its constant, its number, and its name in the specification.
macro_rules! error_codes {
    ($($constant:ident = $number:literal, $name:literal;)*) => {
        impl ErrorCode {
            $(#[doc = concat!($name, ".")] pub const $constant: Self = Self($number);)*

            /// Its name in the specification; `None` if it has none of its own.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

error_codes! {
    INVALID_HANDLE = 0x01, "Invalid Handle";
    READ_NOT_PERMITTED = 0x02, "Read Not Permitted";
    WRITE_NOT_PERMITTED = 0x03, "Write Not Permitted";
    INVALID_PDU = 0x04, "Invalid PDU";
    INSUFFICIENT_AUTHENTICATION = 0x05, "Insufficient Authentication";
    REQUEST_NOT_SUPPORTED = 0x06, "Request Not Supported";
    INVALID_OFFSET = 0x07, "Invalid Offset";
    INSUFFICIENT_AUTHORIZATION = 0x08, "Insufficient Authorization";
    PREPARE_QUEUE_FULL = 0x09, "Prepare Queue Full";
    ATTRIBUTE_NOT_FOUND = 0x0A, "Attribute Not Found";
    ATTRIBUTE_NOT_LONG = 0x0B, "Attribute Not Long";
    ENCRYPTION_KEY_SIZE_TOO_SHORT = 0x0C, "Encryption Key Size Too Short";
    INVALID_ATTRIBUTE_VALUE_LENGTH = 0x0D, "Invalid Attribute Value Length";
    UNLIKELY_ERROR = 0x0E, "Unlikely Error";
    INSUFFICIENT_ENCRYPTION = 0x0F, "Insufficient Encryption";
    UNSUPPORTED_GROUP_TYPE = 0x10, "Unsupported Group Type";
    INSUFFICIENT_RESOURCES = 0x11, "Insufficient Resources";
    DATABASE_OUT_OF_SYNC = 0x12, "Database Out Of Sync";
    VALUE_NOT_ALLOWED = 0x13, "Value Not Allowed";
    WRITE_REQUEST_REJECTED = 0xFC, "Write Request Rejected";
    CCCD_IMPROPERLY_CONFIGURED = 0xFD,
        "Client Characteristic Configuration Descriptor Improperly Configured";
    PROCEDURE_ALREADY_IN_PROGRESS = 0xFE, "Procedure Already in Progress";
    OUT_OF_RANGE = 0xFF, "Out of Range";
}

impl ErrorCode {
    /// Whether the request could succeed on a more secure link: Insufficient Authentication,
    /// Insufficient Encryption, or Encryption Key Size Too Short.
    ///
    /// Insufficient Authorization is not among them: the server's user grants it, not pairing.
    pub const fn is_security(self) -> bool {
        matches!(
            self,
            Self::INSUFFICIENT_AUTHENTICATION
                | Self::INSUFFICIENT_ENCRYPTION
                | Self::ENCRYPTION_KEY_SIZE_TOO_SHORT
        )
    }

    /// Whether the application defines the meaning: 0x80 to 0x9F.
    pub const fn is_application(self) -> bool {
        matches!(self.0, 0x80..=0x9F)
    }

    /// Whether it is a common profile and service code: 0xE0 to 0xFF.
    pub const fn is_common_profile(self) -> bool {
        matches!(self.0, 0xE0..=0xFF)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.name() {
            Some(name) => name,
            None if self.is_application() => "Application Error",
            None if self.is_common_profile() => "Common Profile or Service Error",
            None => "reserved error",
        };
        write!(f, "{name} (0x{:02X})", self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An Error Response: which request was refused, about which attribute, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttError {
    /// The refused request.
    pub request: Opcode,
    /// The attribute in question; `None` if the server named none (handle 0x0000).
    pub handle: Option<AttributeHandle>,
    /// The reason.
    pub code: ErrorCode,
}

impl AttError {
    /// Parses the parameters of an Error Response.
    pub(crate) fn parse(parameters: &[u8]) -> Result<Self, MalformedReason> {
        match *parameters {
            [request, low, high, code] => Ok(Self {
                request: Opcode(request),
                handle: AttributeHandle::new(u16::from_le_bytes([low, high])),
                code: ErrorCode(code),
            }),
            _ => Err(MalformedReason::Length),
        }
    }
}

impl fmt::Display for AttError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.request, f)?;
        if let Some(handle) = self.handle {
            write!(f, " for handle {handle}")?;
        }
        write!(f, " was refused: {}", self.code)
    }
}

impl core::error::Error for AttError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn an_error_reads_as_a_sentence() {
        let error = AttError {
            request: Opcode::READ_REQUEST,
            handle: AttributeHandle::new(0x2A),
            code: ErrorCode::INSUFFICIENT_AUTHENTICATION,
        };
        assert_eq!(
            error.to_string(),
            "Read Request for handle 0x002A was refused: Insufficient Authentication (0x05)"
        );
        let error = AttError {
            request: Opcode(0x3E),
            handle: None,
            code: ErrorCode(0x06),
        };
        assert_eq!(
            error.to_string(),
            "opcode 0x3E was refused: Request Not Supported (0x06)"
        );
    }

    #[test]
    fn ranges_of_codes_are_told_apart() {
        for (code, text) in [
            (0x13, "Value Not Allowed (0x13)"),
            (0x14, "reserved error (0x14)"),
            (0x80, "Application Error (0x80)"),
            (0x9F, "Application Error (0x9F)"),
            (0xA0, "reserved error (0xA0)"),
            (0xE0, "Common Profile or Service Error (0xE0)"),
            (0xFF, "Out of Range (0xFF)"),
        ] {
            assert_eq!(ErrorCode(code).to_string(), text);
        }
    }

    #[test]
    fn security_is_what_pairing_can_mend() {
        let codes = (0..=255).map(ErrorCode).filter(|code| code.is_security());
        assert!(codes.eq([0x05, 0x0C, 0x0F].map(ErrorCode)));
    }
}
