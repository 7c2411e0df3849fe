//! Finds and recognises devices with changing addresses by the keys of their bonds.
//!
//! This is done here rather than with the controller's resolving list, so that it works the same on
//! all controllers: see docs/security.md.

use std::pin::pin;
use std::sync::Arc;

use dongle_central::links::{LinkId, Links as _};
use dongle_central::security::Bond;
use embassy_time::{Duration, Instant};
use futures_lite::future::or;

use crate::address::Address;
use crate::connection::Held;
use crate::device::{Connect, Device};
use crate::dongle::{Dongle, Inner};
use crate::error::Error;
use crate::links::SharedLinks;
use crate::scan::{Scan, ScanBuilder};

/// How long a device is tried at an address before it has to be heard again: the longest interval
/// between two of its advertisements (Core Vol 6 Part B, 4.4.2.2.1), and a little more.
const CHASE: Duration = Duration::from_secs(11);

impl Dongle {
    /// The identity address of a bonded device, from any address that it uses. `None` if the
    /// address belongs to no bonded device.
    pub fn identity(&self, address: Address) -> Option<Address> {
        self.inner().identity_of(address)
    }
}

impl Inner {
    pub(crate) fn identity_of(&self, address: Address) -> Option<Address> {
        self.shared.security.bonds.identities().of(address)
    }
}

impl Device {
    /// The bond with it, if it may use changing addresses.
    pub(crate) fn private_bond(&self) -> Option<Bond> {
        let bonds = &self.inner().shared.security.bonds;
        let bond = bonds.find(self.address().for_host())?;
        let private = bonds
            .identities()
            .is_private(Address::from_host(bond.identity));
        private.then_some(bond)
    }

    /// Listens for it, at any address.
    fn listen(&self, identity: Address, until: Option<Instant>) -> Result<Scan, Error> {
        let mut scan = ScanBuilder::new(Arc::clone(self.inner())).passive();
        if let Some(until) = until {
            // A duration of zero would mean no limit.
            let left = until.saturating_duration_since(Instant::now());
            scan = scan.duration(left.max(Duration::from_millis(1)).into());
        }
        scan.every_report()
            .address(identity)
            .filter(|seen| seen.is_connectable())
            .start()
    }
}

impl Connect {
    /// Connects to a bonded device at the address that it uses at the moment: listens for it, tries
    /// the address that it was heard with, and keeps listening, since the address may change just
    /// then.
    pub(crate) async fn find(
        &self,
        bond: &Bond,
        deadline: Option<Instant>,
    ) -> Result<Arc<Held>, Error> {
        let (device, inner) = (self.device(), self.dongle());
        let links = &inner.shared.links;
        if let Some((link, address)) = links.peer_of(bond) {
            // That link may be ending, and the device may return with another address.
            let over = async {
                links.closed(link).await;
                None
            };
            let attempt = async { Some(self.attempt(address, deadline).await) };
            if let Some(result) = or(attempt, over).await {
                return result;
            }
        }
        let identity = Address::from_host(bond.identity);
        let mut heard = inner
            .shared
            .security
            .bonds
            .identities()
            .last_heard(identity);
        let mut scan = None;
        loop {
            let address = match heard.take() {
                Some(address) => address,
                None => {
                    let listening = match &mut scan {
                        Some(scan) => scan,
                        none => none.insert(device.listen(identity, deadline)?),
                    };
                    match listening.next().await? {
                        Some(found) => found.address(),
                        None => return Err(Error::Timeout),
                    }
                }
            };
            let limit = Instant::now() + CHASE;
            let limit = deadline.map_or(limit, |deadline| deadline.min(limit));
            let mut attempt = pin!(self.attempt(address, Some(limit)));
            // The attempt is begun first, because a scan would keep it from the radio.
            let begun = or(
                async { Some(attempt.as_mut().await) },
                std::future::ready(None),
            );
            if let Some(result) = begun.await {
                return result;
            }
            let listening = match &mut scan {
                Some(scan) => scan,
                none => none.insert(device.listen(identity, deadline)?),
            };
            let moved = async { Ok(Err(elsewhere(listening, address).await?)) };
            match or(async { attempt.await.map(Ok) }, moved).await {
                Ok(Ok(held)) => return Ok(held),
                Ok(Err(now)) => heard = Some(now),
                Err(Error::Timeout) if deadline.is_none_or(|at| Instant::now() < at) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Waits until the device is heard with another address.
async fn elsewhere(scan: &mut Scan, address: Address) -> Result<Address, Error> {
    loop {
        match scan.next().await? {
            Some(found) if found.address() != address => return Ok(found.address()),
            Some(_) => {}
            // The scan ends at the same time as the attempt.
            None => std::future::pending().await,
        }
    }
}

impl SharedLinks {
    /// The link that a bonded device is connected by, and its address there.
    fn peer_of(&self, bond: &Bond) -> Option<(LinkId, Address)> {
        (0..self.capacity()).find_map(|index| {
            let (id, _) = self.open_at(index)?;
            let peer = self.with_link(id, |link| link.info.peer)??;
            bond.is_of(peer).then(|| (id, Address::from_host(peer)))
        })
    }
}
