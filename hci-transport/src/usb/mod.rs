//! HCI on USB (Core Vol 4 Part B): takes an adapter over from the kernel and gives it back.

mod adapters;
mod known;
mod order;
mod pump;
mod reassembly;
// Memory that libusb holds while a transfer is in flight takes unsafe code.
#[allow(unsafe_code)]
mod transfers;

use std::path::Path;

use rusb::{Context, DeviceHandle};

use crate::{Error, ErrorKind, HciChannel, Limits, UsbAddress};
use adapters::{Adapter, Endpoints};
use transfers::Transfers;

/// Opens an adapter. The first packet that the host reads is the completion of an HCI_Reset. Also
/// returns what the user can try if that doesn't come.
pub(crate) fn open(
    name: &str,
    address: &UsbAddress,
    capacity: usize,
    limits: Limits,
) -> Result<(HciChannel, String), Error> {
    let context = context().map_err(|error| error.in_front(name))?;
    let all = adapters::all(&context).map_err(|error| explain(name, "listing USB", None, error))?;
    let (adapter, endpoints) = adapters::find(name, address, all)?;
    log::debug!(
        "{name} is {} at {}, {endpoints:?}",
        adapter.id(),
        adapter.node()
    );
    let firmware = known::needs_firmware(adapter.vendor, adapter.product);
    if let Some(firmware) = firmware {
        log::warn!("{name} is {firmware}");
    }
    let handle = take(name, &adapter, &endpoints)?;
    let channel = pump::start(name, Transfers::new(handle), endpoints, capacity, limits)?;
    let hint = match firmware {
        Some(firmware) => format!("it is {firmware}"),
        None => "unplug it and plug it back in".to_owned(),
    };
    Ok((channel, hint))
}

/// Opens libusb. The error's text has no name in front yet.
fn context() -> Result<Context, Error> {
    Context::new().map_err(|error| {
        // On Linux, libusb's own text for this is "Other error".
        let line = if cfg!(target_os = "linux") {
            "this machine has no USB bus (/dev/bus/usb), as is usual in a container or a virtual \
             machine; pass the device through to it (docker run --device=/dev/bus/usb)"
                .to_owned()
        } else {
            format!("USB can't be used on this machine: {error}")
        };
        Error::new(ErrorKind::NotFound, line).with_source(error)
    })
}

fn take(
    name: &str,
    adapter: &Adapter,
    endpoints: &Endpoints,
) -> Result<DeviceHandle<Context>, Error> {
    let explain = |doing, error| explain(name, doing, Some(adapter), error);
    let handle = adapter
        .device
        .open()
        .map_err(|error| explain("opening it", error))?;
    // On other systems than Linux there is no kernel driver to detach, or no way to do it.
    let _ = handle.set_auto_detach_kernel_driver(true);
    let claimed = handle.claim_interface(endpoints.interface);
    claimed.map_err(|error| explain("claiming it", error))?;
    if endpoints.setting != 0 {
        handle
            .set_alternate_setting(endpoints.interface, endpoints.setting)
            .map_err(|error| explain("setting it up", error))?;
    }
    Ok(handle)
}

/// Returns the adapter to its kernel driver, if it has one.
fn give_back(name: &str, handle: &DeviceHandle<Context>, interface: u8) {
    match handle.release_interface(interface) {
        // Releasing made libusb reattach the driver, unless something came in between.
        Ok(()) => {
            if let Ok(false) = handle.kernel_driver_active(interface) {
                let _ = handle.attach_kernel_driver(interface);
            }
        }
        Err(rusb::Error::NoDevice | rusb::Error::NotFound) => {}
        Err(error) => log::warn!("{name}: it can't be given back to the kernel: {error}"),
    }
}

fn explain(name: &str, doing: &str, adapter: Option<&Adapter>, error: rusb::Error) -> Error {
    let (vendor, product) = adapter.map_or((0, 0), |it| (it.vendor, it.product));
    let (kind, line) = match error {
        rusb::Error::Access if cfg!(target_os = "linux") => (
            ErrorKind::PermissionDenied,
            format!(
                "permission denied; allow your user to open it, and plug it in anew: echo \
                 'SUBSYSTEM==\"usb\", ATTR{{idVendor}}==\"{vendor:04x}\", \
                 ATTR{{idProduct}}==\"{product:04x}\", TAG+=\"uaccess\", MODE=\"0660\", \
                 GROUP=\"plugdev\"' | sudo tee /etc/udev/rules.d/70-dongle-{vendor:04x}-{product:04x}.rules \
                 && sudo udevadm control --reload"
            ),
        ),
        rusb::Error::Access if cfg!(target_os = "macos") => (
            ErrorKind::PermissionDenied,
            "macOS keeps its driver on this adapter; use another adapter, or a board on a serial \
             port"
                .to_owned(),
        ),
        rusb::Error::Access => (
            ErrorKind::PermissionDenied,
            "permission denied; give your user access to the device".to_owned(),
        ),
        rusb::Error::Busy => (ErrorKind::Busy, busy(adapter)),
        rusb::Error::NoDevice | rusb::Error::NotFound => (
            ErrorKind::NotFound,
            format!("it went away while {doing}; plug it back in"),
        ),
        rusb::Error::NotSupported if cfg!(windows) => (
            ErrorKind::Unsupported,
            "Windows has no WinUSB driver on it; install one with Zadig (https://zadig.akeo.ie)"
                .to_owned(),
        ),
        _ => (
            ErrorKind::Io,
            format!("{doing} failed: {error}; unplug it and plug it back in"),
        ),
    };
    Error::new(kind, format!("{name}: {line}")).with_source(error)
}

fn busy(adapter: Option<&Adapter>) -> String {
    let Some(adapter) = adapter.filter(|_| cfg!(target_os = "linux")) else {
        return "held by another program; end it".to_owned();
    };
    let node = adapter.node();
    let holders = adapters::holders(Path::new("/proc"), &node);
    if !holders.is_empty() {
        return format!("held by {}; end it", holders.join(" and "));
    }
    match adapter.driver().filter(|driver| driver != "usbfs") {
        Some(driver) => format!(
            "held by the kernel's driver {driver}, which doesn't let go; end what uses it \
             (sudo systemctl stop bluetooth)"
        ),
        None => format!("held by another program; end it (sudo lsof {node} shows it)"),
    }
}

/// Every Bluetooth adapter on USB, in the order of their numbers.
pub(crate) fn list() -> Vec<Listed> {
    let Ok(context) = context() else {
        return Vec::new();
    };
    let all = adapters::all(&context).unwrap_or_default();
    let bluetooth = all.into_iter().filter(|it| it.endpoints.is_some());
    bluetooth
        .map(|adapter| {
            let names = adapter.names();
            Listed {
                vendor: adapter.vendor,
                product: adapter.product,
                driver: adapter.driver().filter(|driver| driver != "usbfs"),
                firmware: known::needs_firmware(adapter.vendor, adapter.product),
                manufacturer: names.manufacturer,
                name: names.product,
                serial: names.serial,
            }
        })
        .collect()
}

/// A Bluetooth adapter on USB, as far as it can be known without opening it.
pub(crate) struct Listed {
    pub(crate) vendor: u16,
    pub(crate) product: u16,
    pub(crate) manufacturer: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) driver: Option<String>,
    pub(crate) firmware: Option<&'static str>,
}
