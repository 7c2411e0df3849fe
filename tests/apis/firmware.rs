//! `dongle-central` as firmware uses it: static memory, one thread, and nothing in between.

use std::time::Duration;

use dongle_central::att::{HandleRange, Uuid};
use dongle_central::bearer::ValueKind;
use dongle_central::central::{Central, ConnectConfig, Controller};
use dongle_central::client::{Client, Error, Notified, Subscription};
use dongle_central::gatt::uuids::CLIENT_CONFIGURATION;
use dongle_central::gatt::{Characteristic, ClientConfiguration, Properties};
use dongle_central::links::{Address, Reason, StaticLinks};
use dongle_central::mux::Mux;
use dongle_tests::bench::{PATIENCE, soon};
use dongle_virtual::peripheral::HeapPool;
use dongle_virtual::{Air, AirConfig, ControllerConfig};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::Instant;
use futures_lite::future::or;
use hci_transport::HciChannel;
use trouble_host::HostResources;

use super::{Api, End, Heard, Peer};

const MTU: u16 = 247;
const PDU: usize = MTU as usize + 1;
/// The longest value there is (Core Vol 3 Part F, 3.2.9).
const LONGEST: usize = 512;

type Links = StaticLinks<CriticalSectionRawMutex, 1, PDU, 3, 2, 1024>;

pub struct Firmware<'l>(Client<&'l Links>);

/// Runs a scenario on a connection.
pub fn run(scenario: impl AsyncFnOnce(&Firmware<'_>, &Peer)) {
    let air = Air::with(AirConfig::free_running());
    let peer = Peer::start(&air);
    let (_controller, channel) = air.attach(ControllerConfig::default());
    let links = Links::new();
    let mux: Mux<'_, HciChannel, Links> = Mux::new(channel, &links, ());
    let mut resources = HostResources::<HeapPool, 1, 1>::new();
    let stack = trouble_host::new(Controller::new(&mux), &mut resources)
        .set_random_address(Address::random([6, 5, 4, 3, 2, 0xC1]))
        .build();
    let central = Central::new(&mux, &stack);
    let work = async {
        let address = Address::random(peer.peripheral.address().bytes);
        let deadline = Instant::now() + PATIENCE.try_into().unwrap();
        let config = ConnectConfig::default();
        let connecting = central.connect(address, &config, Some(deadline));
        let connection = connecting.await.unwrap();
        let client = connection.client();
        client.exchange_mtu(MTU).await.unwrap();
        scenario(&Firmware(client), &peer).await;
    };
    soon(or(work, async {
        let ended = central.run().await;
        panic!("the central ended: {ended}");
    }));
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
