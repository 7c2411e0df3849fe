//! Pairing, bonds and encryption against a Bumble device, whose security manager is not ours.

#![cfg(unix)]

mod attacks;
mod bonds;
mod cache;
mod channels;
mod controllers;
mod demand;
mod dropped;
mod faults;
mod foreign;
mod limits;
mod lock;
mod odd_channels;
mod own_address;
mod pairing;
mod privacy;
mod private;
mod resolved;
mod sensor;
#[allow(dead_code)]
mod smp;
