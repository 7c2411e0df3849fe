//! Calls that notice when an attribute is no longer the one that was discovered.

use dongle_central::att::{AttributeHandle, ErrorCode, HandleRange, MAX_VALUE_LENGTH, Mtu, Uuid};

use crate::call::Patience;
use crate::connection::Held;
use crate::error::Error;
use crate::gatt::{Age, Standing};

/// An attribute that one of the program's handles refers to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) handle: AttributeHandle,
    pub(crate) sign: Sign,
    pub(crate) age: Age,
}

/// What identifies an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sign {
    /// Its type, for a characteristic's value or a descriptor.
    Type(Uuid),
    /// The UUID of the service that it declares.
    Declares(Uuid),
}

impl Held {
    /// Makes a call that uses these attributes, if they still are what they were.
    ///
    /// A call that the device refuses with Database Out Of Sync (Core Vol 3 Part G, 2.5.2.1) is
    /// repeated if they are. If they changed during the call, its result is discarded (2.5.2).
    pub(crate) async fn at<T, F>(
        &self,
        places: &[Place],
        patience: Patience,
        call: impl Fn() -> F + Send + Sync,
    ) -> Result<T, Error>
    where
        T: Send,
        F: Future<Output = Result<T, Error>> + Send,
    {
        self.look_at(places, patience).await?;
        let mut result = self.on_demand(patience, &call).await;
        if let Err(error) = &result
            && self.heard_out_of_sync(error)
        {
            self.look_at(places, patience).await?;
            result = self.on_demand(patience, &call).await;
        }
        match &result {
            Ok(_) => self.look_at(places, patience).await?,
            Err(error) if is_suspicious(error) => {
                for place in places {
                    if self.database.is_hearsay(place) {
                        self.inspect(place, patience).await?;
                    }
                }
            }
            Err(_) => {}
        }
        result
    }

    /// Makes sure that an attribute is what it was when it was discovered. This takes a request
    /// only if there is reason to doubt it.
    pub(crate) async fn look(&self, place: &Place, patience: Patience) -> Result<(), Error> {
        match self.database.standing(place) {
            Standing::Good => Ok(()),
            Standing::Changed => Err(Error::ServiceChanged(place.handle)),
            // Boxed because it is large and seldom needed.
            Standing::Doubtful => Box::pin(self.inspect(place, patience)).await,
        }
    }

    async fn look_at(&self, places: &[Place], patience: Patience) -> Result<(), Error> {
        for place in places {
            self.look(place, patience).await?;
        }
        Ok(())
    }

    /// Asks the device what is at a handle.
    async fn inspect(&self, place: &Place, patience: Patience) -> Result<(), Error> {
        let told = match self.sign_at(place, patience).await {
            // The device refuses so once, and from then on considers us informed.
            Err(error) if self.heard_out_of_sync(&error) => self.sign_at(place, patience).await,
            told => told,
        };
        let sign = match told {
            Ok(sign) => sign,
            // Nothing is there, so it isn't the attribute.
            Err(error) if error.att().is_some_and(|e| !e.code.is_security()) => None,
            Err(error) => return Err(error),
        };
        if sign == Some(place.sign) {
            self.database.inspected(place);
            return Ok(());
        }
        log::debug!(
            "{}: no longer the attribute that was discovered: {}",
            self.peer(),
            place.handle
        );
        if self.database.is_believed(place) {
            self.database.distrust();
            self.save();
        }
        Err(Error::ServiceChanged(place.handle))
    }

    async fn sign_at(&self, place: &Place, patience: Patience) -> Result<Option<Sign>, Error> {
        let client = self.client(patience.left());
        let mut buffer = vec![0; Mtu::MAX.size()];
        match place.sign {
            Sign::Type(_) => {
                let at = HandleRange::single(place.handle);
                let mut run = client.descriptors(Some(at), buffer);
                let found = run.next().await.map_err(|e| self.explain(e))?;
                Ok(found.map(|found| Sign::Type(found.uuid)))
            }
            Sign::Declares(_) => {
                let mut value = vec![0; MAX_VALUE_LENGTH];
                let read = client.read(place.handle, &mut buffer, &mut value).await;
                let len = read.map_err(|e| self.explain(e))?;
                let uuid = value.get(..len).and_then(Uuid::parse_le);
                Ok(uuid.map(Sign::Declares))
            }
        }
    }

    /// Whether the device refused because its database has changed. If so, nothing that is known of
    /// it is valid any more.
    pub(super) fn heard_out_of_sync(&self, error: &Error) -> bool {
        let refused = error.att().map(|error| error.code);
        let out_of_sync = refused == Some(ErrorCode::DATABASE_OUT_OF_SYNC);
        if out_of_sync {
            log::debug!("{}: its database has changed", self.peer());
            self.database.doubt();
            self.save();
        }
        out_of_sync
    }
}

/// Whether this is how a device answers if another attribute is at the handle.
fn is_suspicious(error: &Error) -> bool {
    error.att().is_some_and(|error| {
        matches!(
            error.code,
            ErrorCode::INVALID_HANDLE
                | ErrorCode::READ_NOT_PERMITTED
                | ErrorCode::WRITE_NOT_PERMITTED
                | ErrorCode::ATTRIBUTE_NOT_FOUND
                | ErrorCode::INVALID_ATTRIBUTE_VALUE_LENGTH
        )
    })
}
