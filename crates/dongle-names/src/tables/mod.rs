//! The tables, sorted by number. `generate.py` writes them.

pub(crate) mod appearances;
pub(crate) mod characteristics;
pub(crate) mod companies;
pub(crate) mod declarations;
pub(crate) mod descriptors;
pub(crate) mod members;
pub(crate) mod services;
pub(crate) mod vendors;
