//! A descriptor of a characteristic.

use std::fmt;
use std::sync::Arc;

use dongle_central::att::{AttributeHandle, Mtu, Uuid};
use dongle_central::gatt;

use crate::call::Call;
use crate::connection::Held;
use crate::gatt::characteristic::read_value;

/// A characteristic descriptor.
#[derive(Clone)]
pub struct Descriptor {
    held: Arc<Held>,
    descriptor: gatt::Descriptor,
}

impl Descriptor {
    pub(crate) fn new(held: Arc<Held>, descriptor: gatt::Descriptor) -> Self {
        Self { held, descriptor }
    }

    /// What it is.
    pub fn uuid(&self) -> Uuid {
        self.descriptor.uuid
    }

    /// Where it is.
    pub fn handle(&self) -> AttributeHandle {
        self.descriptor.handle
    }

    /// Reads it, however long it is.
    pub fn read(&self) -> Call<'_, Vec<u8>> {
        Call::new(move |timeout| read_value(&self.held, self.descriptor.handle, timeout))
    }

    /// Writes it, with response; in parts if it does not fit the MTU.
    pub fn write<'a>(&'a self, value: &'a [u8]) -> Call<'a, ()> {
        Call::new(move |timeout| async move {
            let client = self.held.client(timeout);
            let handle = self.descriptor.handle;
            let written = if value.len() <= Mtu::max_write(client.mtu()) {
                client.write(handle, value).await
            } else {
                client.write_long(handle, value).await
            };
            written.map_err(|e| self.held.explain(e))
        })
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Descriptor({} at {})", self.descriptor.uuid, self.descriptor.handle)
    }
}
