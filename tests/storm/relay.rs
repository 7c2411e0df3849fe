//! Between a controller and its host: what goes to the host goes through a storm.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dongle_tests::bench::until;
use dongle_virtual::AirController;
use hci_transport::{HciChannel, HciPort};

use crate::forge::Forge;

/// Packets that are forged for each of the controller's own, or in the time it says nothing.
const GUST: usize = 3;

/// The weather between a controller and its host.
pub struct Weather(Arc<State>);

struct State {
    /// Packets still to be forged.
    left: AtomicU32,
    /// Some of the controller's own are changed.
    tampers: AtomicBool,
    /// Whose connections are told of.
    controller: Mutex<Option<AirController>>,
}

/// A channel to the controller behind `wire`; fair weather at first.
pub fn between(wire: HciChannel, seed: u64) -> (HciChannel, Weather) {
    let (channel, port) = hci_transport::channel("through the storm", 64 * 1024);
    let state = Arc::new(State {
        left: AtomicU32::new(0),
        tampers: AtomicBool::new(false),
        controller: Mutex::default(),
    });
    let (wire, port) = (Arc::new(wire), Arc::new(port));
    std::thread::spawn({
        let (wire, port) = (Arc::clone(&wire), Arc::clone(&port));
        move || {
            let mut packet = Vec::new();
            while port.next_blocking(&mut packet, None).is_ok() {
                let _ = wire.write_packet_blocking(&packet);
            }
            wire.close();
        }
    });
    let weather = Weather(Arc::clone(&state));
    std::thread::spawn(move || blow(&wire, &port, &state, Forge::new(seed)));
    (channel, weather)
}

impl Weather {
    /// So many packets are forged from now on.
    pub fn begin(&self, packets: u32, tampers: bool, controller: &AirController) {
        *self.0.controller.lock().unwrap() = Some(controller.clone());
        self.0.tampers.store(tampers, SeqCst);
        self.0.left.store(packets, SeqCst);
    }

    /// Waits until they were.
    pub async fn calm(&self) {
        until("the storm is over", || self.0.left.load(SeqCst) == 0).await;
    }
}

fn blow(wire: &HciChannel, port: &HciPort, state: &State, mut forge: Forge) {
    let mut packet = Vec::new();
    loop {
        let came = match wire.read_packet_timeout(&mut packet, Duration::from_millis(1)) {
            Ok(came) => came,
            Err(gone) => return port.fail(gone),
        };
        let left = state.left.load(SeqCst);
        let mut send = Vec::new();
        if came {
            forge.see(&packet);
            if left > 0 && state.tampers.load(SeqCst) && forge.one_in(8) {
                forge.change(&mut packet);
            }
            send.push(std::mem::take(&mut packet));
        }
        if left > 0 {
            let handles = state
                .controller
                .lock()
                .unwrap()
                .as_ref()
                .map(AirController::links);
            let gust = (left as usize).min(forge.below(GUST + 1));
            send.extend((0..gust).map(|_| forge.packet(handles.as_deref().unwrap_or_default())));
            state.left.fetch_sub(gust as u32, SeqCst);
        }
        for packet in send {
            if port.deliver_blocking(&packet).is_err() {
                return;
            }
        }
    }
}
