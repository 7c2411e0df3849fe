//! Bluetooth LE central for programs that own their radio: no std, no alloc, no unsafe.
//!
//! Firmware uses it directly; on a desktop, the crate `dongle` builds on it. A program lends it
//! memory ([`links::StaticLinks`]) and a transport, wrapped in a [`mux::Mux`]; a
//! [`central::Central`] on top scans and connects, and each connection has a [`client::Client`].
//! `examples/firmware_shaped.rs` shows all of it in one file.
//!
//! From the wire up:
//!
//! - [`att`], [`adv`]: what goes over the air, checked and without state.
//! - [`assigned`]: UUIDs by their names.
//! - [`gatt`]: the GATT procedures, state machines that turn each answer into the next request.
//! - [`bearer`]: one ATT bearer, a state machine without I/O or clock.
//! - [`links`]: the bearers of all connections, in memory that the caller supplies.
//! - [`mux`]: wraps an HCI transport: takes out the ATT and security channels, shares the
//!   controller's buffers, and detects a controller that fails.
//! - [`central`]: scan, connect, pair, and hold connections.
//! - [`security`]: pairing, bonds, and the security of a link. The Security Manager Protocol is in `smp`.
//! - [`client`]: the GATT client that programs call.
//!
//! Of the features, only `channels` is on by default: L2CAP channels on trouble-host. Firmware that
//! opens none is smaller without it, and then trouble-host is not linked: a [`central::Central`] is
//! made `with_host` or without. `security` adds pairing and bonds, `legacy-pairing` pairing with
//! devices from before Bluetooth 4.2, and `many-links` room for 32 connections instead of 4.
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
