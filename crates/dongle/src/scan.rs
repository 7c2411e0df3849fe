//! Scans for devices that advertise, and reports them as they are heard.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use dongle_central::att::Uuid;
use dongle_central::central::{Phys, ScanConfig};
use futures_core::Stream;

use crate::address::Address;
use crate::advertisement::Advertisement;
use crate::call::uuid_of;
use crate::device::{Device, for_host};
use crate::dongle::Inner;
use crate::error::Error;
use crate::host::{self, Command, ScanRequest};

/// How many results may wait for a reader. Beyond that, the oldest are dropped and counted.
const QUEUE: usize = 1024;
/// How many devices a scan remembers by default.
const REMEMBERED: usize = 16 * 1024;

/// How often a scan reports a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    #[default]
    OnChange,
    Once,
    EveryReport,
}

/// Which advertisements a scan reports. Cheap checks are made first.
#[derive(Default)]
pub(crate) struct Filter {
    /// Any of these, if there are any.
    pub(crate) addresses: Vec<Address>,
    pub(crate) least_rssi: Option<i8>,
    /// All of these.
    #[allow(clippy::type_complexity)]
    checks: Vec<Box<dyn Fn(&Advertisement) -> bool + Send>>,
}

impl Filter {
    /// Whether a report may matter, checked before any work is spent on it.
    pub(crate) fn admits(&self, identity: Option<Address>, address: Address) -> bool {
        let wanted = |address| self.addresses.contains(&address);
        self.addresses.is_empty() || wanted(address) || identity.is_some_and(wanted)
    }

    /// Whether a report was received strongly enough.
    pub(crate) fn hears(&self, rssi: Option<i8>) -> bool {
        self.least_rssi
            .is_none_or(|least| rssi.is_some_and(|rssi| rssi >= least))
    }

    /// Whether an advertisement is reported.
    pub(crate) fn accepts(&self, advertisement: &Advertisement) -> bool {
        self.checks.iter().all(|check| check(advertisement))
    }
}

/// A scan to be started.
///
/// By default, it is active, on LE 1M, and listens all the time until it is dropped.
#[must_use = "nothing is heard before the scan is started"]
pub struct ScanBuilder {
    dongle: Arc<Inner>,
    config: ScanConfig,
    duration: Option<Duration>,
    mode: Mode,
    filter: Filter,
    max_devices: usize,
    /// The first parameter that was invalid.
    wrong: Option<Error>,
}

impl ScanBuilder {
    pub(crate) fn new(dongle: Arc<Inner>) -> Self {
        let config = ScanConfig {
            active: true,
            ..ScanConfig::default()
        };
        let (mode, filter) = (Mode::default(), Filter::default());
        Self {
            dongle,
            config,
            duration: None,
            mode,
            filter,
            max_devices: REMEMBERED,
            wrong: None,
        }
    }

    /// Ends the scan after this time. By default, or with zero, it continues until it is dropped.
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = (!duration.is_zero()).then_some(duration);
        self
    }

    /// Only listens and doesn't request scan responses, which often are the only place of a name. A
    /// controller can run only one scan, which all scans of a dongle share: while another one is
    /// active, responses are requested, and this one reports them, too.
    pub fn passive(mut self) -> Self {
        self.config.active = false;
        self
    }

    /// The time from one scan window to the next: 2.5 ms to 10.24 s, 30 ms by default. Of several
    /// scans, the one that listens the most decides.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.config.interval = for_host(interval);
        self
    }

    /// How long to listen in each interval: at most the interval, 30 ms by default.
    pub fn window(mut self, window: Duration) -> Self {
        self.config.window = for_host(window);
        self
    }

    /// The PHYs to listen on, LE 1M by default. Coded PHY requires a controller with extended
    /// advertising.
    pub fn phys(mut self, phys: Phys) -> Self {
        self.config.phys = phys;
        self
    }

    /// Reports each device only once. One that has scan response data is reported when that has
    /// arrived, so that a name in it is not missing, or otherwise when the device is heard again or
    /// the scan ends. A [`passive`](Self::passive) scan does not wait for it.
    pub fn once(mut self) -> Self {
        self.mode = Mode::Once;
        self
    }

    /// Reports a device each time that it is heard, changed or not.
    pub fn every_report(mut self) -> Self {
        self.mode = Mode::EveryReport;
        self
    }

    /// The most devices to remember: 16,384 by default. Beyond that, the one that was heard first
    /// is forgotten, and reported as new when it is heard again.
    pub fn max_devices(mut self, devices: usize) -> Self {
        self.max_devices = devices.max(1);
        self
    }

    /// Only devices that advertise this service: a 16-bit number, a constant of
    /// [`assigned`](crate::assigned), a string or a [`Uuid`].
    pub fn service(mut self, uuid: impl TryInto<Uuid, Error: Into<Error>>) -> Self {
        match uuid_of(uuid) {
            Ok(uuid) => self.filter(move |found| found.has_service(uuid)),
            Err(error) => {
                self.wrong.get_or_insert(error);
                self
            }
        }
    }

    /// Only devices with this name.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.filter(move |found| found.local_name().is_some_and(|n| n == *name.as_str()))
    }

    /// Only devices whose name starts with this.
    pub fn name_prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.filter(move |found| {
            found.local_name().is_some_and(|name| {
                let mut chars = name.chars();
                prefix.chars().all(|c| chars.next() == Some(c))
            })
        })
    }

    /// Only this device, or any of these if called several times. A bonded device is found by its
    /// identity address, whichever address it uses. If none of them can change its address, the
    /// controller itself ignores all others, as far as its list has room, so that a busy air costs
    /// nothing.
    pub fn address(mut self, address: Address) -> Self {
        self.filter.addresses.push(address);
        self
    }

    /// Only devices with data of this manufacturer (company identifier).
    pub fn manufacturer(self, company: u16) -> Self {
        self.filter(move |found| {
            found
                .manufacturer_data()
                .any(|data| data.company == company)
        })
    }

    /// Only devices received at least this strongly, in dBm.
    pub fn min_rssi(mut self, least: i8) -> Self {
        self.filter.least_rssi = Some(least);
        self
    }

    /// Only advertisements that this accepts. All filters have to agree. It is called on the host
    /// thread, so it must be quick and must not block.
    pub fn filter(mut self, filter: impl Fn(&Advertisement) -> bool + Send + 'static) -> Self {
        self.filter.checks.push(Box::new(filter));
        self
    }

    /// Starts the scan.
    ///
    /// # Errors
    /// [`Error::InvalidUuid`] if a service was given as a string that is not a UUID;
    /// [`Error::Closed`], or the reason why the dongle is down, if it is not open. If the
    /// controller refuses, the first [`next`](Scan::next) returns the error.
    pub fn start(self) -> Result<Scan, Error> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let id = self.dongle.next_id();
        let queue = Arc::new(ScanQueue::default());
        self.dongle.command(Command::Scan(ScanRequest {
            id,
            config: self.config,
            deadline: host::deadline(self.duration),
            mode: self.mode,
            filter: self.filter,
            max_devices: self.max_devices,
            queue: Arc::clone(&queue),
        }))?;
        Ok(Scan {
            dongle: self.dongle,
            id,
            queue,
        })
    }
}

impl fmt::Debug for ScanBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// A running scan. Dropping it stops it.
///
/// A device is reported when it is first heard, and again whenever something about it has changed:
/// its data, its scan response, its signal strength, or its address if a bond shows that it is the
/// same device. [`ScanBuilder::once`] and [`ScanBuilder::every_report`] change that. A scan is also
/// a [`Stream`] of results.
///
/// A reader that is too slow loses the oldest results; the next one says how many
/// ([`ScanResult::missed`]).
pub struct Scan {
    dongle: Arc<Inner>,
    id: u64,
    queue: Arc<ScanQueue>,
}

impl Scan {
    /// The next result; `None` when the scan has ended.
    ///
    /// # Errors
    /// [`Error::Hci`] if the controller refuses to scan, or the reason why the dongle is down.
    /// Earlier results are returned first.
    pub async fn next(&mut self) -> Result<Option<ScanResult>, Error> {
        std::future::poll_fn(|cx| self.poll(cx)).await.transpose()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ScanResult, Error>>> {
        let mut queue = self.queue.lock();
        if let Some(advertisement) = queue.found.pop_front() {
            let dongle = Arc::clone(&self.dongle);
            let missed = std::mem::take(&mut queue.missed);
            return Poll::Ready(Some(Ok(ScanResult {
                dongle,
                advertisement,
                missed,
            })));
        }
        if let Some(error) = &mut queue.end {
            return Poll::Ready(error.take().map(Err));
        }
        if !queue.abandoned {
            queue.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        drop(queue);
        let why = ready!(self.dongle.shared.poll_end(cx));
        self.queue.end(None);
        Poll::Ready(Some(Err(why)))
    }
}

impl Stream for Scan {
    type Item = Result<ScanResult, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        // If the dongle is down, there is no scan to stop.
        self.dongle.tell(Command::StopScan(self.id));
    }
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Carries results from the host thread to the reader of a scan.
#[derive(Default)]
pub(crate) struct ScanQueue(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    found: VecDeque<Advertisement>,
    /// How many were dropped before the first of those.
    missed: u64,
    /// The scan has ended. An error is returned once.
    end: Option<Option<Error>>,
    /// The host thread has dropped it without a reason, and is about to end.
    abandoned: bool,
    waker: Option<Waker>,
}

impl ScanQueue {
    pub(crate) fn push(&self, advertisement: Advertisement) {
        self.change(|queue| {
            if queue.found.len() >= QUEUE {
                queue.found.pop_front();
                queue.missed += 1;
            }
            queue.found.push_back(advertisement);
        });
    }

    pub(crate) fn end(&self, error: Option<Error>) {
        self.change(|queue| {
            queue.end.get_or_insert(error);
        });
    }

    /// Nothing more will come. The dongle knows why.
    pub(crate) fn abandon(&self) {
        self.change(|queue| queue.abandoned = true);
    }

    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.lock();
        change(&mut queue);
        let waker = queue.waker.take();
        // Waking a task may run or drop it at once, and it then takes the lock.
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl ScanQueue {
    /// What has been reported so far.
    pub(crate) fn take_all(&self) -> Vec<Advertisement> {
        self.lock().found.drain(..).collect()
    }
}

/// A device that a scan has heard.
#[derive(Clone)]
pub struct ScanResult {
    dongle: Arc<Inner>,
    advertisement: Advertisement,
    missed: u64,
}

impl ScanResult {
    /// The device, which can be connected to. A bonded one has its identity address.
    pub fn device(&self) -> Device {
        let advertisement = &self.advertisement;
        let address = advertisement.identity().unwrap_or(advertisement.address());
        Device::new(Arc::clone(&self.dongle), address)
    }

    /// What it advertises. Keeping this does not keep the dongle open.
    pub fn advertisement(&self) -> &Advertisement {
        &self.advertisement
    }

    /// How many results were lost right before this one, because they were not read in time.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl std::ops::Deref for ScanResult {
    type Target = Advertisement;

    fn deref(&self) -> &Advertisement {
        &self.advertisement
    }
}

impl fmt::Display for ScanResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.advertisement, f)
    }
}

impl fmt::Debug for ScanResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.advertisement, f)
    }
}
