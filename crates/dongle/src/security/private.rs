//! Devices that go by changing addresses, recognised by the keys of their bonds.
//!
//! It is done here and not by the controller's resolving list, so it is the same on all of them.

use dongle_central::links::{LinkPhase, Links as _};
use dongle_central::security::Bond;
use embassy_time::Instant;

use crate::address::Address;
use crate::device::Device;
use crate::dongle::Dongle;
use crate::error::Error;
use crate::links::SharedLinks;
use crate::scan::ScanBuilder;

impl Dongle {
    /// The address that a bonded device is known by, from any that it goes by; `None` if it is not
    /// a bonded device's.
    pub fn identity(&self, address: Address) -> Option<Address> {
        let bond = self
            .inner()
            .shared
            .security
            .bonds
            .find(address.for_host())?;
        Some(Address::from_host(bond.identity))
    }
}

impl Device {
    /// The address that the device goes by at the moment. One that is bonded and changes its
    /// address is looked for until then.
    pub(crate) async fn whereabouts(&self, until: Option<Instant>) -> Result<Address, Error> {
        let inner = self.inner();
        let bond = inner.shared.security.bonds.find(self.address().for_host());
        let Some(bond) = bond.filter(|bond| bond.irk.is_some()) else {
            return Ok(self.address());
        };
        if let Some(connected) = inner.shared.links.peer_of(&bond) {
            return Ok(connected);
        }
        let mut scan = ScanBuilder::new(std::sync::Arc::clone(inner)).passive();
        if let Some(until) = until {
            scan = scan.duration(until.saturating_duration_since(Instant::now()).into());
        }
        let mut scan = scan
            .filter(move |seen| bond.is_of(seen.address().for_host()))
            .start()?;
        match scan.next().await? {
            Some(found) => Ok(found.device().address()),
            None => Err(Error::Timeout),
        }
    }
}

impl SharedLinks {
    /// The address that a bonded device is connected under.
    fn peer_of(&self, bond: &Bond) -> Option<Address> {
        let peers = (0..self.capacity()).filter_map(|index| {
            self.with(index, |link| {
                link.info
                    .peer
                    .filter(|_| link.info.phase() == LinkPhase::Open)
            })
        });
        peers
            .flatten()
            .find(|peer| bond.is_of(*peer))
            .map(Address::from_host)
    }
}
