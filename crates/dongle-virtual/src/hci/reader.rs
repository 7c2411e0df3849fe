//! A checked reader of little-endian fields: a packet that is too short is an error, never a panic.

use super::Status;
use super::status::INVALID_PARAMETERS;

/// Reads the fields of a command's parameters. If there are too few bytes, the error is Invalid HCI
/// Command Parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn slice(&mut self, len: usize) -> Result<&'a [u8], Status> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(INVALID_PARAMETERS)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Status> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(INVALID_PARAMETERS)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Status> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn i8(&mut self) -> Result<i8, Status> {
        self.array().map(i8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Status> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u24(&mut self) -> Result<u32, Status> {
        self.array()
            .map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Status> {
        self.array().map(u64::from_le_bytes)
    }

    /// A boolean field. Anything but 0 and 1 is an error.
    pub(crate) fn flag(&mut self) -> Result<bool, Status> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(INVALID_PARAMETERS),
        }
    }

    /// A connection handle, without the reserved upper bits.
    pub(crate) fn handle(&mut self) -> Result<u16, Status> {
        match self.u16()? {
            handle @ 0..=0x0EFF => Ok(handle),
            _ => Err(INVALID_PARAMETERS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order_and_running_out_is_an_error() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6]);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(0x0302));
        assert_eq!(reader.u24(), Ok(0x0006_0504));
        assert_eq!(reader.u8(), Err(INVALID_PARAMETERS));
    }

    #[test]
    fn a_flag_is_zero_or_one() {
        assert_eq!(Reader::new(&[1]).flag(), Ok(true));
        assert_eq!(Reader::new(&[2]).flag(), Err(INVALID_PARAMETERS));
    }
}
