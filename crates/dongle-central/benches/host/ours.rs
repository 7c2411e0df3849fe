//! The work, done by dongle-central.

use dongle_central::att::AttributeHandle;
use dongle_central::bearer::ValueKind;
use dongle_central::central::{self, Central, ConnectConfig};
use dongle_central::client::{Client, Notified};
use dongle_central::links::{Address, StaticLinks};
use dongle_central::mux::Mux;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use futures_lite::future::{block_on, or};
use trouble_host::HostResources;

use crate::controller::{CONFIGURATION, Controller, VALUE};
use crate::pool::Pool;

type Places = StaticLinks<NoopRawMutex, 2, 248, 8, 8, 16384>;

/// A connected client, for as long as `body` takes.
pub fn connected<R>(controller: &Controller, body: impl AsyncFnOnce(Client<&Places>) -> R) -> R {
    let links = Box::new(Places::new());
    let mux: Mux<'_, _, Places> = Mux::new(controller, &links, ());
    let mut resources: Box<HostResources<Pool, 2, 4>> = Box::new(HostResources::new());
    let stack = trouble_host::new(central::Controller::new(&mux), &mut *resources);
    let stack = stack
        .set_random_address(Address::random([6, 5, 4, 3, 2, 0xC1]))
        .build();
    let central = Central::with_host(&mux, &stack);
    let work = async {
        let peer = Address::random([1, 2, 3, 4, 5, 0xC6]);
        let connection = central
            .connect(peer, &ConnectConfig::default(), None)
            .await
            .unwrap();
        let client = connection.client();
        client.exchange_mtu(247).await.unwrap();
        body(client).await
    };
    block_on(or(work, async {
        panic!("ended: {:?}", central.run().await)
    }))
}

fn value() -> AttributeHandle {
    AttributeHandle::new(VALUE).unwrap()
}

/// Reads the value so many times.
pub async fn read(client: Client<&Places>, count: u64) {
    let (mut buffer, mut out) = ([0; 247], [0; 512]);
    for _ in 0..count {
        assert_eq!(client.read(value(), &mut buffer, &mut out).await, Ok(20));
    }
}

/// Writes 20 bytes, with response, so many times.
pub async fn write(client: Client<&Places>, count: u64) {
    for _ in 0..count {
        client.write(value(), &[9; 20]).await.unwrap();
    }
}

/// Writes 20 bytes without response so many times.
pub async fn command(client: Client<&Places>, count: u64) {
    for _ in 0..count {
        client
            .write_without_response(value(), &[9; 20])
            .await
            .unwrap();
    }
    // The last of them is out when a request behind it is answered.
    client.write(value(), &[9; 20]).await.unwrap();
}

/// Finds everything; how many services, characteristics and descriptors there are.
pub async fn discover(client: Client<&Places>) -> [usize; 3] {
    let mut found = [0; 3];
    let mut services = client.services([0; 247]);
    while let Some(service) = services.next().await.unwrap() {
        found[0] += 1;
        let mut characteristics = client.characteristics(service.range, None, [0; 247]);
        while let Some(characteristic) = characteristics.next().await.unwrap() {
            found[1] += 1;
            let mut descriptors = client.descriptors(characteristic.descriptors(), [0; 247]);
            while descriptors.next().await.unwrap().is_some() {
                found[2] += 1;
            }
        }
    }
    found
}

/// Receives so many notifications, `burst` of them at a time; how many came.
pub async fn notified(
    client: Client<&Places>,
    controller: &Controller,
    count: u64,
    burst: u64,
) -> u64 {
    let mut values = client.subscribe(value(), ValueKind::Notification).unwrap();
    let configuration = AttributeHandle::new(CONFIGURATION).unwrap();
    client.write(configuration, &[1, 0]).await.unwrap();
    let (mut received, mut last) = (0, None);
    let mut out = [0; 244];
    while received < count {
        let now = burst.min(count - received);
        controller.notify(now);
        for _ in 0..now {
            assert_eq!(values.notified(&mut out).await, Ok(Notified::Value(20)));
            let number = u64::from_le_bytes(*out.first_chunk().unwrap());
            assert!(last.replace(number).is_none_or(|last| number == last + 1));
            received += 1;
        }
    }
    received
}
