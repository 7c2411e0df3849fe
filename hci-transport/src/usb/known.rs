//! Adapters that have to be recognised by their IDs: those whose class doesn't say that they speak
//! Bluetooth, and those that need firmware to work properly.

/// Class, subclass and protocol of a Bluetooth controller (Core Vol 4 Part B 3.1).
pub(crate) const BLUETOOTH: (u8, u8, u8) = (0xe0, 0x01, 0x01);

/// Vendors whose adapters offer HCI under the vendor-specific class ff/01/01. All have a Broadcom
/// chip, whose firmware leaves the class to the manufacturer.
const VENDOR_CLASS: [(u16, &str); 12] = [
    (0x0489, "Foxconn"),
    (0x04ca, "Lite-On"),
    (0x050d, "Belkin"),
    (0x05ac, "Apple"),
    (0x0930, "Toshiba"),
    (0x0a5c, "Broadcom"),
    (0x0b05, "ASUS"),
    (0x0bb4, "HTC"),
    (0x105b, "Foxconn"),
    (0x13d3, "IMC Networks"),
    (0x19ff, "Dynex"),
    (0x413c, "Dell"),
];

/// Adapters with yet another class, and what they are.
const ODD: [(u16, u16, &str); 9] = [
    (0x044e, 0x3001, "ALPS module, device class ff"),
    (0x044e, 0x3002, "ALPS module, device class ff"),
    (0x04bf, 0x030a, "IBM Ultraport module, device class ff"),
    (0x057c, 0x3800, "AVM BlueFRITZ! USB 2.0, device class ff"),
    (0x0a5c, 0x21e1, "Broadcom SoftSailing, interface class ff"),
    (0x0bdb, 0x1002, "Ericsson module, device class ff"),
    (
        0x0c10,
        0x0000,
        "Canyon CN-BTU1, shares its device with HID interfaces",
    ),
    (0x0e8d, 0x763f, "MediaTek MT76x0E, interface class ff"),
    (0x19ff, 0x0239, "Broadcom BCM20702B0, interface class ff"),
];

/// Whether an interface with this class, of this device, belongs to a Bluetooth controller.
pub(crate) fn speaks_hci(vendor: u16, product: u16, class: (u8, u8, u8)) -> bool {
    class == BLUETOOTH
        || (class == (0xff, 0x01, 0x01) && VENDOR_CLASS.iter().any(|(known, _)| *known == vendor))
        || ODD.iter().any(|(v, p, _)| (*v, *p) == (vendor, product))
}

/// For an adapter that needs firmware: what it is, and what its owner must do.
pub(crate) fn needs_firmware(vendor: u16, product: u16) -> Option<&'static str> {
    match (vendor, product) {
        // These work from ROM; the operating system only patches them.
        (0x8087, 0x07da | 0x07dc | 0x0a2a) => None,
        (0x8087, _) => Some(
            "an Intel adapter, which starts in its bootloader: let the operating system load its \
             firmware first (on Linux the package linux-firmware and the driver btusb, until \
             hciconfig shows it), then open it without cutting its power",
        ),
        // The 8723A works from ROM.
        (0x0bda, 0x8723 | 0x1724) => None,
        (0x0bda, _) | (0x0b05, 0x190e) | (0x2357, 0x0604) | (0x2550, 0x8761) | (0x2b89, 0x8761) => {
            Some(
                "a Realtek adapter, which needs its firmware patch to do more than answer: let the \
                 operating system load it first (on Linux the package firmware-realtek or \
                 linux-firmware and the driver btusb), then open it without unplugging it",
            )
        }
        (0x0e8d, _) | (0x13d3, 0x3560..=0x3607) | (0x0489, 0xe0c8..=0xe0f6) => Some(
            "a MediaTek adapter, which needs its firmware: let the operating system load it first \
             (on Linux the package linux-firmware and the driver btusb), then open it without \
             unplugging it",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_are_known_by_class_or_by_number() {
        assert!(speaks_hci(0x1234, 0x5678, BLUETOOTH));
        assert!(speaks_hci(0x0a5c, 0x21e8, (0xff, 0x01, 0x01)));
        assert!(speaks_hci(0x0bdb, 0x1002, (0xff, 0x00, 0x00)));
        assert!(!speaks_hci(0x1234, 0x5678, (0xff, 0x01, 0x01)));
        assert!(!speaks_hci(0x0a5c, 0x21e8, (0x03, 0x01, 0x01)));
    }

    #[test]
    fn what_needs_firmware_is_named() {
        assert!(needs_firmware(0x8087, 0x0026).is_some_and(|it| it.contains("Intel")));
        assert!(needs_firmware(0x0bda, 0x8771).is_some_and(|it| it.contains("Realtek")));
        assert_eq!(needs_firmware(0x0a12, 0x0001), None);
        assert_eq!(needs_firmware(0x2fe3, 0x000b), None);
    }
}
