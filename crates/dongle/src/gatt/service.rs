//! A service of a connected device.

use std::fmt;
use std::sync::Arc;

use dongle_central::att::{AttributeHandle, HandleRange, Mtu, Uuid};
use dongle_central::gatt;

use crate::call::{Call, Patience, uuid_of};
use crate::connection::{DeviceConnection, Held};
use crate::error::{Error, Wanted};
use crate::found::Found;
use crate::gatt::cache::{CharacteristicsOf, Discovery, IncludedIn, Sign};
use crate::gatt::{Age, Characteristic, Place, found};

/// A service.
#[derive(Clone)]
pub struct Service {
    held: Arc<Held>,
    service: gatt::Service,
    age: Age,
}

impl Service {
    pub(crate) fn new(held: Arc<Held>, service: gatt::Service, age: Age) -> Self {
        Self { held, service, age }
    }

    fn place(&self) -> Place {
        Place {
            handle: self.service.range.start(),
            sign: Sign::Declares(self.service.uuid),
            age: self.age,
        }
    }

    /// Its UUID.
    pub fn uuid(&self) -> Uuid {
        self.service.uuid
    }

    /// The connection it was discovered on.
    pub fn connection(&self) -> DeviceConnection {
        DeviceConnection::new(Arc::clone(&self.held))
    }

    /// The handles from its declaration to its last attribute.
    pub fn handles(&self) -> HandleRange {
        self.service.range
    }

    /// The characteristic with this UUID, the first if there are several.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the service has none, [`Error::InvalidUuid`] if the string is not a
    /// UUID.
    pub fn characteristic(
        &self,
        uuid: impl TryInto<Uuid, Error: Into<Error>>,
    ) -> Call<'_, Characteristic> {
        let uuid = uuid_of(uuid);
        Call::new(move |timeout| async move {
            let uuid = uuid?;
            let held = Arc::clone(&self.held);
            let question = CharacteristicsOf(self.service.range);
            let place = Some(self.place());
            let mut found = Discovery::new(held, question, place, Patience::new(timeout));
            while let Some((found, age)) = found.next().await? {
                if found.uuid == uuid {
                    return Ok(Characteristic::new(Arc::clone(&self.held), found, age));
                }
            }
            Err(Error::NotFound(Wanted::Characteristic(uuid)))
        })
    }

    /// All characteristics, one by one.
    pub fn characteristics(&self) -> Found<Characteristic> {
        let question = CharacteristicsOf(self.service.range);
        let held = Arc::clone(&self.held);
        found(held, question, Some(self.place()), Characteristic::new)
    }

    /// All characteristics with this UUID, one by one; or a single [`Error::InvalidUuid`].
    pub fn characteristics_by_uuid(
        &self,
        uuid: impl TryInto<Uuid, Error: Into<Error>>,
    ) -> Found<Characteristic> {
        match uuid_of(uuid) {
            Ok(uuid) => self
                .characteristics()
                .only(move |found| found.uuid() == uuid),
            Err(error) => Found::failed(error),
        }
    }

    /// Reads the values of all characteristics with this UUID without discovering them first. Each
    /// comes with its handle, and is cut off at what one response holds.
    pub fn read_by_uuid(
        &self,
        uuid: impl TryInto<Uuid, Error: Into<Error>>,
    ) -> Call<'_, Vec<(AttributeHandle, Vec<u8>)>> {
        let uuid = uuid_of(uuid);
        Call::new(move |timeout| async move {
            let (uuid, patience) = (uuid?, Patience::new(timeout));
            let read = || async {
                let client = self.held.client(patience.left());
                let mut values = Vec::new();
                let buffer = vec![0; Mtu::MAX.size()];
                let mut run = client.read_by_uuid(self.service.range, uuid, buffer);
                let done = run
                    .each(|read| values.push((read.handle, read.value.to_vec())))
                    .await;
                done.map_err(|e| self.held.explain(e))?;
                Ok(values)
            };
            self.held.at(&[self.place()], patience, read).await
        })
    }

    /// The services that this one includes, one by one.
    pub fn included_services(&self) -> Found<Self> {
        let question = IncludedIn(self.service.range);
        let held = Arc::clone(&self.held);
        let place = Some(self.place());
        found(held, question, place, |held, included, age| {
            let service = gatt::Service {
                range: included.range,
                uuid: included.uuid,
                primary: false,
            };
            Self::new(held, service, age)
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
