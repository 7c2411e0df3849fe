//! A door lock that demands pairing, built on trouble-host's peripheral role: something to write to,
//! to read long values from, and to try pairing with.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bt_hci::cmd::info::ReadBdAddr;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use futures_lite::future::block_on;
use hci_transport::HciChannel;
use trouble_host::OobData;
use trouble_host::prelude::*;

use super::pool::HeapPool;
use super::presence::{self, Failure, HostController, Presence};
use super::tag;
use crate::Address;
use crate::air::{Air, AirController};
use crate::world::ControllerConfig;

type Server<'v> = AttributeServer<'v, NoopRawMutex, HeapPool, 40, 1>;
type Connected<'s, 'v> = GattConnection<'s, 'v, HeapPool>;

const AUTOMATION_IO: u16 = 0x1815;
const USER_DATA: u16 = 0x181C;
const DEVICE_INFORMATION: u16 = 0x180A;
const APPEARANCE_DOOR_LOCK: [u8; 2] = 0x0708_u16.to_le_bytes();
/// The longest value of an attribute (Core Vol 3 Part F, 3.2.9).
const LONGEST: usize = 512;

/// How a [`Lock`] authenticates the central.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockPairing {
    /// Not at all (Just Works).
    JustWorks,
    /// By a fixed passkey on its case, up to 999,999.
    Passkey(u32),
    /// By numeric comparison, which it confirms at once.
    Compare,
    /// By out-of-band data, in one direction or both: [`Lock::tag`], [`Lock::read_tag`].
    OutOfBand,
}

/// The configuration of a [`Lock`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LockConfig {
    /// The name it advertises and serves; at most 22 bytes of it are advertised.
    pub name: String,
    /// The address it advertises from.
    pub address: Address,
    /// How it pairs.
    pub pairing: LockPairing,
    /// Its controller's configuration; name and public address are replaced by the lock's.
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

/// The central's out-of-band data that the lock has read.
type Read = Arc<Mutex<Option<OobData>>>;

/// A door lock in the air; dropping it removes it.
///
/// | service | characteristic | |
/// | --- | --- | --- |
/// | Automation IO | Boolean | the bolt, open or not: anyone may read it, paired devices may write it; notifies |
/// | User Data | First Name | the owner's name: anyone may read and write it, up to 512 octets |
/// | User Data | Email Address | read and written over an encrypted link |
///
/// It serves one client at a time, and keeps bonds until it is dropped.
#[derive(Debug)]
pub struct Lock {
    presence: Presence,
    written: async_channel::Receiver<Vec<u8>>,
    tag: OnceLock<Option<Vec<u8>>>,
    read: Read,
}

impl Lock {
    /// Puts a lock into the air.
    pub fn start(air: &Air, config: LockConfig) -> Self {
        let (write, written) = async_channel::bounded(1);
        let read = Read::default();
        let tags = Tags {
            write,
            read: Arc::clone(&read),
        };
        let of = config.clone();
        let body = move |channel| run(channel, of, tags);
        let LockConfig { name, address, .. } = &config;
        Self {
            presence: Presence::start(air, &config.controller, name, *address, "lock", body),
            written,
            tag: OnceLock::new(),
            read,
        }
    }

    /// The address it advertises from.
    pub fn address(&self) -> Address {
        self.presence.address()
    }

    /// The data of the tag on its case, if it pairs out of band: AD structures with its random value and
    /// its confirm value. Waits until the lock is ready.
    pub fn tag(&self) -> Option<Vec<u8>> {
        let written = || block_on(self.written.recv()).ok();
        self.tag.get_or_init(written).clone()
    }

    /// Makes it read such a tag of the central. Returns whether it is one. It is used from the next
    /// connection on.
    pub fn read_tag(&self, tag: &[u8]) -> bool {
        let data = tag::read(tag);
        let is_tag = data.is_some();
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = data;
        is_tag
    }

    /// Its controller, to observe and to inject faults.
    pub fn controller(&self) -> &AirController {
        self.presence.controller()
    }
}

/// The lock's out-of-band data.
struct Tags {
    write: async_channel::Sender<Vec<u8>>,
    read: Read,
}

async fn run(channel: HciChannel, config: LockConfig, tags: Tags) {
    let controller = presence::controller(channel);
    let mut resources: HostResources<HeapPool, 1, 2> = HostResources::new();
    let (capabilities, passkey) = match config.pairing {
        LockPairing::JustWorks | LockPairing::OutOfBand => (IoCapabilities::NoInputNoOutput, None),
        LockPairing::Passkey(passkey) => (IoCapabilities::DisplayOnly, Some(passkey % 1_000_000)),
        LockPairing::Compare => (IoCapabilities::DisplayYesNo, None),
    };
    let builder = trouble_host::new(controller, &mut resources)
        .set_io_capabilities(capabilities)
        .set_passkey(passkey);
    let stack = presence::addressed(builder, config.address).build();
    let serve = async {
        let other_way = match config.pairing {
            LockPairing::OutOfBand => Some(OtherWay::new(&stack, tags).await?),
            _ => {
                // Dropping this tells whoever waits for the tag that there is none.
                drop(tags);
                None
            }
        };
        serve(stack.peripheral(), &config, other_way.as_ref()).await
    };
    presence::run(&stack, serve, &config.name).await;
}

/// The out-of-band data of both sides.
struct OtherWay {
    ours: OobData,
    read: Read,
}

impl OtherWay {
    async fn new(stack: &Stack<'_, HostController, HeapPool>, tags: Tags) -> Result<Self, Failure> {
        // The host makes its key when it starts, and answers commands only after that.
        stack.command(ReadBdAddr::new()).await?;
        let ours = stack.get_local_oob_data();
        // There is room, because nothing else has been sent.
        let _ = tags.write.try_send(tag::write(&ours));
        Ok(Self {
            ours,
            read: tags.read,
        })
    }

    /// The central's data, if it was read.
    fn theirs(&self) -> Option<OobData> {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(
    mut peripheral: Peripheral<'_, HostController, HeapPool>,
    config: &LockConfig,
    other_way: Option<&OtherWay>,
) -> Result<(), Failure> {
    let (mut owner, mut mail) = ([0; LONGEST], [0; LONGEST]);
    let (table, bolt) = services(config, &mut owner, &mut mail);
    let server = Server::new(table);
    let advertised = advertisement(&config.name);
    loop {
        let connection =
            presence::next_central(&mut peripheral, &advertised, &[], &config.name).await?;
        connection.set_bondable(true)?;
        if let Some(way) = other_way {
            connection.set_oob_available(way.theirs().is_some())?;
        }
        let connection = connection.with_attribute_server(&server)?;
        answer(&connection, &bolt, other_way, &config.name).await;
    }
}

/// Answers a client until it disconnects.
async fn answer(
    connection: &Connected<'_, '_>,
    bolt: &Characteristic<u8>,
    other_way: Option<&OtherWay>,
    name: &str,
) {
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
            GattConnectionEvent::OobRequest => {
                let (ours, theirs) = match other_way {
                    Some(way) => (way.ours, way.theirs().unwrap_or(tag::NOTHING)),
                    None => (tag::NOTHING, tag::NOTHING),
                };
                if let Err(error) = connection.provide_oob_data(ours, theirs) {
                    log::debug!("{name}: pairing out of band failed: {error:?}");
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
    // Just Works doesn't authenticate (Core Vol 3 Part H, 2.3.5.1).
    let paired = match config.pairing {
        LockPairing::JustWorks => PermissionLevel::EncryptionRequired,
        LockPairing::Passkey(_) | LockPairing::Compare | LockPairing::OutOfBand => {
            PermissionLevel::AuthenticationRequired
        }
    };
    let value = |text: &str| {
        let mut value = heapless::Vec::<u8, LONGEST>::new();
        // If it is too long, the value stays empty.
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
    let [low, high] = APPEARANCE_DOOR_LOCK;
    let mut data = vec![2, 0x01, 0x06, 3, 0x19, low, high];
    data.extend(presence::name_element(name, 22));
    data
}
