//! Controllers over TCP: each client gets its own.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::air::Air;
use crate::world::ControllerConfig;

/// Serves controllers until it is dropped, which disconnects the clients.
#[derive(Debug)]
pub struct TcpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    clients: Mutex<Vec<Client>>,
}

#[derive(Debug)]
struct Client {
    stream: TcpStream,
    thread: JoinHandle<()>,
}

/// Serves a new controller like `config` to every client of `listener`, in H4 form.
///
/// # Errors
///
/// If the listener has no address or no thread can be started.
pub fn serve_tcp(
    listener: TcpListener,
    air: &Air,
    config: ControllerConfig,
) -> io::Result<TcpServer> {
    let address = listener.local_addr()?;
    let shared = Arc::<Shared>::default();
    let acceptor = {
        let (air, shared) = (air.clone(), Arc::clone(&shared));
        let body = move || accept(&listener, &air, &config, &shared);
        thread::Builder::new()
            .name("hci-accept".into())
            .spawn(body)?
    };
    Ok(TcpServer {
        address,
        shared,
        acceptor: Some(acceptor),
    })
}

fn accept(listener: &TcpListener, air: &Air, config: &ControllerConfig, shared: &Shared) {
    loop {
        let accepted = listener.accept();
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let started = accepted.and_then(|(stream, peer)| {
            log::info!("{peer} has connected");
            serve_client(stream, peer, air, config.clone())
        });
        match started {
            Ok(client) => {
                let mut clients = shared
                    .clients
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                clients.retain(|client| !client.thread.is_finished());
                clients.push(client);
            }
            Err(error) => {
                log::warn!("a client could not be served: {error}");
                // Probably there are no descriptors left, so trying again at once would only spin.
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

fn serve_client(
    stream: TcpStream,
    peer: SocketAddr,
    air: &Air,
    config: ControllerConfig,
) -> io::Result<Client> {
    stream.set_nodelay(true)?;
    let (reader, writer, hang_up) = (
        stream.try_clone()?,
        stream.try_clone()?,
        stream.try_clone()?,
    );
    let channel = air.controller(config);
    let body = move || {
        let hang_up = move || {
            let _ = hang_up.shutdown(Shutdown::Both);
        };
        match hci_transport::bridge_controller(reader, writer, hang_up, &channel) {
            Ok(()) => log::info!("{peer} has disconnected"),
            Err(error) => log::warn!("{peer}: {error}"),
        }
    };
    let thread = thread::Builder::new()
        .name("hci-client".into())
        .spawn(body)?;
    Ok(Client { stream, thread })
}

impl TcpServer {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Drop for TcpServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        if let Some(acceptor) = self.acceptor.take() {
            // The acceptor waits for a client, so this connection wakes it.
            let mut address = self.address;
            match address {
                SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
                    address.set_ip(Ipv4Addr::LOCALHOST.into());
                }
                SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
                    address.set_ip(Ipv6Addr::LOCALHOST.into());
                }
                _ => {}
            }
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                let _ = acceptor.join();
            }
        }
        let mut clients = self
            .shared
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for client in clients.drain(..) {
            let _ = client.stream.shutdown(Shutdown::Both);
            let _ = client.thread.join();
        }
    }
}
