//! Bluetooth LE central for programs that own their radio: no std, no alloc, no unsafe.
//!
//! It is what firmware uses, and what the crate `dongle` makes a facade of on a desktop. A program
//! lends it memory ([`links::StaticLinks`]) and a transport, wrapped in a [`mux::Mux`]; a
//! [`central::Central`] on that scans and connects, and each connection has a [`client::Client`].
//! `examples/firmware_shaped.rs` is all of it in one file.
//!
//! From the wire up:
//!
//! - [`att`], [`adv`]: what goes over the air, checked and without state.
//! - [`assigned`]: UUIDs by their names.
//! - [`gatt`]: the GATT procedures, state machines that turn answers into questions.
//! - [`bearer`]: one ATT bearer, a state machine without I/O or clock.
//! - [`links`]: where the bearers of all connections live, in memory the caller supplies.
//! - [`mux`]: on an HCI transport: takes the ATT and the security channel out, shares buffers, finds out a controller that fails.
//! - [`central`]: scan, connect, pair, and hold connections.
//! - [`security`]: pairing, bonds, and how safe a link is. The Security Manager Protocol is in `smp`.
//! - [`client`]: the GATT client a program calls.
//!
//! Of the features, `channels` alone is on by default: L2CAP channels on trouble-host. Firmware that
//! opens none is smaller without it, and has no trouble-host at all: a [`central::Central`] is made
//! `with_host` or without. `security` is pairing and bonds, `legacy-pairing` that with
//! devices from before Bluetooth 4.2, `many-links` room for 32 connections instead of 4.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod fmt;
#[cfg(test)]
mod testing;

pub mod adv;
pub mod assigned;
pub mod att;
pub mod bearer;
pub mod central;
pub mod client;
pub mod gatt;
pub mod links;
pub mod mux;
pub mod security;
#[cfg_attr(not(feature = "security"), path = "smp/none.rs")]
mod smp;

pub use embassy_time::{Duration, Instant};
