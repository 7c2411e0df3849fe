//! What every dongle promises from the start, on the simulated air.

mod calls;
mod credits;
mod hostile;
mod opening;
mod reopening;
mod unplugging;
mod values;
