//! A GATT server on trouble-host's peripheral role.

use std::thread::{self, JoinHandle};

use bt_hci::controller::ExternalController;
use dongle_tests::bumble::database::{self as db, pattern};
use dongle_virtual::peripheral::HeapPool;
use dongle_virtual::{Air, ControllerConfig};
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use futures_lite::future::{block_on, or};
use hci_transport::HciChannel;
use trouble_host::prelude::*;

type HostController = ExternalController<HciChannel, 10>;
type Server<'v> = AttributeServer<'v, NoopRawMutex, HeapPool, 200, 1>;
type Value = heapless::Vec<u8, 512>;

/// Where it advertises from.
pub const ADDRESS: [u8; 6] = [0x54, 0x54, 0x54, 0x54, 0x54, 0xC4];

/// The application error that a write of anything but a known command to the control point gives.
pub const UNKNOWN_COMMAND: u8 = 0x80;

/// The server; dropped, it goes.
pub struct TroubleServer {
    stop: Option<futures_channel::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TroubleServer {
    /// Puts it on the air.
    pub fn start(air: &Air) -> Self {
        let (_, channel) = air.attach(ControllerConfig::default());
        let (stop, stopped) = futures_channel::oneshot::channel();
        let thread = thread::spawn(move || {
            block_on(or(run(channel), async { _ = stopped.await }));
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for TroubleServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(
            !matches!(ended, Some(Err(_))) || thread::panicking(),
            "the server panicked"
        );
    }
}

async fn run(channel: HciChannel) {
    let mut resources: Box<HostResources<HeapPool, 1, 2>> = Box::new(HostResources::new());
    let stack = trouble_host::new(HostController::new(channel), &mut *resources);
    let stack = stack.set_random_address(Address::random(ADDRESS)).build();
    let mut runner = stack.runner();
    match select(runner.run(), serve(stack.peripheral())).await {
        Either::First(end) => panic!("the server's host has ended: {end:?}"),
        Either::Second(()) => {}
    }
}

fn uuid(number: u16) -> Uuid {
    Uuid::new_long(db::uuid(number))
}

fn value(bytes: &[u8]) -> Value {
    Value::from_slice(bytes).expect("at most 512")
}

struct Handles {
    pattern: Characteristic<Value>,
    control: Characteristic<Value>,
    burst: Characteristic<Value>,
    indicated: Characteristic<Value>,
}

async fn serve(mut peripheral: Peripheral<'_, HostController, HeapPool>) {
    let mut stores = vec![[0; 512]; 7];
    let mut stores = stores.iter_mut();
    let mut store = || &mut stores.next().expect("a store for each value")[..];
    let (read, write) = (CharacteristicProp::Read, CharacteristicProp::Write);
    let mut table: AttributeTable<'_, NoopRawMutex, 200> = AttributeTable::new();
    table.add_service(Service::new(0x1800_u16)).build();
    table.add_service(Service::new(0x1801_u16)).build();
    let mut battery = table.add_service(Service::new(0x180F_u16));
    battery.add_characteristic_small(0x2A19_u16, [read], 55_u8);
    let battery = battery.build();
    let mut secondary = table.add_secondary_service(Service::new(uuid(db::SECONDARY)));
    secondary.add_characteristic_ro(uuid(0x0401), "within");
    let secondary = secondary.build();
    let mut main = table.add_service(Service::new(uuid(db::MAIN)));
    main.add_included_service(battery).expect("a service");
    main.add_included_service(secondary).expect("a service");
    main.add_characteristic(uuid(db::LONG), [read, write], value(&pattern(512)), store());
    let changing = main
        .add_characteristic(uuid(db::PATTERN), [read], value(b""), store())
        .build();
    let control = main
        .add_characteristic(uuid(db::CONTROL), [write], value(b""), store())
        .build();
    let notify = [CharacteristicProp::Notify];
    let burst = main
        .add_characteristic(uuid(db::BURST), notify, value(b""), store())
        .build();
    let indicate = [CharacteristicProp::Indicate];
    let indicated = main
        .add_characteristic(uuid(db::INDICATED), indicate, value(b""), store())
        .build();
    let mut described = main.add_characteristic_ro(uuid(db::DESCRIBED), "described");
    let open = PermissionLevel::Allowed;
    described.add_descriptor_ro(0x2901_u16, open, "A value with descriptors");
    described.add_descriptor(
        uuid(db::LONG_DESCRIPTOR),
        AttPermissions {
            read: open,
            write: open,
        },
        value(&pattern(300)),
        store(),
    );
    described.build();
    main.add_characteristic_small(uuid(db::WRITE_ONLY), [write], 0_u8);
    main.build();
    let mut crowd = table.add_service(Service::new(uuid(db::CROWD)));
    for i in 0..db::CROWD_SIZE {
        crowd.add_characteristic_small(uuid(db::FIRST_IN_CROWD + i), [read], i as u8);
    }
    crowd.build();
    let handles = Handles {
        pattern: changing,
        control,
        burst,
        indicated,
    };
    let server = Server::new(table);
    let advertised = [2, 0x01, 0x06, 3, 0x03, 0x0F, 0x18];
    loop {
        let advertiser = peripheral
            .advertise(
                &AdvertisementParameters::default(),
                Advertisement::ConnectableScannableUndirected {
                    adv_data: &advertised,
                    scan_data: &[],
                },
            )
            .await
            .expect("it advertises");
        let Ok(connection) = advertiser.accept().await else {
            continue;
        };
        let connection = connection.with_attribute_server(&server).expect("a server");
        answer(&connection, &server, &handles).await;
    }
}

/// Answers the client until it has gone.
async fn answer(
    connection: &GattConnection<'_, '_, HeapPool>,
    server: &Server<'_>,
    handles: &Handles,
) {
    loop {
        let event = match connection.next().await {
            GattConnectionEvent::Disconnected { .. } => return,
            GattConnectionEvent::Gatt { event } => event,
            _ => continue,
        };
        let mut command = None;
        let reply = match event {
            GattEvent::Write(write) if write.handle() == handles.control.handle => {
                command = write.with_data(|_, data| {
                    let (&[what, c0, c1], _) = data.split_first_chunk()?;
                    (what < 3).then_some((what, u16::from_le_bytes([c0, c1])))
                });
                match command {
                    Some(_) => write.accept(),
                    None => write.reject(AttErrorCode::new(UNKNOWN_COMMAND)),
                }
            }
            other => other.accept(),
        };
        reply.expect("a reply").send().await;
        match command {
            Some((0, count)) => {
                for i in 0..u32::from(count) {
                    let value = value(&[&i.to_le_bytes()[..], &[7; 16]].concat());
                    handles
                        .burst
                        .notify(connection, &value, false)
                        .await
                        .expect("notified");
                }
            }
            Some((1, count)) => {
                for i in 0..u32::from(count) {
                    let value = value(&i.to_le_bytes());
                    handles
                        .indicated
                        .indicate(connection, &value, false)
                        .await
                        .expect("indicated");
                }
            }
            Some((_, length)) => {
                let value = value(&pattern(usize::from(length)));
                handles
                    .pattern
                    .set(server, &value)
                    .expect("the value changes");
            }
            None => {}
        }
    }
}
