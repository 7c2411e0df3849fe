//! What only `dongle-central` has: a pairing whose future is dropped. The facade's go on to their end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use dongle_central::central::{Central, ConnectConfig, Controller};
use dongle_central::links::{Address, StaticLinks};
use dongle_central::mux::Mux;
use dongle_central::security::{Nobody, Requirements};
use dongle_tests::bench::{PATIENCE, soon, until};
use dongle_virtual::ControllerConfig;
use dongle_virtual::peripheral::HeapPool;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Instant;
use futures_lite::future::or;
use hci_transport::HciChannel;
use trouble_host::HostResources;

use crate::faults::secure;
use crate::smp::pairing::code;
use crate::smp::{DONGLE, PEER, Pairing, Peer, World};

type Links = StaticLinks<CriticalSectionRawMutex, 1, 248, 3, 2, 1024>;

/// The steps of a pairing before the keys are there.
const STEPS: usize = 4;

fn address(of: dongle::Address) -> Address {
    let mut octets = of.octets();
    octets.reverse();
    Address::random(octets)
}

#[test]
fn a_pairing_that_is_dropped_at_any_step_is_ended_there_and_the_next_one_pairs() {
    let world = World::new();
    let mut peer = Peer::new(&world);
    let (_controller, channel) = world.air.attach(ControllerConfig::default());
    let links = Links::new();
    let mux: Mux<'_, HciChannel, Links> = Mux::new(channel, &links, ());
    let mut resources = HostResources::<HeapPool, 1, 1>::new();
    let stack = trouble_host::new(Controller::new(&mux), &mut resources)
        .set_random_address(address(DONGLE))
        .build();
    let central = Central::with_host(&mux, &stack);
    let (reached, told) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (order, orders) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            peer.connected();
            for steps in orders {
                if steps > STEPS {
                    Pairing::just_works(&mut peer);
                    return;
                }
                secure(&mut peer, steps);
                reached.store(steps, Ordering::SeqCst);
                // What was sent before comes first.
                while peer.received().0 != code::FAILED {}
                told.store(steps, Ordering::SeqCst);
            }
        });
        let work = async {
            let deadline = Instant::now() + PATIENCE.try_into().expect("short enough");
            let config = ConnectConfig::default();
            let connecting = central.connect(address(PEER), &config, Some(deadline));
            let connection = connecting.await.expect("the peer is there");
            let wanted = Requirements::default();
            for steps in 1..=STEPS {
                order.send(steps).expect("the peer lives");
                let pairing = async { Some(connection.pair(&wanted, &Nobody).await) };
                let far = async {
                    until("it is so far", || reached.load(Ordering::SeqCst) == steps).await;
                    None
                };
                let ended = or(pairing, far).await;
                assert!(ended.is_none(), "after {steps} steps: {ended:?}");
                until("the peer hears", || told.load(Ordering::SeqCst) == steps).await;
            }
            order.send(STEPS + 1).expect("the peer lives");
            let bond = connection.pair(&wanted, &Nobody).await.expect("it pairs");
            assert!(bond.is_some());
            assert!(connection.security().encrypted);
        };
        soon(or(work, async {
            let ended = central.run().await;
            panic!("the central ended: {ended}");
        }));
        drop(order);
    });
}
