//! Attribute handles, and ranges of them that are never empty or inverted.

use core::fmt;
use core::num::NonZeroU16;

/// The address of an attribute in a server: 0x0001 to 0xFFFF (Part F 3.2.2). Zero is not a handle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeHandle(NonZeroU16);

impl AttributeHandle {
    /// The lowest handle, 0x0001.
    pub const MIN: Self = Self(NonZeroU16::MIN);
    /// The highest handle, 0xFFFF.
    pub const MAX: Self = Self(NonZeroU16::MAX);

    /// The handle with this number; `None` for zero.
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The handle after this one; `None` after the last.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The handle before this one; `None` before the first.
    pub const fn previous(self) -> Option<Self> {
        Self::new(self.get().wrapping_sub(1))
    }
}

impl fmt::Display for AttributeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04X}", self.get())
    }
}

impl fmt::Debug for AttributeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<u16> for AttributeHandle {
    type Error = core::num::TryFromIntError;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        NonZeroU16::try_from(number).map(Self)
    }
}

impl From<AttributeHandle> for u16 {
    fn from(handle: AttributeHandle) -> u16 {
        handle.get()
    }
}

/// A range of handles from `start` to `end`, both included; never empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandleRange {
    start: AttributeHandle,
    end: AttributeHandle,
}

impl HandleRange {
    /// All handles.
    pub const ALL: Self = Self {
        start: AttributeHandle::MIN,
        end: AttributeHandle::MAX,
    };

    /// The range from `start` to `end`; `None` if `end` is less than `start`.
    pub const fn new(start: AttributeHandle, end: AttributeHandle) -> Option<Self> {
        if start.get() <= end.get() {
            Some(Self { start, end })
        } else {
            None
        }
    }

    /// One handle.
    pub const fn single(handle: AttributeHandle) -> Self {
        Self {
            start: handle,
            end: handle,
        }
    }

    /// The first handle.
    pub const fn start(self) -> AttributeHandle {
        self.start
    }

    /// The last handle, which is part of the range.
    pub const fn end(self) -> AttributeHandle {
        self.end
    }

    /// Whether the handle lies within.
    pub const fn contains(self, handle: AttributeHandle) -> bool {
        self.start.get() <= handle.get() && handle.get() <= self.end.get()
    }

    /// The part of this range after `handle`; `None` if there is none.
    pub const fn after(self, handle: AttributeHandle) -> Option<Self> {
        match handle.next() {
            Some(next) if next.get() <= self.start.get() => Some(self),
            Some(next) => Self::new(next, self.end),
            None => None,
        }
    }
}

impl fmt::Display for HandleRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.start, self.end)
    }
}

impl fmt::Debug for HandleRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(number: u16) -> AttributeHandle {
        AttributeHandle::new(number).unwrap()
    }

    #[test]
    fn zero_is_not_a_handle() {
        assert_eq!(AttributeHandle::new(0), None);
        assert!(AttributeHandle::try_from(0).is_err());
        assert_eq!(handle(1).previous(), None);
        assert_eq!(AttributeHandle::MAX.next(), None);
        assert_eq!(handle(0x2A).previous(), Some(handle(0x29)));
    }

    #[test]
    fn a_range_is_never_inverted() {
        assert_eq!(HandleRange::new(handle(2), handle(1)), None);
        let range = HandleRange::new(handle(3), handle(5)).unwrap();
        assert_eq!(
            range.after(handle(4)),
            HandleRange::new(handle(5), handle(5))
        );
        assert_eq!(range.after(handle(5)), None);
        assert_eq!(range.after(handle(1)), Some(range));
        assert_eq!(HandleRange::ALL.after(AttributeHandle::MAX), None);
        assert!(range.contains(handle(3)) && range.contains(handle(5)));
        assert!(!range.contains(handle(2)) && !range.contains(handle(6)));
    }
}
