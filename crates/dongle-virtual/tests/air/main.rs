//! The air in real time: threads, channels, peripherals, and hosts that are real stacks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod beacons;
mod central;
mod heart_rate;
mod host;
mod scripted;
mod service;
