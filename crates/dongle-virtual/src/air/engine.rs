//! The air's thread: carries packets between the hosts and the world, and lets time pass.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use hci_transport::{Error, ErrorKind, HciPort};

use super::Shared;
use crate::world::{ControllerId, World};

/// How many packets are taken from one host before the next gets its turn.
const BATCH: usize = 64;
/// While more than this many packets wait for a host, none are taken from it.
const WAITING: usize = 512;

/// How many due timers are handled before the hosts get their turn.
const DUE: usize = 256;

/// How often a busy thread yields to let a waiting caller get the state.
const PATIENCE: usize = 200;

pub(super) struct Port {
    pub(super) id: ControllerId,
    pub(super) name: String,
    port: HciPort,
    gone: bool,
}

impl Port {
    pub(super) fn new(id: ControllerId, name: String, port: HciPort) -> Self {
        Self {
            id,
            name,
            port,
            gone: false,
        }
    }
}

pub(super) struct State {
    pub(super) world: World,
    pub(super) ports: Vec<Port>,
    pub(super) handles_gone: bool,
    pub(super) past_violations: u64,
    packet: Vec<u8>,
}

impl State {
    pub(super) fn new(world: World) -> Self {
        Self {
            world,
            ports: Vec::new(),
            handles_gone: false,
            past_violations: 0,
            packet: Vec::new(),
        }
    }

    /// Unplugs a controller: its host is told why, and its links are lost.
    pub(super) fn unplug(&mut self, now: Duration, id: ControllerId) {
        if let Some(port) = self.ports.iter_mut().find(|port| port.id == id) {
            let why = format!("{}: the controller was unplugged", port.name);
            port.port.fail(Error::new(ErrorKind::Disconnected, why));
            port.gone = true;
        }
        self.sweep(now);
    }

    /// Removes the controllers whose hosts have gone.
    fn sweep(&mut self, now: Duration) {
        let (world, past) = (&mut self.world, &mut self.past_violations);
        self.ports.retain(|port| {
            if port.gone {
                *past += world.stats(port.id).map_or(0, |stats| stats.violations());
                world.remove_controller(now, port.id);
                log::debug!("{} left the air", port.name);
            }
            !port.gone
        });
    }

    /// Does one round of all work. Returns true if that may have made more.
    fn step(&mut self, now: Duration, cx: &mut Context<'_>) -> bool {
        let mut busy = self.hear_hosts(now, cx);
        busy |= self.world.handle_due(now, DUE);
        busy |= self.tell_hosts(cx);
        self.sweep(now);
        busy
    }

    fn hear_hosts(&mut self, now: Duration, cx: &mut Context<'_>) -> bool {
        let mut busy = false;
        for port in &mut self.ports {
            for _ in 0..BATCH {
                if self.world.pending_output(port.id) > WAITING {
                    break;
                }
                match port.port.poll_next(cx, &mut self.packet) {
                    Poll::Ready(Ok(())) => {
                        self.world.handle_packet(now, port.id, &self.packet);
                        busy = true;
                    }
                    Poll::Ready(Err(_)) => {
                        port.gone = true;
                        busy = true;
                        break;
                    }
                    Poll::Pending => break,
                }
            }
        }
        busy
    }

    fn tell_hosts(&mut self, cx: &mut Context<'_>) -> bool {
        let mut busy = false;
        for port in &mut self.ports {
            // Taking packets out may let the world produce more.
            while self.world.pending_output(port.id) > 0 {
                let packets = self.world.peek_outputs(port.id);
                let (count, outcome) = port.port.poll_deliver_each(cx, packets);
                for _ in 0..count {
                    self.world.pop_output(port.id);
                }
                port.gone |= matches!(outcome, Poll::Ready(Err(_)));
                busy |= count > 0 || port.gone;
                if port.gone || outcome.is_pending() {
                    break;
                }
            }
        }
        busy
    }
}

/// Starts the thread, which ends with the last handle and the last channel.
pub(super) fn start(shared: Arc<Shared>) {
    let body = move || run(&shared);
    if let Err(error) = thread::Builder::new().name("air".into()).spawn(body) {
        // The ports are dropped with the state, so every channel learns that its wire is gone.
        log::error!("the air's thread can't be started: {error}");
    }
}

fn run(shared: &Shared) {
    shared.waker.this_thread();
    let waker = Waker::from(Arc::clone(&shared.waker));
    let mut cx = Context::from_waker(&waker);
    loop {
        shared.waker.rearm();
        let mut state = shared.state();
        let busy = state.step(shared.now(), &mut cx);
        if state.handles_gone && state.ports.is_empty() {
            return;
        }
        let next = state.world.poll_timeout();
        drop(state);
        if busy {
            // On few processors the hosts need a chance to run, and a mutex is not fair by itself.
            thread::yield_now();
            for _ in 0..PATIENCE {
                if shared.waiting.load(Ordering::SeqCst) == 0 {
                    break;
                }
                thread::yield_now();
            }
        } else {
            shared
                .waker
                .sleep(next.map(|next| next.saturating_sub(shared.now())));
        }
    }
}
