//! Finds devices that may be controllers: USB adapters, and serial ports of known boards.

use std::fmt;

use serialport::{SerialPortType, UsbPortInfo};

use crate::Spec;
#[cfg(feature = "usb")]
use crate::UsbAddress;

/// Something that may be a controller, as far as can be known without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// What opens it.
    pub spec: Spec,
    /// Its USB vendor and product IDs.
    pub usb_id: (u16, u16),
    /// The manufacturer, according to the device.
    pub manufacturer: Option<String>,
    /// The product name, according to the device.
    pub product: Option<String>,
    /// Its serial number.
    pub serial_number: Option<String>,
    /// What its IDs suggest that it is: `a Nordic board`.
    pub taken_for: Option<&'static str>,
    /// The driver of the operating system that holds it now, if known. Opening a USB adapter detaches
    /// the driver, and closing it attaches the driver again.
    pub held_by: Option<String>,
    /// What to do first, if it needs firmware.
    pub needs_firmware: Option<&'static str>,
}

/// `usb:0a12:0001  CSR8510 A10, serial number 1, held by btusb`
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (vendor, product) = self.usb_id;
        write!(f, "{}  ", self.spec)?;
        match (&self.manufacturer, &self.product) {
            (Some(maker), Some(name)) if !name.starts_with(maker.as_str()) => {
                write!(f, "{maker} {name}")?;
            }
            (_, Some(name)) | (Some(name), None) => f.write_str(name)?,
            (None, None) => write!(f, "{vendor:04x}:{product:04x}")?,
        }
        if let Some(taken_for) = self.taken_for {
            write!(f, ", {taken_for}")?;
        }
        if let Some(serial) = &self.serial_number {
            write!(f, ", serial number {serial}")?;
        }
        if let Some(driver) = &self.held_by {
            write!(f, ", held by {driver}")?;
        }
        if self.needs_firmware.is_some() {
            f.write_str(", needs firmware")?;
        }
        Ok(())
    }
}

/// Everything that may be a controller: Bluetooth adapters on USB in the order of their ports, then
/// serial ports with the USB vendor ID of a Zephyr, Nordic, SEGGER, Silicon Labs or DAPLink board, by
/// name. Whether a board's firmware is an HCI controller only shows when it is opened.
///
/// Nothing is opened. Without a USB bus, the list is empty; that is not an error.
///
/// ```
/// for candidate in hci_transport::list() {
///     println!("{candidate}");
/// }
/// ```
pub fn list() -> Vec<Candidate> {
    let mut all = adapters();
    let mut ports: Vec<_> = serialport::available_ports()
        .unwrap_or_default()
        .into_iter()
        .filter_map(|port| match port.port_type {
            SerialPortType::UsbPort(usb) => board(port.port_name, usb),
            _ => None,
        })
        .collect();
    ports.sort_by_key(|port| natural(&port.spec.to_string()));
    all.extend(ports);
    all
}

#[cfg(feature = "usb")]
fn adapters() -> Vec<Candidate> {
    let listed = crate::usb::list();
    let ids: Vec<_> = listed
        .iter()
        .map(|it| (it.vendor, it.product, it.serial.clone()))
        .collect();
    let candidates = listed.into_iter().enumerate().map(|(index, adapter)| {
        let (vendor, product) = (adapter.vendor, adapter.product);
        let same = ids.iter().filter(|id| (id.0, id.1) == (vendor, product));
        let twin = same.clone().filter(|id| id.2 == adapter.serial).count() > 1;
        // The most readable address that means only this adapter.
        let address = match &adapter.serial {
            _ if same.count() == 1 => UsbAddress::Id { vendor, product },
            Some(serial) if !twin && can_be_typed(serial) => UsbAddress::Serial {
                vendor,
                product,
                serial: serial.clone(),
            },
            _ => UsbAddress::Index(u8::try_from(index).unwrap_or(u8::MAX)),
        };
        Candidate {
            spec: Spec::Usb(address),
            usb_id: (vendor, product),
            manufacturer: adapter.manufacturer,
            product: adapter.name,
            serial_number: adapter.serial,
            taken_for: None,
            held_by: adapter.driver,
            needs_firmware: adapter.firmware,
        }
    });
    candidates.collect()
}

/// Whether a serial number can be written in an address without escaping.
#[cfg(feature = "usb")]
fn can_be_typed(serial: &str) -> bool {
    !serial.is_empty() && serial.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

#[cfg(not(feature = "usb"))]
fn adapters() -> Vec<Candidate> {
    Vec::new()
}

/// What a USB serial port with this vendor ID is: its name, the baud rate of the board's HCI
/// firmware, and whether that needs RTS and CTS.
const BOARDS: [(u16, &str, u32, bool); 5] = [
    (0x2fe3, "a Zephyr board", 1_000_000, false),
    (0x1915, "a Nordic board", 1_000_000, false),
    // A UART behind the debugger, on which Zephyr's hci_uart asks for flow control.
    (
        0x1366,
        "a board with a SEGGER debugger (Nordic, Silicon Labs)",
        1_000_000,
        true,
    ),
    (0x0d28, "a board with a DAPLink debugger", 1_000_000, false),
    (0x10c4, "a Silicon Labs board or UART bridge", 115_200, true),
];

fn board(path: String, usb: UsbPortInfo) -> Option<Candidate> {
    // macOS lists each port twice; opening this one would wait for a carrier.
    if path.starts_with("/dev/tty.") {
        return None;
    }
    let (_, taken_for, baud, rtscts) = BOARDS.into_iter().find(|board| board.0 == usb.vid)?;
    Some(Candidate {
        spec: Spec::Serial { path, baud, rtscts },
        usb_id: (usb.vid, usb.pid),
        manufacturer: usb.manufacturer,
        product: usb.product,
        serial_number: usb.serial_number,
        taken_for: Some(taken_for),
        held_by: None,
        needs_firmware: None,
    })
}

/// Sorts names by their numbers: `ttyACM2` comes before `ttyACM10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (word, behind) = rest.split_at(text);
        let digits = behind
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (number, behind) = behind.split_at(digits);
        parts.push((word.to_owned(), number.parse().unwrap_or(0)));
        rest = behind;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usb(vid: u16) -> UsbPortInfo {
        UsbPortInfo {
            vid,
            pid: 0x000b,
            serial_number: Some("F00D".into()),
            manufacturer: Some("ZEPHYR".into()),
            product: Some("Zephyr HCI UART".into()),
        }
    }

    #[test]
    fn a_known_board_is_a_candidate_and_another_is_not() {
        let zephyr = board("/dev/ttyACM0".into(), usb(0x2fe3)).unwrap();
        assert_eq!(
            zephyr.to_string(),
            "serial:/dev/ttyACM0,1000000  ZEPHYR Zephyr HCI UART, a Zephyr board, \
             serial number F00D"
        );
        let debugger = board("/dev/ttyACM1".into(), usb(0x1366)).unwrap();
        assert_eq!(
            debugger.spec.to_string(),
            "serial:/dev/ttyACM1,1000000,rtscts"
        );
        assert_eq!(board("/dev/ttyUSB0".into(), usb(0x0403)), None);
        assert_eq!(board("/dev/tty.usbmodem1".into(), usb(0x2fe3)), None);
    }

    #[test]
    fn ports_are_in_the_order_of_their_numbers() {
        let mut names = ["ttyACM10", "ttyUSB0", "ttyACM2", "COM3"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["COM3", "ttyACM2", "ttyACM10", "ttyUSB0"]);
    }

    #[test]
    fn a_machine_without_anything_has_no_candidates_and_no_panic() {
        let _ = list();
    }
}
