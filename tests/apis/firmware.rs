//! `dongle-central` as firmware uses it: static memory, one thread, and nothing in between.

use std::pin::pin;
use std::time::Duration;

use dongle_central::att::{AttributeHandle, HandleRange, Uuid};
use dongle_central::bearer::ValueKind;
use dongle_central::central::{Central, ConnectConfig, ScanConfig};
use dongle_central::client::{Client, Error, Notified, Subscription};
use dongle_central::gatt::uuids::CLIENT_CONFIGURATION;
use dongle_central::gatt::{Characteristic, ClientConfiguration, Properties};
use dongle_central::links::{Address, Links as _, Reason, StaticLinks};
use dongle_central::mux::Mux;
use dongle_tests::bench::{PATIENCE, soon, until};
use dongle_virtual::{Air, AirConfig, ControllerConfig};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Instant;
use futures_lite::future::{or, zip};
use hci_transport::HciChannel;

use super::{Api, End, Heard, Peer};

const MTU: u16 = 247;
const PDU: usize = MTU as usize + 1;
/// The longest value there is (Core Vol 3 Part F, 3.2.9).
const LONGEST: usize = 512;

type Links = StaticLinks<CriticalSectionRawMutex, 1, PDU, 3, 2, 1024>;

pub struct Firmware<'l>(Client<&'l Links>);

/// Runs a scenario on a connection.
pub fn run(scenario: impl AsyncFnOnce(&Firmware<'_>, &Peer)) {
    on_central(async |central, _, peer| {
        let connection = central
            .connect(peer_address(peer), &ConnectConfig::default(), soon_enough())
            .await
            .unwrap();
        let client = connection.client();
        client.exchange_mtu(MTU).await.unwrap();
        scenario(&Firmware(client), peer).await;
    });
}

type FirmwareCentral<'a> = Central<'a, 'a, HciChannel, Links>;

/// Runs some work beside everything that has to run.
fn on_central(work: impl AsyncFnOnce(&FirmwareCentral<'_>, &Links, &Peer)) {
    let air = Air::with(AirConfig::free_running());
    let peer = Peer::start(&air);
    let (_controller, channel) = air.attach(ControllerConfig::default());
    let links = Links::new();
    let mux: Mux<'_, HciChannel, Links> = Mux::new(channel, &links, ());
    let central = Central::new(&mux);
    central.set_random_address([6, 5, 4, 3, 2, 0xC1]);
    soon(or(work(&central, &links, &peer), async {
        let ended = central.run().await;
        panic!("the central ended: {ended}");
    }));
}

fn peer_address(peer: &Peer) -> Address {
    Address::random(peer.peripheral.address().bytes)
}

fn soon_enough() -> Option<Instant> {
    Some(Instant::now() + PATIENCE.try_into().unwrap())
}

#[test]
fn a_link_that_a_request_had_no_response_on_is_ended_though_it_is_held() {
    on_central(async |central, links, peer| {
        let connection = central
            .connect(peer_address(peer), &ConnectConfig::default(), soon_enough())
            .await
            .unwrap();
        peer.server.be_silent(true);
        let firmware = Firmware(connection.client());
        let asked = peer.peripheral.received();
        let handle = AttributeHandle::new(peer.first).unwrap();
        let mut write = pin!(firmware.0.write(handle, b"x"));
        let out = until("the request is out", || peer.peripheral.received() > asked);
        or(async { _ = write.as_mut().await }, out).await;
        // As if 30 s had passed.
        let late = Instant::now() + embassy_time::Duration::from_secs(31);
        links.with(0, |link| link.bearer.handle_timeout(late));
        links.doorbell().ring(0);
        let error = write.await.unwrap_err();
        assert_eq!(error, Error::Disconnected(Reason::TransactionTimeout));
        until("the peer sees its end", || !peer.peripheral.is_connected()).await;
        assert_eq!(connection.disconnected().await, Reason::TransactionTimeout);
    });
}

#[test]
fn a_scan_whose_place_another_takes_at_once_does_not_wait_for_ever() {
    on_central(async |central, _, _| {
        let (first, second) = (
            central.scan(ScanConfig::default()),
            central.scan(ScanConfig {
                active: true,
                ..ScanConfig::default()
            }),
        );
        let (first, second) = zip(first, second).await;
        assert!(!first.unwrap().is_running());
        assert!(second.unwrap().is_running());
    });
}

fn end(error: Error) -> End {
    match error {
        Error::Timeout => End::Timeout,
        Error::Disconnected(reason) => End::Disconnected(reason),
        error => match error.att() {
            Some(refusal) => End::Refused(refusal),
            None => End::Other(error.to_string()),
        },
    }
}

impl<'l> Firmware<'l> {
    fn client(&self, timeout: Option<Duration>) -> Client<&'l Links> {
        match timeout {
            Some(timeout) => self.0.timeout(timeout.try_into().unwrap()),
            None => self.0,
        }
    }
}

impl<'l> Api for Firmware<'l> {
    type Value = Characteristic;
    type Subscription = Subscription<&'l Links>;

    async fn value(&self, service: u16, uuid: u16) -> Characteristic {
        let mut buffer = [0; PDU];
        let mut services = self
            .0
            .services_by_uuid(Uuid::from_u16(service), &mut buffer);
        let range: HandleRange = services.next().await.unwrap().unwrap().range;
        let mut buffer = [0; PDU];
        let uuid = Some(Uuid::from_u16(uuid));
        let mut found = self.0.characteristics(range, uuid, &mut buffer);
        found.next().await.unwrap().unwrap()
    }

    async fn read(
        &self,
        value: &Characteristic,
        timeout: Option<Duration>,
    ) -> Result<Vec<u8>, End> {
        let (mut buffer, mut out) = ([0; PDU], [0; LONGEST]);
        let client = self.client(timeout);
        let read = client.read(value.value_handle, &mut buffer, &mut out).await;
        let length = read.map_err(end)?;
        Ok(out[..length].to_vec())
    }

    async fn write(&self, value: &Characteristic, octets: &[u8]) -> Result<(), End> {
        self.0.write(value.value_handle, octets).await.map_err(end)
    }

    async fn subscribe(&self, value: &Characteristic) -> Subscription<&'l Links> {
        let (kind, on) = match value.properties.contains(Properties::NOTIFY) {
            true => (ValueKind::Notification, ClientConfiguration::NOTIFICATIONS),
            false => (ValueKind::Indication, ClientConfiguration::INDICATIONS),
        };
        let subscription = self.0.subscribe(value.value_handle, kind).unwrap();
        let mut buffer = [0; PDU];
        let mut descriptors = self.0.descriptors(value.descriptors(), &mut buffer);
        while let Some(descriptor) = descriptors.next().await.unwrap() {
            if descriptor.uuid == CLIENT_CONFIGURATION {
                let on = on.to_le_bytes();
                self.0.write(descriptor.handle, &on).await.unwrap();
                break;
            }
        }
        subscription
    }

    async fn heard(
        &self,
        subscription: &mut Subscription<&'l Links>,
        timeout: Option<Duration>,
    ) -> Result<Heard, End> {
        let mut out = [0; LONGEST];
        let notified = subscription.notified(&mut out);
        let notified = match timeout {
            Some(timeout) => {
                let late = embassy_time::Timer::after(timeout.try_into().unwrap());
                or(notified, async {
                    late.await;
                    Err(Error::Timeout)
                })
                .await
            }
            None => notified.await,
        };
        match notified.map_err(end)? {
            Notified::Value(length) => Ok(Heard::Value(out[..length].to_vec())),
            Notified::Missed(count) => Ok(Heard::Missed(count)),
        }
    }

    async fn disconnected(&self) -> Reason {
        self.0.disconnected().await
    }
}
