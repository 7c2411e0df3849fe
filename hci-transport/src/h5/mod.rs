//! H5, the three-wire UART transport (Core Vol 4 Part D): packets over a serial line that loses and
//! damages bytes.

mod frame;
mod link;
mod pump;
mod slip;

pub use link::{H5Event, H5Link, H5Statistics};
pub(crate) use pump::start;
