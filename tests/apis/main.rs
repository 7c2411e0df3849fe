//! The two ways to use Dongle keep the same rules: each scenario is written once, and runs on the
//! facade and on `dongle-central` as firmware uses it, against the same scripted peer.

mod facade;
mod firmware;

use std::pin::pin;
use std::time::Duration;

use dongle::{AttError, Reason};
use dongle_tests::bench::until;
use dongle_tests::peer::{Server, indication, notification};
use dongle_virtual::{Air, ScriptedConfig, ScriptedPeripheral};
use futures_lite::future::{or, poll_once, zip};

const SERVICE: u16 = 0xFFF0;
const FIRST: u16 = 0xFFF1;
const SECOND: u16 = 0xFFF2;
/// Longer than any response here takes, shorter than anybody waits.
const A_WHILE: Duration = Duration::from_millis(50);

/// How a call ends that has no result.
#[derive(Debug, PartialEq)]
enum End {
    Timeout,
    Disconnected(Reason),
    Refused(AttError),
    Other(String),
}

/// What a subscription hears.
#[derive(Debug, PartialEq)]
enum Heard {
    Value(Vec<u8>),
    Missed(u32),
}

/// A connection to the peer, whose MTU is settled.
trait Api {
    type Value;
    type Subscription;

    async fn value(&self, service: u16, uuid: u16) -> Self::Value;
    async fn read(&self, value: &Self::Value, timeout: Option<Duration>) -> Result<Vec<u8>, End>;
    async fn write(&self, value: &Self::Value, octets: &[u8]) -> Result<(), End>;
    /// For notifications, or for indications where there are no others.
    async fn subscribe(&self, value: &Self::Value) -> Self::Subscription;
    async fn heard(
        &self,
        subscription: &mut Self::Subscription,
        timeout: Option<Duration>,
    ) -> Result<Heard, End>;
    async fn disconnected(&self) -> Reason;
}

/// The other side.
struct Peer {
    peripheral: ScriptedPeripheral,
    server: Server,
    /// The handles of the first value and of the second; this one is indicated.
    first: u16,
    second: u16,
}

impl Peer {
    fn start(air: &Air) -> Self {
        let server = Server::new(247);
        server.service(SERVICE);
        let first = server.characteristic(FIRST, 0x1A, b"first");
        server.descriptor(0x2902, &[0, 0]);
        let second = server.characteristic(SECOND, 0x22, b"second");
        server.descriptor(0x2902, &[0, 0]);
        let answering = server.clone();
        let peripheral = ScriptedPeripheral::start(air, ScriptedConfig::default(), move |pdu| {
            answering.handle(pdu)
        });
        Self {
            peripheral,
            server,
            first,
            second,
        }
    }

    async fn notify(&self, number: u32) {
        let mut value = number.to_le_bytes().to_vec();
        value.extend([0xAA; 16]);
        let pdu = notification(self.first, &value);
        self.peripheral.send_async(&pdu).await.unwrap();
    }
}

fn number(heard: Heard) -> u32 {
    match heard {
        Heard::Value(value) => u32::from_le_bytes(*value.first_chunk().expect("four octets")),
        Heard::Missed(_) => panic!("{heard:?}"),
    }
}

async fn values_are_read_and_written(api: &impl Api, peer: &Peer) {
    let first = api.value(SERVICE, FIRST).await;
    assert_eq!(api.read(&first, None).await.unwrap(), b"first");
    api.write(&first, b"other").await.unwrap();
    assert_eq!(peer.server.value(peer.first), b"other");
    assert_eq!(api.read(&first, None).await.unwrap(), b"other");
}

async fn a_value_longer_than_the_mtu_is_read_whole(api: &impl Api, peer: &Peer) {
    let long: Vec<u8> = (0..500_u16).map(|n| n as u8).collect();
    peer.server.set_value(peer.first, &long);
    let first = api.value(SERVICE, FIRST).await;
    assert_eq!(api.read(&first, None).await.unwrap(), long);
}

async fn a_refusal_is_told_as_the_server_told_it(api: &impl Api, peer: &Peer) {
    let first = api.value(SERVICE, FIRST).await;
    peer.server.be_silent(true);
    let answer = async {
        let asked = peer.peripheral.received();
        until("the request is out", || peer.peripheral.received() > asked).await;
        let [low, high] = peer.first.to_le_bytes();
        let refusal = [0x01, 0x0A, low, high, 0x80];
        peer.peripheral.send_async(&refusal).await.unwrap();
    };
    let (read, ()) = zip(api.read(&first, None), answer).await;
    let Err(End::Refused(refusal)) = read else {
        panic!("{read:?}");
    };
    assert_eq!(
        (refusal.handle.map(|h| h.get()), refusal.code.0),
        (Some(peer.first), 0x80)
    );
}

async fn a_cancelled_read_never_answers_the_next_one(api: &impl Api, peer: &Peer) {
    let first = api.value(SERVICE, FIRST).await;
    let second = api.value(SERVICE, SECOND).await;
    for _ in 0..20 {
        // Cancelled when it was just asked, and when it is on its way.
        let asked = peer.peripheral.received();
        let mut read = pin!(api.read(&first, None));
        assert!(poll_once(read.as_mut()).await.is_none());
        or(
            async { _ = read.await },
            until("the request is out", || peer.peripheral.received() > asked),
        )
        .await;
        assert_eq!(api.read(&second, None).await.unwrap(), b"second");
        let mut read = Box::pin(api.read(&first, None));
        assert!(poll_once(&mut read).await.is_none());
        drop(read);
        assert_eq!(api.read(&second, None).await.unwrap(), b"second");
    }
}

async fn a_call_ends_in_its_time_and_its_answer_is_nobody_elses(api: &impl Api, peer: &Peer) {
    let first = api.value(SERVICE, FIRST).await;
    let second = api.value(SERVICE, SECOND).await;
    peer.server.be_silent(true);
    let asked = peer.peripheral.received();
    // Where this side has no turn for so long, nothing was asked yet.
    while peer.peripheral.received() == asked {
        let read = api.read(&first, Some(A_WHILE)).await;
        assert_eq!(read, Err(End::Timeout));
    }
    peer.server.be_silent(false);
    // The next request waits for the response that is still owed.
    let mut next = pin!(api.read(&second, None));
    assert!(poll_once(next.as_mut()).await.is_none());
    let late = peer.peripheral.send_async(b"\x0Bfirst");
    let (next, sent) = zip(next, late).await;
    sent.unwrap();
    assert_eq!(next.unwrap(), b"second");
}

async fn values_come_in_order_and_what_is_lost_is_told(api: &impl Api, peer: &Peer) {
    let first = api.value(SERVICE, FIRST).await;
    let mut subscription = api.subscribe(&first).await;
    assert_eq!(peer.server.value(peer.first + 1), [1, 0]);
    for number in 0..5_000 {
        peer.notify(number).await;
    }
    // The answer comes behind all of them.
    api.read(&first, None).await.unwrap();
    let mut expected = 0;
    let mut losses = 0;
    while expected < 5_000 {
        match api.heard(&mut subscription, None).await.unwrap() {
            Heard::Missed(missed) => {
                expected += missed;
                losses += 1;
            }
            value => {
                assert_eq!(number(value), expected);
                expected += 1;
            }
        }
    }
    assert!(losses <= 1, "nothing came in between: {losses}");
    let more = api.heard(&mut subscription, Some(A_WHILE)).await;
    assert_eq!(more, Err(End::Timeout));
}

async fn each_indication_is_heard(api: &impl Api, peer: &Peer) {
    let second = api.value(SERVICE, SECOND).await;
    let mut subscription = api.subscribe(&second).await;
    assert_eq!(peer.server.value(peer.second + 1), [2, 0]);
    for number in 0..20_u8 {
        let pdu = indication(peer.second, &[number]);
        peer.peripheral.send_async(&pdu).await.unwrap();
        let heard = api.heard(&mut subscription, None).await.unwrap();
        assert_eq!(heard, Heard::Value(vec![number]));
        let confirmed = || {
            let requests = peer.server.requests();
            let confirmations = requests.iter().filter(|pdu| pdu.as_slice() == [0x1E]);
            confirmations.count() > usize::from(number)
        };
        until("it is confirmed", confirmed).await;
    }
}

async fn every_waiting_call_ends_with_the_link_and_its_reason(api: &impl Api, peer: &Peer) {
    let first = api.value(SERVICE, FIRST).await;
    let mut subscription = api.subscribe(&first).await;
    peer.server.be_silent(true);
    let asked = peer.peripheral.received();
    let hang_up = async {
        until("the request is out", || peer.peripheral.received() > asked).await;
        peer.peripheral.disconnect(0x13).unwrap();
    };
    let calls = zip(api.read(&first, None), api.heard(&mut subscription, None));
    let ((read, heard), ()) = zip(calls, hang_up).await;
    let ended = Reason::Hci(0x13);
    assert_eq!(read, Err(End::Disconnected(ended)));
    assert_eq!(heard, Err(End::Disconnected(ended)));
    assert_eq!(api.disconnected().await, ended);
    assert_eq!(api.read(&first, None).await, Err(End::Disconnected(ended)));
}

/// Runs each scenario on both.
macro_rules! on_both {
    ($($scenario:ident),+ $(,)?) => {
        mod on_the_facade {
            $(#[test] fn $scenario() {
                crate::facade::run(async |api, peer| crate::$scenario(api, peer).await);
            })+
        }
        mod as_in_firmware {
            $(#[test] fn $scenario() {
                crate::firmware::run(async |api, peer| crate::$scenario(api, peer).await);
            })+
        }
    };
}

on_both! {
    values_are_read_and_written,
    a_value_longer_than_the_mtu_is_read_whole,
    a_refusal_is_told_as_the_server_told_it,
    a_cancelled_read_never_answers_the_next_one,
    a_call_ends_in_its_time_and_its_answer_is_nobody_elses,
    values_come_in_order_and_what_is_lost_is_told,
    each_indication_is_heard,
    every_waiting_call_ends_with_the_link_and_its_reason,
}
