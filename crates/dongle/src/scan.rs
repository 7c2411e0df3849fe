//! Scanning: the devices that advertise, as they are heard.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dongle_central::adv::{AdvertisingData, ManufacturerData};
use dongle_central::att::Uuid;
use dongle_central::central::{Phys, ScanConfig};
use dongle_central::mux::Report;
use futures_core::Stream;

use crate::address::Address;
use crate::device::{Device, for_host};
use crate::dongle::Inner;
use crate::error::Error;
use crate::host::{Command, ScanRequest};

/// Results that wait for a reader; beyond that, the oldest are dropped and counted.
const QUEUE: usize = 1024;

/// Longest advertising data there can be (Core Vol 6 Part B, 2.3.4.9).
const LONGEST_DATA: usize = 1650;

/// Which advertisements a scan tells of.
pub(crate) type Filter = Box<dyn Fn(&Advertisement) -> bool + Send>;

/// A scan in the making.
#[must_use = "nothing is heard before the scan is started"]
pub struct ScanBuilder {
    dongle: Arc<Inner>,
    config: ScanConfig,
    duration: Option<Duration>,
    filters: Vec<Filter>,
}

impl ScanBuilder {
    pub(crate) fn new(dongle: Arc<Inner>) -> Self {
        let config = ScanConfig { active: true, ..ScanConfig::default() };
        Self { dongle, config, duration: None, filters: Vec::new() }
    }

    /// End after this time. Without, the scan goes on until it is dropped.
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Only listen, and do not ask for scan responses. A name is often only in these.
    pub fn passive(mut self) -> Self {
        self.config.active = false;
        self
    }

    /// Time from one scan window to the next: 2.5 ms to 10.24 s.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.config.interval = for_host(interval);
        self
    }

    /// How long to listen in each interval: at most the interval.
    pub fn window(mut self, window: Duration) -> Self {
        self.config.window = for_host(window);
        self
    }

    /// PHYs to listen on. Coded PHY needs a controller that knows extended advertising.
    pub fn phys(mut self, phys: Phys) -> Self {
        self.config.phys = phys;
        self
    }

    /// Only devices that advertise this service.
    pub fn service(self, uuid: Uuid) -> Self {
        self.filter(move |found| found.has_service(uuid))
    }

    /// Only devices of this name.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.filter(move |found| found.name().is_some_and(|n| n == name))
    }

    /// Only this device.
    pub fn address(self, address: Address) -> Self {
        self.filter(move |found| found.address() == address)
    }

    /// Only devices received at least this strongly, in dBm.
    pub fn rssi(self, least: i8) -> Self {
        self.filter(move |found| found.rssi().is_some_and(|rssi| rssi >= least))
    }

    /// Only what this finds worth it. All filters must agree. It is called on the host thread: be
    /// quick.
    pub fn filter(mut self, filter: impl Fn(&Advertisement) -> bool + Send + 'static) -> Self {
        self.filters.push(Box::new(filter));
        self
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// What the controller has against it comes as the scan's first result; here it is only
    /// whether the dongle is open.
    pub fn start(self) -> Result<Scan, Error> {
        let id = self.dongle.next_scan();
        let queue = Arc::new(ScanQueue::default());
        let filters = self.filters;
        self.dongle.command(Command::Scan(ScanRequest {
            id,
            config: self.config,
            duration: self.duration.map(for_host),
            filter: Box::new(move |found| filters.iter().all(|filter| filter(found))),
            queue: Arc::clone(&queue),
        }))?;
        Ok(Scan { dongle: self.dongle, id, queue })
    }
}

impl fmt::Debug for ScanBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A scan that runs. Dropped, it stops.
///
/// A device is told when it is heard first and again whenever something about it has changed: its
/// data, its scan response, its signal strength. It is a [`Stream`] of results, too.
pub struct Scan {
    dongle: Arc<Inner>,
    id: u64,
    queue: Arc<ScanQueue>,
}

impl Scan {
    /// The next result; None: the scan is over.
    ///
    /// # Errors
    /// [`Error::Refused`] if the controller refuses to scan; else why the dongle is down.
    pub async fn next(&mut self) -> Result<Option<ScanResult>, Error> {
        std::future::poll_fn(|cx| self.poll(cx)).await.transpose()
    }

    /// How many results were dropped since this was asked last, because they were not read in
    /// time.
    pub fn missed(&mut self) -> u64 {
        std::mem::take(&mut self.queue.lock().missed)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ScanResult, Error>>> {
        let mut queue = self.queue.lock();
        if let Some(advertisement) = queue.found.pop_front() {
            let dongle = Arc::clone(&self.dongle);
            return Poll::Ready(Some(Ok(ScanResult { dongle, advertisement })));
        }
        match &mut queue.end {
            Some(error) => Poll::Ready(error.take().map(Err)),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
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
        // A dongle that is down does not scan any more.
        let _ = self.dongle.command(Command::StopScan(self.id));
    }
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("id", &self.id).finish_non_exhaustive()
    }
}

/// From the host thread to the reader of a scan.
#[derive(Default)]
pub(crate) struct ScanQueue(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    found: VecDeque<Advertisement>,
    missed: u64,
    /// The scan is over; the error is told once.
    end: Option<Option<Error>>,
    waker: Option<Waker>,
}

impl ScanQueue {
    pub(crate) fn push(&self, advertisement: Advertisement) {
        let mut queue = self.lock();
        if queue.found.len() >= QUEUE {
            queue.found.pop_front();
            queue.missed += 1;
        }
        queue.found.push_back(advertisement);
        queue.wake();
    }

    pub(crate) fn end(&self, error: Option<Error>) {
        let mut queue = self.lock();
        queue.end.get_or_insert(error);
        queue.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A device as a scan has heard it.
#[derive(Clone)]
pub struct ScanResult {
    dongle: Arc<Inner>,
    advertisement: Advertisement,
}

impl ScanResult {
    /// The device, to connect to.
    pub fn device(&self) -> Device {
        Device::new(Arc::clone(&self.dongle), self.advertisement.address)
    }
}

impl std::ops::Deref for ScanResult {
    type Target = Advertisement;

    fn deref(&self) -> &Advertisement {
        &self.advertisement
    }
}

impl fmt::Debug for ScanResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.advertisement, f)
    }
}

/// What a device advertises: its advertisement and its scan response together.
#[derive(Clone)]
pub struct Advertisement {
    address: Address,
    rssi: Option<i8>,
    tx_power: Option<i8>,
    connectable: bool,
    data: Vec<u8>,
    response: Vec<u8>,
    /// Fragments of extended advertising data, until the last has come.
    partial: Vec<u8>,
}

impl Advertisement {
    pub(crate) fn new(address: Address) -> Self {
        Self {
            address,
            rssi: None,
            tx_power: None,
            connectable: false,
            data: Vec::new(),
            response: Vec::new(),
            partial: Vec::new(),
        }
    }

    /// Takes a report; whether that has changed anything. The first one does.
    pub(crate) fn update(&mut self, report: &Report<'_>) -> bool {
        if report.more_follows {
            // Longer than an advertisement can be is none.
            if self.partial.len() + report.data.len() <= LONGEST_DATA {
                self.partial.extend_from_slice(report.data);
            }
            return false;
        }
        let fragments = std::mem::take(&mut self.partial);
        let data: &[u8] = match fragments.is_empty() {
            true => report.data,
            false => &[&fragments, report.data].concat(),
        };
        let first = self.rssi.is_none() && self.data.is_empty() && self.response.is_empty();
        let mut changed = first || self.rssi != report.rssi;
        self.rssi = report.rssi;
        if report.tx_power.is_some() {
            self.tx_power = report.tx_power;
        }
        let place = match report.scan_response {
            true => &mut self.response,
            false => {
                changed |= self.connectable != report.connectable;
                self.connectable = report.connectable;
                &mut self.data
            }
        };
        // A device without anything to respond does not take back what it advertised.
        if *place != data && !(report.scan_response && data.is_empty()) {
            *place = data.to_vec();
            changed = true;
        }
        changed
    }

    /// The device's address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// How strongly it was received, in dBm.
    pub fn rssi(&self) -> Option<i8> {
        self.rssi
    }

    /// Whether it can be connected to.
    pub fn is_connectable(&self) -> bool {
        self.connectable
    }

    /// Its name; where it is not UTF-8, with replacement characters.
    pub fn name(&self) -> Option<String> {
        self.both().find_map(|data| data.local_name()).map(|name| name.to_string())
    }

    /// The services it advertises.
    pub fn services(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.both().flat_map(|data| data.services())
    }

    /// Whether it advertises this service.
    pub fn has_service(&self, uuid: Uuid) -> bool {
        self.services().any(|service| service == uuid)
    }

    /// What manufacturers put in, each with its company identifier.
    pub fn manufacturer_data(&self) -> impl Iterator<Item = ManufacturerData<'_>> {
        self.both().flat_map(|data| data.manufacturer_data())
    }

    /// The data that goes with a service.
    pub fn service_data(&self, uuid: Uuid) -> Option<&[u8]> {
        self.both().find_map(|data| data.service_data(uuid))
    }

    /// The power it says it sends with, in dBm.
    pub fn tx_power(&self) -> Option<i8> {
        self.tx_power.or_else(|| self.both().find_map(|data| data.tx_power()))
    }

    /// What kind of device it says it is.
    pub fn appearance(&self) -> Option<u16> {
        self.both().find_map(|data| data.appearance())
    }

    /// The advertising data, as it was received.
    pub fn data(&self) -> AdvertisingData<'_> {
        AdvertisingData::new(&self.data)
    }

    /// The scan response data, as it was received.
    pub fn scan_response(&self) -> AdvertisingData<'_> {
        AdvertisingData::new(&self.response)
    }

    fn both(&self) -> impl Iterator<Item = AdvertisingData<'_>> {
        [&self.data, &self.response].into_iter().map(|data| AdvertisingData::new(data))
    }
}

impl fmt::Debug for Advertisement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advertisement")
            .field("address", &self.address)
            .field("name", &self.name())
            .field("rssi", &self.rssi)
            .field("connectable", &self.connectable)
            .finish_non_exhaustive()
    }
}
