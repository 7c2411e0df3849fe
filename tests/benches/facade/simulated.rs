//! A controller of `dongle-virtual` at a TCP port, with peers in its air: one for each who measures.

use std::io;
use std::net::TcpListener;

use dongle_virtual::{
    Address, Air, AirConfig, ControllerConfig, ScriptedConfig, ScriptedPeripheral, serve,
};

use super::server::{notification, response};

/// ACL buffers of each controller: as many as the host lets one connection use.
const BUFFERS: u8 = 64;

/// Where the peers are, written as people do: one for the facade, one for the bare loop.
pub const PEERS: [[u8; 6]; 3] = [
    [0xC6, 5, 4, 3, 2, 1],
    [0xC6, 5, 4, 3, 2, 2],
    [0xC6, 5, 4, 3, 2, 3],
];

/// Serves controllers, for ever.
pub fn run() -> io::Result<()> {
    // Room enough that the speed is not that of small queues.
    let mut config = AirConfig::free_running();
    config.queue_bytes = 64 * 1024;
    let air = Air::with(config);
    let mut controller = ControllerConfig::default().with_acl(BUFFERS, 251);
    controller.receive_buffers = usize::from(BUFFERS);
    let _peers = PEERS.map(|mut address| {
        address.reverse();
        let config = ScriptedConfig::default().with_address(Address::random(address));
        let config = config.with_controller(controller.clone());
        ScriptedPeripheral::start(&air, config, answers)
    });
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("{}", listener.local_addr()?.port());
    serve::serve_tcp(listener, &air, controller)?.wait();
    Ok(())
}

fn answers(pdu: &[u8]) -> Vec<Vec<u8>> {
    let (response, flood) = response(pdu);
    let notifications = (0..flood).map(notification);
    response.into_iter().chain(notifications).collect()
}
