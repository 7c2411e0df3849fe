//! Text on UART0.

use core::fmt;

use crate::uart::{TX_ENABLE, Uart};

// SAFETY: UART0 of the board.
const UART: Uart = unsafe { Uart::at(0x4000_4000) };

/// Writes a line.
#[macro_export]
macro_rules! println {
    ($($arg:tt)*) => { $crate::console::line(::core::format_args!($($arg)*)) };
}

pub(crate) fn init() {
    UART.init(217, TX_ENABLE);
}

/// Writes text, waiting for the UART.
pub fn write(text: &str) {
    for byte in text.bytes() {
        while !UART.can_send() {}
        UART.send(byte);
    }
}

/// Writes a line.
#[inline(never)]
pub fn line(text: fmt::Arguments<'_>) {
    let _ = fmt::write(&mut Console, text);
    write("\n");
}

struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text);
        Ok(())
    }
}
