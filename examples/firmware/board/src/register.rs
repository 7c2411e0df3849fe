//! Memory-mapped registers.

/// A device's 32-bit registers.
#[derive(Clone, Copy)]
pub(crate) struct Registers(*mut u32);

// SAFETY: it is only an address; each access is one volatile load or store of a device register.
unsafe impl Send for Registers {}
// SAFETY: as above.
unsafe impl Sync for Registers {}

impl Registers {
    /// # Safety
    /// There must be a device at `address` that has registers at the offsets used.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        Self(address as *mut u32)
    }

    pub(crate) fn read(self, offset: usize) -> u32 {
        // SAFETY: the caller of `at` has promised that a device is there.
        unsafe { self.0.byte_add(offset).read_volatile() }
    }

    pub(crate) fn write(self, offset: usize, value: u32) {
        // SAFETY: as above.
        unsafe { self.0.byte_add(offset).write_volatile(value) }
    }
}

/// A device's interrupt number.
#[derive(Clone, Copy)]
pub(crate) struct Interrupt(pub(crate) u16);

// SAFETY: the numbers in use are those of the board's devices.
unsafe impl cortex_m::interrupt::InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

impl Interrupt {
    pub(crate) fn enable(self) {
        // SAFETY: what the handlers share is protected by critical sections.
        unsafe { cortex_m::peripheral::NVIC::unmask(self) }
    }
}
