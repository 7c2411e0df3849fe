//! The controller as trouble-host sees it: its commands and their answers, on top of the mux.
//!
//! bt-hci's `ExternalController` is this for any transport, and is there once for each of the some
//! thirty types of commands. Here all but the type of a command is one function of bytes. It also
//! ends what waits for an answer when the controller fails, and takes a command that was given up
//! for under way until its answer has come, so that the answer is nobody else's.

use core::cell::RefCell;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll};

use bt_hci::cmd::{self, AsyncCmd, CmdReturnBuf, SyncCmd};
use bt_hci::controller::{ControllerCmdAsync, ControllerCmdSync};
use bt_hci::data::{AclPacket, IsoPacket, SyncPacket};
use bt_hci::param::{Error as HciError, Status};
use bt_hci::transport::{PacketKind, PacketToController, Transport};
use bt_hci::{ControllerToHostPacket, FromHciBytes, ReadHciError};
use embassy_sync::waitqueue::MultiWakerRegistration;

use crate::links::Links;
use crate::mux::{Failure, HOST_NUMBER_OF_COMPLETED_PACKETS, Mux, MuxError, ReportHandler, Sink};

/// Event codes (Core Vol 4 Part E, 7.7).
const COMMAND_COMPLETE: u8 = 0x0E;
const COMMAND_STATUS: u8 = 0x0F;
/// Bytes a command may return behind its status: LE Read Local Supported Commands has the most of
/// those that are ever sent from here. Of one that returns more, the answer does not decode.
const RETURNED: usize = 64;

/// A controller behind a [`Mux`], which carries one command at a time to it.
pub struct Controller<'a, T, L, R, const BUFFER: usize> {
    mux: &'a Mux<'a, T, L, R, BUFFER>,
    commands: RefCell<Commands>,
}

impl<'a, T, L, R, const BUFFER: usize> Controller<'a, T, L, R, BUFFER> {
    /// The controller behind `mux`.
    pub fn new(mux: &'a Mux<'a, T, L, R, BUFFER>) -> Self {
        Self {
            mux,
            commands: RefCell::new(Commands::new()),
        }
    }
}

impl<T, L, R, const BUFFER: usize> fmt::Debug for Controller<'_, T, L, R, BUFFER> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").finish_non_exhaustive()
    }
}

/// The command that is under way.
struct Commands {
    /// Its opcode, from before it is sent until it is answered and the answer is taken.
    opcode: Option<u16>,
    /// Whether somebody waits for the answer.
    awaited: bool,
    /// Its status, and how much it returned.
    answer: Option<(Status, usize)>,
    returned: [u8; RETURNED],
    /// The controller takes no more commands for now.
    full: bool,
    waiters: MultiWakerRegistration<4>,
}

impl Commands {
    const fn new() -> Self {
        Self {
            opcode: None,
            awaited: false,
            answer: None,
            returned: [0; RETURNED],
            full: false,
            waiters: MultiWakerRegistration::new(),
        }
    }

    /// Begins with a command, when it is its turn.
    fn poll_begin(&mut self, opcode: u16, cx: &mut Context<'_>) -> Poll<()> {
        if self.opcode.is_some() || self.full {
            self.waiters.register(cx.waker());
            return Poll::Pending;
        }
        self.opcode = Some(opcode);
        self.awaited = true;
        Poll::Ready(())
    }

    /// The status of the command, and the length of what it returned.
    fn poll_answer(&mut self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<(Status, usize)> {
        let Some((status, len)) = self.answer else {
            self.waiters.register(cx.waker());
            return Poll::Pending;
        };
        let len = len.min(out.len());
        for (to, from) in out.iter_mut().zip(&self.returned) {
            *to = *from;
        }
        Poll::Ready((status, len))
    }

    /// The next one may begin.
    fn end(&mut self) {
        self.opcode = None;
        self.answer = None;
        self.waiters.wake();
    }

    /// Takes an event, if it answers a command.
    fn take(&mut self, event: &[u8]) -> bool {
        let (opcode, more, status, returned) = match *event {
            [COMMAND_COMPLETE, _, more, o0, o1] => ([o0, o1], more, 0, &[][..]),
            [COMMAND_COMPLETE, _, more, o0, o1, status, ref returned @ ..] => {
                ([o0, o1], more, status, returned)
            }
            [COMMAND_STATUS, _, status, more, o0, o1] => ([o0, o1], more, status, &[][..]),
            _ => return false,
        };
        self.full = more == 0;
        if self.opcode == Some(u16::from_le_bytes(opcode)) && self.answer.is_none() {
            for (to, from) in self.returned.iter_mut().zip(returned) {
                *to = *from;
            }
            self.answer = Some((Status::from(status), returned.len()));
            if !self.awaited {
                self.end();
            }
        }
        self.waiters.wake();
        true
    }
}

/// The turn of a command, given up when it is dropped.
struct Turn<'c> {
    commands: &'c RefCell<Commands>,
    /// The command has gone out.
    sent: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut commands = self.commands.borrow_mut();
        if self.sent && commands.answer.is_none() {
            commands.awaited = false;
        } else {
            commands.end();
        }
    }
}

impl<T: Transport, L: Links, R: ReportHandler, const BUFFER: usize> Controller<'_, T, L, R, BUFFER>
where
    T::Error: 'static,
{
    /// Sends the command that `emit` writes and waits for its answer; what it returned is put into
    /// `out`: its length.
    async fn run(
        &self,
        opcode: u16,
        emit: &dyn Fn(&mut Sink),
        out: &mut [u8],
    ) -> Result<usize, cmd::Error<MuxError<T::Error>>> {
        self.unless_failed(|commands, cx| commands.poll_begin(opcode, cx))
            .await?;
        let mut turn = Turn {
            commands: &self.commands,
            sent: false,
        };
        let sent = self.mux.write_any(PacketKind::Cmd, emit).await;
        sent.map_err(cmd::Error::Io)?;
        if opcode == HOST_NUMBER_OF_COMPLETED_PACKETS {
            // No event answers it.
            return Ok(0);
        }
        turn.sent = true;
        let (status, len) = self
            .unless_failed(|commands, cx| commands.poll_answer(cx, out))
            .await?;
        status.to_result()?;
        Ok(len)
    }

    /// Waits for something about the commands, or for the controller's failure.
    async fn unless_failed<X>(
        &self,
        mut poll: impl FnMut(&mut Commands, &mut Context<'_>) -> Poll<X>,
    ) -> Result<X, cmd::Error<MuxError<T::Error>>> {
        let failed = |failure: Failure| Err(cmd::Error::Io(MuxError::Controller(failure)));
        poll_fn(|cx| {
            if let Poll::Ready(failure) = self.mux.poll_failure(cx) {
                return Poll::Ready(failed(failure));
            }
            poll(&mut self.commands.borrow_mut(), cx).map(Ok)
        })
        .await
    }

    async fn write<P: PacketToController>(&self, packet: &P) -> Result<(), MuxError<T::Error>> {
        let emit = |sink: &mut Sink| {
            let Ok(()) = packet.write_hci(sink);
        };
        self.mux.write_any(P::KIND, &emit).await
    }
}

impl<T: Transport, L: Links, R: ReportHandler, const BUFFER: usize> embedded_io::ErrorType
    for Controller<'_, T, L, R, BUFFER>
where
    T::Error: 'static,
{
    type Error = MuxError<T::Error>;
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
        self.write(packet).await
    }

    async fn write_sync_data(&self, packet: &SyncPacket<'_>) -> Result<(), Self::Error> {
        self.write(packet).await
    }

    async fn write_iso_data(&self, packet: &IsoPacket<'_>) -> Result<(), Self::Error> {
        self.write(packet).await
    }

    async fn read<'b>(
        &self,
        buffer: &'b mut Self::Buffer<'_>,
    ) -> Result<ControllerToHostPacket<'b>, Self::Error> {
        let (kind, len) = loop {
            let (kind, len) = self.mux.next_for_host(buffer).await?;
            let packet = buffer.get(..len).unwrap_or_default();
            if kind != PacketKind::Event || !self.commands.borrow_mut().take(packet) {
                break (kind, len);
            }
        };
        let packet = buffer.get(..len).unwrap_or_default();
        match ControllerToHostPacket::from_hci_bytes_with_kind(kind, packet) {
            Ok((packet, _)) => Ok(packet),
            Err(_) => Err(MuxError::Decode(ReadHciError::InvalidValue)),
        }
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
    async fn exec(&self, command: &C) -> Result<C::Return, cmd::Error<Self::Error>> {
        let mut returned = C::ReturnBuf::new();
        let emit = |sink: &mut Sink| {
            let Ok(()) = PacketToController::write_hci(command, sink);
        };
        let len = self
            .run(C::OPCODE.to_raw(), &emit, returned.as_mut())
            .await?;
        let returned = returned.as_ref().get(..len).unwrap_or_default();
        C::Return::from_hci_bytes_complete(returned)
            .map_err(|_| HciError::INVALID_HCI_PARAMETERS.into())
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
    async fn exec(&self, command: &C) -> Result<(), cmd::Error<Self::Error>> {
        let emit = |sink: &mut Sink| {
            let Ok(()) = PacketToController::write_hci(command, sink);
        };
        self.run(C::OPCODE.to_raw(), &emit, &mut []).await?;
        Ok(())
    }
}
