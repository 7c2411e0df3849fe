//! A door lock that wants to be paired with, on trouble-host's peripheral role: something to write
//! to, to read long values from, and to try pairing with.

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use hci_transport::HciChannel;
use trouble_host::prelude::*;

use super::Worker;
use super::pool::HeapPool;
use super::presence::{self, Failure, HostController};
use crate::Address;
use crate::air::{Air, AirController};
use crate::world::ControllerConfig;

type Server<'v> = AttributeServer<'v, NoopRawMutex, HeapPool, 40, 1>;
type Connected<'s, 'v> = GattConnection<'s, 'v, HeapPool>;

const AUTOMATION_IO: u16 = 0x1815;
const USER_DATA: u16 = 0x181C;
const DEVICE_INFORMATION: u16 = 0x180A;
const APPEARANCE_DOOR_LOCK: [u8; 2] = 0x0708_u16.to_le_bytes();
/// Longest value of an attribute (Core Vol 3 Part F, 3.2.9).
const LONGEST: usize = 512;

/// How a [`Lock`] makes sure of who wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockPairing {
    /// It does not: whoever comes first.
    JustWorks,
    /// By a passkey on its case, up to 999,999.
    Passkey(u32),
    /// It shows a number, to be compared, and takes it for the same at once.
    Compare,
}

/// What a [`Lock`] is like.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LockConfig {
    /// The name it advertises and serves; at most 22 bytes of it are advertised.
    pub name: String,
    /// The address it advertises from.
    pub address: Address,
    /// How it pairs.
    pub pairing: LockPairing,
    /// What its controller is like; name and public address are the lock's own.
    pub controller: ControllerConfig,
}

impl Default for LockConfig {
    fn default() -> Self {
        Self {
            name: String::from("Dongle Lock"),
            address: Address::random([0x4B, 0x43, 0x4F, 0x4C, 0x18, 0xD0]),
            pairing: LockPairing::Passkey(123_456),
            controller: ControllerConfig::legacy().with_rssi(-67),
        }
    }
}

impl LockConfig {
    /// The same, pairing in this way.
    pub fn with_pairing(mut self, pairing: LockPairing) -> Self {
        self.pairing = pairing;
        self
    }

    /// The same, advertising from `address`.
    pub fn with_address(mut self, address: Address) -> Self {
        self.address = address;
        self
    }
}

/// A door lock in the air; dropping it takes it out.
///
/// | service | characteristic | |
/// | --- | --- | --- |
/// | Automation IO | Boolean | the bolt, open or not: read by everybody, written by whoever is paired; notifies |
/// | User Data | First Name | whose door it is: read and written by everybody, up to 512 octets |
/// | User Data | Email Address | read and written over an encrypted link |
///
/// It serves one client at a time, and keeps bonds until it is dropped.
#[derive(Debug)]
pub struct Lock {
    address: Address,
    controller: AirController,
    _worker: Worker,
}

impl Lock {
    /// Puts a lock into the air.
    pub fn start(air: &Air, config: LockConfig) -> Self {
        let address = config.address;
        let (controller, channel) =
            presence::attach(air, &config.controller, &config.name, address);
        let worker = Worker::start("lock", move || run(channel, config));
        Self {
            address,
            controller,
            _worker: worker,
        }
    }

    /// The address it advertises from.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Its controller, to look into and to break.
    pub fn controller(&self) -> &AirController {
        &self.controller
    }
}

async fn run(channel: HciChannel, config: LockConfig) {
    let controller = presence::controller(channel);
    let mut resources: HostResources<HeapPool, 1, 2> = HostResources::new();
    let (capabilities, passkey) = match config.pairing {
        LockPairing::JustWorks => (IoCapabilities::NoInputNoOutput, None),
        LockPairing::Passkey(passkey) => (IoCapabilities::DisplayOnly, Some(passkey % 1_000_000)),
        LockPairing::Compare => (IoCapabilities::DisplayYesNo, None),
    };
    let builder = trouble_host::new(controller, &mut resources)
        .set_io_capabilities(capabilities)
        .set_passkey(passkey);
    let stack = presence::addressed(builder, config.address).build();
    presence::run(&stack, serve(stack.peripheral(), &config), &config.name).await;
}

async fn serve(
    mut peripheral: Peripheral<'_, HostController, HeapPool>,
    config: &LockConfig,
) -> Result<(), Failure> {
    let (mut owner, mut mail) = ([0; LONGEST], [0; LONGEST]);
    let (table, bolt) = services(config, &mut owner, &mut mail);
    let server = Server::new(table);
    let advertised = advertisement(&config.name);
    loop {
        let connection =
            presence::next_central(&mut peripheral, &advertised, &[], &config.name).await?;
        connection.set_bondable(true)?;
        let connection = connection.with_attribute_server(&server)?;
        answer(&connection, &bolt, &config.name).await;
    }
}

/// Answers a client until it has gone.
async fn answer(connection: &Connected<'_, '_>, bolt: &Characteristic<u8>, name: &str) {
    loop {
        let event = match connection.next().await {
            GattConnectionEvent::Disconnected { reason } => {
                log::debug!("{name}: disconnected: {reason:?}");
                return;
            }
            GattConnectionEvent::PassKeyConfirm(_) => {
                if let Err(error) = connection.pass_key_confirm() {
                    log::debug!("{name}: not confirmed: {error:?}");
                }
                continue;
            }
            GattConnectionEvent::Gatt { event } => event,
            _ => continue,
        };
        let moved = matches!(&event, GattEvent::Write(write) if write.handle() == bolt.handle);
        match event.accept() {
            Ok(reply) => reply.send().await,
            Err(error) => log::warn!("{name}: no reply: {error:?}"),
        }
        if moved {
            let told = match connection.get(bolt) {
                Ok(position) => bolt.notify(connection, &position, false).await,
                Err(error) => Err(error),
            };
            if let Err(error) = told {
                log::debug!("{name}: not notified: {error:?}");
            }
        }
    }
}

fn services<'v>(
    config: &'v LockConfig,
    owner: &'v mut [u8],
    mail: &'v mut [u8],
) -> (AttributeTable<'v, NoopRawMutex, 40>, Characteristic<u8>) {
    // What Just Works comes to is not authenticated (Core Vol 3 Part H, 2.3.5.1).
    let paired = match config.pairing {
        LockPairing::JustWorks => PermissionLevel::EncryptionRequired,
        LockPairing::Passkey(_) | LockPairing::Compare => PermissionLevel::AuthenticationRequired,
    };
    let value = |text: &str| {
        let mut value = heapless::Vec::<u8, LONGEST>::new();
        // Longer than it can be, it is empty.
        let _ = value.extend_from_slice(text.as_bytes());
        value
    };
    let mut table = AttributeTable::new();

    let mut access = table.add_service(Service::new(0x1800_u16));
    access.add_characteristic_ro(0x2A00_u16, config.name.as_str());
    access.add_characteristic_ro(0x2A01_u16, &APPEARANCE_DOOR_LOCK);
    access.build();
    table.add_service(Service::new(0x1801_u16)).build();

    let mut automation = table.add_service(Service::new(AUTOMATION_IO));
    let bolt = automation
        .add_characteristic_small(
            0x2AE2_u16,
            [
                CharacteristicProp::Read,
                CharacteristicProp::Write,
                CharacteristicProp::Notify,
            ],
            0_u8,
        )
        .write_permission(paired)
        .build();
    automation.build();

    let mut user = table.add_service(Service::new(USER_DATA));
    user.add_characteristic(
        0x2A8A_u16,
        [
            CharacteristicProp::Read,
            CharacteristicProp::Write,
            CharacteristicProp::WriteWithoutResponse,
        ],
        value("Ada"),
        owner,
    )
    .build();
    user.add_characteristic(
        0x2A87_u16,
        [CharacteristicProp::Read, CharacteristicProp::Write],
        value("ada@example.org"),
        mail,
    )
    .read_permission(PermissionLevel::EncryptionRequired)
    .write_permission(PermissionLevel::EncryptionRequired)
    .build();
    user.build();

    let mut information = table.add_service(Service::new(DEVICE_INFORMATION));
    information.add_characteristic_ro(0x2A29_u16, "Dongle");
    information.add_characteristic_ro(0x2A24_u16, "Simulated lock");
    information.build();

    (table, bolt)
}

/// Flags, appearance, and as much of the name as fits.
fn advertisement(name: &str) -> Vec<u8> {
    const COMPLETE_NAME: u8 = 0x09;
    const SHORTENED_NAME: u8 = 0x08;
    let mut shown = name.len().min(22);
    while !name.is_char_boundary(shown) {
        shown -= 1;
    }
    let kind = match shown == name.len() {
        true => COMPLETE_NAME,
        false => SHORTENED_NAME,
    };
    let [low, high] = APPEARANCE_DOOR_LOCK;
    let mut data = vec![2, 0x01, 0x06, 3, 0x19, low, high, shown as u8 + 1, kind];
    data.extend_from_slice(&name.as_bytes()[..shown]);
    data
}
