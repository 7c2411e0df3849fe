//! Makes controllers of the air available to hosts outside this process.

#[cfg(unix)]
mod pty;
mod tcp;

#[cfg(unix)]
pub use pty::{PtyServer, serve_pty};
pub use tcp::{TcpServer, serve_tcp};
