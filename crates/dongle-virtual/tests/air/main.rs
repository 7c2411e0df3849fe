//! The air in real time: threads, channels, peripherals, and hosts that are real stacks.

mod central;
mod heart_rate;
mod scripted;
mod service;
