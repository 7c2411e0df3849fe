//! A heart-rate sensor built on trouble-host's peripheral role: an implementation of the other side
//! that shares no code with the central.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use embassy_futures::join::join;
use embassy_futures::select::select;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_time::Timer;
use hci_transport::HciChannel;
use trouble_host::prelude::*;

use super::pool::HeapPool;
use super::presence::{self, Failure, HostController, Presence};
use super::waveform::Heart;
use crate::Address;
use crate::air::{Air, AirController};
use crate::world::ControllerConfig;

type Server<'v> = AttributeServer<'v, NoopRawMutex, HeapPool, 40, 1>;
type Connected<'s, 'v> = GattConnection<'s, 'v, HeapPool>;

const HEART_RATE_SERVICE: u16 = 0x180D;
const BATTERY_SERVICE: u16 = 0x180F;
const DEVICE_INFORMATION: u16 = 0x180A;
/// Application error of the Heart Rate Service: control point not supported.
const CONTROL_POINT_NOT_SUPPORTED: u8 = 0x80;
const APPEARANCE_HEART_RATE_BELT: [u8; 2] = 0x0341_u16.to_le_bytes();
const BODY_LOCATION_CHEST: u8 = 1;

/// The configuration of a [`HeartRateSensor`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HeartRateConfig {
    /// The name it advertises and serves; at most 29 bytes of it are advertised.
    pub name: String,
    /// The address it advertises from.
    pub address: Address,
    /// How often it notifies.
    pub interval: Duration,
    /// How many notifications to send back to back once a client subscribes, instead of one per
    /// interval. The RR-interval in each counts them: 0, 1, 2, … (mod 65536).
    pub burst: Option<usize>,
    /// The charge of its battery when it starts, in percent.
    pub battery: u8,
    /// Its controller's configuration; name and public address are replaced by the sensor's.
    pub controller: ControllerConfig,
}

impl Default for HeartRateConfig {
    fn default() -> Self {
        Self {
            name: String::from("Dongle HRM"),
            address: Address::random([0x4D, 0x52, 0x48, 0x0D, 0x18, 0xD0]),
            interval: Duration::from_secs(1),
            burst: None,
            battery: 87,
            controller: ControllerConfig::legacy(),
        }
    }
}

impl HeartRateConfig {
    /// The default sensor with another name.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The same, advertising from `address`.
    pub fn with_address(mut self, address: Address) -> Self {
        self.address = address;
        self
    }

    /// The same, notifying every `interval`.
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The same, sending `count` notifications back to back to each subscriber.
    pub fn with_burst(mut self, count: usize) -> Self {
        self.burst = Some(count);
        self
    }

    /// The same, on a controller with this configuration.
    pub fn with_controller(mut self, controller: ControllerConfig) -> Self {
        self.controller = controller;
        self
    }
}

/// A heart-rate sensor in the air; dropping it removes it.
///
/// It advertises, serves one client at a time (Heart Rate, Battery, Device Information), and
/// advertises again once the client has gone.
#[derive(Debug)]
pub struct HeartRateSensor(Presence);

impl HeartRateSensor {
    /// Puts a sensor into the air.
    pub fn start(air: &Air, config: HeartRateConfig) -> Self {
        let of = config.clone();
        let body = move |channel| run(channel, of);
        let HeartRateConfig { name, address, .. } = &config;
        let presence = Presence::start(air, &config.controller, name, *address, "heart-rate", body);
        Self(presence)
    }

    /// The address it advertises from.
    pub fn address(&self) -> Address {
        self.0.address()
    }

    /// Its controller, to observe and to inject faults.
    pub fn controller(&self) -> &AirController {
        self.0.controller()
    }
}

async fn run(channel: HciChannel, config: HeartRateConfig) {
    let controller = presence::controller(channel);
    let mut resources: HostResources<HeapPool, 1, 2> = HostResources::new();
    let builder = trouble_host::new(controller, &mut resources);
    let stack = presence::addressed(builder, config.address).build();
    presence::run(&stack, serve(stack.peripheral(), &config), &config.name).await;
}

/// The characteristics that the sensor uses.
struct Handles {
    measurement: Characteristic<[u8]>,
    control_point: Characteristic<u8>,
    battery: Characteristic<u8>,
}

async fn serve(
    mut peripheral: Peripheral<'_, HostController, HeapPool>,
    config: &HeartRateConfig,
) -> Result<(), Failure> {
    let mut measurement_store = [0; 20];
    let (table, handles) = services(config, &mut measurement_store);
    let server = Server::new(table);
    let (advertised, response) = advertisement(&config.name);
    let heart = RefCell::new(Heart::new(u64::from(config.address.bytes[0])));
    let battery = Cell::new(config.battery.min(100));
    loop {
        let connection =
            presence::next_central(&mut peripheral, &advertised, &response, &config.name).await?;
        #[cfg(feature = "security")]
        connection.set_bondable(true)?;
        let connection = connection.with_attribute_server(&server)?;
        let client = Client {
            config,
            handles: &handles,
            heart: &heart,
            battery: &battery,
        };
        select(client.answer(&connection), client.notify(&connection)).await;
    }
}

/// One client, while it is connected.
struct Client<'a> {
    config: &'a HeartRateConfig,
    handles: &'a Handles,
    heart: &'a RefCell<Heart>,
    battery: &'a Cell<u8>,
}

impl Client<'_> {
    /// Answers the client until it disconnects.
    async fn answer(&self, connection: &Connected<'_, '_>) {
        loop {
            let reply = match connection.next().await {
                GattConnectionEvent::Disconnected { reason } => {
                    log::debug!("{}: disconnected: {reason:?}", self.config.name);
                    return;
                }
                GattConnectionEvent::Gatt { event } => match event {
                    GattEvent::Write(write)
                        if write.handle() == self.handles.control_point.handle =>
                    {
                        if write.with_data(|_, value| value == [1]) {
                            self.heart.borrow_mut().reset_energy();
                            write.accept()
                        } else {
                            write.reject(AttErrorCode::new(CONTROL_POINT_NOT_SUPPORTED))
                        }
                    }
                    other => other.accept(),
                },
                _ => continue,
            };
            match reply {
                Ok(reply) => reply.send().await,
                Err(error) => log::warn!("{}: no reply: {error:?}", self.config.name),
            }
        }
    }

    /// Notifies the client of what it has subscribed to.
    async fn notify(&self, connection: &Connected<'_, '_>) {
        join(
            self.notify_heart_rate(connection),
            self.notify_battery(connection),
        )
        .await;
    }

    async fn notify_heart_rate(&self, connection: &Connected<'_, '_>) {
        let measurement = &self.handles.measurement;
        let mut count = 0_usize;
        let mut burst_sent = false;
        loop {
            let subscribed = measurement.should_notify(connection);
            match self.config.burst {
                Some(burst) => {
                    if subscribed && !burst_sent {
                        for number in 0..burst {
                            let [low, high] = (number as u16).to_le_bytes();
                            let value = [0b1_0110, 72, low, high];
                            self.sent(measurement.notify(connection, &value[..], false).await);
                        }
                    }
                    burst_sent = subscribed;
                    Timer::after_millis(5).await;
                }
                None => {
                    let value = self.heart.borrow_mut().measure(self.config.interval);
                    count += 1;
                    let value = value.encode(count % 10 == 1);
                    self.sent(measurement.notify(connection, &value[..], false).await);
                    self.pause().await;
                }
            }
        }
    }

    /// A battery that is read often notices: it loses a percent every minute, down to one.
    async fn notify_battery(&self, connection: &Connected<'_, '_>) {
        loop {
            Timer::after_secs(60).await;
            self.battery
                .set(self.battery.get().saturating_sub(1).max(1));
            self.sent(
                self.handles
                    .battery
                    .notify(connection, &self.battery.get(), true)
                    .await,
            );
        }
    }

    async fn pause(&self) {
        super::pause(self.config.interval.max(Duration::from_millis(1))).await;
    }

    fn sent(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            log::warn!("{}: not notified: {error:?}", self.config.name);
        }
    }
}

fn services<'v>(
    config: &'v HeartRateConfig,
    measurement_store: &'v mut [u8],
) -> (AttributeTable<'v, NoopRawMutex, 40>, Handles) {
    let mut table = AttributeTable::new();

    let mut access = table.add_service(Service::new(0x1800_u16));
    access.add_characteristic_ro(0x2A00_u16, config.name.as_str());
    access.add_characteristic_ro(0x2A01_u16, &APPEARANCE_HEART_RATE_BELT);
    access.build();
    table.add_service(Service::new(0x1801_u16)).build();

    let mut heart_rate = table.add_service(Service::new(HEART_RATE_SERVICE));
    let measurement = heart_rate
        .add_characteristic(
            0x2A37_u16,
            [CharacteristicProp::Notify],
            heapless::Vec::<u8, 20>::new(),
            measurement_store,
        )
        .to_raw()
        .build();
    heart_rate.add_characteristic_small(
        0x2A38_u16,
        [CharacteristicProp::Read],
        BODY_LOCATION_CHEST,
    );
    let control_point = heart_rate
        .add_characteristic_small(0x2A39_u16, [CharacteristicProp::Write], 0_u8)
        .build();
    heart_rate.build();

    let mut battery_service = table.add_service(Service::new(BATTERY_SERVICE));
    let battery = battery_service
        .add_characteristic_small(
            0x2A19_u16,
            [CharacteristicProp::Read, CharacteristicProp::Notify],
            config.battery.min(100),
        )
        .build();
    battery_service.build();

    let mut information = table.add_service(Service::new(DEVICE_INFORMATION));
    information.add_characteristic_ro(0x2A29_u16, "Dongle");
    information.add_characteristic_ro(0x2A24_u16, "Simulated heart-rate sensor");
    information.add_characteristic_ro(0x2A26_u16, env!("CARGO_PKG_VERSION"));
    information.build();

    (
        table,
        Handles {
            measurement,
            control_point,
            battery,
        },
    )
}

/// Advertising data and scan response: a name that fits goes into the first.
fn advertisement(name: &str) -> (Vec<u8>, Vec<u8>) {
    let mut data = vec![2, 0x01, 0x06];
    data.extend_from_slice(&[5, 0x03]);
    data.extend_from_slice(&HEART_RATE_SERVICE.to_le_bytes());
    data.extend_from_slice(&BATTERY_SERVICE.to_le_bytes());

    let mut named = presence::name_element(name, 29);
    if data.len() + named.len() <= 31 {
        data.append(&mut named);
    }
    (data, named)
}
