//! The controller as trouble-host sees it: its commands and their answers, on top of the mux.
//!
//! Scans, connections and their ends are asked for by [`Central`](super::Central). trouble-host, which is told
//! of each connection, is given to believe that it has made it.
//!
//! bt-hci's `ExternalController` is this for any transport, and is there once for each of the some
//! thirty types of commands. Here all but what a command returns is one function of bytes, the mux's.

use core::fmt;

use bt_hci::cmd::{self, AsyncCmd, Cmd, SyncCmd};
use bt_hci::controller::{ControllerCmdAsync, ControllerCmdSync};
use bt_hci::data::{AclPacket, IsoPacket, SyncPacket};
use bt_hci::event::EventPacket;
use bt_hci::param::Error as HciError;
use bt_hci::transport::{PacketKind, Transport};
use bt_hci::{ControllerToHostPacket, FromHciBytes, ReadHciError};

use crate::links::Links;
use crate::mux::{
    Answer, DISCONNECT, Emit, LE_READ_BUFFER_SIZE, Mux, MuxError, RESET, ReportHandler,
};

/// Whether a command is one of those that trouble-host sends without need: [`Central`](super::Central) makes the
/// controller ready, scans, connects, and resolves addresses itself. The connection that trouble-host is to
/// give away there is already.
const fn is_needless(opcode: u16) -> bool {
    matches!(
        opcode,
        // Set Event Mask, Host Buffer Size, Host Number Of Completed Packets, Set Event Mask Page 2 (Core Vol
        // 4 Part E, 7.3).
        0x0C01 | 0x0C33 | 0x0C35 | 0x0C63
        // LE Set Event Mask, LE Create Connection, LE Create Connection Cancel, LE Read Filter Accept List Size
        // (7.8).
        | 0x2001 | 0x200D | 0x200E | 0x200F
        // The resolving list, of no use where the host resolves and keys stay there: LE Add Device To it, LE
        // Remove Device From it, LE Clear it, LE Set Address Resolution Enable, LE Set Resolvable Private
        // Address Timeout, LE Set Privacy Mode.
        | 0x2027..=0x2029 | 0x202D | 0x202E | 0x204E
    )
}

/// A command, unless it is needless: decided where it is known, so that its bytes are not linked then.
fn needed<C: Cmd>(command: &C) -> Option<&dyn Emit> {
    match const { is_needless(C::OPCODE.to_raw()) } {
        true => None,
        false => Some(command),
    }
}

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

impl<T: Transport, L: Links, R: ReportHandler, const BUFFER: usize> Controller<'_, T, L, R, BUFFER>
where
    T::Error: 'static,
{
    /// Has a command of trouble-host's answered: by the controller where it has to be, else here. None: it is
    /// needless.
    async fn answer(
        &self,
        opcode: u16,
        command: Option<&dyn Emit>,
    ) -> Result<Told<'_>, cmd::Error<MuxError>> {
        let Some(command) = command else {
            return Ok(Told::Here([0; 3]));
        };
        match opcode {
            // Its first.
            RESET => self.mux.made_ready().await?,
            LE_READ_BUFFER_SIZE => {
                let (length, total) = self.mux.buffers();
                let [l0, l1] = length.to_le_bytes();
                return Ok(Told::Here([l0, l1, u8::try_from(total).unwrap_or(u8::MAX)]));
            }
            // As any connection is ended: it may have been asked for already.
            DISCONNECT => self.mux.disconnect_as(command),
            opcode => {
                let told = self.mux.command(opcode, command).await;
                return told.map(Told::ByController);
            }
        }
        Ok(Told::Here([0; 3]))
    }

    /// The same, and what it returned: one function for all commands that return the same.
    async fn execute<Q: for<'r> FromHciBytes<'r>>(
        &self,
        opcode: u16,
        command: Option<&dyn Emit>,
    ) -> Result<Q, cmd::Error<MuxError>> {
        self.answer(opcode, command).await?.decode()
    }
}

/// What answers a command.
enum Told<'c> {
    ByController(Answer<'c>),
    Here([u8; 3]),
}

impl Told<'_> {
    fn decode<R: for<'r> FromHciBytes<'r>>(&self) -> Result<R, cmd::Error<MuxError>> {
        let decoded = match self {
            Self::ByController(answer) => answer.decode(),
            Self::Here(returned) => R::from_hci_bytes(returned).map(|(returned, _)| returned),
        };
        decoded.map_err(|_| HciError::INVALID_HCI_PARAMETERS.into())
    }
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
        self.execute(C::OPCODE.to_raw(), needed(command))
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
        self.execute(C::OPCODE.to_raw(), needed(command))
    }
}
