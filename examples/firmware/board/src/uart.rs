//! The CMSDK APB UART: one byte of buffer in each direction.

use crate::register::Registers;

const DATA: usize = 0x00;
const STATE: usize = 0x04;
const CONTROL: usize = 0x08;
const INTERRUPT: usize = 0x0C;
const BAUD_DIVISOR: usize = 0x10;

const TX_FULL: u32 = 1 << 0;
const RX_FULL: u32 = 1 << 1;

pub(crate) const TX_ENABLE: u32 = 1 << 0;
pub(crate) const RX_ENABLE: u32 = 1 << 1;
pub(crate) const TX_INTERRUPT: u32 = 1 << 2;
pub(crate) const RX_INTERRUPT: u32 = 1 << 3;

/// One of the UARTs.
#[derive(Clone, Copy)]
pub(crate) struct Uart(Registers);

impl Uart {
    /// # Safety
    /// A UART must be at `address`.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        // SAFETY: the caller has promised it.
        Self(unsafe { Registers::at(address) })
    }

    pub(crate) fn init(self, divisor: u32, control: u32) {
        self.0.write(BAUD_DIVISOR, divisor);
        self.0.write(CONTROL, control);
    }

    /// The received byte, if there is one.
    pub(crate) fn receive(self) -> Option<u8> {
        (self.0.read(STATE) & RX_FULL != 0).then(|| self.take())
    }

    /// Reads the receiver, whether or not it holds a byte.
    pub(crate) fn take(self) -> u8 {
        self.0.read(DATA) as u8
    }

    pub(crate) fn can_send(self) -> bool {
        self.0.read(STATE) & TX_FULL == 0
    }

    pub(crate) fn send(self, byte: u8) {
        self.0.write(DATA, u32::from(byte));
    }

    /// Turns control bits on or off. Must not run in two contexts at the same time.
    pub(crate) fn control(self, bits: u32, on: bool) {
        let others = self.0.read(CONTROL) & !bits;
        self.0
            .write(CONTROL, if on { others | bits } else { others });
    }

    pub(crate) fn clear_interrupt(self, bits: u32) {
        self.0.write(INTERRUPT, bits >> 2);
    }
}
