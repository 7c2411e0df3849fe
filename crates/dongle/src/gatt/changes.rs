//! Changes of a device's services, as it reports them.

use dongle_central::att::HandleRange;
use dongle_central::gatt::changed_services;

use crate::error::Error;
use crate::gatt::{Notified, Subscription};

/// The changes of a device's services (Core Vol 3 Part G, 7.1), one by one.
#[derive(Debug)]
pub struct ServiceChanges(Subscription);

impl ServiceChanges {
    pub(crate) fn new(indications: Subscription) -> Self {
        Self(indications)
    }

    /// The next change: the handles whose meaning has changed, or that no longer exist.
    pub async fn next(&mut self) -> Result<HandleRange, Error> {
        loop {
            match self.0.notified().await? {
                // A malformed value may mean any handle.
                Notified::Value(value) => {
                    return Ok(changed_services(&value).unwrap_or(HandleRange::ALL));
                }
                Notified::Missed(_) => {}
            }
        }
    }
}
