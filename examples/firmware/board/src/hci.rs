//! The HCI transport: H4 over UART1, with an interrupt for each byte and a queue in each direction.

use core::convert::Infallible;

use bt_hci_serial::SerialTransport;
use cortex_m_rt::exception;
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex};
use embassy_sync::pipe::Pipe;
use embedded_io_async::{ErrorType, Read, Write};

use crate::register::Interrupt;
use crate::uart::{RX_ENABLE, RX_INTERRUPT, TX_ENABLE, TX_INTERRUPT, Uart};

/// The bytes in each queue. The receiver's holds what arrives while a task occupies the processor;
/// when it is full, the sender waits (on a real UART: RTS/CTS).
pub const QUEUE: usize = 128;
/// 25 MHz divided by this is 1.56 million baud, the fastest possible rate.
const DIVISOR: u32 = 16;
const RX: Interrupt = Interrupt(2);
const TX: Interrupt = Interrupt(3);

// SAFETY: UART1 of the board.
const UART: Uart = unsafe { Uart::at(0x4000_5000) };

static RECEIVED: Pipe<CriticalSectionRawMutex, QUEUE> = Pipe::new();
static TO_SEND: Pipe<CriticalSectionRawMutex, QUEUE> = Pipe::new();

/// The transport of whole HCI packets.
pub type HciTransport = SerialTransport<NoopRawMutex, Receiver, Sender>;

/// The UART's receiving half.
pub struct Receiver(());

/// The UART's sending half.
pub struct Sender(());

/// Opens the UART. There is only one, so call this once.
pub fn open() -> HciTransport {
    UART.init(DIVISOR, TX_ENABLE | RX_ENABLE | RX_INTERRUPT);
    // Discards an old byte. Besides, QEMU looks for further bytes only after a read.
    UART.take();
    RX.enable();
    TX.enable();
    SerialTransport::new(Receiver(()), Sender(()))
}

impl ErrorType for Receiver {
    type Error = Infallible;
}

impl Read for Receiver {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let length = RECEIVED.read(buffer).await;
        // There is room again, perhaps for a byte that arrived while there was none.
        critical_section::with(|_| {
            UART.control(RX_INTERRUPT, true);
            receive();
        });
        Ok(length)
    }
}

impl ErrorType for Sender {
    type Error = Infallible;
}

impl Write for Sender {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let length = TO_SEND.write(bytes).await;
        // The interrupt occurs after a byte has been sent, so the first one must be sent from here.
        critical_section::with(|_| {
            UART.control(TX_INTERRUPT, true);
            send();
        });
        Ok(length)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Sends queued bytes, as many as the UART accepts.
fn send() {
    let mut byte = [0];
    while UART.can_send() && TO_SEND.try_read(&mut byte).is_ok() {
        UART.send(byte[0]);
    }
}

/// Takes received bytes, as many as there is room for.
fn receive() {
    while !RECEIVED.is_full() {
        match UART.receive() {
            Some(byte) => {
                let _ = RECEIVED.try_write(&[byte]);
            }
            None => return,
        }
    }
    UART.control(RX_INTERRUPT, false);
}

/// Handles the interrupts of all devices.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    match number {
        2 => {
            UART.clear_interrupt(RX_INTERRUPT);
            receive();
        }
        3 => {
            UART.clear_interrupt(TX_INTERRUPT);
            send();
        }
        _ => crate::time::interrupt(),
    }
}
