//! trouble-host, which pairs.

use board::hci::HciTransport;
use dongle_central::central::{Controller, HostStack};
use dongle_central::links::Address;
use static_cell::StaticCell;
use trouble_host::HostResources;
pub use trouble_host::prelude::DefaultPacketPool as Pool;

use crate::finder::Finder;
use crate::sizes::{ADVERTISING_SETS, CHANNELS, CONNECTIONS, HOST_BONDS, Links, PACKET};
use crate::{ADDRESS, HeartMux};

type Host = HostStack<'static, HciTransport, Links, Pool, Finder, PACKET>;
type Resources = HostResources<Pool, CONNECTIONS, CHANNELS, ADVERTISING_SETS, HOST_BONDS>;

static RESOURCES: StaticCell<Resources> = StaticCell::new();
static HOST: StaticCell<Host> = StaticCell::new();

/// trouble-host on the mux. Its resources come about on the stack.
pub fn host(mux: &'static HeartMux) -> &'static Host {
    let resources = RESOURCES.init_with(Resources::new);
    let host = trouble_host::new(Controller::new(mux), resources)
        .set_random_address(Address::random(ADDRESS))
        .build();
    HOST.init(host)
}
