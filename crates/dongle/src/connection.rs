//! A connection to a device, and its services.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dongle_central::att::{AttributeHandle, Mtu, Uuid};
use dongle_central::bearer::ValueKind;
use dongle_central::client::Client;
use dongle_central::gatt::{ClientConfiguration, uuids};
use dongle_central::links::{LinkId, LinkInfo, LinkPhase, Links as _, Reason};
use futures_channel::mpsc;

use crate::address::Address;
use crate::call::{Call, Patience, uuid_of};
use crate::device::{Device, for_host};
use crate::dongle::Inner;
use crate::error::{Error, Wanted};
use crate::found::Found;
use crate::gatt::cache::PrimaryServices;
use crate::gatt::{self, Characteristic, Database, Place, Service, ServiceChanges};
use crate::host::HoldCommand;
use crate::links::SharedLinks;
use crate::range;
use crate::security::Demand;

/// A connection to a device. It ends when its last handle is dropped; its clones, services,
/// characteristics and subscriptions are handles, too.
#[derive(Clone)]
pub struct DeviceConnection {
    pub(crate) held: Arc<Held>,
}

/// What the handles of a connection share.
pub(crate) struct Held {
    pub(crate) dongle: Arc<Inner>,
    peer: Address,
    pub(crate) id: LinkId,
    commands: mpsc::UnboundedSender<HoldCommand>,
    pub(crate) database: Arc<Database>,
    /// Whether it was asked to end.
    ending: AtomicBool,
    /// Why it ended, for as long as a handle may ask.
    pub(crate) ended: Arc<OnceLock<Reason>>,
    pub(crate) demand: Demand,
}

impl Held {
    pub(crate) fn new(
        dongle: Arc<Inner>,
        peer: Address,
        id: LinkId,
        database: Arc<Database>,
    ) -> (Self, mpsc::UnboundedReceiver<HoldCommand>) {
        let (commands, received) = mpsc::unbounded();
        let (ending, ended) = (AtomicBool::new(false), Arc::default());
        let demand = Demand::default();
        (
            Self {
                dongle,
                peer,
                id,
                commands,
                database,
                ending,
                ended,
                demand,
            },
            received,
        )
    }

    /// Whether it is connected and nobody has asked for its end.
    pub(crate) fn is_usable(&self) -> bool {
        !self.ending.load(Ordering::Relaxed) && self.is_connected()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.info(|info| info.phase()) == Some(LinkPhase::Open)
    }

    /// Asks the host thread to end it. Fails only if it has already ended.
    pub(crate) fn disconnect(&self, command: HoldCommand) {
        self.ending.store(true, Ordering::Relaxed);
        let _ = self.commands.unbounded_send(command);
    }

    pub(crate) fn client(&self, timeout: Option<Duration>) -> Client<SharedLinks> {
        let client = Client::new(self.dongle.shared.links.clone(), self.id);
        match timeout {
            Some(timeout) => client.timeout(for_host(timeout)),
            None => client,
        }
    }

    pub(crate) fn explain(&self, error: dongle_central::client::Error) -> Error {
        self.remember(self.dongle.shared.explain(error))
    }

    /// Adds why the connection ended to an error that lacks it because the link's place has been
    /// reused since.
    pub(crate) fn remember(&self, error: Error) -> Error {
        match (error, self.ended.get()) {
            (Error::Disconnected(Reason::Unknown), Some(reason)) => Error::Disconnected(*reason),
            (error, _) => error,
        }
    }

    /// The ways in which the subscriptions want a value to be sent.
    pub(crate) fn subscribed(&self, value: AttributeHandle) -> ClientConfiguration {
        let mut wanted = ClientConfiguration::empty();
        self.dongle.shared.links.with_link(self.id, |link| {
            let any = |kind| link.bearer.subscriptions_to(value, kind) > 0;
            let (notified, indicated) = (any(ValueKind::Notification), any(ValueKind::Indication));
            wanted.set(ClientConfiguration::NOTIFICATIONS, notified);
            wanted.set(ClientConfiguration::INDICATIONS, indicated);
        });
        wanted
    }

    pub(crate) fn info<R>(&self, f: impl FnOnce(&LinkInfo) -> R) -> Option<R> {
        self.dongle
            .shared
            .links
            .with_link(self.id, |link| f(link.info))
    }

    /// The device at the other end.
    pub(crate) fn peer(&self) -> Address {
        self.peer
    }

    /// Why the connection ended. Only meaningful if it did.
    pub(crate) fn gone(&self) -> Error {
        let told = self.info(LinkInfo::reason).flatten();
        let reason = told
            .or_else(|| self.ended.get().copied())
            .unwrap_or(Reason::Unknown);
        self.explain(dongle_central::client::Error::Disconnected(reason))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Nobody can ask about it any more. If it is still up, this is done when it ends.
        self.dongle.shared.links.release(self.id);
    }
}

impl DeviceConnection {
    pub(crate) fn new(held: Arc<Held>) -> Self {
        Self { held }
    }

    /// The device at the other end. A bonded device has its identity address here, whichever
    /// address it used when it was connected.
    pub fn device(&self) -> Device {
        let dongle = &self.held.dongle;
        let address = dongle.identity_of(self.held.peer);
        Device::new(Arc::clone(dongle), address.unwrap_or(self.held.peer))
    }

    /// Whether it is still connected.
    pub fn is_connected(&self) -> bool {
        self.held.is_connected()
    }

    /// Exchanges the ATT MTU: it becomes the smaller of `mtu` (23 to 517) and what the device
    /// supports. The MTU can be exchanged only once per connection; later calls return the MTU in
    /// force.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for an `mtu` out of range.
    pub fn exchange_mtu(&self, mtu: u16) -> Call<'_, u16> {
        Call::new(move |timeout| async move {
            range::mtu(mtu)?;
            let client = self.held.client(timeout);
            let mtu = client
                .exchange_mtu(mtu)
                .await
                .map_err(|e| self.held.explain(e))?;
            Ok(mtu.get())
        })
    }

    /// The ATT MTU in force: 23 until it has been exchanged.
    pub fn mtu(&self) -> u16 {
        self.held.client(None).mtu().get()
    }

    /// The longest value that can be written without response, in octets: ATT_MTU - 3, but at most
    /// 512 (Core Vol 3 Part F, 3.4.5.3 and 3.2.9). It is 20 until the MTU has been exchanged.
    pub fn max_write_without_response(&self) -> usize {
        self.held.client(None).mtu().max_write()
    }

    /// The primary service with this UUID, the first if there are several. The UUID can be a 16-bit
    /// number, a constant of [`assigned`](crate::assigned), a string or a [`Uuid`].
    ///
    /// ```
    /// # use dongle::{Dongle, Wait as _};
    /// # let dongle = Dongle::open("virtual").wait()?;
    /// # let mut scan = dongle.scan().service("180D").start()?;
    /// # let connection = scan.next().wait()?.ok_or("nothing")?.device().connect().wait()?;
    /// # futures_lite::future::block_on(async {
    /// use dongle::{Uuid, assigned::services};
    ///
    /// let service = connection.service(0x180D).await?;
    /// let same = connection.service(services::HEART_RATE).await?;
    /// let same = connection.service("0000180d-0000-1000-8000-00805f9b34fb").await?;
    /// let same = connection.service(Uuid::from_u16(0x180D)).await?;
    /// assert_eq!(same.uuid(), service.uuid());
    ///
    /// let mistaken = connection.service("heart rate").await;
    /// assert!(matches!(mistaken, Err(dongle::Error::InvalidUuid(_))));
    /// # Ok::<(), dongle::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] if the device has none, [`Error::InvalidUuid`] if the string is not a
    /// UUID.
    pub fn service(&self, uuid: impl TryInto<Uuid, Error: Into<Error>>) -> Call<'_, Service> {
        let uuid = uuid_of(uuid);
        Call::new(move |timeout| async move {
            let uuid = uuid?;
            let found = self.held.find_service(uuid, Patience::new(timeout)).await?;
            let (service, age) = found.ok_or(Error::NotFound(Wanted::Service(uuid)))?;
            Ok(Service::new(Arc::clone(&self.held), service, age))
        })
    }

    /// The characteristic with the second UUID in the service with the first; if there are several,
    /// the first of each.
    ///
    /// ```
    /// # use dongle::{Dongle, Wait as _};
    /// # use dongle::values::BatteryLevel;
    /// # let dongle = Dongle::open("virtual").wait()?;
    /// # let mut scan = dongle.scan().service(0x180F).start()?;
    /// # let connection = scan.next().wait()?.ok_or("nothing")?.device().connect().wait()?;
    /// # futures_lite::future::block_on(async {
    /// use dongle::assigned::{characteristics, services};
    ///
    /// let level = connection
    ///     .characteristic(services::BATTERY, characteristics::BATTERY_LEVEL)
    ///     .await?;
    /// println!("{}", level.read_as::<BatteryLevel>().await?);
    /// # Ok::<(), dongle::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`], which says which of them is missing.
    pub fn characteristic(
        &self,
        service: impl TryInto<Uuid, Error: Into<Error>>,
        characteristic: impl TryInto<Uuid, Error: Into<Error>>,
    ) -> Call<'_, Characteristic> {
        let (service, characteristic) = (uuid_of(service), uuid_of(characteristic));
        Call::new(move |timeout| async move {
            let (service, characteristic) = (service?, characteristic?);
            let patience = Patience::new(timeout);
            let service = self.service(service).maybe(patience.left()).await?;
            let found = service.characteristic(characteristic);
            found.maybe(patience.left()).await
        })
    }

    /// All primary services, one by one.
    pub fn services(&self) -> Found<Service> {
        let held = Arc::clone(&self.held);
        gatt::found(held, PrimaryServices, None, Service::new)
    }

    /// All primary services with this UUID, one by one; or a single [`Error::InvalidUuid`].
    pub fn services_by_uuid(&self, uuid: impl TryInto<Uuid, Error: Into<Error>>) -> Found<Service> {
        match uuid_of(uuid) {
            Ok(uuid) => self.services().only(move |service| service.uuid() == uuid),
            Err(error) => Found::failed(error),
        }
    }

    /// Reads several values in one request. They come one after another without separators, so all
    /// but the last must have a known length. The device cuts off what doesn't fit the MTU.
    pub fn read_multiple<'a>(&'a self, of: &'a [&'a Characteristic]) -> Call<'a, Vec<u8>> {
        Call::new(move |timeout| async move {
            let (places, handles) = self.places(of)?;
            let patience = Patience::new(timeout);
            let read = || async {
                let client = self.held.client(patience.left());
                let mut run = client.read_multiple(&handles, vec![0; Mtu::MAX.size()]);
                let mut values = Vec::new();
                let done = run.each(|read| values.extend_from_slice(read.values)).await;
                done.map_err(|e| self.held.explain(e))?;
                Ok(values)
            };
            self.held.at(&places, patience, read).await
        })
    }

    /// Reads several values of any length, in one request as far as the MTU allows.
    pub fn read_multiple_variable<'a>(
        &'a self,
        of: &'a [&'a Characteristic],
    ) -> Call<'a, Vec<Vec<u8>>> {
        Call::new(move |timeout| async move {
            let (places, handles) = self.places(of)?;
            let patience = Patience::new(timeout);
            let read = || async {
                let client = self.held.client(patience.left());
                let mut values = Vec::new();
                let mut cut = Vec::new();
                let mut run = client.read_multiple_variable(&handles, vec![0; Mtu::MAX.size()]);
                let done = run
                    .each(|read| {
                        if read.may_be_longer {
                            cut.push(values.len());
                        }
                        values.push(read.value.to_vec());
                    })
                    .await;
                done.map_err(|e| self.held.explain(e))?;
                Ok((values, cut))
            };
            let (mut values, cut) = self.held.at(&places, patience, read).await?;
            for index in cut {
                if let (Some(value), Some(place)) = (values.get_mut(index), places.get(index)) {
                    *value = gatt::read_value(&self.held, *place, patience).await?;
                }
            }
            Ok(values)
        })
    }

    /// Writes several values: all of them or none. Before anything is written, the device repeats
    /// each one for us to compare.
    pub fn write_reliable<'a>(
        &'a self,
        writes: &'a [(&'a Characteristic, &'a [u8])],
    ) -> Call<'a, ()> {
        Call::new(move |timeout| async move {
            let of: Vec<_> = writes
                .iter()
                .map(|(characteristic, _)| *characteristic)
                .collect();
            let (places, handles) = self.places(&of)?;
            let values = writes.iter().map(|(_, value)| *value);
            let writes: Vec<_> = handles.into_iter().zip(values).collect();
            let patience = Patience::new(timeout);
            let write = || async {
                let client = self.held.client(patience.left());
                let written = client.write_reliable(&writes).await;
                written.map_err(|e| self.held.explain(e))
            };
            self.held.at(&places, patience, write).await
        })
    }

    /// Asks the device to report when its services change. From then on, handles that were
    /// discovered before a change return [`Error::ServiceChanged`]; the changes themselves are
    /// returned here.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the device declares that its services never change.
    pub fn service_changed(&self) -> Call<'_, ServiceChanges> {
        Call::new(move |timeout| async move {
            let patience = Patience::new(timeout);
            let value = self
                .characteristic(uuids::GENERIC_ATTRIBUTE, uuids::SERVICE_CHANGED)
                .maybe(timeout)
                .await?;
            let changes = value.subscribe().indicate().maybe(patience.left());
            Ok(ServiceChanges::new(changes.await?))
        })
    }

    fn places(&self, of: &[&Characteristic]) -> Result<(Vec<Place>, Vec<AttributeHandle>), Error> {
        let places = of.iter().map(|one| one.place_on(&self.held));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let handles = places.iter().map(|place| place.handle).collect();
        Ok((places, handles))
    }

    /// How many ATT requests have been made on this connection.
    pub fn requests(&self) -> u32 {
        self.held.client(None).requests()
    }
}

impl fmt::Display for DeviceConnection {
    /// The device's address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.device(), f)
    }
}

impl fmt::Debug for DeviceConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceConnection")
            .field("peer", &self.held.peer)
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
