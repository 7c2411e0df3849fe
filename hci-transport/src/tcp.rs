//! H4 on a TCP connection.

use std::io::{self, ErrorKind as IoErrorKind, Read};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use crate::open::{CONNECT, within};
use crate::pump::{GRACE, Wire};
use crate::{Error, ErrorKind};

/// How long a connection may be silent before it is probed, and the interval of the probes.
const QUIET: Duration = Duration::from_secs(10);
const PROBE: Duration = Duration::from_secs(5);

/// How often a write that the other side holds back checks whether it is still wanted.
#[cfg(not(unix))]
const TICK: Duration = Duration::from_millis(100);

pub(crate) fn connect(name: &str, host: &str, port: u16) -> Result<Wire, Error> {
    let stream = connect_within(name, host, port)?;
    wire(stream).map_err(|error| {
        Error::new(
            ErrorKind::Io,
            format!("{name}: the connection can't be used: {error}"),
        )
        .with_source(error)
    })
}

/// A peer that vanished silently is noticed after about 20 s, even while nothing is sent. If the
/// system can't set the intervals, its defaults apply.
fn keep_alive(stream: &TcpStream) {
    let often = TcpKeepalive::new().with_time(QUIET).with_interval(PROBE);
    #[cfg(not(windows))]
    let often = often.with_retries(2);
    if let Err(error) = SockRef::from(stream).set_tcp_keepalive(&often) {
        log::debug!("no keep-alive: {error}");
    }
}

fn connect_within(name: &str, host: &str, port: u16) -> Result<TcpStream, Error> {
    let deadline = Instant::now() + CONNECT;
    let mut last = None;
    for address in resolve(name, host, port)? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                keep_alive(&stream);
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| IoErrorKind::TimedOut.into());
    let (kind, line) = match error.kind() {
        IoErrorKind::ConnectionRefused => (
            ErrorKind::NotFound,
            format!(
                "{name}: nothing listens there; start the controller's server, or check the port"
            ),
        ),
        IoErrorKind::TimedOut => (
            ErrorKind::NotFound,
            format!(
                "{name}: no answer from that host within {} s; check the address and the network",
                CONNECT.as_secs_f32()
            ),
        ),
        IoErrorKind::HostUnreachable | IoErrorKind::NetworkUnreachable => (
            ErrorKind::NotFound,
            format!(
                "{name}: that host can't be reached ({error}); check the address and the network"
            ),
        ),
        IoErrorKind::PermissionDenied => (
            ErrorKind::PermissionDenied,
            format!("{name}: connecting is not permitted; check the firewall"),
        ),
        _ => (ErrorKind::Io, format!("{name}: connecting failed: {error}")),
    };
    Err(Error::new(kind, line).with_source(error))
}

fn resolve(name: &str, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let unknown = |why: &str| {
        Error::new(
            ErrorKind::NotFound,
            format!(
                "{name}: there is no host '{host}' ({why}); check its name, or use its address"
            ),
        )
    };
    // The system's resolver takes no deadline.
    let question = (host.to_owned(), port);
    let answer = within(CONNECT, move || {
        question.to_socket_addrs().map(Iterator::collect::<Vec<_>>)
    });
    match answer {
        Some(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
        Some(Ok(_)) => Err(unknown("it has no address")),
        Some(Err(error)) => Err(unknown(&error.to_string()).with_source(error)),
        None => Err(unknown("the name server does not answer")),
    }
}

/// HCI packets are small, and each waits for the one before, so they must not be delayed to be
/// merged.
fn wire(stream: TcpStream) -> io::Result<Wire> {
    stream.set_nodelay(true)?;
    #[cfg(not(unix))]
    stream.set_write_timeout(Some(TICK))?;
    #[cfg(unix)]
    stream.set_nonblocking(true)?;
    let (reader, handle) = (stream.try_clone()?, Arc::new(stream.try_clone()?));
    #[cfg(unix)]
    let descriptor = Arc::clone(&handle);
    let wire = Wire::new(reader, stream, move || {
        let _ = finish(&handle, GRACE);
        let _ = handle.shutdown(Shutdown::Both);
    });
    #[cfg(unix)]
    let wire = wire.ready_by(descriptor);
    Ok(wire)
}

/// Makes sure that what was written arrives: waits for the other side to hang up, which it does
/// once it has read everything, and discards what still comes meanwhile. Closing a connection that
/// has unread data resets it, and what the system had not sent yet is lost.
fn finish(mut stream: &TcpStream, patience: Duration) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_nonblocking(false)?;
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == IoErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_connection_is_kept_alive_so_that_a_vanished_peer_is_noticed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = connect_within("test", "127.0.0.1", port).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_keepalive_time().unwrap(), QUIET);
    }
    #[test]
    fn what_the_system_still_has_to_send_arrives_though_something_came_that_nobody_read() {
        const PATIENCE: Duration = Duration::from_secs(60);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut host = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut controller, _) = listener.accept().unwrap();
        controller.write_all(&[0; 1000]).unwrap();
        host.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(count) = host.write(&[0; 1000]) {
            written += count;
        }
        let controller = thread::spawn(move || {
            let mut read = Vec::new();
            controller.read_to_end(&mut read).map(|_| read.len())
        });
        finish(&host, PATIENCE).unwrap();
        drop(host);
        assert_eq!(controller.join().unwrap().unwrap(), written);
    }
}
