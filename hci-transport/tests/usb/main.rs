//! USB adapters through libusb, on a bus that exists only in the process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(
    not(all(target_os = "linux", feature = "usb")),
    allow(dead_code, unused_imports)
)]

#[cfg(all(target_os = "linux", feature = "usb"))]
mod cases;
#[cfg(all(target_os = "linux", feature = "usb"))]
mod finding;
#[cfg(all(target_os = "linux", feature = "usb"))]
mod tests;
#[cfg(all(target_os = "linux", feature = "usb"))]
mod usbfs;

#[cfg(all(target_os = "linux", feature = "usb"))]
fn main() -> std::process::ExitCode {
    cases::main(tests::CASES)
}

#[cfg(not(all(target_os = "linux", feature = "usb")))]
fn main() {
    println!("skipped: USB is emulated on Linux alone, and with the feature 'usb'");
}
