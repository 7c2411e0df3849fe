//! Between a controller and its host: what goes to the host goes through a storm.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dongle_tests::bench::until;
use dongle_tests::between::between;
use dongle_virtual::AirController;
use hci_transport::{HciChannel, HciPort};

use crate::forge::{Forge, know};

/// Packets that are forged for each of the controller's own, or in the time it says nothing.
const GUST: usize = 3;

/// A connection that there is not, and its question for other parameters, which the host answers all the
/// same: LE Remote Connection Parameter Request (Core Vol 4 Part E, 7.7.65.6).
const NOBODY: [u8; 2] = [0xFE, 0x0E];
const QUESTION: [u8; 14] = [
    4, 0x3E, 11, 0x06, NOBODY[0], NOBODY[1], 24, 0, 40, 0, 0, 0, 0xF4, 1,
];
/// How long until the question is asked again, should the host have had no room for it.
const AGAIN: Duration = Duration::from_millis(100);

/// The weather between a controller and its host.
pub struct Weather(Arc<State>);

struct State {
    /// Packets still to be forged.
    left: AtomicU32,
    /// The host has answered a question that came behind them, so it has read them all.
    answered: AtomicBool,
    /// Some of the controller's own are changed.
    tampers: AtomicBool,
    /// Whose connections are told of.
    controller: Mutex<Option<AirController>>,
}

/// A channel to the controller behind `wire`; fair weather at first.
pub fn storm(wire: HciChannel, seed: u64) -> (HciChannel, Weather) {
    let state = Arc::new(State {
        left: AtomicU32::new(0),
        answered: AtomicBool::new(true),
        tampers: AtomicBool::new(false),
        controller: Mutex::default(),
    });
    let (channel, wire, port) = between(wire, {
        let state = Arc::clone(&state);
        move |packet| {
            if matches!(packet, [1, 0x20 | 0x21, 0x20, _, h0, h1, ..] if [*h0, *h1] == NOBODY) {
                state.answered.store(true, SeqCst);
            }
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
        self.0.answered.store(false, SeqCst);
    }

    /// Waits until they were, and the host has read them.
    pub async fn calm(&self) {
        until("the storm is over", || self.0.answered.load(SeqCst)).await;
    }
}

fn blow(wire: &HciChannel, port: &HciPort, state: &State, mut forge: Forge) {
    let mut packet = Vec::new();
    let mut asked: Option<Instant> = None;
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
                know(&mut packet);
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
            asked = None;
        } else if !state.answered.load(SeqCst) && asked.is_none_or(|at| at.elapsed() > AGAIN) {
            asked = Some(Instant::now());
            send.push(QUESTION.to_vec());
        }
        for packet in send {
            if port.deliver_blocking(&packet).is_err() {
                return;
            }
        }
    }
}
