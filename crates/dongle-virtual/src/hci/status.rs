//! Error codes of controllers (Core Vol 1 Part F 1.3), under the specification's names.

/// An error code as it appears in an event.
pub(crate) type Status = u8;

pub(crate) const SUCCESS: Status = 0x00;
pub(crate) const UNKNOWN_COMMAND: Status = 0x01;
pub(crate) const UNKNOWN_CONNECTION: Status = 0x02;
pub(crate) const PIN_OR_KEY_MISSING: Status = 0x06;
pub(crate) const MEMORY_CAPACITY_EXCEEDED: Status = 0x07;
pub(crate) const CONNECTION_TIMEOUT: Status = 0x08;
pub(crate) const CONNECTION_LIMIT_EXCEEDED: Status = 0x09;
pub(crate) const CONNECTION_ALREADY_EXISTS: Status = 0x0B;
pub(crate) const COMMAND_DISALLOWED: Status = 0x0C;
pub(crate) const UNSUPPORTED_FEATURE: Status = 0x11;
pub(crate) const INVALID_PARAMETERS: Status = 0x12;
pub(crate) const TERMINATED_BY_LOCAL_HOST: Status = 0x16;
pub(crate) const UNSUPPORTED_REMOTE_FEATURE: Status = 0x1A;
pub(crate) const UNACCEPTABLE_PARAMETERS: Status = 0x3B;
pub(crate) const LL_RESPONSE_TIMEOUT: Status = 0x22;
pub(crate) const DIFFERENT_TRANSACTION_COLLISION: Status = 0x2A;
pub(crate) const ADVERTISING_TIMEOUT: Status = 0x3C;
pub(crate) const MIC_FAILURE: Status = 0x3D;
pub(crate) const FAILED_TO_BE_ESTABLISHED: Status = 0x3E;
pub(crate) const UNKNOWN_ADVERTISING_IDENTIFIER: Status = 0x42;
pub(crate) const LIMIT_REACHED: Status = 0x43;
