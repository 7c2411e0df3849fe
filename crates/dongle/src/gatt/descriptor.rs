//! A descriptor of a characteristic.

use std::fmt;
use std::sync::Arc;

use dongle_central::att::{AttributeHandle, Uuid};
use dongle_central::gatt::{self, uuids};

use crate::call::{Call, Patience};
use crate::connection::{DeviceConnection, Held};
use crate::gatt::cache::Sign;
use crate::gatt::{Age, Characteristic, Place, read_value, write_value};
use crate::values::FromValue;

/// A characteristic descriptor.
#[derive(Clone)]
pub struct Descriptor {
    characteristic: Characteristic,
    descriptor: gatt::Descriptor,
    age: Age,
}

impl Descriptor {
    pub(super) fn new(
        characteristic: Characteristic,
        descriptor: gatt::Descriptor,
        age: Age,
    ) -> Self {
        Self {
            characteristic,
            descriptor,
            age,
        }
    }

    fn held(&self) -> &Arc<Held> {
        self.characteristic.held()
    }

    /// Its UUID.
    pub fn uuid(&self) -> Uuid {
        self.descriptor.uuid
    }

    /// Its handle.
    pub fn handle(&self) -> AttributeHandle {
        self.descriptor.handle
    }

    /// The characteristic it describes.
    pub fn characteristic(&self) -> Characteristic {
        self.characteristic.clone()
    }

    /// The connection it was discovered on.
    pub fn connection(&self) -> DeviceConnection {
        self.characteristic.connection()
    }

    fn place(&self) -> Place {
        Place {
            handle: self.descriptor.handle,
            sign: Sign::Type(self.descriptor.uuid),
            age: self.age,
        }
    }

    /// Reads the value, however long it is.
    pub fn read(&self) -> Call<'_, Vec<u8>> {
        Call::new(move |timeout| async move {
            read_value(self.held(), self.place(), Patience::new(timeout)).await
        })
    }

    /// Reads the value and decodes it: as a number, a string, or one of [`values`](crate::values).
    ///
    /// # Errors
    /// [`Error::InvalidValue`](crate::Error::InvalidValue) if it can't be decoded so.
    pub fn read_as<T: FromValue + Send>(&self) -> Call<'_, T> {
        Call::new(move |timeout| async move {
            let value = self.read().maybe(timeout).await?;
            Ok(T::from_value(&value)?)
        })
    }

    /// Writes the value with response, in parts if it doesn't fit the MTU.
    pub fn write<'a>(&'a self, value: &'a [u8]) -> Call<'a, ()> {
        Call::new(move |timeout| async move {
            let place = self.place();
            if self.descriptor.uuid == uuids::CLIENT_CONFIGURATION {
                // This replaces what subscriptions have written there.
                self.held().database.overwriting(place.handle);
            }
            write_value(self.held(), place, value, Patience::new(timeout)).await
        })
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Descriptor({} at {})",
            self.descriptor.uuid, self.descriptor.handle
        )
    }
}
