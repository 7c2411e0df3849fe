//! HCI packets as bytes: whole ones from the controller, and the first bytes of those to it.

use core::convert::Infallible;

use bt_hci::ReadHciError;
use bt_hci::transport::{PacketKind, PacketToController, PacketToHost};
use heapless::Vec;
#[cfg(feature = "security")]
use zeroize::Zeroize as _;

use super::sdus::CID_SIGNALLING;
use crate::links::LinkId;

/// A whole packet from the controller, not yet checked, without its indicator.
pub(super) struct RawPacket<'a> {
    pub(super) kind: PacketKind,
    pub(super) bytes: &'a [u8],
}

/// The length of a header, and a function that reads the payload's length from it.
fn header(kind: PacketKind) -> (usize, fn(&[u8]) -> usize) {
    match kind {
        PacketKind::Event => (2, |h| h.get(1).copied().map_or(0, usize::from)),
        PacketKind::AclData => (4, |h| length16(h, 0xFFFF)),
        PacketKind::IsoData => (4, |h| length16(h, 0x3FFF)),
        PacketKind::Cmd | PacketKind::SyncData => (3, |h| h.get(2).copied().map_or(0, usize::from)),
    }
}

fn length16(header: &[u8], mask: u16) -> usize {
    match header {
        [_, _, low, high, ..] => usize::from(u16::from_le_bytes([*low, *high]) & mask),
        _ => 0,
    }
}

impl<'a> PacketToHost<'a> for RawPacket<'a> {
    fn read_hci<R: embedded_io::Read>(
        kind: PacketKind,
        data: &mut R,
        buf: &'a mut [u8],
    ) -> Result<Self, ReadHciError<R::Error>> {
        let (header_len, payload_len) = header(kind);
        let head = buf
            .get_mut(..header_len)
            .ok_or(ReadHciError::BufferTooSmall)?;
        data.read_exact(head)?;
        let len = header_len + payload_len(head);
        let payload = buf
            .get_mut(header_len..len)
            .ok_or(ReadHciError::BufferTooSmall)?;
        data.read_exact(payload)?;
        Ok(Self {
            kind,
            bytes: buf.get(..len).unwrap_or_default(),
        })
    }

    async fn read_hci_async<R: embedded_io_async::Read>(
        kind: PacketKind,
        data: &mut R,
        buf: &'a mut [u8],
    ) -> Result<Self, ReadHciError<R::Error>> {
        let (header_len, payload_len) = header(kind);
        let head = buf
            .get_mut(..header_len)
            .ok_or(ReadHciError::BufferTooSmall)?;
        data.read_exact(head).await?;
        let len = header_len + payload_len(head);
        let payload = buf
            .get_mut(header_len..len)
            .ok_or(ReadHciError::BufferTooSmall)?;
        data.read_exact(payload).await?;
        Ok(Self {
            kind,
            bytes: buf.get(..len).unwrap_or_default(),
        })
    }
}

/// What packets to the controller are written to.
pub(crate) type Sink = dyn embedded_io::Write<Error = Infallible>;

/// A packet to the controller, whatever its type.
pub(crate) trait Emit {
    /// Writes the whole packet.
    fn emit(&self, sink: &mut Sink);

    /// The link whose handle a command names. While the command waits for its turn, the link may end, and
    /// the controller may give the handle to the next connection.
    fn link(&self) -> Option<LinkId> {
        None
    }
}

impl<P: PacketToController> Emit for P {
    fn emit(&self, sink: &mut Sink) {
        let Ok(()) = self.write_hci(sink);
    }
}

/// A packet that is already bytes.
#[cfg(test)]
pub(crate) struct Written<'a>(pub(crate) &'a [u8]);

#[cfg(test)]
impl Emit for Written<'_> {
    fn emit(&self, sink: &mut Sink) {
        let Ok(()) = sink.write_all(self.0);
    }
}

/// A packet to the controller as bytes. Packets have many types; without this, the code that sends
/// them would be compiled once for each.
#[derive(Debug)]
pub(crate) struct Outgoing<const SIZE: usize> {
    bytes: Vec<u8, SIZE>,
    /// Whether the packet did not fit.
    cut: bool,
}

impl<const SIZE: usize> Outgoing<SIZE> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            cut: false,
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.cut = false;
    }

    /// Zeroes what was written.
    #[cfg(feature = "security")]
    pub(crate) fn wipe(&mut self) {
        self.bytes.zeroize();
    }

    /// What was written since [`Outgoing::clear`]; `None` if it did not fit.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        (!self.cut).then_some(&self.bytes)
    }

    /// The same bytes, for rewriting.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl<const SIZE: usize> embedded_io::ErrorType for Outgoing<SIZE> {
    type Error = Infallible;
}

impl<const SIZE: usize> embedded_io::Write for Outgoing<SIZE> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        self.cut |= self.bytes.extend_from_slice(buf).is_err();
        Ok(buf.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A packet of kind `KIND`, as numbered by [`PacketKind`]: its first bytes, and the rest.
pub(super) struct Raw<'a, const KIND: u8>(pub(super) &'a [u8], pub(super) &'a [u8]);

impl<const KIND: u8> PacketToController for Raw<'_, KIND> {
    const KIND: PacketKind = match KIND {
        1 => PacketKind::Cmd,
        _ => PacketKind::AclData,
    };

    fn size(&self) -> usize {
        self.0.len() + self.1.len()
    }

    fn write_hci<W: embedded_io::Write>(&self, mut writer: W) -> Result<(), W::Error> {
        writer.write_all(self.0)?;
        writer.write_all(self.1)
    }

    async fn write_hci_async<W: embedded_io_async::Write>(
        &self,
        mut writer: W,
    ) -> Result<(), W::Error> {
        writer.write_all(self.0).await?;
        writer.write_all(self.1).await
    }
}

/// The first bytes of a packet to the controller: all that is needed to decide about it.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: [u8; 8],
    len: usize,
}

impl Head {
    /// The opcode of a command.
    pub(super) fn opcode(&self) -> u16 {
        u16::from_le_bytes([self.bytes[0], self.bytes[1]])
    }

    /// The length of the whole packet.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The connection that a command names.
    pub(super) fn connection(&self) -> u16 {
        u16::from_le_bytes([self.bytes[3], self.bytes[4]]) & 0x0FFF
    }

    /// Whether an ACL packet begins a frame on the signalling channel.
    pub(super) fn begins_signal(&self) -> bool {
        !self.continues() && [self.bytes[6], self.bytes[7]] == CID_SIGNALLING.to_le_bytes()
    }

    /// The connection handle of an ACL packet.
    pub(super) fn handle(&self) -> u16 {
        u16::from_le_bytes([self.bytes[0], self.bytes[1]]) & 0x0FFF
    }

    /// Whether an ACL packet continues a frame that an earlier one began.
    pub(super) fn continues(&self) -> bool {
        self.bytes[1] >> 4 & 0b11 == 0b01
    }

    /// The length of an ACL packet's data.
    pub(super) fn data_len(&self) -> usize {
        self.len.saturating_sub(4)
    }

    /// The length of the frame that an ACL packet begins, including its header.
    pub(super) fn frame_len(&self) -> usize {
        usize::from(u16::from_le_bytes([self.bytes[4], self.bytes[5]])) + 4
    }
}

impl embedded_io::ErrorType for Head {
    type Error = Infallible;
}

impl embedded_io::Write for Head {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        let room = self.bytes.get_mut(self.len.min(8)..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(buf) {
            *to = *from;
        }
        self.len += buf.len();
        Ok(buf.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(all(test, feature = "security"))]
mod tests {
    use super::*;
    use embedded_io::Write as _;

    #[test]
    fn nothing_is_left_of_a_packet_that_was_wiped() {
        let mut packet = Outgoing::<8>::new();
        packet.write_all(&[1, 2, 3]).unwrap();
        packet.wipe();
        assert_eq!(packet.bytes(), Some(&[0; 3][..]));
    }
}
