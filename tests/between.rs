//! A channel between a controller and its host, so that a test can see what goes over it, and spoil it.

use std::sync::Arc;

use hci_transport::{HciChannel, HciPort};

/// What the host sends goes to the controller behind `wire`, on a thread of its own, and `see` sees it.
/// What the controller says is for the test to carry: from the wire that is returned to the port.
///
/// The channel is the host's.
pub fn between(
    wire: HciChannel,
    mut see: impl FnMut(&[u8]) + Send + 'static,
) -> (HciChannel, Arc<HciChannel>, Arc<HciPort>) {
    let (channel, port) = hci_transport::channel("through a test", 64 * 1024);
    let (wire, port) = (Arc::new(wire), Arc::new(port));
    std::thread::spawn({
        let (wire, port) = (Arc::clone(&wire), Arc::clone(&port));
        move || {
            let mut packet = Vec::new();
            while port.next_blocking(&mut packet, None).is_ok() {
                see(&packet);
                // A controller that is gone is told of by the one who reads from it.
                let _ = wire.write_packet_blocking(&packet);
            }
            wire.close();
        }
    });
    (channel, wire, port)
}
