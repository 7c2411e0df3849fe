//! The lists inside requests, responses and notifications.
//!
//! Every list is checked as a whole when it is made, so that iterating over it cannot fail. Entries can also be
//! found by index, which lets a procedure take them one at a time from a PDU it does not keep.

use core::fmt;

use super::reader::range;
use super::{AttributeHandle, HandleRange, MalformedReason, Uuid};

/// One attribute found by Find Information: its handle and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InformationEntry {
    /// The attribute's handle.
    pub handle: AttributeHandle,
    /// Its type.
    pub uuid: Uuid,
}

/// The list of a Find Information Response (Part F 3.4.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InformationList<'a> {
    format: u8,
    bytes: &'a [u8],
}

impl<'a> InformationList<'a> {
    const FORMAT_16: u8 = 0x01;
    const FORMAT_128: u8 = 0x02;

    /// A list in format 1 (16-bit UUIDs) or 2 (128-bit UUIDs), from its encoded entries.
    pub fn new(format: u8, bytes: &'a [u8]) -> Result<Self, MalformedReason> {
        if !matches!(format, Self::FORMAT_16 | Self::FORMAT_128) {
            return Err(MalformedReason::Format(format));
        }
        let list = Self { format, bytes };
        whole_entries(bytes, list.entry_length())?;
        no_zero_handle(bytes, list.entry_length())?;
        Ok(list)
    }

    /// Parses the parameters of a PDU: the format, then the entries.
    pub(crate) fn parse(parameters: &'a [u8]) -> Result<Self, MalformedReason> {
        let (&format, bytes) = parameters.split_first().ok_or(MalformedReason::Length)?;
        Self::new(format, bytes)
    }

    /// The entry at this index, from 0.
    pub fn get(&self, index: usize) -> Option<InformationEntry> {
        self.iter().nth(index)
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = InformationEntry> + Clone + use<'a> {
        self.bytes
            .chunks_exact(self.entry_length())
            .filter_map(|entry| {
                let (handle, uuid) = split_handle(entry)?;
                Some(InformationEntry {
                    handle,
                    uuid: Uuid::parse_le(uuid)?,
                })
            })
    }

    pub(super) fn format(&self) -> u8 {
        self.format
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The length of an entry in octets: 2 more than its UUID.
    pub fn entry_length(&self) -> usize {
        if self.format == Self::FORMAT_16 {
            4
        } else {
            18
        }
    }
}

/// The list of a Find By Type Value Response (Part F 3.4.3.4): groups, each from the attribute
/// found to the end of its group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RangeList<'a> {
    bytes: &'a [u8],
}

impl<'a> RangeList<'a> {
    /// A list from its encoded entries.
    pub fn new(bytes: &'a [u8]) -> Result<Self, MalformedReason> {
        whole_entries(bytes, 4)?;
        valid_ranges(bytes, 4)?;
        Ok(Self { bytes })
    }

    /// The entry at this index, from 0.
    pub fn get(&self, index: usize) -> Option<HandleRange> {
        self.iter().nth(index)
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = HandleRange> + Clone + use<'a> {
        self.bytes
            .chunks_exact(4)
            .filter_map(|entry| split_range(entry)?.0.ok())
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// One attribute's handle and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandleValueEntry<'a> {
    /// The attribute's handle.
    pub handle: AttributeHandle,
    /// Its value, cut off if the PDU had no room for more.
    pub value: &'a [u8],
}

/// The list of a Read By Type Response (Part F 3.4.4.2). All its values have the same length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HandleValueList<'a> {
    entry_length: u8,
    bytes: &'a [u8],
}

impl<'a> HandleValueList<'a> {
    /// A list from its encoded entries, each of `entry_length` octets including its handle.
    pub fn new(entry_length: u8, bytes: &'a [u8]) -> Result<Self, MalformedReason> {
        if entry_length < 2 {
            return Err(MalformedReason::EntryLength(entry_length));
        }
        whole_entries(bytes, usize::from(entry_length))?;
        no_zero_handle(bytes, usize::from(entry_length))?;
        Ok(Self {
            entry_length,
            bytes,
        })
    }

    /// Parses the parameters of a PDU: the length of an entry, then the entries.
    pub(crate) fn parse(parameters: &'a [u8]) -> Result<Self, MalformedReason> {
        let (&entry_length, bytes) = parameters.split_first().ok_or(MalformedReason::Length)?;
        Self::new(entry_length, bytes)
    }

    /// The length of an entry in octets: 2 more than its value.
    pub fn entry_length(&self) -> u8 {
        self.entry_length
    }

    /// The entry at this index, from 0.
    pub fn get(&self, index: usize) -> Option<HandleValueEntry<'a>> {
        self.iter().nth(index)
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = HandleValueEntry<'a>> + Clone + use<'a> {
        self.bytes
            // At least 2, but stated so that the compiler omits the panic.
            .chunks_exact(usize::from(self.entry_length).max(1))
            .filter_map(|entry| {
                let (handle, value) = split_handle(entry)?;
                Some(HandleValueEntry { handle, value })
            })
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// One group, such as a service, and the value of the attribute that declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupEntry<'a> {
    /// From the declaration to the end of the group.
    pub range: HandleRange,
    /// The declaration's value; for a service, its UUID.
    pub value: &'a [u8],
}

/// The list of a Read By Group Type Response (Part F 3.4.4.10). All its values have the same length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct GroupList<'a> {
    entry_length: u8,
    bytes: &'a [u8],
}

impl<'a> GroupList<'a> {
    /// A list from its encoded entries, each of `entry_length` octets including its two handles.
    pub fn new(entry_length: u8, bytes: &'a [u8]) -> Result<Self, MalformedReason> {
        if entry_length < 4 {
            return Err(MalformedReason::EntryLength(entry_length));
        }
        whole_entries(bytes, usize::from(entry_length))?;
        valid_ranges(bytes, usize::from(entry_length))?;
        Ok(Self {
            entry_length,
            bytes,
        })
    }

    /// Parses the parameters of a PDU: the length of an entry, then the entries.
    pub(crate) fn parse(parameters: &'a [u8]) -> Result<Self, MalformedReason> {
        let (&entry_length, bytes) = parameters.split_first().ok_or(MalformedReason::Length)?;
        Self::new(entry_length, bytes)
    }

    /// The length of an entry in octets: 4 more than its value.
    pub fn entry_length(&self) -> u8 {
        self.entry_length
    }

    /// The entry at this index, from 0.
    pub fn get(&self, index: usize) -> Option<GroupEntry<'a>> {
        self.iter().nth(index)
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = GroupEntry<'a>> + Clone + use<'a> {
        self.bytes
            // At least 4, but stated so that the compiler omits the panic.
            .chunks_exact(usize::from(self.entry_length).max(1))
            .filter_map(|entry| {
                let (range, value) = split_range(entry)?;
                Some(GroupEntry {
                    range: range.ok()?,
                    value,
                })
            })
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// The handles of a Read Multiple or Read Multiple Variable Request: two or more.
#[derive(Clone, Copy)]
pub struct HandleList<'a>(Handles<'a>);

#[derive(Clone, Copy)]
enum Handles<'a> {
    Wire(&'a [u8]),
    Slice(&'a [AttributeHandle]),
}

impl<'a> HandleList<'a> {
    /// A list of these handles.
    pub fn new(handles: &'a [AttributeHandle]) -> Result<Self, MalformedReason> {
        match handles.len() {
            0 => Err(MalformedReason::NoEntries),
            1 => Err(MalformedReason::TooFewEntries),
            _ => Ok(Self(Handles::Slice(handles))),
        }
    }

    pub(super) fn from_wire(bytes: &'a [u8]) -> Result<Self, MalformedReason> {
        whole_entries(bytes, 2)?;
        no_zero_handle(bytes, 2)?;
        if bytes.len() < 4 {
            Err(MalformedReason::TooFewEntries)
        } else {
            Ok(Self(Handles::Wire(bytes)))
        }
    }

    /// All handles in order.
    pub fn iter(&self) -> impl Iterator<Item = AttributeHandle> + Clone + use<'a> {
        let (wire, slice): (&[u8], &[AttributeHandle]) = match self.0 {
            Handles::Wire(bytes) => (bytes, &[]),
            Handles::Slice(handles) => (&[], handles),
        };
        let wire = wire
            .chunks_exact(2)
            .filter_map(|entry| Some(split_handle(entry)?.0));
        wire.chain(slice.iter().copied())
    }
}

impl PartialEq for HandleList<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for HandleList<'_> {}

/// One value of a Read Multiple Variable Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariableValue<'a> {
    /// The length of the whole value in octets.
    pub length: u16,
    /// The value, shorter than `length` if the PDU had no room for more.
    pub value: &'a [u8],
}

/// The list of a Read Multiple Variable Response (Part F 3.4.4.12).
///
/// A server whose values do not fit cuts the list off at ATT_MTU - 1 octets, wherever that is. So the last
/// value may be incomplete; and if the second octet of a length is missing, that value is left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VariableValueList<'a> {
    bytes: &'a [u8],
}

impl<'a> VariableValueList<'a> {
    /// A list from its encoded entries.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The entry at this index, from 0.
    pub fn get(&self, index: usize) -> Option<VariableValue<'a>> {
        self.iter().nth(index)
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = VariableValue<'a>> + Clone + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (length, tail) = rest.split_first_chunk()?;
            let length = u16::from_le_bytes(*length);
            let (value, tail) = tail.split_at(tail.len().min(usize::from(length)));
            rest = tail;
            Some(VariableValue { length, value })
        })
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// The list of a Multiple Handle Value Notification (Part F 3.4.7.4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotificationList<'a> {
    bytes: &'a [u8],
}

impl<'a> NotificationList<'a> {
    /// A list from its encoded entries: handle, length, value. None may be cut off.
    pub fn new(bytes: &'a [u8]) -> Result<Self, MalformedReason> {
        if bytes.is_empty() {
            return Err(MalformedReason::NoEntries);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (handle, _, tail) = split_tuple(rest).ok_or(MalformedReason::PartialEntry)?;
            AttributeHandle::new(handle).ok_or(MalformedReason::ZeroHandle)?;
            rest = tail;
        }
        Ok(Self { bytes })
    }

    /// The entry at this index, from 0.
    pub fn get(&self, index: usize) -> Option<HandleValueEntry<'a>> {
        self.iter().nth(index)
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = HandleValueEntry<'a>> + Clone + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (handle, value, tail) = split_tuple(rest)?;
            rest = tail;
            Some(HandleValueEntry {
                handle: AttributeHandle::new(handle)?,
                value,
            })
        })
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

macro_rules! debug_as_list {
    ($($list:ident)*) => {$(
        impl fmt::Debug for $list<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_list().entries(self.iter()).finish()
            }
        }
    )*};
}

debug_as_list! {
    InformationList RangeList HandleValueList GroupList HandleList VariableValueList
    NotificationList
}

fn whole_entries(bytes: &[u8], entry_length: usize) -> Result<(), MalformedReason> {
    if bytes.is_empty() {
        Err(MalformedReason::NoEntries)
    } else if bytes.chunks_exact(entry_length).remainder().is_empty() {
        Ok(())
    } else {
        Err(MalformedReason::PartialEntry)
    }
}

fn no_zero_handle(bytes: &[u8], entry_length: usize) -> Result<(), MalformedReason> {
    if bytes
        .chunks_exact(entry_length)
        .all(|entry| split_handle(entry).is_some())
    {
        Ok(())
    } else {
        Err(MalformedReason::ZeroHandle)
    }
}

fn valid_ranges(bytes: &[u8], entry_length: usize) -> Result<(), MalformedReason> {
    bytes
        .chunks_exact(entry_length)
        .try_for_each(|entry| match split_range(entry) {
            Some((range, _)) => range.map(|_| ()),
            None => Err(MalformedReason::PartialEntry),
        })
}

/// Splits an entry into its leading handle and the rest.
pub(crate) fn split_handle(entry: &[u8]) -> Option<(AttributeHandle, &[u8])> {
    let (handle, rest) = entry.split_first_chunk()?;
    Some((AttributeHandle::new(u16::from_le_bytes(*handle))?, rest))
}

/// Splits an entry into its leading range and the rest.
pub(crate) fn split_range(entry: &[u8]) -> Option<(Result<HandleRange, MalformedReason>, &[u8])> {
    let (start, rest) = entry.split_first_chunk()?;
    let (end, rest) = rest.split_first_chunk()?;
    Some((
        range(u16::from_le_bytes(*start), u16::from_le_bytes(*end)),
        rest,
    ))
}

fn split_tuple(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (handle, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((u16::from_le_bytes(*handle), value, rest))
}
