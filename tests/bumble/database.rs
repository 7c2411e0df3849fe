//! What is in the rich GATT server, as `gatt_server.py` builds it: numbers for [`uuid`].
//!
//! Beside what has a number there are two Battery services (0x180F), of levels 55 and 66, and
//! Bumble's own Generic Access and Generic Attribute.

/// The service with the characteristics that a test is about; includes the first Battery
/// service and [`SECONDARY`].
pub const MAIN: u16 = 0x0001;
/// The service with [`CROWD_SIZE`] characteristics.
pub const CROWD: u16 = 0x0002;
/// A service of ten characteristics: the number `n` of each is its value; every third one (`n`
/// = 0, 3, 6, 9) has the UUID `uuid(0x0300 + n)`, the others the 16-bit `0xFFE0 + n`.
pub const MIXED: u16 = 0x0003;
/// A secondary service, with the characteristic `uuid(0x0401)`.
pub const SECONDARY: u16 = 0x0004;
/// 512 bytes of [`pattern`]; read, write.
pub const LONG: u16 = 0x0101;
/// No bytes at all; read.
pub const EMPTY: u16 = 0x0102;
/// A `u16`: how long [`PATTERN`] is; 22 at first; read, write.
pub const LENGTH: u16 = 0x0103;
/// As many bytes of [`pattern`] as [`LENGTH`] says; read.
pub const PATTERN: u16 = 0x0104;
/// Takes write commands that begin with a `u32` number, one more each time.
pub const COMMANDS: u16 = 0x0105;
/// Two `u32`: the commands that [`COMMANDS`] got, and how many were out of order; a write
/// resets both.
pub const COMMANDS_SEEN: u16 = 0x0106;
/// Reliable writes are allowed, and the extended properties say so; read, write.
pub const RELIABLE_A: u16 = 0x0107;
/// As [`RELIABLE_A`].
pub const RELIABLE_B: u16 = 0x0108;
/// Indicates `u32` numbers from 0 when [`CONTROL`] asks for them.
pub const INDICATED: u16 = 0x0109;
/// Notifies `u32` numbers from 0, and [`pattern`] after them, back to back when [`CONTROL`]
/// asks for it.
pub const BURST: u16 = 0x010a;
/// Write `what: u8, count: u32, length: u16`: 0 for [`BURST`], 1 for [`INDICATED`], 2 and 3 for
/// notifications and indications of [`EITHER`].
pub const CONTROL: u16 = 0x010b;
/// A `u16`, the milliseconds that a read of it takes; 500 at first; read, write.
pub const SLOW: u16 = 0x010c;
/// Write; a read is not permitted.
pub const WRITE_ONLY: u16 = 0x010d;
/// `read only`; a write is not permitted.
pub const READ_ONLY: u16 = 0x010e;
/// Insufficient Authentication until the link is authenticated; read, write.
pub const NEEDS_AUTHENTICATION: u16 = 0x010f;
/// Insufficient Encryption until the link is encrypted; read, write.
pub const NEEDS_ENCRYPTION: u16 = 0x0110;
/// Insufficient Authorization, always; read.
pub const NEEDS_AUTHORIZATION: u16 = 0x0111;
/// Answers every read and write with [`APPLICATION_ERROR`].
pub const REFUSES: u16 = 0x0112;
/// Notifies [`EAGER_COUNT`] `u32` numbers from 0 before it answers the write that subscribes.
pub const EAGER: u16 = 0x0113;
/// Notifies and indicates, whichever is subscribed, when [`CONTROL`] asks for it.
pub const EITHER: u16 = 0x0114;
/// `described`; its descriptors are User Description (59 bytes), Presentation Format,
/// [`LONG_DESCRIPTOR`] and [`WRITABLE_DESCRIPTOR`]; read.
pub const DESCRIBED: u16 = 0x0115;
/// 300 bytes of [`pattern`]; read, write.
pub const LONG_DESCRIPTOR: u16 = 0x0116;
/// `change me`; read, write.
pub const WRITABLE_DESCRIPTOR: u16 = 0x0117;
/// The first characteristic of [`CROWD`]; each next number is the next one, and the value is
/// its place, from 0.
pub const FIRST_IN_CROWD: u16 = 0x0200;
/// How many characteristics [`CROWD`] has.
pub const CROWD_SIZE: u16 = 50;
/// The ATT error that [`REFUSES`] gives.
pub const APPLICATION_ERROR: u8 = 0x81;
/// How many values [`EAGER`] notifies at once.
pub const EAGER_COUNT: u32 = 3;

/// The 128-bit UUID of a number, in the order of the air (the least byte first).
pub const fn uuid(number: u16) -> [u8; 16] {
    let [low, high] = number.to_le_bytes();
    [
        0xe0, 0xfe, 0x0f, 0x1c, 0x1f, 0x6d, 0x52, 0x9a, 0x4b, 0x4e, 0x1f, 0x3c, low, high, 0x9e,
        0xd0,
    ]
}

/// The first `length` bytes of what long values are made of.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..251_u8).cycle().take(length).collect()
}
