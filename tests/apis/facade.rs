//! The facade, as a desktop program uses it.

use std::time::Duration;

use dongle::{
    Characteristic, DeviceConnection, Dongle, Error, Notified, Reason, Subscription, Uuid,
};
use dongle_tests::bench::soon;
use dongle_virtual::{Air, AirConfig, ControllerConfig};

use super::{Api, End, Heard, Peer};

pub struct Facade(DeviceConnection);

/// Runs a scenario on a connection.
pub fn run(scenario: impl AsyncFnOnce(&Facade, &Peer)) {
    let air = Air::with(AirConfig::free_running());
    let peer = Peer::start(&air);
    let (_controller, channel) = air.attach(ControllerConfig::default());
    let dongle = soon(Dongle::on(channel)).unwrap();
    let mut address = peer.peripheral.address().bytes;
    address.reverse();
    soon(async {
        let device = dongle.device(dongle::Address::random(address));
        let connection = device.connect().await.unwrap();
        connection.exchange_mtu(247).await.unwrap();
        scenario(&Facade(connection), &peer).await;
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

impl Api for Facade {
    type Value = Characteristic;
    type Subscription = Subscription;

    async fn value(&self, service: u16, uuid: u16) -> Characteristic {
        let uuid = Uuid::from_u16(uuid);
        let found = self.0.characteristic(Uuid::from_u16(service), uuid).await;
        found.unwrap()
    }

    async fn read(
        &self,
        value: &Characteristic,
        timeout: Option<Duration>,
    ) -> Result<Vec<u8>, End> {
        let mut call = value.read();
        if let Some(timeout) = timeout {
            call = call.timeout(timeout);
        }
        call.await.map_err(end)
    }

    async fn write(&self, value: &Characteristic, octets: &[u8]) -> Result<(), End> {
        value.write(octets).await.map_err(end)
    }

    async fn subscribe(&self, value: &Characteristic) -> Subscription {
        value.subscribe().await.unwrap()
    }

    async fn heard(
        &self,
        subscription: &mut Subscription,
        timeout: Option<Duration>,
    ) -> Result<Heard, End> {
        let mut call = subscription.notified();
        if let Some(timeout) = timeout {
            call = call.timeout(timeout);
        }
        match call.await.map_err(end)? {
            Notified::Value(value) => Ok(Heard::Value(value)),
            Notified::Missed(count) => Ok(Heard::Missed(count)),
        }
    }

    async fn disconnected(&self) -> Reason {
        self.0.disconnected().await
    }
}
