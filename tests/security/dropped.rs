//! What only `dongle-central` has: a pairing whose future is dropped. The facade's go on to their end.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use dongle_central::central::{Central, ConnectConfig, Connection, NoPool};
use dongle_central::links::{Address, StaticLinks};
use dongle_central::mux::Mux;
use dongle_central::security::{
    Agent, Bond, IoCapabilities, Key, Level, Nobody, PairingFailure, Passkey, Requirements,
    SecurityError,
};
use dongle_tests::bench::{PATIENCE, soon, until};
use dongle_virtual::ControllerConfig;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Instant;
use futures_lite::future::{or, poll_once};
use hci_transport::HciChannel;

use crate::faults::secure;
use crate::smp::pairing::{SECURE, code};
use crate::smp::{DONGLE, PEER, Pairing, Peer, World};

type Links = StaticLinks<CriticalSectionRawMutex, 1, 248, 3, 2, 1024>;
type Connected<'c> = Connection<'c, 'c, 'c, HciChannel, Links, NoPool, (), 259>;

/// The steps of a pairing before the keys are there.
const STEPS: usize = 4;

fn address(of: dongle::Address) -> Address {
    let mut octets = of.octets();
    octets.reverse();
    Address::random(octets)
}

/// A person who types what is to be typed.
struct Typist;

const PASSKEY: u32 = 123_456;

impl Agent for Typist {
    fn capabilities(&self) -> IoCapabilities {
        IoCapabilities::KeyboardOnly
    }

    async fn enter(&self) -> Option<Passkey> {
        Passkey::new(PASSKEY)
    }
}

/// Runs a scenario on a connection to a peer that does what it is to.
fn with_peer(
    peer_does: impl FnOnce(&mut Peer) + Send,
    scenario: impl AsyncFnOnce(&Central<'_, '_, HciChannel, Links>, &Connected<'_>),
) {
    let world = World::new();
    let mut peer = Peer::new(&world);
    let (_controller, channel) = world.air.attach(ControllerConfig::default());
    let links = Links::new();
    let mux: Mux<'_, HciChannel, Links> = Mux::new(channel, &links, ());
    let central = Central::new(&mux);
    central.set_random(&|octets| {
        fastrand::fill(octets);
        true
    });
    central.set_random_address(address(DONGLE).addr.into_inner());
    thread::scope(|scope| {
        scope.spawn(|| {
            peer.connected();
            peer_does(&mut peer);
        });
        let work = async {
            let deadline = Instant::now() + PATIENCE.try_into().expect("short enough");
            let config = ConnectConfig::default();
            let connecting = central.connect(address(PEER), &config, Some(deadline));
            let connection = connecting.await.expect("the peer is there");
            scenario(&central, &connection).await;
        };
        soon(or(work, async {
            let ended = central.run().await;
            panic!("the central ended: {ended}");
        }));
    });
}

#[test]
fn a_pairing_that_is_dropped_at_any_step_is_ended_there_and_the_next_one_pairs() {
    let (reached, told) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (order, orders) = mpsc::channel();
    let peer_does = |peer: &mut Peer| {
        for steps in orders {
            if steps > STEPS {
                Pairing::just_works(peer);
                return;
            }
            secure(peer, steps);
            reached.store(steps, Ordering::SeqCst);
            // What was sent before comes first.
            while peer.received().0 != code::FAILED {}
            told.store(steps, Ordering::SeqCst);
        }
    };
    with_peer(peer_does, async |_, connection| {
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
    });
}

#[test]
fn the_end_of_an_encryption_that_nobody_waits_for_is_not_that_of_the_next() {
    let begun = AtomicBool::new(false);
    let (order, orders) = mpsc::channel();
    let begins = &begun;
    let peer_does = move |peer: &mut Peer| {
        let mut book = Pairing::begin(peer, SECURE).exchange_keys();
        book.compare();
        assert!(book.check(0));
        // It has all that it needs to encrypt, and is asked to.
        book.peer.asked_for_key();
        begins.store(true, Ordering::SeqCst);
        orders.recv().expect("the test goes on");
        let key = book.key;
        assert!(peer.has_key(&key));
        // And then for one that it never had.
        peer.refuse_key();
    };
    with_peer(peer_does, async |_, connection| {
        let wanted = Requirements::default();
        let pairing = async { Some(connection.pair(&wanted, &Nobody).await) };
        let far = async {
            until("it encrypts", || begun.load(Ordering::SeqCst)).await;
            None
        };
        assert!(or(pairing, far).await.is_none());
        let bond = Bond {
            identity: connection.peer(),
            irk: None,
            ltk: Key::new([7; 16]),
            ediv: 0,
            rand: [0; 8],
            key_size: 16,
            authenticated: true,
            secure_connections: true,
        };
        let mut encrypting = pin!(connection.encrypt(&bond));
        assert!(poll_once(encrypting.as_mut()).await.is_none());
        order.send(()).expect("the peer lives");
        let ended = encrypting.await;
        assert!(ended.is_err(), "{ended:?}");
        assert!(!connection.security().authenticated);
    });
}

#[test]
fn a_second_pairing_that_fails_late_leaves_no_more_than_it_came_to() {
    let peer_does = |peer: &mut Peer| {
        Pairing::by_passkey(peer, PASSKEY);
        let mut book = Pairing::begin(peer, [3, 0, 9, 16, 0, 2]).exchange_keys();
        book.compare();
        assert!(book.check(0));
        book.encrypt();
        // In the place of its keys.
        peer.send(code::FAILED, &[PairingFailure::UNSPECIFIED.0]);
    };
    with_peer(peer_does, async |_, connection| {
        let mut wanted = Requirements::default();
        wanted.authenticated = true;
        connection.pair(&wanted, &Typist).await.expect("it pairs");
        assert_eq!(connection.security().level(), Level::SecureConnections);
        let again = connection.pair(&Requirements::default(), &Nobody).await;
        let failed = SecurityError::RejectedByPeer(PairingFailure::UNSPECIFIED);
        assert_eq!(again.err(), Some(failed));
        assert_eq!(connection.security().level(), Level::Encrypted);
        assert!(!connection.security().bonded);
    });
}
