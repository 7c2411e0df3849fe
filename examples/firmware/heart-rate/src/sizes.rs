//! Every buffer's size.

use dongle_central::links::StaticLinks;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;

/// Connections at a time.
pub const CONNECTIONS: usize = if cfg!(feature = "four") { 4 } else { 1 };
/// ATT MTU to ask for. 247 lets a PDU fill one data packet.
pub const MTU: u16 = 247;
/// Requests that may wait on a connection, as many as tasks that use it. One that is given up keeps
/// its place until it is answered; the next one could not be sent before that anyway.
const CALLS: usize = 1;
/// Characteristics that are subscribed to on a connection.
const SUBSCRIPTIONS: usize = 1;
/// Bytes of notified values that wait to be read: one of the longest, or ten of 20 bytes.
const QUEUE: usize = 256;
/// Bytes of commands that wait to be sent: all that is written here is written with a response.
const COMMANDS: usize = 0;
/// Indicated values that have room: a heart rate is notified.
const INDICATED: usize = 0;

/// What holds an ATT PDU.
pub const PDU: usize = MTU as usize + 1;
/// Largest HCI packet, and ATT PDU with its header.
pub const PACKET: usize = 259;

/// The memory of all connections. One executor runs all tasks, so that nothing has to be locked.
pub type Links =
    StaticLinks<NoopRawMutex, CONNECTIONS, PDU, CALLS, SUBSCRIPTIONS, QUEUE, COMMANDS, INDICATED>;
