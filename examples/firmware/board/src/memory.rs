//! Measures the memory in use: statics by their sections, the stack by how much of its paint is
//! left.

use core::ptr::addr_of;

use cortex_m_rt::STACK_PAINT_VALUE;

unsafe extern "C" {
    static __sdata: u32;
    static __edata: u32;
    static __sbss: u32;
    static __ebss: u32;
    static _stack_start: u32;
    static _stack_end: u32;
}

/// Bytes used.
#[derive(Clone, Copy)]
pub struct Usage {
    /// Statics with an initial value.
    pub data: usize,
    /// Statics that start as zeros.
    pub bss: usize,
    /// The most stack that has been used so far.
    pub stack_peak: usize,
    /// The size of the stack.
    pub stack: usize,
}

/// Measures what is used now, and the peak of the stack.
pub fn usage() -> Usage {
    let (bottom, top) = (addr_of!(_stack_end), addr_of!(_stack_start));
    let mut lowest_used = bottom;
    // SAFETY: all of it is the stack's memory, which was painted at the start.
    while lowest_used < top && unsafe { lowest_used.read_volatile() } == STACK_PAINT_VALUE {
        lowest_used = lowest_used.wrapping_add(1);
    }
    Usage {
        data: addr_of!(__edata) as usize - addr_of!(__sdata) as usize,
        bss: addr_of!(__ebss) as usize - addr_of!(__sbss) as usize,
        stack_peak: top as usize - lowest_used as usize,
        stack: top as usize - bottom as usize,
    }
}

/// Prints the usage.
pub fn report() {
    let Usage {
        data,
        bss,
        stack_peak,
        stack,
    } = usage();
    crate::println!("memory: data {data}, bss {bss}, stack peak {stack_peak} of {stack} bytes");
}
