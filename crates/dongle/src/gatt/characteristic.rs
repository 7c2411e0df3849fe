//! A characteristic of a connected device: read, write, subscribe.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dongle_central::att::{AttributeHandle, MAX_VALUE_LENGTH, Mtu, Uuid};
use dongle_central::bearer::ValueKind;
use dongle_central::gatt::{self, ClientConfiguration, Properties, WriteMode, uuids};

use crate::call::{Call, Patience, uuid_of};
use crate::connection::{DeviceConnection, Held};
use crate::error::{Error, Wanted};
use crate::found::Found;
use crate::gatt::cache::{DescriptorsOf, Discovery, Sign};
use crate::gatt::{Age, Configuration, Descriptor, Place, Subscription, found};
use crate::values::FromValue;

/// A characteristic.
#[derive(Clone)]
pub struct Characteristic {
    held: Arc<Held>,
    characteristic: gatt::Characteristic,
    age: Age,
}

impl Characteristic {
    pub(crate) fn new(held: Arc<Held>, characteristic: gatt::Characteristic, age: Age) -> Self {
        if characteristic.uuid == uuids::SERVICE_CHANGED {
            held.database
                .watch(&held.client(None), characteristic.value_handle);
        }
        Self {
            held,
            characteristic,
            age,
        }
    }

    pub(super) fn held(&self) -> &Arc<Held> {
        &self.held
    }

    /// The place of the value, if it was discovered on the connection `on`.
    pub(crate) fn place_on(&self, on: &Arc<Held>) -> Result<Place, Error> {
        match Arc::ptr_eq(&self.held, on) {
            true => Ok(self.place()),
            false => Err(Error::InvalidParameter(
                "a characteristic of another connection",
            )),
        }
    }

    fn place(&self) -> Place {
        Place {
            handle: self.characteristic.value_handle,
            sign: Sign::Type(self.characteristic.uuid),
            age: self.age,
        }
    }

    /// Its UUID.
    pub fn uuid(&self) -> Uuid {
        self.characteristic.uuid
    }

    /// The connection it was discovered on.
    pub fn connection(&self) -> DeviceConnection {
        DeviceConnection::new(Arc::clone(&self.held))
    }

    /// What can be done with it.
    pub fn properties(&self) -> Properties {
        self.characteristic.properties
    }

    /// The handle of its value. The handle of its declaration isn't needed for anything.
    pub fn value_handle(&self) -> AttributeHandle {
        self.characteristic.value_handle
    }

    /// Reads the value, however long it is.
    pub fn read(&self) -> Call<'_, Vec<u8>> {
        Call::new(move |timeout| async move {
            read_value(&self.held, self.place(), Patience::new(timeout)).await
        })
    }

    /// Reads the value as what it means: a number, a string, or one of [`values`](crate::values).
    ///
    /// # Errors
    /// [`Error::InvalidValue`] if it can't be decoded so.
    pub fn read_as<T: FromValue + Send>(&self) -> Call<'_, T> {
        Call::new(move |timeout| async move {
            let value = self.read().maybe(timeout).await?;
            Ok(T::from_value(&value)?)
        })
    }

    /// Writes the value. By default, this is without response if the characteristic allows that and
    /// the value fits ([`DeviceConnection::max_write_without_response`]), otherwise with response,
    /// in parts if it doesn't fit the MTU.
    pub fn write<'a>(&'a self, value: &'a [u8]) -> Write<'a> {
        Write {
            characteristic: self,
            value,
            response: None,
            timeout: None,
        }
    }

    /// Asks the server to send the value whenever it changes: as notifications if the
    /// characteristic has them, otherwise as indications. From then on no value is missed if all
    /// are read in time.
    pub fn subscribe(&self) -> Subscribe<'_> {
        Subscribe {
            characteristic: self,
            kind: None,
            timeout: None,
        }
    }

    /// The descriptor with this UUID, the first if there are several.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the characteristic has none, [`Error::InvalidUuid`] if the string
    /// is not a UUID.
    pub fn descriptor(&self, uuid: impl TryInto<Uuid, Error: Into<Error>>) -> Call<'_, Descriptor> {
        let uuid = uuid_of(uuid);
        Call::new(move |timeout| async move {
            let uuid = uuid?;
            let found = self.find_descriptor(uuid, Patience::new(timeout)).await?;
            let (found, age) = found.ok_or(Error::NotFound(Wanted::Descriptor(uuid)))?;
            Ok(Descriptor::new(self.clone(), found, age))
        })
    }

    /// All descriptors, one by one.
    pub fn descriptors(&self) -> Found<Descriptor> {
        let question = DescriptorsOf(self.characteristic);
        let held = Arc::clone(&self.held);
        let of = self.clone();
        found(held, question, Some(self.place()), move |_, found, age| {
            Descriptor::new(of.clone(), found, age)
        })
    }

    async fn find_descriptor(
        &self,
        uuid: Uuid,
        patience: Patience,
    ) -> Result<Option<(gatt::Descriptor, Age)>, Error> {
        let question = DescriptorsOf(self.characteristic);
        let held = Arc::clone(&self.held);
        let mut run = Discovery::new(held, question, Some(self.place()), patience);
        while let Some(found) = run.next().await? {
            if found.0.uuid == uuid {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Characteristic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gatt::Characteristic {
            uuid,
            value_handle,
            properties,
            ..
        } = self.characteristic;
        write!(f, "Characteristic({uuid} at {value_handle}: {properties})")
    }
}

/// Reads a value of any length.
pub(crate) async fn read_value(
    held: &Held,
    place: Place,
    patience: Patience,
) -> Result<Vec<u8>, Error> {
    let read = || async {
        let client = held.client(patience.left());
        let mut value = vec![0; MAX_VALUE_LENGTH];
        // The MTU may grow before the response arrives.
        let mut response = vec![0; Mtu::MAX.size()];
        let len = client.read(place.handle, &mut response, &mut value).await;
        value.truncate(len.map_err(|e| held.explain(e))?);
        Ok(value)
    };
    held.at(&[place], patience, read).await
}

/// Writes a value, in parts if it does not fit the MTU.
pub(crate) async fn write_value(
    held: &Held,
    place: Place,
    value: &[u8],
    patience: Patience,
) -> Result<(), Error> {
    let write = || async {
        let client = held.client(patience.left());
        let written = if value.len() <= client.mtu().max_write() {
            client.write(place.handle, value).await
        } else {
            client.write_long(place.handle, value).await
        };
        written.map_err(|e| held.explain(e))
    };
    held.at(&[place], patience, write).await
}

/// Makes the device send a value in the ways that there are subscriptions for, and in no other.
pub(crate) async fn configure(
    held: &Held,
    place: Place,
    value: AttributeHandle,
    patience: Patience,
) -> Result<(), Error> {
    let write = || async {
        // Computed when the request is queued: requests reach the device in that order, so the last
        // of several has the right value, whichever of them finish or are abandoned.
        let wanted = held.subscribed(value);
        let time = held.database.configuring(value);
        let client = held.client(patience.left());
        let written = client.write(place.handle, &wanted.to_le_bytes()).await;
        written.map_err(|e| held.explain(e))?;
        held.database.configured(value, time, wanted);
        Ok(())
    };
    held.at(&[place], patience, write).await
}

/// A write. Nothing is written until it is awaited.
#[derive(Debug)]
#[must_use = "nothing is written before this is awaited"]
pub struct Write<'a> {
    characteristic: &'a Characteristic,
    value: &'a [u8],
    response: Option<bool>,
    timeout: Option<Duration>,
}

impl<'a> Write<'a> {
    /// Whether to write with response. With it, the value may have up to 512 octets and is written
    /// in parts if it doesn't fit the MTU. Without it, the value may have up to MTU - 3 octets, and
    /// the server never reports whether the write succeeded. It is [`Error::NotPermitted`] if the
    /// [properties](Characteristic::properties) lack
    /// [`WRITE_WITHOUT_RESPONSE`](Properties::WRITE_WITHOUT_RESPONSE).
    pub fn response(mut self, response: bool) -> Self {
        self.response = Some(response);
        self
    }

    /// Gives up after this time with [`Error::Timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether the value fits into one PDU. The link is asked only if the default MTU doesn't
    /// suffice.
    fn fits(&self) -> bool {
        self.response.is_some()
            || self.value.len() <= Mtu::DEFAULT.max_write()
            || self.value.len() <= self.characteristic.held.client(None).mtu().max_write()
    }

    async fn write(self) -> Result<(), Error> {
        let Characteristic {
            held,
            characteristic,
            ..
        } = self.characteristic;
        let (place, patience) = (self.characteristic.place(), Patience::new(self.timeout));
        held.look(&place, patience).await?;
        let properties = characteristic.properties;
        let mode = WriteMode::choose(properties, self.response, self.fits());
        let mode = mode.ok_or(Error::NotPermitted(
            match properties.contains(Properties::WRITE) {
                true => "the characteristic can only be written with a response",
                false => "the characteristic can not be written",
            },
        ))?;
        match mode {
            WriteMode::WithoutResponse => {
                let client = held.client(patience.left());
                let written = client
                    .write_without_response(place.handle, self.value)
                    .await;
                written.map_err(|e| held.explain(e))
            }
            // Boxed separately: the box above is allocated for each of a million writes without
            // response, too.
            WriteMode::WithResponse => {
                Box::pin(write_value(held, place, self.value, patience)).await
            }
        }
    }
}

impl<'a> IntoFuture for Write<'a> {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.write())
    }
}

/// A request to subscribe. Nothing is sent until it is awaited.
#[derive(Debug)]
#[must_use = "nothing is asked before this is awaited"]
pub struct Subscribe<'a> {
    characteristic: &'a Characteristic,
    kind: Option<ValueKind>,
    timeout: Option<Duration>,
}

impl<'a> Subscribe<'a> {
    /// Asks for notifications.
    pub fn notify(mut self) -> Self {
        self.kind = Some(ValueKind::Notification);
        self
    }

    /// Asks for indications: slower, but none is lost however slowly they are read.
    pub fn indicate(mut self) -> Self {
        self.kind = Some(ValueKind::Indication);
        self
    }

    /// Gives up after this time with [`Error::Timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn subscribe(self) -> Result<Subscription, Error> {
        let Characteristic {
            held,
            characteristic,
            ..
        } = self.characteristic;
        let (place, patience) = (self.characteristic.place(), Patience::new(self.timeout));
        held.look(&place, patience).await?;
        let value = place.handle;
        let properties = characteristic.properties;
        let notifies = properties.contains(Properties::NOTIFY);
        let indicates = properties.contains(Properties::INDICATE);
        let kind = match self.kind {
            Some(kind) => kind,
            None if notifies || !indicates => ValueKind::Notification,
            None => ValueKind::Indication,
        };
        let (can, wanted) = match kind {
            ValueKind::Notification => (notifies, ClientConfiguration::NOTIFICATIONS),
            ValueKind::Indication => (indicates, ClientConfiguration::INDICATIONS),
        };
        if !can {
            return Err(Error::NotPermitted(match (notifies, indicates) {
                (true, _) => "the characteristic does not indicate its value; it notifies it",
                (_, true) => "the characteristic does not notify its value; it indicates it",
                _ => "the characteristic does not send its value",
            }));
        }
        // The queue must exist before the server may send.
        let values = held
            .client(None)
            .subscribe(value, kind)
            .map_err(|e| held.explain(e))?;
        let configuration = match held.database.configuration(value) {
            Some(known) => known,
            None => self.find_configuration(patience).await?,
        };
        if !configuration.written.is_some_and(|w| w.contains(wanted)) {
            configure(held, configuration.place, value, patience).await?;
        }
        Ok(Subscription::new(Arc::clone(held), values, value))
    }

    /// Finds the descriptor to be written. It is discovered once per connection.
    async fn find_configuration(&self, patience: Patience) -> Result<Configuration, Error> {
        let uuid = uuids::CLIENT_CONFIGURATION;
        let found = self.characteristic.find_descriptor(uuid, patience).await?;
        let (found, age) = found.ok_or(Error::NotFound(Wanted::Descriptor(uuid)))?;
        let place = Place {
            handle: found.handle,
            sign: Sign::Type(uuid),
            age,
        };
        let value = self.characteristic.characteristic.value_handle;
        let database = &self.characteristic.held.database;
        database.learn_configuration(value, place);
        Ok(Configuration::at(place))
    }

    pub(crate) fn maybe(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<'a> IntoFuture for Subscribe<'a> {
    type Output = Result<Subscription, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.subscribe())
    }
}
