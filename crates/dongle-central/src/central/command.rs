//! Commands of our own to the controller: bytes from here on, so that one function sends them all.

use bt_hci::cmd::{self, Cmd, SyncCmd};
use bt_hci::transport::{PacketToController, Transport};
use trouble_host::{BleHostError, PacketPool};

use super::{Central, Error};
use crate::links::Links;
use crate::mux::{Answer, Emit, MuxError, Outgoing, ReportHandler, Sink};

/// Bytes of the longest: LE Enable Encryption (Core Vol 4 Part E, 7.8.24) with its header.
const LONGEST: usize = 31;

/// A command, written out.
pub(super) struct Command {
    opcode: u16,
    bytes: Outgoing<LONGEST>,
}

impl Command {
    pub(super) fn new<C: Cmd>(command: &C) -> Self {
        let mut bytes = Outgoing::new();
        let Ok(()) = PacketToController::write_hci(command, &mut bytes);
        Self {
            opcode: C::OPCODE.to_raw(),
            bytes,
        }
    }
}

impl Emit for Command {
    fn emit(&self, sink: &mut Sink) {
        let Ok(()) = sink.write_all(self.bytes.bytes().unwrap_or_default());
    }
}

/// One holds the key to encrypt with.
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
    /// Has the controller do something, once it is known.
    pub(super) fn tell<C: Cmd>(
        &self,
        command: &C,
    ) -> impl Future<Output = Result<(), Error<T::Error>>> + use<'_, 's, 'a, C, T, L, P, R, BUFFER>
    {
        self.tell_it(Command::new(command))
    }

    /// The same with a command that is written out.
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

    /// Asks the controller something.
    pub(super) async fn ask<C: SyncCmd>(&self, command: &C) -> Result<C::Return, Error<T::Error>> {
        let answer = self.send(&Command::new(command)).await?;
        let returned = answer.decode::<C::Return>();
        returned.map_err(|e| Error::Host(trouble_host::Error::HciDecode(e)))
    }

    /// Sends a command.
    pub(super) async fn send(&self, command: &Command) -> Result<Answer<'a>, Error<T::Error>> {
        Ok(self.mux.command(command.opcode, command).await?)
    }
}

impl<E> From<cmd::Error<MuxError>> for Error<E> {
    fn from(error: cmd::Error<MuxError>) -> Self {
        BleHostError::from(error).into()
    }
}
