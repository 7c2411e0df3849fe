//! Settles which known attributes of a device may be used on a connection without asking again.

use std::sync::Arc;

use dongle_central::att::{AttributeHandle, MAX_VALUE_LENGTH, Mtu};
use dongle_central::gatt::{
    Characteristic, ClientConfiguration, ClientFeatures, Properties, ReadDatabaseHash, uuids,
};

use super::discovery::{CharacteristicsOf, DescriptorsOf, Discovery};
use super::{Cached, Hash, is_lasting};
use crate::address::Address;
use crate::call::{Boxed, Patience};
use crate::connection::Held;
use crate::error::Error;
use crate::gatt::{Basis, Database, Settled, Trust};
use crate::security::Context;

/// How often the device may change during the attempt, before it is asked each time instead.
const TRIES: usize = 3;

impl Held {
    /// Makes sure that it is settled which known attributes may be used. Concurrent calls share one
    /// attempt and all poll it, so that a call that is no longer polled doesn't hold up the others.
    ///
    /// Boxed with a named type, because the discoveries that it makes would call this in turn.
    pub(super) fn settle(self: &Arc<Self>, patience: Patience) -> Boxed<'_, Result<(), Error>> {
        Box::pin(async move {
            match self.database.is_settled(self.basis()) {
                true => Ok(()),
                false => self.in_time(patience.left(), self.settled()).await,
            }
        })
    }

    async fn settled(self: &Arc<Self>) -> Result<(), Error> {
        let begin = || -> Boxed<'static, _> {
            let held = Arc::clone(self);
            Box::pin(async move { held.find_out().await })
        };
        self.database.settling(begin).await?;
        // An attempt that was already under way may have had another basis.
        match self.database.is_settled(self.basis()) {
            true => Ok(()),
            false => self.database.settling(begin).await,
        }
    }

    async fn find_out(self: &Arc<Self>) -> Result<(), Error> {
        let basis = self.basis();
        if self.database.is_settled(basis) {
            return Ok(());
        }
        // What was learnt before bonding can be reused if the hash confirms it.
        self.save();
        let caches = &self.dongle.shared.security.caches;
        for _ in 0..TRIES {
            let era = self.database.begin(basis);
            let result = match basis.bond {
                _ if !caches.is_enabled() => Ok(Settled::Asking),
                Some(bond) => self.settle_bonded(bond).await,
                None => self.settle_unbonded().await,
            };
            let settled = match result {
                Ok(settled) => settled,
                // A device whose answers make no sense is asked each time.
                Err(Error::Gatt(error)) => {
                    log::debug!("{}: not cached: {error}", self.peer());
                    Settled::Asking
                }
                Err(error) => return Err(error),
            };
            // Not if the device has indicated a change meanwhile.
            if self.database.settle(basis, era, settled) {
                return Ok(());
            }
        }
        let era = self.database.begin(basis);
        self.database.settle(basis, era, Settled::Asking);
        Ok(())
    }

    /// What the decision depends on: with a new bond, or a cleared cache, it has to be made again.
    fn basis(&self) -> Basis {
        let context = &self.dongle.shared.security;
        let bonded = self.info(|info| info.security.bonded) == Some(true);
        Basis {
            bond: match bonded {
                true => context.bonds.number(self.peer()),
                false => None,
            },
            cleared: context.caches.cleared(self.peer()),
        }
    }

    async fn settle_bonded(self: &Arc<Self>, bond: u64) -> Result<Settled, Error> {
        let context = &self.dongle.shared.security;
        let cached = context.bonds.cached(self.peer());
        let Some(cached) = cached.filter(|(of, _)| *of == bond).map(|(_, c)| c) else {
            return self.acquaint().await;
        };
        // Usually this was arranged when the connection began.
        if let Some(value) = cached.service_changed
            && self.database.is_watching(value)
        {
            return Ok(Settled::Inherited(cached, Trust::Told));
        }
        let Some(hash) = cached.hash else {
            return Ok(Settled::Inherited(cached, Trust::Each));
        };
        match self.read_hash().await? {
            Some(now) if now == hash => Ok(Settled::Inherited(cached, Trust::Hash)),
            Some(now) => {
                self.database.learn_hash(now);
                Ok(Settled::Fresh)
            }
            None => self.acquaint().await,
        }
    }

    async fn settle_unbonded(&self) -> Result<Settled, Error> {
        let caches = &self.dongle.shared.security.caches;
        let earlier = caches.find(self.peer());
        if !is_lasting(self.peer()) || earlier == Some(None) {
            return Ok(Settled::Asking);
        }
        let Some(hash) = self.read_hash().await? else {
            caches.keep(self.peer(), None);
            return Ok(Settled::Asking);
        };
        match earlier.flatten().filter(|c| c.hash == Some(hash)) {
            Some(cached) => Ok(Settled::Inherited(cached, Trust::Hash)),
            None => {
                self.database.learn_hash(hash);
                Ok(Settled::Fresh)
            }
        }
    }

    /// Finds out how a newly bonded device announces changes, and asks it to indicate them.
    async fn acquaint(self: &Arc<Self>) -> Result<Settled, Error> {
        let patience = Patience::new(None);
        let gatt = self.ask_for_service(uuids::GENERIC_ATTRIBUTE, patience);
        let Some((gatt, _)) = gatt.await? else {
            return Ok(Settled::Fresh);
        };
        let (mut changed, mut features, mut has_hash) = (None, None, false);
        let mut found = Discovery::settling(Arc::clone(self), CharacteristicsOf(gatt.range));
        while let Some((characteristic, _)) = found.next().await? {
            match characteristic.uuid {
                uuids::SERVICE_CHANGED => changed = Some(characteristic),
                uuids::CLIENT_SUPPORTED_FEATURES => features = Some(characteristic),
                uuids::DATABASE_HASH => has_hash = true,
                _ => {}
            }
        }
        if let Some(changed) = changed
            && let Some(told) = self.have_told(&changed).await?
        {
            self.database.learn_told(told);
            // An indication may arrive after the response to a request with an outdated handle.
            // With this bit set, the device refuses such a request (2.5.2.1); it is kept with the
            // bond (7.2).
            if let Some(features) = features
                && has_hash
            {
                self.ask_for_refusals(features.value_handle).await?;
            }
        }
        if !has_hash {
            return Ok(Settled::Fresh);
        }
        let Some(hash) = self.read_hash().await? else {
            return Ok(Settled::Fresh);
        };
        self.database.learn_hash(hash);
        let earlier = self.dongle.shared.security.caches.find(self.peer());
        if let Some(cached) = earlier.flatten().filter(|c| c.hash == Some(hash)) {
            self.database.learn_attributes(cached.attributes);
        }
        Ok(Settled::Fresh)
    }

    /// Makes the device indicate changes (Core Vol 3 Part G, 7.1). A bonded one remembers that.
    async fn have_told(
        self: &Arc<Self>,
        changed: &Characteristic,
    ) -> Result<Option<AttributeHandle>, Error> {
        let value = changed.value_handle;
        if !changed.properties.contains(Properties::INDICATE) {
            return Ok(None);
        }
        let mut found = Discovery::settling(Arc::clone(self), DescriptorsOf(*changed));
        let configuration = loop {
            match found.next().await? {
                Some((found, _)) if found.uuid == uuids::CLIENT_CONFIGURATION => {
                    break found.handle;
                }
                Some(_) => {}
                None => return Ok(None),
            }
        };
        let client = self.client(None);
        // The queue must exist before the first indication can arrive.
        if !self.database.watch(&client, value) {
            return Ok(None);
        }
        let bits = ClientConfiguration::INDICATIONS.to_le_bytes();
        let written = client.write(configuration, &bits).await;
        Ok(self.unless_refused(written)?.map(|()| value))
    }

    /// Sets the bit for Robust Caching in the Client Supported Features (Core Vol 3 Part G, 7.2).
    async fn ask_for_refusals(&self, features: AttributeHandle) -> Result<(), Error> {
        let client = self.client(None);
        let (mut buffer, mut value) = (vec![0; Mtu::MAX.size()], vec![0; MAX_VALUE_LENGTH]);
        let read = client.read(features, &mut buffer, &mut value).await;
        let Some(len) = self.unless_refused(read)? else {
            return Ok(());
        };
        // Bits that are set may not be cleared.
        value.truncate(len.max(1));
        let Some(first) = value.first_mut() else {
            return Ok(());
        };
        let wanted = ClientFeatures::ROBUST_CACHING.bits();
        if *first & wanted == 0 {
            *first |= wanted;
            let written = client.write(features, &value).await;
            self.unless_refused(written)?;
        }
        Ok(())
    }

    /// Reads the Database Hash. `None` if the device has none or refuses to return it.
    async fn read_hash(&self) -> Result<Option<Hash>, Error> {
        let client = self.client(None);
        let mut run = client.run(ReadDatabaseHash::default(), vec![0; Mtu::MAX.size()]);
        let read = run.next().await;
        Ok(self.unless_refused(read)?.flatten())
    }

    fn unless_refused<T>(
        &self,
        result: Result<T, dongle_central::client::Error>,
    ) -> Result<Option<T>, Error> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.att().is_some() => Ok(None),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Saves what was learnt, or deletes what has become invalid.
    pub(crate) fn save(&self) {
        save(&self.dongle.shared.security, self.peer(), &self.database);
    }
}

/// Saves what a connection has learnt of a device, or deletes what has become invalid: beside the
/// bond, or by its hash.
pub(crate) fn save(context: &Context, device: Address, database: &Database) {
    database.save(|basis, cached: Option<Cached>| {
        // What the program has cleared meanwhile must not come back.
        let cached = cached.filter(|_| basis.cleared == context.caches.cleared(device));
        match basis.bond {
            Some(bond) => context
                .bonds
                .cache(device, bond, cached.filter(Cached::is_bounded)),
            // Without a hash it could never be confirmed.
            None => match cached.filter(|cached| cached.hash.is_some()) {
                Some(cached) => context.caches.keep(device, Some(cached)),
                None => _ = context.caches.lose(device),
            },
        }
    });
}
