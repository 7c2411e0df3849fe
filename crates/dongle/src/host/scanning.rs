//! Merges the scans of all handles into the one scan that a controller can do.

mod memory;

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use dongle_central::central::{AcceptList, Error as CentralError, Phys, Scan, ScanConfig};
use dongle_central::mux::{Report, ReportHandler};
use embassy_time::{Instant, Timer};
use futures_lite::future::or;
use hci_transport::HciChannel;

use super::pool::HeapPool;
use super::{BUFFER, HostCentral};
use crate::address::Address;
use crate::advertisement::{Heard, Update};
use crate::error::Error;
use crate::links::SharedLinks;
use crate::scan::{Filter, Mode, ScanQueue};
use crate::security::Identities;
use memory::Memory;

type HostScan<'c, 's, 'a> = Scan<'c, 's, 'a, HciChannel, SharedLinks, HeapPool, Scanning, BUFFER>;

/// A handle's request for a scan.
pub(crate) struct ScanRequest {
    pub(crate) id: u64,
    pub(crate) config: ScanConfig,
    pub(crate) deadline: Option<Instant>,
    pub(crate) mode: Mode,
    pub(crate) filter: Filter,
    /// How many devices the scan remembers.
    pub(crate) max_devices: usize,
    pub(crate) queue: Arc<ScanQueue>,
}

impl Drop for ScanRequest {
    fn drop(&mut self) {
        // Needed if the scan was never started, or if its thread panicked.
        self.queue.abandon();
    }
}

/// The scans of all handles.
pub(crate) struct Scanning {
    state: RefCell<State>,
    identities: Arc<Identities>,
}

#[derive(Default)]
struct State {
    scans: Vec<Running>,
    changed: bool,
    waker: Option<Waker>,
}

struct Running {
    request: ScanRequest,
    /// The controller has accepted this scan once, so a later refusal is not its fault.
    proven: bool,
    memory: Memory,
}

impl Scanning {
    pub(super) fn new(identities: Arc<Identities>) -> Self {
        Self {
            state: RefCell::default(),
            identities,
        }
    }

    pub(super) fn add(&self, mut request: ScanRequest) {
        if let Err(what) = request.config.check() {
            request.queue.end(Some(Error::InvalidParameter(what)));
            return;
        }
        for address in &mut request.filter.addresses {
            *address = self.identities.of(*address).unwrap_or(*address);
        }
        log::debug!("scan {} started", request.id);
        let mut state = self.state.borrow_mut();
        state.scans.push(Running {
            request,
            proven: false,
            memory: Memory::default(),
        });
        state.change();
    }

    /// Ends a scan whose handle was dropped.
    pub(super) fn remove(&self, id: u64) {
        self.end_those(|scan| scan.request.id == id, |_| {});
    }

    /// Ends all scans with an error.
    pub(super) fn end(&self, error: &Error) {
        self.end_those(|_| true, |scan| scan.end(Some(error)));
    }

    /// Whether any scan is running.
    pub(super) fn is_wanted(&self) -> bool {
        !self.state.borrow().scans.is_empty()
    }

    fn end_those(&self, which: impl Fn(&Running) -> bool, end: impl Fn(&Running)) {
        let mut state = self.state.borrow_mut();
        let before = state.scans.len();
        state.scans.retain(|scan| {
            let ends = which(scan);
            if ends {
                log::debug!("scan {} ended", scan.request.id);
                end(scan);
            }
            !ends
        });
        if state.scans.len() != before {
            state.change();
        }
    }

    /// The controller refused. The scans that it had not accepted before are at fault, if there are
    /// any.
    fn refused(&self, error: CentralError<hci_transport::Error>) {
        // Whatever ends the host reports the reason to all scans.
        if error.is_the_end() {
            return;
        }
        let error = &Error::from(error);
        let new = self.state.borrow().scans.iter().any(|scan| !scan.proven);
        self.end_those(|scan| !new || !scan.proven, |scan| scan.end(Some(error)));
    }

    /// Keeps the controller scanning as the handles want.
    pub(super) async fn run(&self, central: &HostCentral<'_, '_>) {
        let mut scan: Option<(ScanConfig, HostScan<'_, '_, '_>)> = None;
        loop {
            let refusal = async {
                match &scan {
                    Some((_, running)) => Some(running.refused().await),
                    None => std::future::pending().await,
                }
            };
            let news = async {
                self.changed().await;
                None
            };
            if let Some(error) = or(news, refusal).await {
                scan = None;
                self.refused(error);
                continue;
            }
            let Some(config) = self.state.borrow().config(&self.identities) else {
                scan = None;
                continue;
            };
            if scan.as_ref().is_some_and(|(running, _)| *running == config) {
                continue;
            }
            match central.scan(config.clone()).await {
                Ok(running) => {
                    if running.is_running() {
                        self.state
                            .borrow_mut()
                            .scans
                            .iter_mut()
                            .for_each(|scan| scan.proven = true);
                    }
                    scan = Some((config, running));
                }
                Err(error) => {
                    scan = None;
                    self.refused(error);
                }
            }
        }
    }

    /// Waits until a different scan is wanted, and meanwhile ends the scans that have timed out.
    async fn changed(&self) {
        loop {
            let next = self.state.borrow().next_deadline();
            let changed = poll_fn(|cx| {
                let mut state = self.state.borrow_mut();
                state.waker = Some(cx.waker().clone());
                match std::mem::take(&mut state.changed) {
                    true => Poll::Ready(true),
                    false if state.next_deadline() != next => Poll::Ready(false),
                    false => Poll::Pending,
                }
            });
            let late = async {
                match next {
                    Some(at) => Timer::at(at).await,
                    None => std::future::pending().await,
                }
                false
            };
            if or(changed, late).await {
                return;
            }
            let now = Instant::now();
            let is_late = |scan: &Running| scan.request.deadline.is_some_and(|at| at <= now);
            self.end_those(is_late, |scan| scan.end(None));
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

    fn next_deadline(&self) -> Option<Instant> {
        self.scans
            .iter()
            .filter_map(|scan| scan.request.deadline)
            .min()
    }

    /// One scan that serves all: active if any is, and listening as much as the most demanding.
    fn config(&self, identities: &Identities) -> Option<ScanConfig> {
        let share =
            |c: &ScanConfig| c.window.as_ticks() as f64 / c.interval.as_ticks().max(1) as f64;
        let configs = self.scans.iter().map(|scan| scan.request.config.clone());
        let one = configs.reduce(|a, b| {
            let phys = if a.phys == b.phys { a.phys } else { Phys::Both };
            let active = a.active || b.active;
            let keen = if share(&b) > share(&a) { b } else { a };
            ScanConfig {
                active,
                phys,
                ..keen
            }
        })?;
        Some(ScanConfig {
            accept: self.accept_list(identities).unwrap_or_default(),
            ..one
        })
    }

    /// The devices to listen to, if no scan wants any others and the controller can recognise them
    /// by their addresses.
    fn accept_list(&self, identities: &Identities) -> Option<AcceptList> {
        let mut list = AcceptList::new();
        for scan in &self.scans {
            if scan.request.filter.addresses.is_empty() {
                return None;
            }
            for address in &scan.request.filter.addresses {
                if identities.is_private(*address) {
                    return None;
                }
                let address = address.for_host();
                if !list.contains(&address) {
                    list.push(address).ok()?;
                }
            }
        }
        Some(list)
    }
}

impl ReportHandler for Scanning {
    fn report(&self, report: &Report<'_>) {
        // An anonymous advertisement can't be told from others or connected to.
        let Some(address) = report.address.map(Address::from_host) else {
            return;
        };
        let identity = self.identities.of(address);
        if let Some(identity) = identity
            && report.connectable
        {
            self.identities.heard(identity, address);
        }
        for scan in &mut self.state.borrow_mut().scans {
            scan.take(identity, address, report);
        }
    }
}

impl Running {
    fn take(&mut self, identity: Option<Address>, address: Address, report: &Report<'_>) {
        let ScanRequest {
            mode,
            filter,
            max_devices,
            queue,
            ..
        } = &self.request;
        if !filter.admits(identity, address) {
            return;
        }
        // Each fragment has a signal strength of its own, and dropping one would leave a gap in the
        // data. The strength of the last one counts.
        let is_fragment =
            || report.more_follows || self.memory.has_fragments(identity, address, report);
        let is_heard = filter.hears(report.rssi);
        if !is_heard && !is_fragment() {
            return;
        }
        let forget = |heard: Heard| report_unjudged(&heard, filter, queue);
        let (heard, update) = self
            .memory
            .take(identity, address, report, *max_devices, forget);
        let asks = self.request.config.active;
        let worth = match mode {
            _ if update == Update::Partial || !is_heard => false,
            Mode::EveryReport => true,
            Mode::OnChange => update == Update::Changed,
            Mode::Once => heard.is_due_once(report, update, asks),
        };
        if worth && filter.accepts(heard.advertisement()) {
            heard.reported();
            queue.push(heard.advertisement().clone());
        }
    }

    /// Ends a scan for its handle, after reporting the devices whose scan responses have not come.
    fn end(&self, error: Option<&Error>) {
        let ScanRequest { filter, queue, .. } = &self.request;
        for heard in self.memory.in_order() {
            report_unjudged(heard, filter, queue);
        }
        queue.end(error.cloned());
    }
}

/// Reports a device whose scan response never came.
fn report_unjudged(heard: &Heard, filter: &Filter, queue: &ScanQueue) {
    if heard.awaits_response() && filter.accepts(heard.advertisement()) {
        queue.push(heard.advertisement().clone());
    }
}

#[cfg(test)]
mod tests {
    use super::memory::tests::report;
    use super::*;
    use crate::advertisement::Advertisement;

    #[test]
    fn a_fragment_that_was_received_weakly_is_no_hole_in_the_data() {
        let queue = Arc::new(ScanQueue::default());
        let mut filter = Filter::default();
        filter.least_rssi = Some(-72);
        let mut running = Running {
            request: ScanRequest {
                id: 1,
                config: ScanConfig::default(),
                deadline: None,
                mode: Mode::OnChange,
                filter,
                max_devices: 10,
                queue: Arc::clone(&queue),
            },
            proven: false,
            memory: Memory::default(),
        };
        let mut hear = |data, more_follows, rssi| {
            let (address, report) = report(1, data);
            let report = Report {
                more_follows,
                rssi: Some(rssi),
                legacy: false,
                sid: Some(1),
                ..report
            };
            running.take(None, address, &report);
            queue.take_all()
        };
        assert_eq!(hear(b"\x07\x09ab", true, -70).len(), 0);
        assert_eq!(hear(b"cd", true, -75).len(), 0);
        let told = hear(b"ef", false, -70);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].name().as_deref(), Some("abcdef"));
        // The whole is as strong as its last fragment.
        assert_eq!(hear(b"\x03\x09", true, -70).len(), 0);
        assert_eq!(hear(b"xy", false, -75).len(), 0);
        assert_eq!(hear(b"\x03\x09zz", false, -75).len(), 0);
    }

    /// A scan that reports each device once.
    struct OnceScan(Running);

    impl OnceScan {
        fn new(active: bool, max_devices: usize) -> Self {
            let config = ScanConfig {
                active,
                ..ScanConfig::default()
            };
            Self(Running {
                request: ScanRequest {
                    id: 1,
                    config,
                    deadline: None,
                    mode: Mode::Once,
                    filter: Filter::default(),
                    max_devices,
                    queue: Arc::default(),
                },
                proven: false,
                memory: Memory::default(),
            })
        }

        fn hear(&mut self, number: u32, scan_response: bool, data: &[u8]) -> Vec<Option<String>> {
            let (address, report) = report(number, data);
            let report = Report {
                scannable: true,
                scan_response,
                ..report
            };
            self.0.take(None, address, &report);
            self.reported()
        }

        fn reported(&self) -> Vec<Option<String>> {
            let told = self.0.request.queue.take_all();
            told.iter().map(Advertisement::name).collect()
        }
    }

    #[test]
    fn a_device_is_reported_once_with_its_scan_response_or_when_heard_again_without() {
        let mut scan = OnceScan::new(true, 10);
        assert!(scan.hear(1, false, &[2, 1, 6]).is_empty());
        assert_eq!(scan.hear(1, true, b"\x03\x09hi"), [Some("hi".into())]);
        assert!(scan.hear(1, false, &[2, 1, 4]).is_empty());
        // Its response is lost on the air.
        assert!(scan.hear(2, false, &[2, 1, 6]).is_empty());
        assert_eq!(scan.hear(2, false, &[2, 1, 6]), [None]);
        assert!(scan.hear(2, true, b"\x03\x09hi").is_empty());
        // A passive scan doesn't wait for a response.
        let mut passive = OnceScan::new(false, 10);
        assert_eq!(passive.hear(1, false, &[2, 1, 6]), [None]);
    }

    #[test]
    fn a_device_that_was_heard_once_without_its_scan_response_is_not_lost() {
        let mut scan = OnceScan::new(true, 1);
        assert!(scan.hear(1, false, &[2, 1, 6]).is_empty());
        assert!(scan.hear(2, false, &[2, 1, 6]).is_empty());
        assert_eq!(scan.hear(3, false, &[2, 1, 6]), [None], "it is forgotten");
        scan.0.end(None);
        assert_eq!(scan.reported(), [None, None], "the scan is over");
    }
}
