//! What is known of a device's database beyond the handles that were given out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use dongle_central::att::{AttributeHandle, HandleRange};
use dongle_central::bearer::ValueKind;
use dongle_central::client::{Client, Notified, Subscription};
use dongle_central::gatt::{ClientConfiguration, changed_services};

use crate::error::Error;
use crate::links::SharedLinks;

/// When something was discovered: before or after which change of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Age(usize);

/// The knowledge of one connection.
#[derive(Default)]
pub(crate) struct Database(Mutex<State>);

#[derive(Default)]
struct State {
    /// Client Characteristic Configuration descriptors by the value they are about.
    configurations: HashMap<AttributeHandle, Configuration>,
    /// Which handles were changed, in the order of the changes.
    changes: Vec<HandleRange>,
    /// Where the server tells of changes.
    service_changed: Option<Subscription<SharedLinks>>,
}

/// A Client Characteristic Configuration descriptor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Configuration {
    pub(crate) handle: AttributeHandle,
    /// What was written to it last.
    pub(crate) written: ClientConfiguration,
}

impl Database {
    /// Now, for something that is discovered.
    pub(crate) fn age(&self) -> Age {
        Age(self.state().changes.len())
    }

    /// The handle, if it still means what it meant when it was discovered.
    pub(crate) fn check(&self, handle: AttributeHandle, age: Age) -> Result<(), Error> {
        let mut state = self.state();
        state.hear_of_changes();
        let since = state.changes.get(age.0..).unwrap_or_default();
        match since.iter().any(|changed| changed.contains(handle)) {
            true => Err(Error::ServiceChanged(handle)),
            false => Ok(()),
        }
    }

    /// Hears of changes from now on. `value` is the value of Service Changed (Core Vol 3 Part G,
    /// 7.1).
    pub(crate) fn watch(&self, client: &Client<SharedLinks>, value: AttributeHandle) {
        let mut state = self.state();
        if state.service_changed.is_none() {
            // Without room for it, changes are only told to those who subscribe themselves.
            state.service_changed = client.subscribe(value, ValueKind::Indication).ok();
        }
    }

    pub(crate) fn configuration(&self, value: AttributeHandle) -> Option<Configuration> {
        self.state().configurations.get(&value).copied()
    }

    pub(crate) fn configured(&self, value: AttributeHandle, configuration: Configuration) {
        self.state().configurations.insert(value, configuration);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Reads what the server has told, without waiting for more.
    fn hear_of_changes(&mut self) {
        let Some(subscription) = &mut self.service_changed else {
            return;
        };
        let mut cx = Context::from_waker(Waker::noop());
        let mut value = [0; 8];
        while let Poll::Ready(Ok(heard)) = subscription.poll_notified(&mut cx, None, &mut value) {
            let changed = match heard {
                Notified::Value(len) => value.get(..len).and_then(changed_services),
                // Indications are never missed; if they were, anything may have changed.
                Notified::Missed(_) => Some(HandleRange::ALL),
            };
            if let Some(changed) = changed {
                self.configurations
                    .retain(|handle, _| !changed.contains(*handle));
                self.changes.push(changed);
            }
        }
    }
}
