//! GATT declarations. Written by generate.py from btuuid 0.1.1: do not edit.

#[rustfmt::skip]
pub(crate) static TABLE: &[(u16, &str)] = &[
    (0x2800, "Primary Service"),
    (0x2801, "Secondary Service"),
    (0x2802, "Include"),
    (0x2803, "Characteristic"),
];
