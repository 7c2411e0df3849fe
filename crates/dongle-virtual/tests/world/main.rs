//! The radio world, driven call by call: no threads, no clock, no sleeping.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod advertising;
mod connections;
mod data;
mod encryption;
mod faults;
mod hosts;
mod procedures;
mod rig;
