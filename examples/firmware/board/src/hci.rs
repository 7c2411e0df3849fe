//! The HCI transport: H4 over UART1. Each byte is an interrupt, each direction has a queue.

use core::convert::Infallible;

use bt_hci_serial::SerialTransport;
use cortex_m_rt::exception;
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex};
use embassy_sync::pipe::Pipe;
use embedded_io_async::{ErrorType, Read, Write};

use crate::register::Interrupt;
use crate::uart::{RX_ENABLE, RX_INTERRUPT, TX_ENABLE, TX_INTERRUPT, Uart};

/// Bytes in each queue. The receiver's holds what comes while a task has the processor; when it
/// is full, the sender waits (on a real UART: RTS/CTS).
pub const QUEUE: usize = 128;
/// 25 MHz by this is a baud rate of 1.56 million: the fastest there is.
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

/// Opens the UART. There is one: the last transport has it.
pub fn open() -> HciTransport {
    UART.init(DIVISOR, TX_ENABLE | RX_ENABLE | RX_INTERRUPT);
    // What is in it is older than this; and QEMU looks for more only after a read.
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
        // There is room again, maybe for a byte that came while there was none.
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
        // The interrupt comes when a byte has gone; so the first has to be sent from here.
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

/// Sends what there is, as far as the UART takes it.
fn send() {
    let mut byte = [0];
    while UART.can_send() && TO_SEND.try_read(&mut byte).is_ok() {
        UART.send(byte[0]);
    }
}

/// Takes what has come, as far as there is room.
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

/// All interrupts of devices come here.
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
