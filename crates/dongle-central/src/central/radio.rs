//! Who uses the radio: one scan, or one attempt to connect, or nobody.

use core::task::Waker;

use embassy_sync::waitqueue::MultiWakerRegistration;

use super::scan::ScanConfig;
use crate::mux::News;

/// What callers want of the radio, and what it is doing.
#[derive(Debug)]
pub(super) struct Radio {
    /// The scan that is wanted, and its number.
    pub(super) wanted: Option<(ScanConfig, u32)>,
    number: u32,
    /// Whether the controller is scanning.
    pub(super) scanning: bool,
    /// The number of the scan that runs, or ran last.
    pub(super) running: u32,
    /// Attempts to connect that wait for silence or have it.
    pub(super) connecting: u32,
    /// Whether one of them has it.
    pub(super) busy: bool,
    /// The number of a scan that could not be started, and the controller's status.
    pub(super) refused: Option<(u32, u8)>,
    /// Whether the host has ended.
    pub(super) ended: bool,
    /// Whether a change of address is due: it needs silence, so no attempt may start.
    #[cfg(feature = "security")]
    renewing: bool,
    waiters: MultiWakerRegistration<8>,
    /// For the task that runs the central role.
    news: News,
}

impl Radio {
    pub(super) const fn new() -> Self {
        Self {
            wanted: None,
            number: 0,
            scanning: false,
            running: 0,
            connecting: 0,
            busy: false,
            refused: None,
            ended: false,
            #[cfg(feature = "security")]
            renewing: false,
            waiters: MultiWakerRegistration::new(),
            news: News::new(),
        }
    }

    /// Requests this scan in place of any other; returns its number.
    pub(super) fn want(&mut self, config: ScanConfig) -> u32 {
        self.number = self.number.wrapping_add(1);
        self.wanted = Some((config, self.number));
        self.changed();
        self.number
    }

    /// Withdraws the request for this scan.
    pub(super) fn stop(&mut self, number: u32) {
        if self.wanted.as_ref().is_some_and(|(_, n)| *n == number) {
            self.wanted = None;
        }
        self.changed();
    }

    /// The scan that may run now.
    pub(super) fn next_scan(&self) -> Option<(ScanConfig, u32)> {
        match self.connecting {
            0 => self
                .wanted
                .clone()
                .filter(|(_, n)| self.refused.is_none_or(|(r, _)| r != *n)),
            _ => None,
        }
    }

    /// The controller has started this scan.
    pub(super) fn begin_scan(&mut self, number: u32) {
        self.scanning = true;
        self.running = number;
        self.changed();
    }

    /// Whether the controller is running this scan.
    pub(super) fn is_scanning(&self, number: u32) -> bool {
        self.scanning && self.running == number
    }

    /// Whether the controller is scanning or connecting.
    pub(super) fn is_in_use(&self) -> bool {
        self.scanning || self.busy
    }

    /// Whether this scan is the one that is wanted.
    pub(super) fn wants(&self, number: u32) -> bool {
        self.wanted.as_ref().is_some_and(|(_, n)| *n == number)
    }

    /// Whether this scan may run now.
    pub(super) fn may_scan(&self, number: u32) -> bool {
        self.connecting == 0 && self.wants(number)
    }

    /// Whether a change of address is due.
    #[cfg(feature = "security")]
    pub(super) fn is_renewing(&self) -> bool {
        self.renewing
    }

    #[cfg(feature = "security")]
    pub(super) fn set_renewing(&mut self, renewing: bool) {
        self.renewing = renewing;
        self.changed();
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
        self.scanning = false;
        self.changed();
    }

    pub(super) fn changed(&mut self) {
        self.waiters.wake();
        self.news.tell();
    }

    /// Whether anything has changed; wakes `reader` at the next change.
    #[inline]
    pub(super) fn take_news(&mut self, reader: &Waker) -> bool {
        self.news.take(reader)
    }

    pub(super) fn register(&mut self, waker: &Waker) {
        self.waiters.register(waker);
    }
}
