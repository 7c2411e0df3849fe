//! The results of procedures: services, characteristics, descriptors, values.

use core::fmt;

use bitflags::bitflags;

use crate::att::{AttributeHandle, HandleRange, Uuid};

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// From its declaration to its last attribute.
    pub range: HandleRange,
    /// Its UUID.
    pub uuid: Uuid,
    /// Whether it is a primary service, not a secondary one.
    pub primary: bool,
}

/// A service that another one includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncludedService {
    /// The Include declaration, in the including service.
    pub handle: AttributeHandle,
    /// The included service, from its declaration to its last attribute.
    pub range: HandleRange,
    /// The UUID of the included service.
    pub uuid: Uuid,
}

/// A characteristic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Characteristic {
    /// The handle of its declaration.
    pub handle: AttributeHandle,
    /// The handle of its value.
    pub value_handle: AttributeHandle,
    /// Its last attribute: the one before the next declaration, or the end of the search.
    pub end: AttributeHandle,
    /// Its properties.
    pub properties: Properties,
    /// Its UUID.
    pub uuid: Uuid,
}

impl Characteristic {
    /// The range of its descriptors; `None` if there is no room for any.
    pub const fn descriptors(&self) -> Option<HandleRange> {
        match self.value_handle.next() {
            Some(first) => HandleRange::new(first, self.end),
            None => None,
        }
    }
}

/// A characteristic descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its handle.
    pub handle: AttributeHandle,
    /// Its UUID.
    pub uuid: Uuid,
}

bitflags! {
    /// What can be done with a characteristic (Part G 3.3.1.1).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Properties: u8 {
        /// Its value may be broadcast.
        const BROADCAST = 0x01;
        /// Its value may be read.
        const READ = 0x02;
        /// Its value may be written without a response.
        const WRITE_WITHOUT_RESPONSE = 0x04;
        /// Its value may be written with a response.
        const WRITE = 0x08;
        /// Its value may be notified.
        const NOTIFY = 0x10;
        /// Its value may be indicated.
        const INDICATE = 0x20;
        /// Its value may be written with a signature.
        const AUTHENTICATED_SIGNED_WRITES = 0x40;
        /// Further properties are in a descriptor.
        const EXTENDED_PROPERTIES = 0x80;
    }

    /// The value of a Characteristic Extended Properties descriptor (Part G 3.3.3.1).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct ExtendedProperties: u16 {
        /// Its value may be written reliably.
        const RELIABLE_WRITE = 0x0001;
        /// Its User Description descriptor may be written.
        const WRITABLE_AUXILIARIES = 0x0002;
        const _ = !0;
    }
}

impl fmt::Display for Properties {
    /// The specification's names, such as `read, write without response, notify`; `-` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = [
            "broadcast",
            "read",
            "write without response",
            "write",
            "notify",
            "indicate",
            "authenticated signed writes",
            "extended properties",
        ];
        if self.is_empty() {
            return f.write_str("-");
        }
        let set = NAMES.iter().enumerate();
        let set = set.filter(|(bit, _)| self.bits() >> bit & 1 == 1);
        for (position, (_, name)) in set.enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// A value from one PDU, with its attribute's handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandleValue<'p> {
    /// The attribute's handle.
    pub handle: AttributeHandle,
    /// The value, or its beginning.
    pub value: &'p [u8],
    /// Whether the PDU had no room for more, so that the value may be longer. A long read finds out.
    pub may_be_longer: bool,
}

/// Several values, concatenated without separators: the caller knows their lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultipleValues<'p> {
    /// The values.
    pub values: &'p [u8],
    /// Whether the PDU had no room for more, so that the last values may be missing.
    pub may_be_longer: bool,
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn properties_are_shown_by_their_names() {
        let shown = |bits| Properties::from_bits_retain(bits).to_string();
        assert_eq!(shown(0), "-");
        assert_eq!(shown(0x02), "read");
        assert_eq!(shown(0x1C), "write without response, write, notify");
        assert_eq!(
            shown(0xE1),
            "broadcast, indicate, authenticated signed writes, extended properties"
        );
    }
}
