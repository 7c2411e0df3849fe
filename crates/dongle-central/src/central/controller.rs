//! The controller as trouble-host sees it: its commands and their answers, on top of the mux.
//!
//! bt-hci's `ExternalController` is this for any transport, and is there once for each of the some
//! thirty types of commands. Here all but what a command returns is one function of bytes, the mux's.

use core::fmt;

use bt_hci::cmd::{self, AsyncCmd, SyncCmd};
use bt_hci::controller::{ControllerCmdAsync, ControllerCmdSync};
use bt_hci::data::{AclPacket, IsoPacket, SyncPacket};
use bt_hci::event::EventPacket;
use bt_hci::param::Error as HciError;
use bt_hci::transport::{PacketKind, Transport};
use bt_hci::{ControllerToHostPacket, FromHciBytes, ReadHciError};

use crate::links::Links;
use crate::mux::{Emit, Mux, MuxError, ReportHandler};

/// Neither synchronous nor isochronous data passes, in either direction: no LE connection has it.
const NOT_CARRIED: MuxError = MuxError::Decode(ReadHciError::InvalidValue);

/// A controller behind a [`Mux`].
pub struct Controller<'a, T: Transport, L, R, const BUFFER: usize> {
    mux: &'a Mux<'a, T, L, R, BUFFER>,
}

impl<'a, T: Transport, L, R, const BUFFER: usize> Controller<'a, T, L, R, BUFFER> {
    /// The controller behind `mux`.
    pub fn new(mux: &'a Mux<'a, T, L, R, BUFFER>) -> Self {
        Self { mux }
    }
}

impl<T, L, R, const BUFFER: usize> Controller<'_, T, L, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    R: ReportHandler,
{
    /// What a command returns; one that is not sent returns nothing. It knows the command as bytes, so
    /// that it is there once for each type that is returned, and most return nothing.
    async fn answer<X: for<'r> FromHciBytes<'r>>(
        &self,
        opcode: u16,
        command: Option<&dyn Emit>,
    ) -> Result<X, cmd::Error<MuxError>> {
        let returned = match command {
            Some(command) => self.mux.command(opcode, command).await?.decode(),
            None => X::from_hci_bytes(&[]).map(|(nothing, _)| nothing),
        };
        returned.map_err(|_| HciError::INVALID_HCI_PARAMETERS.into())
    }
}

impl<T: Transport, L, R, const BUFFER: usize> fmt::Debug for Controller<'_, T, L, R, BUFFER> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").finish_non_exhaustive()
    }
}

impl<T: Transport, L: Links, R: ReportHandler, const BUFFER: usize> embedded_io::ErrorType
    for Controller<'_, T, L, R, BUFFER>
where
    T::Error: 'static,
{
    type Error = MuxError;
}

impl<T: Transport, L: Links, R: ReportHandler, const BUFFER: usize> bt_hci::controller::Controller
    for Controller<'_, T, L, R, BUFFER>
where
    T::Error: 'static,
{
    type Buffer<'b> = [u8; BUFFER];

    fn alloc_buf(&self) -> Result<Self::Buffer<'_>, Self::Error> {
        Ok([0; BUFFER])
    }

    async fn write_acl_data(&self, packet: &AclPacket<'_>) -> Result<(), Self::Error> {
        self.mux.write_any(PacketKind::AclData, packet).await
    }

    async fn write_sync_data(&self, _: &SyncPacket<'_>) -> Result<(), Self::Error> {
        Err(NOT_CARRIED)
    }

    async fn write_iso_data(&self, _: &IsoPacket<'_>) -> Result<(), Self::Error> {
        Err(NOT_CARRIED)
    }

    async fn read<'b>(
        &self,
        buffer: &'b mut Self::Buffer<'_>,
    ) -> Result<ControllerToHostPacket<'b>, Self::Error> {
        let (kind, len) = self.mux.next_for_host(buffer).await?;
        let packet = buffer.get(..len).unwrap_or_default();
        let decoded = match kind {
            PacketKind::AclData => {
                AclPacket::from_hci_bytes(packet).map(|(p, _)| ControllerToHostPacket::Acl(p))
            }
            // Nothing else passes the mux.
            _ => EventPacket::from_hci_bytes(packet).map(|(e, _)| ControllerToHostPacket::Event(e)),
        };
        decoded.map_err(|_| NOT_CARRIED)
    }
}

/// Whether a command is about the controller's resolving list, which is of no use here: addresses are
/// resolved by the host, and keys stay there. None of them returns anything. trouble-host ends itself where
/// a controller without a list refuses some, and has no time for a pairing until all are answered.
const fn is_for_resolving_list(opcode: u16) -> bool {
    // LE Add Device To, Remove Device From and Clear Resolving List, LE Set Address Resolution Enable, LE
    // Set Resolvable Private Address Timeout, LE Set Privacy Mode (Core Vol 4 Part E, 7.8).
    cfg!(feature = "security")
        && matches!(opcode, 0x2027 | 0x2028 | 0x2029 | 0x202D | 0x202E | 0x204E)
}

impl<T, L, R, C, const BUFFER: usize> ControllerCmdSync<C> for Controller<'_, T, L, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    R: ReportHandler,
    C: SyncCmd,
{
    fn exec(
        &self,
        command: &C,
    ) -> impl Future<Output = Result<C::Return, cmd::Error<Self::Error>>> {
        // Decided where the command is known, so that its bytes are not linked if it is not sent.
        let command: Option<&dyn Emit> = match const { is_for_resolving_list(C::OPCODE.to_raw()) } {
            true => None,
            false => Some(command),
        };
        self.answer(C::OPCODE.to_raw(), command)
    }
}

impl<T, L, R, C, const BUFFER: usize> ControllerCmdAsync<C> for Controller<'_, T, L, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    R: ReportHandler,
    C: AsyncCmd,
{
    fn exec(&self, command: &C) -> impl Future<Output = Result<(), cmd::Error<Self::Error>>> {
        self.answer(C::OPCODE.to_raw(), Some(command))
    }
}
