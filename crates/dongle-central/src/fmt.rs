//! Logging that costs nothing when the `log` feature is off.
#![macro_use]
#![allow(unused_macros)]

macro_rules! emit {
    ($level:ident, $($arg:expr),+ $(,)?) => {{
        #[cfg(feature = "log")]
        { ::log::$level!($($arg),+); }
        #[cfg(not(feature = "log"))]
        { let _ = ($(&$arg),+); }
    }};
}

macro_rules! trace { ($($arg:tt)+) => { emit!(trace, $($arg)+) }; }
macro_rules! debug { ($($arg:tt)+) => { emit!(debug, $($arg)+) }; }
macro_rules! info { ($($arg:tt)+) => { emit!(info, $($arg)+) }; }
macro_rules! warn { ($($arg:tt)+) => { emit!(warn, $($arg)+) }; }
