//! What several test targets share.
// A harness reports by panicking: its callers are tests.
#![allow(clippy::expect_used, clippy::panic)]

#[cfg(unix)]
pub mod bumble;
