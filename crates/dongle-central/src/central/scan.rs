//! Scanning: the requested scan, and keeping the controller at it.

use core::future::poll_fn;
use core::task::Poll;

use bt_hci::transport::Transport;
use embassy_time::Duration;
use trouble_host::PacketPool;

use super::air::fill_accept_list;
use super::{Central, Error};
use crate::links::{Address, Links};
use crate::mux::ReportHandler;

/// Unknown HCI Command (Core Vol 1 Part F, 2.1).
pub(super) const UNKNOWN_COMMAND: u8 = 0x01;
/// Unsupported Feature Or Parameter Value (Core Vol 1 Part F, 2.17).
pub(super) const UNSUPPORTED_FEATURE: u8 = 0x11;

/// PHYs to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phys {
    /// LE 1M.
    #[default]
    OneM,
    /// LE Coded.
    Coded,
    /// LE 1M and LE Coded in turn.
    Both,
}

/// Devices that a scan may be limited to.
pub type AcceptList = heapless::Vec<Address, 8>;

/// How to scan (Core Vol 4 Part E, 7.8.10 and 7.8.64).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanConfig {
    /// Whether to request scan responses.
    pub active: bool,
    /// Time from one scan window to the next: 2.5 ms to 10.24 s.
    pub interval: Duration,
    /// How long to listen in each interval: 2.5 ms to the interval.
    pub window: Duration,
    /// PHYs to listen on. Others than 1M need extended scanning.
    pub phys: Phys,
    /// Whether the controller may leave out repeated reports.
    pub filter_duplicates: bool,
    /// If not empty, listen to these devices alone. If the controller's filter accept list has no
    /// room for them, others are reported, too.
    pub accept: AcceptList,
}

impl Default for ScanConfig {
    /// Passive, listening all the time.
    fn default() -> Self {
        Self {
            active: false,
            interval: Duration::from_millis(30),
            window: Duration::from_millis(30),
            phys: Phys::OneM,
            filter_duplicates: false,
            accept: AcceptList::new(),
        }
    }
}

impl ScanConfig {
    /// Checks the values; the error names the one that the specification does not allow.
    pub fn check(&self) -> Result<(), &'static str> {
        let bounds = Duration::from_micros(2500)..=Duration::from_micros(10_240_000);
        if !bounds.contains(&self.interval) || !bounds.contains(&self.window) {
            return Err("scan interval and window: 2.5 ms to 10.24 s");
        }
        if self.window > self.interval {
            return Err("scan window: at most the interval");
        }
        Ok(())
    }
}

/// A running scan. Dropping it stops the scan.
#[derive(Debug)]
pub struct Scan<'c, 's, 'a, T: Transport, L, P: PacketPool, R, const BUFFER: usize>
where
    T::Error: 'static,
{
    central: &'c Central<'s, 'a, T, L, P, R, BUFFER>,
    number: u32,
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Starts to scan. There is one scan at a time: a new one replaces the last. Reports go to the
    /// mux's handler until the returned value is dropped or its scan replaced.
    ///
    /// # Errors
    /// [`Error::Hci`] with the controller's status if it refuses.
    pub async fn scan(
        &self,
        config: ScanConfig,
    ) -> Result<Scan<'_, 's, 'a, T, L, P, R, BUFFER>, Error<T::Error>> {
        config.check().map_err(Error::InvalidParameter)?;
        let number = self.radio.borrow_mut().want(config);
        let scan = Scan {
            central: self,
            number,
        };
        poll_fn(|cx| {
            let mut radio = self.radio.borrow_mut();
            match radio.refused {
                _ if radio.ended => Poll::Ready(Err(Error::Ended)),
                Some((n, status)) if n == number => Poll::Ready(Err(Error::Hci(status))),
                // Another scan has already replaced it.
                _ if !radio.wants(number) => Poll::Ready(Ok(())),
                // A scan that waits for an attempt to connect counts as started.
                _ if radio.is_scanning(number) || radio.connecting > 0 => Poll::Ready(Ok(())),
                _ => {
                    radio.register(cx.waker());
                    Poll::Pending
                }
            }
        })
        .await?;
        Ok(scan)
    }

    /// Makes the controller run the scan that is wanted.
    pub(super) async fn run_scans(&self) -> Error<T::Error> {
        loop {
            let (mut config, number) = self.chore(|| self.next_scan()).await;
            // Set before the first command, so that no attempt to connect comes between the commands.
            self.radio.borrow_mut().scanning = true;
            let result = loop {
                let result = self.scan_in_a_family(&config, number).await;
                match result {
                    Err(Error::Hci(status)) if !config.accept.is_empty() => {
                        debug!("the controller refuses the accept list (0x{:02X})", status);
                        config.accept.clear();
                    }
                    ended => break ended,
                }
            };
            let mut radio = self.radio.borrow_mut();
            radio.scanning = false;
            match result {
                Ok(()) => {}
                Err(e) if e.is_the_end() => return e,
                Err(e) => radio.refused = Some((number, e.status())),
            }
            radio.changed();
        }
    }

    /// The scan that may run now, unless the controller is still connecting.
    fn next_scan(&self) -> Option<(ScanConfig, u32)> {
        match self.mux.is_connecting() {
            true => None,
            false => self.radio.borrow().next_scan(),
        }
    }

    /// Scans with extended commands if the controller has them, else with legacy ones.
    async fn scan_in_a_family(
        &self,
        config: &ScanConfig,
        number: u32,
    ) -> Result<(), Error<T::Error>> {
        loop {
            let extended = self.extended().await;
            match self.scan_while_wanted(config, number, extended).await {
                Err(Error::Hci(status))
                    if self.gives_up_extended(extended, config.phys, status) => {}
                result => return result,
            }
        }
    }

    async fn scan_while_wanted(
        &self,
        config: &ScanConfig,
        number: u32,
        extended: bool,
    ) -> Result<(), Error<T::Error>> {
        if config.phys != Phys::OneM && !extended {
            return Err(Error::Hci(UNSUPPORTED_FEATURE));
        }
        let family = self.family(extended);
        let commands = |number| match fill_accept_list(&config.accept, number) {
            Err(0) => Some(family.scan_parameters(config)),
            Err(1) => Some(family.scan_enable(true, config.filter_duplicates)),
            filling => filling.ok(),
        };
        let end = || family.scan_enable(false, false);
        self.begin(&commands, &end).await?;
        self.while_wanted(number).await;
        match self.send(&end()).await {
            Err(e) if e.is_the_end() => Err(e),
            // The scan does not run, whatever ended it.
            _ => Ok(()),
        }
    }

    async fn while_wanted(&self, number: u32) {
        self.radio.borrow_mut().begin_scan(number);
        let unwanted = || (!self.radio.borrow().may_scan(number)).then_some(());
        self.chore(unwanted).await;
    }
}

impl<T: Transport, L, P: PacketPool, R, const BUFFER: usize> Scan<'_, '_, '_, T, L, P, R, BUFFER>
where
    T::Error: 'static,
{
    /// Whether the controller is running it.
    pub fn is_running(&self) -> bool {
        self.central.radio.borrow().is_scanning(self.number)
    }

    /// Waits until the controller refuses to continue it: after an attempt to connect, it has to be
    /// started again.
    pub async fn refused(&self) -> Error<T::Error> {
        poll_fn(|cx| {
            let mut radio = self.central.radio.borrow_mut();
            radio.register(cx.waker());
            match radio.refused {
                _ if radio.ended => Poll::Ready(Error::Ended),
                Some((number, status)) if number == self.number => Poll::Ready(Error::Hci(status)),
                _ => Poll::Pending,
            }
        })
        .await
    }
}

impl<T: Transport, L, P: PacketPool, R, const BUFFER: usize> Drop
    for Scan<'_, '_, '_, T, L, P, R, BUFFER>
where
    T::Error: 'static,
{
    fn drop(&mut self) {
        self.central.radio.borrow_mut().stop(self.number);
    }
}
