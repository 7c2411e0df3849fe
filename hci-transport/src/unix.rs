//! H4 on a Unix socket.

use std::io::{self, ErrorKind as IoErrorKind};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use crate::open::{CONNECT, within};
use crate::pump::Wire;
use crate::{Error, ErrorKind};

pub(crate) fn connect(name: &str, path: &Path) -> Result<Wire, Error> {
    let path = path.to_owned();
    // Connecting blocks while the server doesn't accept connections.
    let connected = within(CONNECT, move || UnixStream::connect(path).and_then(wire));
    let error = match connected {
        Some(Ok(wire)) => return Ok(wire),
        Some(Err(error)) => error,
        None => IoErrorKind::TimedOut.into(),
    };
    let (kind, line) = match error.kind() {
        IoErrorKind::NotFound => (
            ErrorKind::NotFound,
            format!("{name}: no such socket; start the controller's server, or check the path"),
        ),
        IoErrorKind::ConnectionRefused => (
            ErrorKind::NotFound,
            format!("{name}: nothing listens on that socket; start the controller's server"),
        ),
        IoErrorKind::PermissionDenied => (
            ErrorKind::PermissionDenied,
            format!(
                "{name}: permission denied; ask the socket's owner for write permission on it \
                 (chmod), or run as that user"
            ),
        ),
        IoErrorKind::TimedOut => (
            ErrorKind::Busy,
            format!("{name}: its server accepts nobody; end its other client, or restart it"),
        ),
        _ => (ErrorKind::Io, format!("{name}: connecting failed: {error}")),
    };
    Err(Error::new(kind, line).with_source(error))
}

fn wire(stream: UnixStream) -> io::Result<Wire> {
    stream.set_nonblocking(true)?;
    let (reader, handle) = (stream.try_clone()?, Arc::new(stream.try_clone()?));
    let descriptor = Arc::clone(&handle);
    let wire = Wire::new(reader, stream, move || {
        let _ = handle.shutdown(Shutdown::Both);
    });
    Ok(wire.ready_by(descriptor))
}
