//! What controllers do and the simulated one does not: its packets are changed on their way.

use std::sync::{Arc, mpsc};
use std::thread;

use dongle::security::SecurityError;
use dongle::{Address, Dongle, Error, Open};
use dongle_tests::bench::{PATIENCE, soon};
use dongle_virtual::ControllerConfig;

use crate::smp::pairing::{IRK, LEGACY, resolvable};
use crate::smp::{DONGLE, PEER, Pairing, Peer, World, connect, pair};

/// A dongle that is not open yet, whose controller's packets pass `change`: what it gives is delivered.
fn changed(
    world: &World,
    mut change: impl FnMut(Vec<u8>) -> Vec<Vec<u8>> + Send + 'static,
) -> Open {
    let inner = Arc::new(world.air.controller(ControllerConfig::default()));
    let (channel, port) = hci_transport::channel("changed", 65536);
    thread::spawn({
        let (inner, port) = (Arc::clone(&inner), port.clone());
        move || {
            let mut packet = Vec::new();
            while let Ok(true) = port.next_blocking(&mut packet, None) {
                if inner.write_packet_blocking(&packet).is_err() {
                    return;
                }
            }
            inner.close();
        }
    });
    thread::spawn(move || {
        let mut packet = Vec::new();
        while let Ok(true) = inner.read_packet_timeout(&mut packet, 10 * PATIENCE) {
            for packet in change(packet.clone()) {
                if port.deliver_blocking(&packet).is_err() {
                    return;
                }
            }
        }
    });
    Dongle::on(channel).address(DONGLE)
}

/// A peripheral is the first to see a wrong MIC, and falls silent: what its central's controller tells of is
/// a supervision timeout (Core Vol 6 Part B, 5.1.3.1).
#[test]
fn another_key_is_told_from_a_link_that_is_lost_though_it_times_out() {
    let world = World::new();
    let open = changed(&world, |mut packet| {
        if let [0x04, 0x05, 0x04, 0, _, _, reason @ 0x3D] = &mut packet[..] {
            *reason = 0x08;
        }
        vec![packet]
    });
    let dongle = soon(open).expect("the dongle opens");
    let mut peer = Peer::new(&world);
    let connection = connect(&dongle, &mut peer);
    let pairing = pair(&connection);
    Pairing::just_works(&mut peer);
    pairing.join().expect("no panic").expect("it pairs");
    soon(connection.disconnect());
    peer.disconnected();
    peer.advertise();
    let device = dongle.device(PEER);
    let connecting = thread::spawn(move || soon(device.connect()).map(|_| ()));
    peer.connected();
    assert!(!peer.encrypt(&[7; 16]));
    let unconfirmed = connecting.join().expect("no panic");
    assert!(
        matches!(
            unconfirmed,
            Err(Error::Security(SecurityError::KeyUnconfirmed))
        ),
        "{unconfirmed:?}"
    );
}

/// A controller that resolves the peer's address tells its identity; what counts in f5 and f6 is the address
/// on the air (Core Vol 3 Part H, 2.3.5.6.5).
#[test]
fn a_device_that_the_controller_has_resolved_can_be_paired() {
    const IDENTITY: Address = Address::random([0xF2, 2, 2, 2, 2, 2]);
    let on_air = Address::random(resolvable(&IRK, [1, 2, 3]));
    let reversed = |address: Address| {
        let mut octets = address.octets();
        octets.reverse();
        octets
    };
    let world = World::new();
    let open = changed(&world, move |packet| {
        // Status, handle and role; then the address with its kind, and in the enhanced form two more.
        let (begin, end) = match &packet[..] {
            [0x04, 0x3E, _, 0x01, fields @ ..] => (&fields[..4], &fields[11..]),
            [0x04, 0x3E, _, 0x0A, fields @ ..] => (&fields[..4], &fields[23..]),
            _ => return vec![packet],
        };
        let (identity, private) = (reversed(IDENTITY), reversed(on_air));
        let parts: [&[u8]; 7] = [&[0x0A], begin, &[3], &identity, &[0; 6], &private, end];
        let event = parts.concat();
        vec![[&[0x04, 0x3E, event.len() as u8], &event[..]].concat()]
    });
    let dongle = soon(open).expect("the dongle opens");
    let mut peer = Peer::at(&world, on_air);
    let connection = connect(&dongle, &mut peer);
    let pairing = pair(&connection);
    Pairing::just_works(&mut peer);
    pairing.join().expect("no panic").expect("it pairs");
}

/// Both have the key: if one did not keep it, the other would refuse to pair again.
#[test]
fn who_leaves_with_its_last_key_is_bonded() {
    let world = World::new();
    let (here, is_here) = mpsc::channel();
    let mut held: Vec<Vec<u8>> = Vec::new();
    // From the second half of the key on, all comes together with the end of the link.
    let open = changed(&world, move |packet| {
        let is_end = matches!(packet[..], [0x04, 0x05, ..]);
        let is_last = matches!(packet[..], [0x02, _, _, _, _, 11, 0, 6, 0, 7, ..]);
        if !is_last && held.is_empty() {
            return vec![packet];
        }
        held.push(packet);
        if is_last {
            here.send(()).expect("somebody waits");
        }
        match is_end {
            true => std::mem::take(&mut held),
            false => Vec::new(),
        }
    });
    let dongle = soon(open).expect("the dongle opens");
    let mut peer = Peer::new(&world);
    for _ in 0..10 {
        let connection = connect(&dongle, &mut peer);
        let pairing = pair(&connection);
        let mut book = Pairing::begin(&mut peer, LEGACY);
        book.finish_legacy(0);
        is_here.recv_timeout(PATIENCE).expect("the key comes");
        peer.disconnect(0x13);
        // That it is over may be known by then, or not.
        let paired = pairing.join().expect("no panic");
        assert!(
            matches!(paired, Ok(_) | Err(Error::Disconnected(_))),
            "{paired:?}"
        );
        peer.disconnected();
        assert!(dongle.forget(PEER).expect("it is kept"), "{paired:?}");
        peer.advertise();
    }
}
