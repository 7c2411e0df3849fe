//! ATT_MTU, and what fits in a PDU of that size.

use core::fmt;

use super::MAX_VALUE_LENGTH;

/// The maximum length of an ATT PDU on one bearer, in octets: 23 to 517.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mtu(u16);

impl Mtu {
    /// The MTU until another is agreed on, and the smallest possible (Part G 5.2.1).
    pub const DEFAULT: Self = Self(23);
    /// Carries the longest value in any PDU; a larger MTU would have no use.
    pub const MAX: Self = Self(517);

    /// An MTU of this many octets; `None` outside 23..=517.
    pub const fn new(octets: u16) -> Option<Self> {
        if Self::DEFAULT.0 <= octets && octets <= Self::MAX.0 {
            Some(Self(octets))
        } else {
            None
        }
    }

    /// The MTU nearest to this many octets.
    pub const fn clamped(octets: u16) -> Self {
        if octets < Self::DEFAULT.0 {
            Self::DEFAULT
        } else if octets > Self::MAX.0 {
            Self::MAX
        } else {
            Self(octets)
        }
    }

    /// The MTU when each side has said how much it can receive: the smaller, but never below the
    /// default, whatever a side claims (Part F 3.4.2.2).
    pub const fn agreed(client_rx_mtu: u16, server_rx_mtu: u16) -> Self {
        Self::clamped(if client_rx_mtu < server_rx_mtu {
            client_rx_mtu
        } else {
            server_rx_mtu
        })
    }

    /// The number of octets.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The number of octets as a `usize`.
    pub const fn size(self) -> usize {
        self.0 as usize
    }

    /// The most that a Read or Read Blob Response carries: ATT_MTU - 1.
    pub const fn max_read(self) -> usize {
        self.size() - 1
    }

    /// The most that one value of a Read By Type Response carries: ATT_MTU - 4, but at most 253,
    /// since its length is given in one octet.
    pub const fn max_read_by_type(self) -> usize {
        if self.size() - 4 < 253 {
            self.size() - 4
        } else {
            253
        }
    }

    /// The most that a Write Request, Write Command, notification or indication carries:
    /// ATT_MTU - 3, but no more than an attribute can hold.
    pub const fn max_write(self) -> usize {
        if self.size() - 3 < MAX_VALUE_LENGTH {
            self.size() - 3
        } else {
            MAX_VALUE_LENGTH
        }
    }

    /// The most that one Prepare Write Request carries: ATT_MTU - 5.
    pub const fn max_prepare(self) -> usize {
        self.size() - 5
    }

    /// The most handles that a Read Multiple (Variable) Request carries.
    pub const fn max_handles(self) -> usize {
        (self.size() - 1) / 2
    }
}

impl Default for Mtu {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mtu({})", self.0)
    }
}

impl From<Mtu> for u16 {
    fn from(mtu: Mtu) -> u16 {
        mtu.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lesser_side_decides_but_never_below_23() {
        assert_eq!(Mtu::agreed(517, 185).get(), 185);
        assert_eq!(Mtu::agreed(100, 517).get(), 100);
        assert_eq!(Mtu::agreed(517, 0), Mtu::DEFAULT);
        assert_eq!(Mtu::agreed(22, 22), Mtu::DEFAULT);
        assert_eq!(Mtu::agreed(u16::MAX, u16::MAX), Mtu::MAX);
        assert_eq!(Mtu::new(22), None);
        assert_eq!(Mtu::new(518), None);
    }

    #[test]
    fn payloads_fit() {
        let least = Mtu::DEFAULT;
        assert_eq!(
            (
                least.max_read(),
                least.max_write(),
                least.max_prepare(),
                least.max_read_by_type()
            ),
            (22, 20, 18, 19)
        );
        assert_eq!((Mtu::MAX.max_write(), Mtu::MAX.max_prepare()), (512, 512));
        assert_eq!(Mtu::MAX.max_read_by_type(), 253);
        assert_eq!(least.max_handles(), 11);
    }
}
