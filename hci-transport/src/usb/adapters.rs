//! Finds Bluetooth adapters on USB, their endpoints, and the programs or drivers that hold them.

use std::fs;
use std::path::{Path, PathBuf};

use rusb::{Context, Device, Direction, TransferType, UsbContext};

use super::known;
use crate::{Error, ErrorKind, UsbAddress};

/// The endpoints of a controller's packets (Core Vol 4 Part B 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) interface: u8,
    pub(crate) setting: u8,
    /// The interrupt endpoint of events, and its maximum packet size.
    pub(crate) events: (u8, usize),
    /// The bulk endpoint of ACL data from the controller, and its maximum packet size.
    pub(crate) acl_in: (u8, usize),
    /// The bulk endpoint of ACL data to the controller.
    pub(crate) acl_out: u8,
}

/// A USB device.
pub(crate) struct Adapter {
    pub(crate) device: Device<Context>,
    pub(crate) vendor: u16,
    pub(crate) product: u16,
    /// Present if it is a Bluetooth controller, by its class or by its IDs.
    pub(crate) endpoints: Option<Endpoints>,
}

/// What a device says about itself, as far as that could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) manufacturer: Option<String>,
    pub(crate) product: Option<String>,
    pub(crate) serial: Option<String>,
}

impl Names {
    /// Both names in one, without repeating the manufacturer.
    pub(crate) fn whole(&self) -> Option<String> {
        match (&self.manufacturer, &self.product) {
            (Some(maker), Some(product)) if !product.starts_with(maker.as_str()) => {
                Some(format!("{maker} {product}"))
            }
            (_, Some(name)) | (Some(name), None) => Some(name.clone()),
            (None, None) => None,
        }
    }
}

/// Every USB device, in the order of its port, so that the order is the same on each call.
pub(crate) fn all(context: &Context) -> rusb::Result<Vec<Adapter>> {
    let mut all = Vec::new();
    for device in context.devices()?.iter() {
        let Ok(descriptor) = device.device_descriptor() else {
            continue;
        };
        let (vendor, product) = (descriptor.vendor_id(), descriptor.product_id());
        let class = (
            descriptor.class_code(),
            descriptor.sub_class_code(),
            descriptor.protocol_code(),
        );
        let whole = known::speaks_hci(vendor, product, class);
        let endpoints = endpoints(&device, |class| {
            whole || known::speaks_hci(vendor, product, class)
        });
        all.push(Adapter {
            device,
            vendor,
            product,
            endpoints,
        });
    }
    all.sort_by_key(|adapter| {
        let ports = adapter.device.port_numbers().unwrap_or_default();
        (adapter.device.bus_number(), ports, adapter.device.address())
    });
    Ok(all)
}

/// The endpoints of the first interface that `wanted` accepts and that has all three.
fn endpoints(device: &Device<Context>, wanted: impl Fn((u8, u8, u8)) -> bool) -> Option<Endpoints> {
    let config = device.active_config_descriptor();
    let config = config.or_else(|_| device.config_descriptor(0)).ok()?;
    let mut settings = config
        .interfaces()
        .flat_map(|interface| interface.descriptors());
    settings.find_map(|setting| {
        let class = (
            setting.class_code(),
            setting.sub_class_code(),
            setting.protocol_code(),
        );
        if !wanted(class) {
            return None;
        }
        let find = |transfer, direction| {
            let mut all = setting.endpoint_descriptors();
            let found = all.find(|endpoint| {
                endpoint.transfer_type() == transfer && endpoint.direction() == direction
            })?;
            // The bits above are the number of transactions per microframe.
            let size = usize::from(found.max_packet_size() & 0x07ff);
            (size > 0).then_some((found.address(), size))
        };
        Some(Endpoints {
            interface: setting.interface_number(),
            setting: setting.setting_number(),
            events: find(TransferType::Interrupt, Direction::In)?,
            acl_in: find(TransferType::Bulk, Direction::In)?,
            acl_out: find(TransferType::Bulk, Direction::Out)?.0,
        })
    })
}

impl Adapter {
    pub(crate) fn id(&self) -> String {
        format!("{:04x}:{:04x}", self.vendor, self.product)
    }

    /// The endpoints of an adapter that the user named, whatever its class.
    fn endpoints_anyway(&self) -> Option<Endpoints> {
        self.endpoints.or_else(|| endpoints(&self.device, |_| true))
    }

    /// What it calls itself. On Linux, this is what the kernel read when it was plugged in, which
    /// everyone may read; elsewhere the device is asked, which requires permission to open it.
    pub(crate) fn names(&self) -> Names {
        if let Some(folder) = self.sysfs() {
            let read = |name| {
                let text = fs::read_to_string(folder.join(name)).ok()?;
                Some(text.trim().to_owned()).filter(|text| !text.is_empty())
            };
            return Names {
                manufacturer: read("manufacturer"),
                product: read("product"),
                serial: read("serial"),
            };
        }
        if cfg!(target_os = "linux") {
            return Names::default();
        }
        let (Ok(handle), Ok(descriptor)) = (self.device.open(), self.device.device_descriptor())
        else {
            return Names::default();
        };
        let told = |text: rusb::Result<String>| {
            let text = text.ok()?.trim().to_owned();
            Some(text).filter(|text| !text.is_empty())
        };
        Names {
            manufacturer: told(handle.read_manufacturer_string_ascii(&descriptor)),
            product: told(handle.read_product_string_ascii(&descriptor)),
            serial: told(handle.read_serial_number_string_ascii(&descriptor)),
        }
    }

    /// The kernel driver that holds the Bluetooth interface, where that can be found out (Linux).
    pub(crate) fn driver(&self) -> Option<String> {
        let folder = self.sysfs()?;
        let device = folder.file_name()?.to_str()?;
        let config = fs::read_to_string(folder.join("bConfigurationValue")).ok()?;
        let interface = self.endpoints?.interface;
        let interface = format!("{device}:{}.{interface}", config.trim());
        let uevent = fs::read_to_string(folder.with_file_name(interface).join("uevent")).ok()?;
        let driver = uevent
            .lines()
            .find_map(|line| line.strip_prefix("DRIVER="))?;
        Some(driver.to_owned())
    }

    fn sysfs(&self) -> Option<PathBuf> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let ports = self
            .device
            .port_numbers()
            .ok()
            .filter(|all| !all.is_empty())?;
        let ports: Vec<_> = ports.iter().map(u8::to_string).collect();
        let name = format!("{}-{}", self.device.bus_number(), ports.join("."));
        Some(Path::new("/sys/bus/usb/devices").join(name))
    }

    /// The device file that is opened for it, on Linux.
    pub(crate) fn node(&self) -> String {
        let (bus, address) = (self.device.bus_number(), self.device.address());
        format!("/dev/bus/usb/{bus:03}/{address:03}")
    }

    /// `0a12:0001 (Cambridge Silicon Radio)`
    fn describe(&self) -> String {
        match self.names().whole() {
            Some(name) => format!("{} ({name})", self.id()),
            None => self.id(),
        }
    }
}

/// Finds the adapter that `address` means, with its endpoints.
pub(crate) fn find(
    name: &str,
    address: &UsbAddress,
    mut all: Vec<Adapter>,
) -> Result<(Adapter, Endpoints), Error> {
    let found = match address {
        UsbAddress::Index(index) => {
            let mut bluetooth = all
                .iter()
                .enumerate()
                .filter(|(_, it)| it.endpoints.is_some());
            bluetooth.nth(usize::from(*index)).map(|(at, _)| at)
        }
        UsbAddress::Id { vendor, product } => all
            .iter()
            .position(|it| (it.vendor, it.product) == (*vendor, *product)),
        UsbAddress::Serial {
            vendor,
            product,
            serial,
        } => all.iter().position(|it| {
            (it.vendor, it.product) == (*vendor, *product)
                && it.names().serial.as_deref() == Some(serial)
        }),
    };
    let Some(found) = found else {
        return Err(not_found(name, address, &all));
    };
    let adapter = all.swap_remove(found);
    match adapter.endpoints_anyway() {
        Some(endpoints) => Ok((adapter, endpoints)),
        None => Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "{name}: {} is no Bluetooth adapter: it has no interface with an interrupt \
                 endpoint and a pair of bulk endpoints; name another",
                adapter.describe()
            ),
        )),
    }
}

fn not_found(name: &str, address: &UsbAddress, all: &[Adapter]) -> Error {
    let bluetooth: Vec<_> = all.iter().filter(|it| it.endpoints.is_some()).collect();
    let same = match address {
        UsbAddress::Serial {
            vendor, product, ..
        } => all
            .iter()
            .filter(|it| (it.vendor, it.product) == (*vendor, *product))
            .map(|it| {
                it.names()
                    .serial
                    .unwrap_or_else(|| "no serial number".into())
            })
            .collect(),
        _ => Vec::new(),
    };
    let line = if !same.is_empty() {
        format!(
            "there is such an adapter, but with another serial number: {}",
            same.join(", ")
        )
    } else if !bluetooth.is_empty() {
        let specs = bluetooth.iter().enumerate();
        let specs: Vec<_> = specs
            .map(|(index, it)| format!("usb:{index} is {}", it.describe()))
            .collect();
        format!("no such adapter; those there are: {}", specs.join(", "))
    } else {
        let others: Vec<_> = all.iter().take(6).map(Adapter::describe).collect();
        let others = if others.is_empty() {
            "there is nothing on USB at all".to_owned()
        } else {
            format!("found instead: {}", others.join(", "))
        };
        format!("no Bluetooth adapter on USB; plug one in ({others})")
    };
    Error::new(ErrorKind::NotFound, format!("{name}: {line}"))
}

/// The other programs that have `node` open: those of this user, or all for root.
pub(crate) fn holders(proc: &Path, node: &str) -> Vec<String> {
    let mut holders = Vec::new();
    for process in fs::read_dir(proc).into_iter().flatten().flatten() {
        let id = process.file_name();
        let Some(id) = id.to_str().filter(|id| id.parse::<u32>().is_ok()) else {
            continue;
        };
        if id == std::process::id().to_string() {
            continue;
        }
        let files = fs::read_dir(process.path().join("fd"));
        let holds =
            files.into_iter().flatten().flatten().any(|file| {
                fs::read_link(file.path()).is_ok_and(|target| target == Path::new(node))
            });
        if holds {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            holders.push(format!("{} (process {id})", name.trim()));
        }
    }
    holders.sort();
    holders
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn the_program_that_holds_a_device_is_named() {
        let proc = std::env::temp_dir().join(format!("holders-{}", std::process::id()));
        let node = "/dev/bus/usb/001/002";
        for (id, name, target) in [
            ("17", "bluetoothd", "/dev/null"),
            ("18", "hcidump", node),
            ("self", "hcidump", node),
        ] {
            let fd = proc.join(id).join("fd");
            fs::create_dir_all(&fd).unwrap();
            fs::write(proc.join(id).join("comm"), format!("{name}\n")).unwrap();
            std::os::unix::fs::symlink(target, fd.join("3")).unwrap();
        }
        assert_eq!(holders(&proc, node), ["hcidump (process 18)"]);
        assert!(holders(&proc, "/dev/bus/usb/001/003").is_empty());
        fs::remove_dir_all(proc).unwrap();
    }
}
