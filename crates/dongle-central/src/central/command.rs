//! Commands of our own to the controller: bytes from here on, so that one function sends them all.

use bt_hci::FromHciBytes;
use bt_hci::cmd::{self, Cmd, SyncCmd};
use bt_hci::transport::{PacketToController, Transport};
use heapless::Vec;
use trouble_host::{BleHostError, PacketPool};

use super::{Central, Error};
use crate::links::Links;
use crate::mux::{MuxError, Outgoing, ReportHandler, Sink};

/// Bytes of the longest: LE Enable Encryption (Core Vol 4 Part E, 7.8.24) with its header.
const LONGEST: usize = 31;
/// Bytes that the most talkative returns: LE Read Local Supported Features (7.8.3).
const RETURNED: usize = 8;

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

    async fn tell_it(&self, command: Command) -> Result<(), Error<T::Error>> {
        self.controller_info().await;
        self.send(command).await.map(drop)
    }

    /// Asks the controller something.
    pub(super) async fn ask<C: SyncCmd>(&self, command: &C) -> Result<C::Return, Error<T::Error>> {
        let returned = self.send(Command::new(command)).await?;
        C::Return::from_hci_bytes_complete(&returned)
            .map_err(|e| Error::Host(trouble_host::Error::HciDecode(e)))
    }

    /// Sends a command; what it returned.
    async fn send(&self, command: Command) -> Result<Vec<u8, RETURNED>, Error<T::Error>> {
        let mut returned = Vec::new();
        let _ = returned.resize_default(RETURNED);
        let emit = |sink: &mut Sink| {
            let Ok(()) = sink.write_all(command.bytes.bytes().unwrap_or_default());
        };
        let sent = self.mux.command(command.opcode, &emit, &mut returned);
        let len = sent.await?;
        returned.truncate(len);
        Ok(returned)
    }
}

impl<E> From<cmd::Error<MuxError>> for Error<E> {
    fn from(error: cmd::Error<MuxError>) -> Self {
        BleHostError::from(error).into()
    }
}
