//! Our own commands to the controller, as bytes, so that one function can send them all.

use bt_hci::cmd::{self, Cmd, SyncCmd};
use bt_hci::param::Error as HciError;
use bt_hci::transport::{PacketToController, Transport};
use embedded_io::Write as _;
use trouble_host::PacketPool;

use super::{Central, Error};
use crate::links::{LinkId, Links};
use crate::mux::{Answer, COMMAND_DISALLOWED, Emit, MuxError, Outgoing, ReportHandler, Sink};

/// Size of the longest, LE Extended Create Connection (Core Vol 4 Part E, 7.8.66) on two PHYs, with its header.
const LONGEST: usize = 45;

/// Opcodes of the commands that are written octet by octet (7.8 unless stated otherwise).
pub(super) mod opcode {
    pub const SET_SCAN_PARAMETERS: u16 = 0x200B;
    pub const SET_SCAN_ENABLE: u16 = 0x200C;
    pub const CREATE_CONNECTION: u16 = 0x200D;
    pub const CLEAR_FILTER_ACCEPT_LIST: u16 = 0x2010;
    pub const ADD_TO_FILTER_ACCEPT_LIST: u16 = 0x2011;
    pub const CONNECTION_UPDATE: u16 = 0x2013;
    /// LE Remote Connection Parameter Request Reply, and Negative Reply.
    pub const ALLOW_PARAMETERS: u16 = 0x2020;
    pub const REFUSE_PARAMETERS: u16 = 0x2021;
    pub const SET_EXTENDED_SCAN_PARAMETERS: u16 = 0x2041;
    pub const SET_EXTENDED_SCAN_ENABLE: u16 = 0x2042;
    pub const EXTENDED_CREATE_CONNECTION: u16 = 0x2043;
}

/// A command as bytes.
pub(super) struct Command {
    opcode: u16,
    link: Option<LinkId>,
    bytes: Outgoing<LONGEST>,
}

impl Command {
    pub(super) fn new<C: Cmd>(command: &C) -> Self {
        let mut bytes = Outgoing::new();
        let Ok(()) = PacketToController::write_hci(command, &mut bytes);
        Self {
            opcode: C::OPCODE.to_raw(),
            link: None,
            bytes,
        }
    }

    /// A command whose parameters are these parts, concatenated.
    pub(super) fn written(opcode: u16, parameters: &[&[u8]]) -> Self {
        let mut bytes = Outgoing::new();
        let len = parameters.iter().map(|part| part.len()).sum::<usize>();
        let [o0, o1] = opcode.to_le_bytes();
        let header = [o0, o1, len as u8];
        for part in core::iter::once(&&header[..]).chain(parameters) {
            let Ok(()) = bytes.write_all(part);
        }
        Self {
            opcode,
            link: None,
            bytes,
        }
    }

    /// The same command, which is only sent if the controller still has this link by then.
    pub(super) fn only_to(mut self, link: Option<LinkId>) -> Self {
        self.link = link;
        self
    }

    /// Asserts that this is the command as bt-hci writes it.
    #[cfg(test)]
    #[track_caller]
    pub(super) fn assert_is<C: Cmd>(&self, theirs: &C) {
        assert_eq!(self.opcode, C::OPCODE.to_raw());
        assert_eq!(self.bytes.bytes(), Self::new(theirs).bytes.bytes());
    }
}

impl Emit for Command {
    fn emit(&self, sink: &mut Sink) {
        let Ok(()) = sink.write_all(self.bytes.bytes().unwrap_or_default());
    }

    fn link(&self) -> Option<LinkId> {
        self.link
    }
}

/// It may hold an encryption key.
#[cfg(feature = "security")]
impl Drop for Command {
    fn drop(&mut self) {
        self.bytes.wipe();
    }
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// Sends a command, once the controller is initialized, and ignores what it returns.
    pub(super) fn tell<C: Cmd>(
        &self,
        command: &C,
    ) -> impl Future<Output = Result<(), Error<T::Error>>> + use<'_, 's, 'a, C, T, L, P, R, BUFFER>
    {
        self.tell_it(Command::new(command))
    }

    /// Like [`tell`](Self::tell), for a command that is already bytes.
    #[allow(
        clippy::manual_async_fn,
        reason = "an async fn would have room for the command twice"
    )]
    pub(super) fn tell_it(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<(), Error<T::Error>>> + use<'_, 's, 'a, T, L, P, R, BUFFER>
    {
        async move {
            self.controller_info().await;
            self.send(&command).await.map(drop)
        }
    }

    /// Sends a command and decodes what it returns.
    pub(super) async fn ask<C: SyncCmd>(&self, command: &C) -> Result<C::Return, Error<T::Error>> {
        let answer = self.send(&Command::new(command)).await?;
        let returned = answer.decode::<C::Return>();
        returned.map_err(|e| Error::Host(trouble_host::Error::HciDecode(e)))
    }

    /// Sends the commands numbered from 0 until there is none, or one fails.
    pub(super) async fn send_all(
        &self,
        commands: &dyn Fn(usize) -> Option<Command>,
    ) -> Result<(), Error<T::Error>> {
        let mut number = 0;
        while let Some(command) = commands(number) {
            self.send(&command).await?;
            number += 1;
        }
        Ok(())
    }

    /// Like [`send_all`](Self::send_all), for commands that start a scan or an attempt to connect. If they are
    /// disallowed, an earlier one that should have ended may still run: `end` ends it, and they are sent again.
    pub(super) async fn begin(
        &self,
        commands: &dyn Fn(usize) -> Option<Command>,
        end: &dyn Fn() -> Command,
    ) -> Result<(), Error<T::Error>> {
        let mut ended = false;
        loop {
            match self.send_all(commands).await {
                Err(Error::Hci(COMMAND_DISALLOWED)) if !ended => {
                    ended = true;
                    let _ = self.send(&end()).await;
                }
                begun => return begun,
            }
        }
    }

    /// Sends a command.
    pub(super) async fn send(&self, command: &Command) -> Result<Answer<'a>, Error<T::Error>> {
        Ok(self.mux.command(command.opcode, command).await?)
    }
}

impl<E> From<cmd::Error<MuxError>> for Error<E> {
    fn from(error: cmd::Error<MuxError>) -> Self {
        match error {
            cmd::Error::Io(error) => error.into(),
            cmd::Error::Hci(HciError::CONN_LIMIT_EXCEEDED) => Self::ConnectionLimit,
            cmd::Error::Hci(e) => Self::Hci(e.to_status().into_inner()),
        }
    }
}
