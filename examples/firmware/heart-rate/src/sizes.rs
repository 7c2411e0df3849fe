//! The sizes of all buffers.

use dongle_central::links::StaticLinks;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;

/// How many connections are possible at a time.
pub const CONNECTIONS: usize = if cfg!(feature = "four") { 4 } else { 1 };
/// The ATT MTU to request. With 247, a PDU fills one data packet.
pub const MTU: u16 = 247;
/// Requests that may wait on a connection: one for each task that uses it. An abandoned one keeps
/// its place until it is answered, but the next could not be sent before that anyway.
const CALLS: usize = 1;
/// Characteristics with a subscription, on each connection.
const SUBSCRIPTIONS: usize = 1;
/// Bytes of notified values that wait to be read: one of the longest, or ten of 20 bytes.
const QUEUE: usize = 256;
/// Bytes of writes without response that wait to be sent. This program makes none.
const COMMANDS: usize = 0;
/// Indicated values that may wait to be read. A heart rate is notified.
const INDICATED: usize = 0;

/// The size of a buffer for an ATT PDU.
pub const PDU: usize = MTU as usize + 1;
/// The largest HCI packet, or ATT PDU with its header.
pub const PACKET: usize = 259;

/// The memory of all connections. One executor runs all tasks, so nothing has to be locked.
pub type Links =
    StaticLinks<NoopRawMutex, CONNECTIONS, PDU, CALLS, SUBSCRIPTIONS, QUEUE, COMMANDS, INDICATED>;
