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
    #[cfg(feature = "log")]
    {
        // The strings of all levels are in the image, but only these are shown.
        log::set_max_level(log::LevelFilter::Info);
        let _ = log::set_logger(&Log);
    }
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

/// Writes log records to the console as well.
#[cfg(feature = "log")]
struct Log;

#[cfg(feature = "log")]
impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        crate::println!("{} {}", record.level(), record.args());
    }

    fn flush(&self) {}
}

struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text);
        Ok(())
    }
}
