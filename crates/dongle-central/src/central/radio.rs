//! Who uses the radio: one scan, or one attempt to connect, or nobody.

use core::task::Waker;

use embassy_sync::waitqueue::MultiWakerRegistration;

use super::scan::ScanConfig;
use crate::mux::News;

/// What is wanted of the radio, and what it does.
#[derive(Debug)]
pub(super) struct Radio {
    /// The scan that is wanted, and its number.
    pub(super) wanted: Option<(ScanConfig, u32)>,
    number: u32,
    /// Whether the controller scans.
    pub(super) scanning: bool,
    /// The scan it does, or did last.
    pub(super) running: u32,
    /// Attempts to connect that wait for silence or have it.
    pub(super) connecting: u32,
    /// One of them has it.
    pub(super) busy: bool,
    /// The scan that could not be started, and the controller's status.
    pub(super) refused: Option<(u32, u8)>,
    /// Nothing goes any more.
    pub(super) ended: bool,
    /// Nobody may begin anything: another address is due, which needs silence.
    #[cfg(feature = "security")]
    renewing: bool,
    waiters: MultiWakerRegistration<8>,
    /// For whoever runs the central role.
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

    /// Wants this scan from now on; its number.
    pub(super) fn want(&mut self, config: ScanConfig) -> u32 {
        self.number = self.number.wrapping_add(1);
        self.wanted = Some((config, self.number));
        self.changed();
        self.number
    }

    /// Does not want that scan any more.
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

    /// The controller does that scan from now on.
    pub(super) fn begin_scan(&mut self, number: u32) {
        self.scanning = true;
        self.running = number;
        self.changed();
    }

    /// Whether the controller does that scan.
    pub(super) fn is_scanning(&self, number: u32) -> bool {
        self.scanning && self.running == number
    }

    /// Whether the controller scans or looks for a peer.
    pub(super) fn is_in_use(&self) -> bool {
        self.scanning || self.busy
    }

    /// Whether that scan is the one that is wanted.
    pub(super) fn wants(&self, number: u32) -> bool {
        self.wanted.as_ref().is_some_and(|(_, n)| *n == number)
    }

    /// Whether that scan may run now.
    pub(super) fn may_scan(&self, number: u32) -> bool {
        self.connecting == 0 && self.wants(number)
    }

    /// Whether another address is due.
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

    /// Whether something has changed; `reader` is woken when something does.
    #[inline]
    pub(super) fn take_news(&mut self, reader: &Waker) -> bool {
        self.news.take(reader)
    }

    pub(super) fn register(&mut self, waker: &Waker) {
        self.waiters.register(waker);
    }
}
