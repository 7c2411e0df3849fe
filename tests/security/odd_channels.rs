//! L2CAP channels with a peer that a test speaks for: it breaks the rules, or is late.

use std::future::IntoFuture as _;
use std::thread::{self, JoinHandle};

use dongle::{Address, DeviceConnection, Dongle, Error, L2capChannel, L2capRefusal};
use dongle_tests::bench::soon;
use futures_lite::future::{block_on, poll_once};

use crate::channels::SPSM;
use crate::smp::{self, Peer, World};

/// What a peer says on the signalling channel.
const SIGNALLING: u16 = 5;

/// A dongle that opens a channel to a peer that says nothing by itself: its connection, and the identifier and
/// the channel of our request.
fn opening() -> (World, Dongle, Peer, DeviceConnection, Opening, u8, [u8; 2]) {
    let world = World::new();
    let dongle = soon(world.dongle().0).expect("the dongle opens");
    let mut peer = Peer::new(&world);
    let connection = smp::connect(&dongle, &mut peer);
    let opening = thread::spawn({
        let connection = connection.clone();
        move || soon(connection.l2cap_connect(SPSM))
    });
    let request = peer.frame(SIGNALLING);
    assert_eq!(request[0], 0x14);
    let (identifier, cid) = (request[1], [request[6], request[7]]);
    (world, dongle, peer, connection, opening, identifier, cid)
}

type Opening = JoinHandle<Result<L2capChannel, Error>>;

/// LE Credit Based Connection Response (Core Vol 3 Part A, 4.23), and Disconnection Request (4.6).
fn accepts(identifier: u8) -> Vec<u8> {
    vec![0x15, identifier, 10, 0, 0x51, 0, 100, 0, 100, 0, 1, 0, 0, 0]
}

fn refuses(identifier: u8, result: u16) -> Vec<u8> {
    let [r0, r1] = result.to_le_bytes();
    vec![0x15, identifier, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, r0, r1]
}

fn closes([low, high]: [u8; 2]) -> Vec<u8> {
    vec![0x06, 0x77, 4, 0, low, high, 0x51, 0]
}

/// Opens a channel.
fn open(connection: &DeviceConnection) -> Opening {
    let connection = connection.clone();
    thread::spawn(move || soon(connection.l2cap_connect(SPSM)))
}

/// A channel that is open, and its number here.
fn opened() -> (World, Dongle, Peer, DeviceConnection, L2capChannel, u16) {
    let (world, dongle, mut peer, connection, opening, identifier, cid) = opening();
    peer.send_frame(SIGNALLING, &accepts(identifier));
    let channel = opening.join().expect("no panic").expect("it opens");
    (
        world,
        dongle,
        peer,
        connection,
        channel,
        u16::from_le_bytes(cid),
    )
}

/// Waits until all that the peer has sent so far has been seen to; its controller has room for eight packets.
#[track_caller]
fn answers(peer: &mut Peer) {
    // There is no such channel: Command Reject (4.1).
    peer.send_frame(SIGNALLING, &[0x06, 0x55, 4, 0, 0xF0, 0xF0, 0x51, 0]);
    while peer.frame(SIGNALLING)[..2] != [0x01, 0x55] {}
}

/// Connects a peer beside the first one.
fn second(world: &World, dongle: &Dongle) -> (Peer, DeviceConnection) {
    let address = Address::random([0xF7, 6, 5, 4, 3, 9]);
    let mut peer = Peer::at(world, address);
    let connection = smp::connect(dongle, &mut peer);
    (peer, connection)
}

#[test]
fn a_channel_that_is_not_open_yet_can_not_be_closed() {
    let (_world, dongle, mut peer, connection, opening, identifier, cid) = opening();
    peer.send_frame(SIGNALLING, &closes(cid));
    // Command Reject: there is no such channel.
    assert_eq!(peer.frame(SIGNALLING)[..2], [0x01, 0x77]);
    peer.send_frame(SIGNALLING, &accepts(identifier));
    let channel = opening.join().expect("no panic").expect("it opens");
    peer.send_frame(SIGNALLING, &closes(cid));
    assert_eq!(peer.frame(SIGNALLING)[..2], [0x07, 0x77]);
    drop(channel);
    assert!(dongle.failure().is_none());
    assert!(connection.is_connected());
}

#[test]
fn a_channel_that_is_closed_as_soon_as_it_is_accepted_is_closed() {
    for _ in 0..20 {
        let (_world, dongle, mut peer, connection, opening, identifier, cid) = opening();
        peer.send_frame(SIGNALLING, &accepts(identifier));
        peer.send_frame(SIGNALLING, &closes(cid));
        let opened = opening.join().expect("no panic");
        match opened {
            Ok(mut channel) => assert!(matches!(soon(channel.receive()), Ok(None))),
            Err(error) => assert!(matches!(error, Error::ChannelClosed), "{error:?}"),
        }
        assert!(dongle.failure().is_none(), "{:?}", dongle.failure());
        assert!(connection.is_connected());
    }
}

#[test]
fn frames_that_are_longer_than_they_say_do_no_harm() {
    let (_world, dongle, mut peer, connection, mut channel, cid) = opened();
    let [low, high] = cid.to_le_bytes();
    // A first fragment, which is not taken: what follows is the first of a unit, and too short for that.
    peer.send_fragment(true, &[4, 0, low, high, 100, 0, 1, 2, 3, 4]);
    peer.send_frame(cid, &[9]);
    // A continuing one, which is taken as far as the frame goes.
    peer.send_fragment(true, &[8, 0, low, high, 7, 0, 1, 2]);
    peer.send_fragment(false, &[3, 4, 5, 6, 7, 8]);
    peer.send_frame(cid, &[7]);
    assert_eq!(
        soon(channel.receive()).expect("it is open"),
        Some((1..=7).collect())
    );
    answers(&mut peer);
    assert!(connection.is_connected());
    assert!(dongle.failure().is_none());
}

#[test]
fn a_frame_whose_rest_does_not_come_ends_its_connection_and_no_other() {
    let (world, dongle, mut peer, connection, _channel, cid) = opened();
    let [low, high] = cid.to_le_bytes();
    let (_other, stays) = second(&world, &dongle);
    peer.send_fragment(true, &[10, 0, low, high, 8, 0, 1]);
    // One octet of a second frame, and the rest of one that had been cut off before.
    peer.send_frame(cid, &[2, 0, 9, 9]);
    peer.send_fragment(true, &[1, 0, low, high]);
    peer.send_fragment(false, &[9]);
    peer.send_frame(cid, &[9]);
    peer.disconnected();
    soon(connection.disconnected());
    assert!(dongle.failure().is_none());
    assert!(stays.is_connected());
}

#[test]
fn what_was_under_way_on_a_channel_is_none_of_the_next_ones() {
    let (_world, _dongle, mut peer, connection, channel, cid) = opened();
    let [low, high] = cid.to_le_bytes();
    drop(channel);
    assert_eq!(peer.frame(SIGNALLING)[0], 0x06);
    let opening = open(&connection);
    let request = peer.frame(SIGNALLING);
    assert_eq!([request[6], request[7]], [low, high]);
    // The peer has not seen yet that the first is closed.
    peer.send_frame(cid, &[100, 0, 8, 8]);
    peer.send_frame(SIGNALLING, &[0x07, 1, 4, 0, 0x51, 0, low, high]);
    peer.send_frame(SIGNALLING, &accepts(request[1]));
    let mut channel = opening.join().expect("no panic").expect("it opens");
    for number in 0..100 {
        peer.send_frame(cid, &[2, 0, number, number]);
        assert_eq!(
            soon(channel.receive()).expect("it is open"),
            Some(vec![number; 2])
        );
        // Flow Control Credit Indication (4.24).
        let credits = peer.frame(SIGNALLING);
        assert_eq!((credits[0], &credits[6..]), (0x16, &[1, 0][..]));
    }
    peer.send_frame(SIGNALLING, &closes([low, high]));
    assert_eq!(soon(channel.receive()).expect("nothing is lost"), None);
}

#[test]
fn a_refusal_of_any_number_is_told() {
    let (_world, dongle, mut peer, connection, opening, identifier, _) = opening();
    let mut first = Some((opening, identifier));
    for number in [1, 2, 3, 4, 0x0B, 0x0C, 0x0D, 0x10, 0x13, 0x0100, 0xFFFF] {
        let (opening, identifier) = first.take().unwrap_or_else(|| {
            let opening = open(&connection);
            (opening, peer.frame(SIGNALLING)[1])
        });
        peer.send_frame(SIGNALLING, &refuses(identifier, number));
        let refused = opening.join().expect("no panic").map(|_| ());
        assert!(
            matches!(refused, Err(Error::L2cap(L2capRefusal(told))) if told == number),
            "{number:#06X}: {refused:?}"
        );
    }
    assert!(dongle.failure().is_none());
}

#[test]
fn an_answer_that_is_cut_short_is_none() {
    let (world, dongle, mut peer, _connection, opening, identifier, cid) = opening();
    let (mut other, on_other) = second(&world, &dongle);
    peer.send_frame(SIGNALLING, &[0x15, identifier, 2, 0, 0x51, 0]);
    peer.send_frame(SIGNALLING, &closes(cid));
    assert_eq!(peer.frame(SIGNALLING)[..2], [0x01, 0x77]);
    // Another takes no place that is still waited for.
    let second = open(&on_other);
    let request = other.frame(SIGNALLING);
    assert_ne!([request[6], request[7]], cid);
    other.send_frame(SIGNALLING, &accepts(request[1]));
    second.join().expect("no panic").expect("it opens");
    peer.send_frame(SIGNALLING, &accepts(identifier));
    opening.join().expect("no panic").expect("it opens");
}

#[test]
fn a_request_that_the_device_does_not_understand_is_refused_at_once() {
    let (_world, _dongle, mut peer, _connection, opening, identifier, _) = opening();
    peer.send_frame(SIGNALLING, &[0x01, identifier, 2, 0, 0, 0]);
    let refused = opening.join().expect("no panic").map(|_| ());
    assert!(
        matches!(refused, Err(Error::L2cap(L2capRefusal(2)))),
        "{refused:?}"
    );
}

#[test]
fn a_frame_of_no_channel_in_parts_does_no_harm() {
    let (_world, dongle, mut peer, connection, _opening, _, _) = opening();
    // Apple's devices look there for something.
    peer.send_fragment(true, &[10, 0, 0x3A, 0, 1, 2]);
    peer.send_fragment(false, &[0; 8]);
    answers(&mut peer);
    assert!(connection.is_connected());
    assert!(dongle.failure().is_none());
}

#[test]
fn a_channel_that_the_device_has_given_before_is_refused() {
    let (_world, _dongle, mut peer, connection, mut channel, _) = opened();
    let opening = open(&connection);
    let identifier = peer.frame(SIGNALLING)[1];
    peer.send_frame(SIGNALLING, &accepts(identifier));
    let refused = opening.join().expect("no panic").map(|_| ());
    assert!(
        matches!(refused, Err(Error::L2cap(L2capRefusal(0x0B)))),
        "{refused:?}"
    );
    soon(channel.send(b"1")).expect("it is open");
    assert_eq!(peer.frame(0x51), [1, 0, b'1']);
}

/// All that comes until the channel is closed, and whether something was lost.
fn rest(channel: &mut L2capChannel) -> (usize, Result<(), Error>) {
    let mut count = 0;
    loop {
        match soon(channel.receive()) {
            Ok(Some(_)) => count += 1,
            end => return (count, end.map(|_| ())),
        }
    }
}

#[test]
fn a_device_that_sends_more_than_it_may_has_its_channel_closed_and_the_loss_is_told() {
    let (_world, _dongle, mut peer, connection, mut channel, cid) = opened();
    for number in 0..100 {
        peer.send_frame(cid, &[1, 0, number]);
        answers(&mut peer);
    }
    let (_, end) = rest(&mut channel);
    assert!(matches!(end, Err(Error::ChannelDataLost)), "{end:?}");
    while peer.frame(SIGNALLING)[0] != 0x06 {}
    assert!(connection.is_connected());
}

#[test]
fn a_unit_in_more_frames_than_there_are_credits_closes_the_channel_and_the_loss_is_told() {
    let (_world, _dongle, mut peer, _connection, mut channel, cid) = opened();
    peer.send_frame(cid, &[0xF4, 1, 1]);
    for _ in 1..64 {
        peer.send_frame(cid, &[1; 7]);
        answers(&mut peer);
    }
    let (count, end) = rest(&mut channel);
    assert!(
        count == 0 && matches!(end, Err(Error::ChannelDataLost)),
        "{count}, {end:?}"
    );
    assert_eq!(peer.frame(SIGNALLING)[0], 0x06);
}

#[test]
fn what_a_channel_has_lost_is_told_when_a_fault_of_the_device_closes_it() {
    // A unit longer than the MTU; and more credits than there may be (Core Vol 3 Part A, 10.1).
    let unit = (None, vec![0xFF, 0x7F, 1, 2]);
    let credits = (Some(SIGNALLING), vec![0x16, 5, 4, 0, 0x51, 0, 0xFF, 0xFF]);
    for (on, fault) in [unit, credits] {
        let (_world, _dongle, mut peer, connection, mut channel, cid) = opened();
        for number in 0..20 {
            peer.send_frame(cid, &[2, 0, number, number]);
            answers(&mut peer);
        }
        peer.send_frame(on.unwrap_or(cid), &fault);
        while peer.frame(SIGNALLING)[0] != 0x06 {}
        let (_, end) = rest(&mut channel);
        assert!(matches!(end, Err(Error::ChannelDataLost)), "{end:?}");
        assert!(connection.is_connected());
    }
}

#[test]
fn a_unit_that_is_given_up_on_its_way_gives_back_no_more_credits_than_there_may_be() {
    let (_world, dongle, mut peer, connection, opening, identifier, _) = opening();
    // The longest units, the shortest frames, and all credits there are.
    let all = [0x51, 0, 0xFF, 0xFF, 23, 0, 0xFF, 0xFF, 0, 0];
    peer.send_frame(SIGNALLING, &[&[0x15, identifier, 10, 0], &all[..]].concat());
    let mut channel = opening.join().expect("no panic").expect("it opens");
    let unit = vec![7; 60_000];
    let mut send = channel.send(&unit).into_future();
    assert!(block_on(poll_once(&mut send)).is_none());
    peer.frame(0x51);
    // Those that the unit takes.
    let [n0, n1] = 60_002_u16.div_ceil(23).to_le_bytes();
    peer.send_frame(SIGNALLING, &[0x16, 5, 4, 0, 0x51, 0, n0, n1]);
    // Connection Parameter Update Request (4.20): the answer does not wait for the unit.
    peer.send_frame(SIGNALLING, &[0x12, 7, 8, 0, 24, 0, 40, 0, 0, 0, 0xF4, 1]);
    while peer.frame(SIGNALLING)[0] != 0x13 {}
    drop(send);
    drop(channel);
    while peer.frame(SIGNALLING)[0] != 0x06 {}
    soon(connection.rssi()).expect("the host goes on");
    assert!(dongle.failure().is_none());
}

#[test]
fn hundreds_open_channels_on_one_connection_in_turn() {
    let (_world, dongle, mut peer, connection, opening, identifier, _) = opening();
    let mut waiting: Vec<_> = (0..300)
        .map(|_| connection.l2cap_connect(SPSM).into_future())
        .collect();
    for open in &mut waiting {
        assert!(block_on(poll_once(open)).is_none());
    }
    soon(connection.rssi()).expect("the host goes on");
    peer.send_frame(SIGNALLING, &refuses(identifier, 4));
    assert!(opening.join().expect("no panic").is_err());
    assert_eq!(peer.frame(SIGNALLING)[0], 0x14, "the next has its turn");
    assert!(dongle.failure().is_none());
}

#[test]
fn those_who_wait_to_open_a_channel_when_the_connection_ends_leave_room_for_others() {
    let (world, dongle, mut peer, connection, opening, _, _) = opening();
    let (mut other, on_other) = second(&world, &dongle);
    // More than there is room for.
    let mut waiting: Vec<_> = (0..20)
        .map(|_| connection.l2cap_connect(SPSM).into_future())
        .collect();
    for open in &mut waiting {
        assert!(block_on(poll_once(open)).is_none());
    }
    soon(connection.rssi()).expect("they wait by now");
    peer.disconnect(0x13);
    let first = opening.join().expect("no panic");
    for ended in [first].into_iter().chain(waiting.into_iter().map(soon)) {
        let ended = ended.map(|_| ());
        assert!(matches!(ended, Err(Error::Disconnected(_))), "{ended:?}");
    }
    let opening = open(&on_other);
    let request = other.frame(SIGNALLING);
    other.send_frame(SIGNALLING, &accepts(request[1]));
    opening.join().expect("no panic").expect("it opens");
}

#[test]
fn a_channel_of_the_devices_is_accepted_while_one_of_ours_is_not_answered() {
    let (_world, _dongle, mut peer, connection, opening, identifier, cid) = opening();
    let mut accept = connection.l2cap_accept(SPSM).into_future();
    assert!(block_on(poll_once(&mut accept)).is_none());
    soon(connection.rssi()).expect("it listens by now");
    // LE Credit Based Connection Request (4.22).
    peer.send_frame(
        SIGNALLING,
        &[0x14, 9, 10, 0, 0x80, 0, 0x60, 0, 100, 0, 100, 0, 1, 0],
    );
    let accepted = peer.frame(SIGNALLING);
    assert_eq!(accepted[..2], [0x15, 9]);
    assert_eq!(accepted[12..], [0, 0]);
    let theirs = soon(accept).expect("it opens");
    peer.send_frame(SIGNALLING, &accepts(identifier));
    let ours = opening.join().expect("no panic").expect("it opens");
    // Each is read to its own end.
    let ends = [
        (theirs, [accepted[4], accepted[5]], 0x60),
        (ours, cid, 0x51),
    ];
    for (mut channel, cid, peers) in ends {
        peer.send_frame(u16::from_le_bytes(cid), &[1, 0, peers]);
        peer.send_frame(SIGNALLING, &[0x06, 0x77, 4, 0, cid[0], cid[1], peers, 0]);
        assert_eq!(rest(&mut channel).0, 1);
        while peer.frame(SIGNALLING)[..2] != [0x07, 0x77] {}
    }
}

#[test]
fn two_connections_wait_for_a_channel_at_once() {
    let world = World::new();
    let dongle = soon(world.dongle().0).expect("the dongle opens");
    let mut peer = Peer::new(&world);
    let connection = smp::connect(&dongle, &mut peer);
    let (mut other, on_other) = second(&world, &dongle);
    let mut accepts = [&connection, &on_other].map(|c| c.l2cap_accept(SPSM).into_future());
    for accept in &mut accepts {
        assert!(block_on(poll_once(accept)).is_none());
    }
    soon(connection.rssi()).expect("both listen by now");
    for (peer, accept) in [&mut other, &mut peer]
        .into_iter()
        .zip(accepts.into_iter().rev())
    {
        peer.send_frame(
            SIGNALLING,
            &[0x14, 9, 10, 0, 0x80, 0, 0x60, 0, 100, 0, 100, 0, 1, 0],
        );
        soon(accept).expect("it opens");
    }
}

#[test]
fn a_late_refusal_ends_no_other_open() {
    let (_world, _dongle, mut peer, connection, opening, identifier, _) = opening();
    peer.send_frame(SIGNALLING, &refuses(identifier, 4));
    assert!(opening.join().expect("no panic").is_err());
    let mut first = connection.l2cap_connect(SPSM).into_future();
    assert!(block_on(poll_once(&mut first)).is_none());
    let request = peer.frame(SIGNALLING);
    drop(first);
    let second = open(&connection);
    soon(connection.rssi()).expect("the first was given up by now");
    peer.send_frame(SIGNALLING, &refuses(request[1], 4));
    let request = peer.frame(SIGNALLING);
    peer.send_frame(SIGNALLING, &accepts(request[1]));
    second.join().expect("no panic").expect("it opens");
}

#[test]
fn a_channel_that_nobody_waits_for_any_more_is_closed_when_the_device_accepts_it() {
    let (_world, _dongle, mut peer, connection, opening, identifier, _) = opening();
    peer.send_frame(SIGNALLING, &refuses(identifier, 4));
    assert!(opening.join().expect("no panic").is_err());
    let mut open = connection.l2cap_connect(SPSM).into_future();
    assert!(block_on(poll_once(&mut open)).is_none());
    let request = peer.frame(SIGNALLING);
    drop(open);
    soon(connection.rssi()).expect("it was given up by now");
    peer.send_frame(SIGNALLING, &accepts(request[1]));
    let closes = peer.frame(SIGNALLING);
    assert_eq!(closes[0], 0x06);
    assert_eq!(closes[4..], [0x51, 0, request[6], request[7]]);
    assert!(connection.is_connected());
}
