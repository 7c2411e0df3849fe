//! Services, characteristics and descriptors of a connected device.

mod changes;
mod characteristic;
mod database;
mod descriptor;
mod service;
mod subscription;

use std::sync::Arc;

use dongle_central::client::{Client, Run};
use dongle_central::gatt::Procedure;
use futures_lite::stream;

pub use changes::ServiceChanges;
pub use characteristic::{Characteristic, Subscribe, Write};
pub(crate) use characteristic::{read_value, write_value};
pub(crate) use database::{Age, Configuration, Database};
pub use descriptor::Descriptor;
pub use service::Service;
pub use subscription::{Notified, Subscription};

use crate::connection::Held;
use crate::found::Found;
use crate::links::SharedLinks;

/// What a procedure finds, as handles that keep the connection.
pub(crate) fn found<P, I, T>(
    held: Arc<Held>,
    start: impl FnOnce(Client<SharedLinks>) -> Run<SharedLinks, P, Vec<u8>> + Send + 'static,
    make: fn(Arc<Held>, I) -> T,
) -> Found<T>
where
    P: for<'p> Procedure<Item<'p> = I> + Send + 'static,
    I: Send + 'static,
    T: Send + 'static,
{
    Found::new(move |timeout| {
        let run = start(held.client(timeout));
        stream::try_unfold((held, run), move |(held, mut run)| async move {
            let item = run.next().await.map_err(|e| held.explain(e))?;
            Ok(item.map(|item| (make(Arc::clone(&held), item), (held, run))))
        })
    })
}
