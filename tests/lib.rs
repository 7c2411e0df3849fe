//! What several test targets share.
// A harness reports by panicking: its callers are tests.
#![allow(clippy::expect_used, clippy::panic)]

pub mod bench;
pub mod between;
#[cfg(unix)]
pub mod bumble;
pub mod example;
pub mod peer;
pub mod sensor;
pub mod stream;
