//! A service of a connected device.

use std::fmt;
use std::sync::Arc;

use dongle_central::att::{AttributeHandle, HandleRange, Mtu, Uuid};
use dongle_central::client::Client;
use dongle_central::gatt;

use crate::call::{Call, uuid_of};
use crate::connection::{DeviceConnection, Held};
use crate::error::{Error, Wanted};
use crate::found::Found;
use crate::gatt::{Age, Characteristic, found};

/// A service.
#[derive(Clone)]
pub struct Service {
    held: Arc<Held>,
    service: gatt::Service,
    age: Age,
}

impl Service {
    pub(crate) fn new(held: Arc<Held>, service: gatt::Service) -> Self {
        let age = held.database.age();
        Self { held, service, age }
    }

    /// What it is.
    pub fn uuid(&self) -> Uuid {
        self.service.uuid
    }

    /// The connection it was discovered on.
    pub fn connection(&self) -> DeviceConnection {
        DeviceConnection::new(Arc::clone(&self.held))
    }

    /// From its declaration to its last attribute.
    pub fn handles(&self) -> HandleRange {
        self.service.range
    }

    /// The characteristic with this UUID, the first if there are several.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the service has none, [`Error::InvalidUuid`] if the text is not a
    /// UUID.
    pub fn characteristic(
        &self,
        uuid: impl TryInto<Uuid, Error: Into<Error>>,
    ) -> Call<'_, Characteristic> {
        let uuid = uuid_of(uuid);
        Call::new(move |timeout| async move {
            let uuid = uuid?;
            self.held
                .database
                .check(self.service.range.start(), self.age)?;
            let client = self.held.client(timeout);
            let buffer = vec![0; Mtu::MAX.size()];
            let mut found = client.characteristics(self.service.range, Some(uuid), buffer);
            let characteristic = found.next().await.map_err(|e| self.held.explain(e))?;
            let characteristic =
                characteristic.ok_or(Error::NotFound(Wanted::Characteristic(uuid)))?;
            Ok(Characteristic::new(Arc::clone(&self.held), characteristic))
        })
    }

    /// All characteristics, one by one.
    pub fn characteristics(&self) -> Found<Characteristic> {
        let held = Arc::clone(&self.held);
        let range = self.service.range;
        let start =
            move |client: Client<_>| client.characteristics(range, None, vec![0; Mtu::MAX.size()]);
        found(held, start, Characteristic::new)
    }

    /// Reads the values of all characteristics with this UUID, without discovering them first: each
    /// with its handle, as much of it as one response holds.
    pub fn read_by_uuid(
        &self,
        uuid: impl TryInto<Uuid, Error: Into<Error>>,
    ) -> Call<'_, Vec<(AttributeHandle, Vec<u8>)>> {
        let uuid = uuid_of(uuid);
        Call::new(move |timeout| async move {
            let uuid = uuid?;
            self.held
                .database
                .check(self.service.range.start(), self.age)?;
            let client = self.held.client(timeout);
            let mut values = Vec::new();
            let mut run = client.read_by_uuid(self.service.range, uuid, vec![0; Mtu::MAX.size()]);
            let done = run
                .each(|read| values.push((read.handle, read.value.to_vec())))
                .await;
            done.map_err(|e| self.held.explain(e))?;
            Ok(values)
        })
    }

    /// The services that this one includes, one by one.
    pub fn included_services(&self) -> Found<Self> {
        let held = Arc::clone(&self.held);
        let range = self.service.range;
        let start =
            move |client: Client<_>| client.included_services(range, vec![0; Mtu::MAX.size()]);
        found(held, start, |held, included: gatt::IncludedService| {
            let (range, uuid) = (included.range, included.uuid);
            Self::new(
                held,
                gatt::Service {
                    range,
                    uuid,
                    primary: false,
                },
            )
        })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Service({} at {})",
            self.service.uuid, self.service.range
        )
    }
}
