//! What a program needs from the board: Arm's MPS2 with the AN386 image (a Cortex-M4), as in QEMU.
//!
//! - [`hci`]: the transport, H4 over UART1, driven by interrupts.
//! - `time`: embassy's time driver, on the two timers.
//! - [`console`]: text, on UART0.
//! - [`memory`]: how much memory is used.
//!
//! For another board, only this crate has to be replaced.
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

/// Ends the program. QEMU exits with success or failure.
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

/// Reports the panic but not its place, whose text would add to the measured size of every image.
#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    console::write("panicked\n");
    exit(false)
}
