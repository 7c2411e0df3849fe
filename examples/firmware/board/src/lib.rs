//! What a program needs of the board: Arm's MPS2 with the AN386 image (a Cortex-M4), as QEMU has it.
//!
//! - [`hci`]: the transport, H4 over UART1, driven by interrupts.
//! - `time`: embassy's time driver, on the two timers.
//! - [`console`]: text, on UART0.
//! - [`memory`]: how much of it is used.
//!
//! Another board has another of these; the program stays.
#![no_std]

pub mod console;
pub mod hci;
pub mod memory;
mod register;
mod time;
mod uart;

use core::panic::PanicInfo;

use cortex_m_semihosting::debug;

/// Starts the clock and the console.
pub fn init() {
    console::init();
    time::init();
}

/// Ends the program: QEMU exits with success, or not.
pub fn exit(success: bool) -> ! {
    debug::exit(if success {
        debug::EXIT_SUCCESS
    } else {
        debug::EXIT_FAILURE
    });
    loop {
        cortex_m::asm::wfi();
    }
}

/// Says that, not where: text for that would be in every image that is measured.
#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    console::write("panicked\n");
    exit(false)
}
