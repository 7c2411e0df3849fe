//! Scans of the handles, on the one scan that a controller can do.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use dongle_central::central::ScanConfig;
use dongle_central::mux::{Report, ReportHandler};
use embassy_time::Duration;

use super::HostCentral;
use crate::address::Address;
use crate::error::Error;
use crate::scan::{Advertisement, Filter, ScanQueue};

/// Devices that a scan remembers; beyond that, it forgets those it met first.
const MOST_DEVICES: usize = 16 * 1024;

/// A scan that a handle asks for.
pub(crate) struct ScanRequest {
    pub(crate) id: u64,
    pub(crate) config: ScanConfig,
    pub(crate) duration: Option<Duration>,
    pub(crate) filter: Filter,
    pub(crate) queue: Arc<ScanQueue>,
}

/// All scans of the handles.
#[derive(Default)]
pub(crate) struct Scanning(RefCell<State>);

#[derive(Default)]
struct State {
    scans: Vec<Running>,
    changed: bool,
    waker: Option<Waker>,
}

struct Running {
    request: ScanRequest,
    devices: HashMap<Address, Advertisement>,
    order: VecDeque<Address>,
}

impl Scanning {
    pub(super) fn add(&self, request: ScanRequest) {
        let mut state = self.0.borrow_mut();
        let (devices, order) = (HashMap::new(), VecDeque::new());
        state.scans.push(Running { request, devices, order });
        state.change();
    }

    /// Ends a scan, for its handle too.
    pub(super) fn remove(&self, id: u64) {
        let mut state = self.0.borrow_mut();
        state.scans.retain(|scan| {
            if scan.request.id == id {
                scan.request.queue.end(None);
            }
            scan.request.id != id
        });
        state.change();
    }

    /// Ends all scans with an error.
    pub(super) fn end(&self, error: &Error) {
        let mut state = self.0.borrow_mut();
        for scan in state.scans.drain(..) {
            scan.request.queue.end(Some(error.clone()));
        }
        state.change();
    }

    /// Keeps the controller at what the handles want of it.
    pub(super) async fn run(&self, central: &HostCentral<'_, '_>) {
        let mut scan = None;
        loop {
            let wanted = poll_fn(|cx| {
                let mut state = self.0.borrow_mut();
                state.waker = Some(cx.waker().clone());
                match std::mem::take(&mut state.changed) {
                    true => Poll::Ready(state.config()),
                    false => Poll::Pending,
                }
            })
            .await;
            let Some(config) = wanted else {
                scan = None;
                continue;
            };
            if scan.as_ref().is_some_and(|(running, _)| *running == config) {
                continue;
            }
            match central.scan(config.clone()).await {
                Ok(running) => scan = Some((config, running)),
                Err(error) => {
                    scan = None;
                    self.end(&error.into());
                }
            }
        }
    }
}

impl State {
    fn change(&mut self) {
        self.changed = true;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// One scan that serves all: active if one is, and listening as much as the keenest.
    fn config(&self) -> Option<ScanConfig> {
        let share = |c: &ScanConfig| c.window.as_ticks() as f64 / c.interval.as_ticks().max(1) as f64;
        let configs = self.scans.iter().map(|scan| scan.request.config.clone());
        configs.reduce(|a, b| {
            let keen = if share(&b) > share(&a) { b } else { a };
            let phys = if a.phys == b.phys { a.phys } else { dongle_central::central::Phys::Both };
            ScanConfig { active: a.active || b.active, phys, ..keen }
        })
    }
}

impl ReportHandler for Scanning {
    fn report(&self, report: &Report<'_>) {
        // An anonymous advertisement can neither be told from others nor connected to.
        let Some(address) = report.address.map(Address::from_host) else { return };
        for scan in &mut self.0.borrow_mut().scans {
            scan.take(address, report);
        }
    }
}

impl Running {
    fn take(&mut self, address: Address, report: &Report<'_>) {
        if !self.devices.contains_key(&address) {
            if self.devices.len() >= MOST_DEVICES
                && let Some(eldest) = self.order.pop_front()
            {
                self.devices.remove(&eldest);
            }
            self.order.push_back(address);
        }
        let device = self.devices.entry(address).or_insert_with(|| Advertisement::new(address));
        if device.update(report) && (self.request.filter)(device) {
            self.request.queue.push(device.clone());
        }
    }
}
