//! Services, characteristics and descriptors of a connected device.

pub(crate) mod cache;
mod changes;
mod characteristic;
mod database;
mod descriptor;
mod service;
mod subscription;

use std::sync::Arc;

use futures_lite::stream;

pub(crate) use cache::Place;
use cache::{Discovery, Question};
pub use changes::ServiceChanges;
pub use characteristic::{Characteristic, Subscribe, Write};
pub(crate) use characteristic::{configure, read_value, write_value};
pub(crate) use database::{Age, Basis, Configuration, Database, Era, Settled, Standing, Trust};
pub use descriptor::Descriptor;
pub use service::Service;
pub use subscription::{Notified, Subscription};

use crate::call::Patience;
use crate::connection::Held;
use crate::found::Found;

/// Turns the results of a discovery into handles that hold the connection.
pub(crate) fn found<Q, T>(
    held: Arc<Held>,
    question: Q,
    within: Option<Place>,
    make: impl Fn(Arc<Held>, Q::Item, Age) -> T + Clone + Send + Sync + 'static,
) -> Found<T>
where
    Q: Question,
    T: Send + 'static,
{
    Found::new(move |timeout| {
        let discovery = Discovery::new(Arc::clone(&held), question, within, Patience::new(timeout));
        stream::try_unfold((held, discovery), move |(held, mut discovery)| {
            let make = make.clone();
            async move {
                let found = discovery.next().await?;
                Ok(
                    found
                        .map(|(item, age)| (make(Arc::clone(&held), item, age), (held, discovery))),
                )
            }
        })
    })
}
