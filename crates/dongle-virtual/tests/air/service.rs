//! A controller served to a foreign host.
