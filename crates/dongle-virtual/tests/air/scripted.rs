//! A scripted peripheral, byte for byte.
