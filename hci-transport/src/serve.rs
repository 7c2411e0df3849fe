//! The other side of a transport: connects a foreign host's byte stream to a controller's channel.

use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::pump::{CHUNK, QUIET, is_passing};
use crate::{Direction, Error, ErrorKind, H4Deframer, HciChannel, Limits};

/// How soon one direction notices that the other has ended.
const TICK: Duration = Duration::from_millis(50);

/// Serves a controller to a host at the other end of a byte stream that speaks H4, until either
/// goes away: `Ok` when the host hung up, an error when the stream or the controller failed.
///
/// The stream may be a TCP connection, a Unix socket or the controlling side of a pseudo-terminal.
/// A read or write that returns `TimedOut`, `WouldBlock` or `Interrupted` is tried again. `hang_up`
/// is called once either side is gone, and must make a blocked read or write return (`shutdown` for
/// a `TcpStream`); if they time out by themselves, it can be empty: `|| ()`.
///
/// The call blocks. The channel stays open, so the next host can be served the same controller.
///
/// # Errors
///
/// The channel's error, or the stream's as [`ErrorKind::Disconnected`].
///
/// ```no_run
/// use std::net::{Shutdown, TcpListener};
///
/// # let (channel, _controller) = hci_transport::channel("simulated", 4096);
/// let (stream, _) = TcpListener::bind("127.0.0.1:9000")?.accept()?;
/// let (reader, handle) = (stream.try_clone()?, stream.try_clone()?);
/// hci_transport::bridge_controller(reader, stream, move || {
///     let _ = handle.shutdown(Shutdown::Both);
/// }, &channel)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn bridge_controller(
    reader: impl Read + Send,
    writer: impl Write + Send,
    hang_up: impl FnOnce() + Send,
    channel: &HciChannel,
) -> Result<(), Error> {
    let over = AtomicBool::new(false);
    // Called by whichever direction ends first, because the other may be blocked on the stream.
    let hang_up = Mutex::new(Some(hang_up));
    let end = || {
        over.store(true, Ordering::Release);
        let hang_up = hang_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(hang_up) = hang_up {
            hang_up();
        }
    };
    thread::scope(|scope| {
        let to_host = scope.spawn(|| {
            let result = to_host(writer, channel, &over);
            end();
            result
        });
        let from_host = from_host(reader, channel, &over);
        end();
        let to_host = to_host.join().unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Io,
                format!("{}: the bridge broke", channel.name()),
            ))
        });
        // A host that hangs up also makes the other direction's write fail, which is no error.
        match from_host {
            Ok(End::HostHungUp) => Ok(()),
            Ok(End::Over) => to_host,
            Err(error) => to_host.and(Err(error)),
        }
    })
}

enum End {
    HostHungUp,
    Over,
}

fn from_host(mut reader: impl Read, channel: &HciChannel, over: &AtomicBool) -> Result<End, Error> {
    let mut deframer = H4Deframer::new(Direction::ToController, Limits::default());
    let mut chunk = vec![0; CHUNK];
    let mut last_byte = Instant::now();
    while !over.load(Ordering::Acquire) {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(hung_up_unless(over)),
            Ok(count) => {
                last_byte = Instant::now();
                deframer.feed(chunk.get(..count).unwrap_or_default());
                while let Some(packet) = deframer.next_packet() {
                    while !channel.write_packet_timeout(packet, TICK)? {
                        if over.load(Ordering::Acquire) {
                            return Ok(End::Over);
                        }
                    }
                }
            }
            Err(error) if is_passing(&error) => {
                // On a terminal, a host that was killed may be followed by another.
                if last_byte.elapsed() >= QUIET {
                    deframer.doubt();
                }
            }
            Err(error) if hangs_up(error.kind()) => return Ok(hung_up_unless(over)),
            Err(error) => return Err(Error::from_wire(channel.name(), "reading the host", error)),
        }
    }
    Ok(End::Over)
}

fn hung_up_unless(over: &AtomicBool) -> End {
    if over.load(Ordering::Acquire) {
        End::Over
    } else {
        End::HostHungUp
    }
}

fn to_host(mut writer: impl Write, channel: &HciChannel, over: &AtomicBool) -> Result<(), Error> {
    let mut packets = Vec::new();
    while !over.load(Ordering::Acquire) {
        if !channel.read_batch_timeout(&mut packets, CHUNK, TICK)? {
            continue;
        }
        let mut left = packets.as_slice();
        while !left.is_empty() && !over.load(Ordering::Acquire) {
            match writer.write(left) {
                Ok(0) => return Ok(()),
                Ok(count) => left = left.get(count..).unwrap_or_default(),
                Err(error) if is_passing(&error) => {}
                Err(error) if hangs_up(error.kind()) => return Ok(()),
                Err(error) => {
                    return Err(Error::from_wire(
                        channel.name(),
                        "writing to the host",
                        error,
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Whether this error only means that the other side went away.
fn hangs_up(kind: IoErrorKind) -> bool {
    matches!(
        kind,
        IoErrorKind::BrokenPipe
            | IoErrorKind::ConnectionReset
            | IoErrorKind::ConnectionAborted
            | IoErrorKind::NotConnected
    )
}
