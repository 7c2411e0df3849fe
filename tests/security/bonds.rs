//! What lasts from one connection to the next.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::{fs, io};

use dongle::security::{BondStore, FileStore, IoCapabilities, Level, SecurityError, Zeroizing};
use dongle::{Address, Dongle, Error};
use dongle_tests::bench::soon;
use serde_json::json;

use crate::lock::{ADDRESS, Bench, connect, device, person};
use crate::smp::{Pairing, Peer, World};

/// A folder that is gone after the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("dongle-bonds-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }

    pub fn path(&self) -> &std::path::Path {
        &self.0
    }

    pub fn store(&self) -> FileStore {
        FileStore::in_folder(&self.0)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(bench: &Bench, folder: &Folder) -> Dongle {
    soon(bench.dongle().bond_store(folder.store())).expect("the dongle opens")
}

fn paired(bench: &mut Bench, dongle: &Dongle) {
    let connection = connect(dongle);
    soon(connection.pair()).expect("it pairs");
    bench.lock.event("paired");
    soon(connection.disconnect());
    bench.lock.event("disconnected");
}

#[test]
fn the_next_connection_is_encrypted_when_the_program_gets_it() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    for sc in [true, false] {
        let folder = Folder::new();
        bench.configure(json!({"sc": sc}));
        let dongle = open(&bench, &folder);
        paired(&mut bench, &dongle);
        for _ in 0..2 {
            let connection = connect(&dongle);
            assert_eq!(connection.security().level(), Level::Encrypted);
            assert!(connection.security().bonded);
            soon(connection.disconnect());
        }
        soon(dongle.close());

        // And that of the next program, with the same file.
        let dongle = open(&bench, &folder);
        assert_eq!(dongle.bonds().len(), 1);
        assert_eq!(dongle.bonds()[0].address, ADDRESS);
        let connection = connect(&dongle);
        assert_eq!(connection.security().secure_connections, sc);
        assert_eq!(connection.security().level(), Level::Encrypted);
        soon(dongle.close());
        bench.tell("forget");
    }
}

#[test]
fn without_a_bond_it_is_encrypted_for_this_connection() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({}));
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    let connection = connect(&dongle);
    let security = soon(connection.pair().bond(false)).expect("it pairs");
    assert_eq!(security.level(), Level::Encrypted);
    assert!(!security.bonded);
    soon(connection.disconnect());
    assert_eq!(dongle.bonds(), []);
    assert_eq!(connect(&dongle).security().level(), Level::None);
}

#[test]
fn a_device_that_has_lost_its_key_is_told_and_can_be_paired_again() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({}));
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    for loss in ["forget", "spoil"] {
        paired(&mut bench, &dongle);
        bench.tell(loss);
        for _ in 0..2 {
            let result = soon(device(&dongle).connect()).map(|_| ());
            let lost = matches!(result, Err(Error::Security(SecurityError::BondLost)));
            assert!(lost, "{loss}: {result:?}");
        }
        bench.tell("forget");
        assert!(dongle.forget(ADDRESS).expect("it is kept"));
        assert!(!dongle.forget(ADDRESS).expect("it is kept"));
        paired(&mut bench, &dongle);
        assert_eq!(connect(&dongle).security().level(), Level::Encrypted);
        dongle.forget(ADDRESS).expect("it is kept");
        bench.tell("forget");
        bench.lock.event("disconnected");
    }
}

#[test]
fn we_who_have_lost_the_key_pair_again() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({}));
    let dongle = soon(bench.dongle()).expect("the dongle opens");
    paired(&mut bench, &dongle);
    dongle.forget(ADDRESS).expect("it is kept");
    paired(&mut bench, &dongle);
    assert_eq!(connect(&dongle).security().level(), Level::Encrypted);
}

#[test]
fn an_authenticated_bond_is_not_replaced_by_a_lesser_one() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    bench.configure(json!({"io": "keyboard", "mitm": true}));
    let (agent, mut us) = person(IoCapabilities::DisplayOnly);
    let dongle = soon(bench.dongle().agent(agent)).expect("the dongle opens");
    let connection = connect(&dongle);
    let pairing = std::thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair())
    });
    let crate::lock::Asked::Display(passkey) = us.next() else {
        panic!("nothing to show")
    };
    bench.lock.event("enter");
    bench.answer(passkey);
    let security = pairing.join().expect("no panic").expect("it pairs");
    assert_eq!(security.level(), Level::SecureConnections);
    // A device that is left before it has our last key keeps no bond.
    bench.lock.event("paired");
    soon(connection.disconnect());
    let connection = connect(&dongle);
    assert_eq!(connection.security().level(), Level::SecureConnections);
}

#[test]
fn a_damaged_file_is_kept_aside_and_reported() {
    let Some(mut bench) = Bench::start() else {
        return;
    };
    let folder = Folder::new();
    bench.configure(json!({}));
    let dongle = open(&bench, &folder);
    paired(&mut bench, &dongle);
    assert_eq!(dongle.bond_store_problem(), None);
    let own = dongle.address().expect("it is open");
    soon(dongle.close());
    let path = folder.store().path(own);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &std::path::Path| {
            fs::metadata(path)
                .expect("it is there")
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&folder.0), 0o700);
    }
    let text = fs::read(&path).expect("it is there");
    fs::write(&path, &text[..text.len() / 2]).expect("it can be written");

    let dongle = open(&bench, &folder);
    let problem = dongle.bond_store_problem().expect("it is reported");
    assert!(problem.contains("damaged-1"), "{problem}");
    assert_eq!(dongle.bonds(), []);
    let aside = fs::read(path.with_extension("json.damaged-1")).expect("it is kept");
    assert_eq!(aside, &text[..text.len() / 2]);
}

/// Two controllers: what one is bonded with is nothing to the other.
#[test]
fn two_identities_in_one_folder_keep_their_bonds_apart() {
    let folder = Folder::new();
    let store = folder.store();
    let [one, two] = [[0xC0, 0, 0, 0, 0, 1], [0xC0, 0, 0, 0, 0, 2]].map(Address::random);
    let world = World::new();
    let open = |own: Address| {
        let (open, _controller) = world.dongle();
        soon(open.address(own).bond_store(store.clone())).expect("the dongle opens")
    };
    let peers = [one, two].map(|own| {
        let mut peer = Peer::at(&world, Address::random([0xF1, 0, 0, 0, 0, own.octets()[5]]));
        let dongle = open(own);
        let connection = soon(dongle.device(peer.address).connect()).expect("the peer is there");
        peer.connected();
        let pairing = std::thread::spawn(move || {
            soon(connection.pair()).expect("it pairs");
            soon(connection.disconnect());
        });
        Pairing::just_works(&mut peer);
        pairing.join().expect("no panic");
        soon(dongle.close());
        peer.address
    });
    assert_ne!(store.path(one), store.path(two));
    for (own, peer) in [one, two].into_iter().zip(peers) {
        let dongle = open(own);
        let bonds: Vec<_> = dongle.bonds().iter().map(|bond| bond.address).collect();
        assert_eq!(bonds, [peer]);
        assert_eq!(
            dongle.forget(peers[0]).expect("it is kept"),
            peer == peers[0]
        );
        soon(dongle.close());
    }
    let dongle = open(two);
    assert_eq!(dongle.bonds().len(), 1);
}

/// Killed while it writes, a program leaves a file beside the whole one, written in part or not at
/// all: the bonds are those from before, and can be written again.
#[test]
fn a_crash_while_writing_harms_nothing() {
    let folder = Folder::new();
    let store = folder.store();
    let own = Address::random([0xC0, 0, 0, 0, 0, 1]);
    store.save(own, b"before").expect("it is saved");
    let left = store.path(own).with_extension("json.new");
    for text in ["", "aft"] {
        fs::write(&left, text).expect("it can be written");
        let loaded = store.load(own).expect("it is there");
        assert_eq!(loaded.as_deref().map(Vec::as_slice), Some(&b"before"[..]));
        store.save(own, b"after").expect("it is saved");
        let loaded = store.load(own).expect("it is there");
        assert_eq!(loaded.as_deref().map(Vec::as_slice), Some(&b"after"[..]));
        store.save(own, b"before").expect("it is saved");
    }
}

/// Bonds that can't be read at the moment, or not by this program, are somebody's all the same.
#[test]
fn a_store_that_can_not_be_read_is_not_written_over() {
    #[derive(Default)]
    struct Broken(Arc<AtomicUsize>);

    impl BondStore for Broken {
        fn load(&self, _: Address) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
            Err(io::Error::other("no such luck"))
        }

        fn save(&self, _: Address, _: &[u8]) -> io::Result<()> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }

        fn set_aside(&self, _: Address) -> io::Result<String> {
            Err(io::Error::other("no such luck"))
        }
    }

    let world = World::new();
    let (open, _controller) = world.dongle();
    let saved = Arc::new(AtomicUsize::new(0));
    let dongle = soon(open.bond_store(Broken(saved.clone()))).expect("the dongle opens");
    let problem = dongle.bond_store_problem().expect("it is reported");
    assert!(problem.contains("no such luck"), "{problem}");
    let mut peer = Peer::new(&world);
    let connection = soon(dongle.device(peer.address).connect()).expect("the peer is there");
    peer.connected();
    let pairing = std::thread::spawn({
        let connection = connection.clone();
        move || soon(connection.pair())
    });
    Pairing::just_works(&mut peer);
    let error = pairing
        .join()
        .expect("no panic")
        .expect_err("it is not kept");
    assert!(matches!(error, Error::BondStore(_)), "{error}");
    assert_eq!(connection.security().level(), Level::Encrypted);
    assert_eq!(saved.load(Ordering::SeqCst), 0);
}
