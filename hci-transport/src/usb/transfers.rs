//! Asynchronous USB transfers: the only place that lends memory to libusb, and so all the `unsafe`
//! code.
//!
//! A transfer in flight and its buffer belong to libusb. They come back in `landed`, which libusb
//! calls exactly once for every transfer that it accepted, whether it completed, failed, was
//! cancelled or was cut off. Everything here relies on that, and on the device staying open until
//! the last transfer is back, which [`Transfers`] ensures when it is dropped.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusb::constants::{
    LIBUSB_TRANSFER_CANCELLED, LIBUSB_TRANSFER_COMPLETED, LIBUSB_TRANSFER_NO_DEVICE,
    LIBUSB_TRANSFER_STALL, LIBUSB_TRANSFER_TYPE_BULK, LIBUSB_TRANSFER_TYPE_CONTROL,
    LIBUSB_TRANSFER_TYPE_INTERRUPT,
};
use rusb::ffi::{self, libusb_transfer};
use rusb::{Context, DeviceHandle, UsbContext};

/// How long the transfers of a dropped device may take to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a transfer goes over the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The buffer begins with the eight bytes of the setup packet.
    Control,
    Bulk,
    Interrupt,
}

/// How a transfer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Completed,
    Cancelled,
    NoDevice,
    Stalled,
    Failed,
}

/// A transfer that has ended.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) endpoint: u8,
    pub(crate) status: Status,
    pub(crate) buffer: Vec<u8>,
    /// How many bytes were transferred, not counting a setup packet.
    pub(crate) count: usize,
}

/// Holds ended transfers, in the order in which they ended, for the thread that submitted them.
#[derive(Debug, Default)]
pub(crate) struct Landing {
    state: Mutex<Arrivals>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Arrivals {
    queue: VecDeque<Landed>,
    closed: bool,
}

impl Landing {
    /// Waits for the next ended transfer until `deadline`. `None` if there was none by then, or if
    /// this is closed and empty.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<Landed> {
        let mut state = self.lock();
        loop {
            if let Some(landed) = state.queue.pop_front() {
                return Some(landed);
            }
            if state.closed {
                return None;
            }
            state = match deadline {
                None => self
                    .arrived
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    let waited = self.arrived.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The next transfer that has already ended.
    pub(crate) fn try_next(&self) -> Option<Landed> {
        self.lock().queue.pop_front()
    }

    /// Whether no more transfers will end here.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// No more transfers will end here.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn push(&self, landed: Landed) {
        self.lock().queue.push_back(landed);
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open device and its transfers in flight.
pub(crate) struct Transfers {
    handle: ManuallyDrop<DeviceHandle<Context>>,
    sky: Arc<Sky>,
}

/// Every transfer that libusb holds.
#[derive(Default)]
struct Sky(Mutex<Flying>);

#[derive(Default)]
struct Flying {
    list: Vec<Raw>,
    /// No more transfers may be submitted.
    closed: bool,
}

#[derive(PartialEq)]
struct Raw(NonNull<libusb_transfer>);

// SAFETY: libusb's functions for a transfer may be called from any thread, and the pointer is only
// used under the lock of `Sky` while the transfer is in its list and therefore allocated.
unsafe impl Send for Raw {}

impl Sky {
    fn lock(&self) -> MutexGuard<'_, Flying> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a transfer in flight carries in its `user_data`.
struct Flight {
    buffer: Vec<u8>,
    sky: Arc<Sky>,
    landing: Arc<Landing>,
}

impl Transfers {
    pub(crate) fn new(handle: DeviceHandle<Context>) -> Self {
        Self {
            handle: ManuallyDrop::new(handle),
            sky: Arc::default(),
        }
    }

    pub(crate) fn handle(&self) -> &DeviceHandle<Context> {
        &self.handle
    }

    /// Sends `buffer` to an endpoint, or fills it from one. The ended transfer is put into
    /// `landing`.
    pub(crate) fn submit(
        &self,
        kind: Kind,
        endpoint: u8,
        buffer: Vec<u8>,
        landing: &Arc<Landing>,
    ) -> rusb::Result<()> {
        let length = c_int::try_from(buffer.len()).map_err(|_| rusb::Error::InvalidParam)?;
        // Held until the transfer is in the list, so that `landed` finds it there.
        let mut flying = self.sky.lock();
        if flying.closed {
            return Err(rusb::Error::Interrupted);
        }
        // SAFETY: takes no pointer; 0 is the number of isochronous packets. Returns a transfer
        // whose fields are all zero, or null.
        let transfer = unsafe { ffi::libusb_alloc_transfer(0) };
        let transfer = NonNull::new(transfer).ok_or(rusb::Error::NoMem)?;
        let flight = Box::into_raw(Box::new(Flight {
            buffer,
            sky: Arc::clone(&self.sky),
            landing: Arc::clone(landing),
        }));
        // SAFETY: `transfer` was just allocated and `flight` just leaked, so both are valid and
        // nothing else uses them. The buffer is on the heap and isn't touched before `landed` takes
        // the flight back. The device is open: `self` holds its handle until every transfer has
        // ended.
        let result = unsafe {
            let fields = transfer.as_ptr();
            (*fields).dev_handle = self.handle.as_raw();
            (*fields).endpoint = endpoint;
            (*fields).transfer_type = match kind {
                Kind::Control => LIBUSB_TRANSFER_TYPE_CONTROL,
                Kind::Bulk => LIBUSB_TRANSFER_TYPE_BULK,
                Kind::Interrupt => LIBUSB_TRANSFER_TYPE_INTERRUPT,
            };
            (*fields).timeout = 0;
            (*fields).length = length;
            (*fields).buffer = (*flight).buffer.as_mut_ptr();
            (*fields).user_data = flight.cast();
            (*fields).callback = landed;
            ffi::libusb_submit_transfer(fields)
        };
        if result == 0 {
            flying.list.push(Raw(transfer));
            return Ok(());
        }
        // SAFETY: a transfer that wasn't accepted is never called back, so both still belong to us.
        unsafe {
            drop(Box::from_raw(flight));
            ffi::libusb_free_transfer(transfer.as_ptr());
        }
        Err(match result {
            rusb::constants::LIBUSB_ERROR_NO_DEVICE => rusb::Error::NoDevice,
            rusb::constants::LIBUSB_ERROR_NO_MEM => rusb::Error::NoMem,
            _ => rusb::Error::Io,
        })
    }

    /// Cancels everything in flight, and lets nothing more be submitted.
    pub(crate) fn cancel(&self) {
        let mut flying = self.sky.lock();
        flying.closed = true;
        // From the last: cancelling one then can't make the next in line complete in its place.
        for Raw(transfer) in flying.list.iter().rev() {
            // SAFETY: it is in the list, under the lock, so `landed` hasn't freed it.
            let _ = unsafe { ffi::libusb_cancel_transfer(transfer.as_ptr()) };
        }
        drop(flying);
        self.handle.context().interrupt_handle_events();
    }

    /// Whether it was cancelled and every transfer has ended.
    pub(crate) fn is_over(&self) -> bool {
        let flying = self.sky.lock();
        flying.closed && flying.list.is_empty()
    }

    /// Handles libusb's events until one occurred, at most for `patience`.
    pub(crate) fn handle_events(&self, patience: Duration) -> rusb::Result<()> {
        self.handle.context().handle_events(Some(patience))
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        self.cancel();
        let deadline = Instant::now() + PATIENCE;
        while !self.is_over() {
            if Instant::now() >= deadline {
                // Closing the device would free memory that libusb still uses, so both are leaked.
                log::warn!("a USB device does not end its transfers, so it stays open");
                return;
            }
            let _ = self.handle_events(Duration::from_millis(10));
        }
        // SAFETY: dropped here and nowhere else, and not used afterwards: `self` is going.
        unsafe { ManuallyDrop::drop(&mut self.handle) };
    }
}

/// Called by libusb when a transfer has ended, from within `handle_events`.
extern "system" fn landed(transfer: *mut libusb_transfer) {
    // SAFETY: libusb passes a transfer that `submit` gave it, once, and lets its callback free it.
    // Its `user_data` is the flight that `submit` leaked for it.
    let (mut flight, endpoint, raw_status, count, kind) = unsafe {
        let fields = &*transfer;
        (
            Box::from_raw(fields.user_data.cast::<Flight>()),
            fields.endpoint,
            fields.status,
            fields.actual_length,
            fields.transfer_type,
        )
    };
    let status = match raw_status {
        LIBUSB_TRANSFER_COMPLETED => Status::Completed,
        LIBUSB_TRANSFER_CANCELLED => Status::Cancelled,
        LIBUSB_TRANSFER_NO_DEVICE => Status::NoDevice,
        LIBUSB_TRANSFER_STALL => Status::Stalled,
        _ => Status::Failed,
    };
    {
        let mut flying = flight.sky.lock();
        flying.list.retain(|Raw(other)| other.as_ptr() != transfer);
        // SAFETY: it is no longer in the list, so nothing cancels it any more, and libusb doesn't
        // look at it after the callback.
        unsafe { ffi::libusb_free_transfer(transfer) };
    }
    debug_assert!(kind != LIBUSB_TRANSFER_TYPE_CONTROL || endpoint == 0);
    flight.landing.push(Landed {
        endpoint,
        status,
        buffer: std::mem::take(&mut flight.buffer),
        count: usize::try_from(count).unwrap_or(0),
    });
}
