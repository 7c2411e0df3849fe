//! A heart-rate central in firmware: finds sensors, connects, prints their notifications, and
//! reconnects when a link is lost.
//!
//! ```console
//! $ examples/firmware/run.sh
//! ```
#![no_std]
#![no_main]

#[cfg(feature = "security")]
mod bonds;
mod finder;
mod sensor;
mod sizes;

use core::sync::atomic::{AtomicUsize, Ordering};

use board::hci::{self, HciTransport};
use board::println;
use dongle_central::central::{Central, NoPool};
use dongle_central::mux::Mux;
use embassy_executor::Spawner;
use static_cell::{ConstStaticCell, StaticCell};

use finder::Finder;
use sizes::{CONNECTIONS, Links, PACKET};

type HeartMux = Mux<'static, HciTransport, Links, Finder, PACKET>;
type HeartCentral = Central<'static, 'static, HciTransport, Links, NoPool, Finder, PACKET>;

static LINKS: ConstStaticCell<Links> = ConstStaticCell::new(Links::new());
static MUX: StaticCell<HeartMux> = StaticCell::new();
static CENTRAL: StaticCell<HeartCentral> = StaticCell::new();

/// How many sensors have been followed to the end.
static FOLLOWED: AtomicUsize = AtomicUsize::new(0);

/// Many controllers on a UART have no address of their own. A product needs a random one per
/// device.
const ADDRESS: [u8; 6] = [0x5E, 0x1F, 0x00, 0xAC, 0xEE, 0xC3];

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    board::init();
    let central = set_up();
    for _ in 0..CONNECTIONS {
        if let Ok(token) = follow(central) {
            spawner.spawn(token);
        }
    }
    central.run().await;
    println!("the controller failed");
    board::exit(false)
}

/// Initialises the statics. Not part of `main`, whose stack frame stays below everything that runs
/// later.
#[inline(never)]
fn set_up() -> &'static HeartCentral {
    let mux: &HeartMux = MUX.init(Mux::new(hci::open(), LINKS.take(), Finder::new()));
    let central = Central::new(mux);
    central.set_random_address(ADDRESS);
    CENTRAL.init(central)
}

/// Follows one sensor. The last task to finish ends the program.
#[embassy_executor::task(pool_size = CONNECTIONS)]
async fn follow(central: &'static HeartCentral) {
    sensor::follow(central).await;
    if FOLLOWED.fetch_add(1, Ordering::Relaxed) + 1 == CONNECTIONS {
        board::memory::report();
        println!("done");
        board::exit(true)
    }
}
