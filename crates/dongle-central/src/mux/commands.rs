//! Commands to the controller, one at a time, and their answers.
//!
//! A command whose caller is dropped stays pending until it is answered, so that no later command
//! takes its answer. When the controller fails, every wait for an answer ends.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::{Context, Poll};

use bt_hci::cmd;
use bt_hci::param::{Error as HciError, Status};
use bt_hci::transport::{PacketKind, Transport};
use bt_hci::{FromHciBytes, FromHciBytesError};
use embassy_sync::waitqueue::MultiWakerRegistration;
use embassy_time::Instant;

use super::events::code::{COMMAND_COMPLETE, COMMAND_STATUS};
use super::events::is_completed;
use super::packet::Emit;
use super::{Mux, MuxError, ReportHandler};
use crate::links::Links;

/// Bytes kept of a command's return parameters, after the status: LE Read Local Supported Commands
/// has the most of all commands sent from here. Of a longer answer, the rest is cut off.
const RETURNED: usize = 64;

/// The pending command.
#[derive(Debug)]
pub(super) struct Commands {
    /// Its opcode, from before it is sent until its answer has been read.
    opcode: Option<u16>,
    /// Whether a caller still waits for the answer.
    awaited: bool,
    /// Its status, and the length of its return parameters.
    answer: Option<(Status, usize)>,
    returned: [u8; RETURNED],
    /// Whether the controller accepts no commands for now.
    full: bool,
    waiters: MultiWakerRegistration<4>,
}

impl Commands {
    pub(super) const fn new() -> Self {
        Self {
            opcode: None,
            awaited: false,
            answer: None,
            returned: [0; RETURNED],
            full: false,
            waiters: MultiWakerRegistration::new(),
        }
    }

    /// Starts a command when no other is pending and the controller accepts one.
    fn poll_begin(&mut self, opcode: u16, cx: &mut Context<'_>) -> Poll<()> {
        if self.opcode.is_some() || self.full {
            self.waiters.register(cx.waker());
            return Poll::Pending;
        }
        self.opcode = Some(opcode);
        self.awaited = true;
        Poll::Ready(())
    }

    /// Whether the controller accepts no commands for now.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// The status of the command, once answered.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        let Some((status, _)) = self.answer else {
            self.waiters.register(cx.waker());
            return Poll::Pending;
        };
        Poll::Ready(status)
    }

    /// The return parameters of the command.
    fn returned(&self) -> &[u8] {
        let len = self.answer.map_or(0, |(_, len)| len);
        self.returned.get(..len).unwrap_or(&self.returned)
    }

    /// Lets the next command start.
    fn end(&mut self) {
        self.opcode = None;
        self.answer = None;
        // Secrets may have been derived from it.
        #[cfg(feature = "security")]
        self.returned.fill(0);
        self.waiters.wake();
    }

    /// Consumes an event if it answers a command.
    pub(super) fn take(&mut self, event: &[u8]) -> bool {
        let (opcode, more, status, returned) = match *event {
            [COMMAND_COMPLETE, _, more, o0, o1] => ([o0, o1], more, 0, &[][..]),
            [COMMAND_COMPLETE, _, more, o0, o1, status, ref returned @ ..] => {
                ([o0, o1], more, status, returned)
            }
            [COMMAND_STATUS, _, status, more, o0, o1] => ([o0, o1], more, status, &[][..]),
            _ => return false,
        };
        self.full = more == 0;
        let opcode = u16::from_le_bytes(opcode);
        // A status of "pending" does not answer a command that ends with Command Complete.
        let begun = event.starts_with(&[COMMAND_STATUS]) && status == 0 && is_completed(opcode);
        if !begun && self.opcode == Some(opcode) && self.answer.is_none() {
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

/// A command's turn, and then its answer. Dropping it lets the next command start.
pub(crate) struct Answer<'c> {
    commands: &'c RefCell<Commands>,
    /// Whether the command was sent.
    sent: bool,
}

impl Answer<'_> {
    /// Decodes the return parameters; octets beyond those of `R` are ignored.
    pub(crate) fn decode<R: for<'r> FromHciBytes<'r>>(&self) -> Result<R, FromHciBytesError> {
        if size_of::<R>() == 0 {
            // Most commands return nothing.
            return R::from_hci_bytes(&[]).map(|(nothing, _)| nothing);
        }
        let (returned, _) = R::from_hci_bytes(self.commands.borrow().returned())?;
        Ok(returned)
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        let mut commands = self.commands.borrow_mut();
        if self.sent && commands.answer.is_none() {
            commands.awaited = false;
        } else {
            commands.end();
        }
    }
}

impl<T: Transport, L: Links, R: ReportHandler, const BUFFER: usize> Mux<'_, T, L, R, BUFFER>
where
    T::Error: 'static,
{
    /// Waits until the controller's buffers are known; before that, trouble-host must not send it
    /// commands.
    pub(crate) async fn made_ready(&self) -> Result<(), cmd::Error<MuxError>> {
        self.unless_failed(|commands, cx| {
            if self.buffers() == (0, 0) {
                commands.waiters.register(cx.waker());
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await
    }

    /// Sends a command and waits for its answer. The next one can be sent once the answer is
    /// dropped.
    pub(crate) async fn command(
        &self,
        opcode: u16,
        command: &dyn Emit,
    ) -> Result<Answer<'_>, cmd::Error<MuxError>> {
        self.unless_failed(|commands, cx| {
            let begun = commands.poll_begin(opcode, cx);
            if begun.is_pending() && commands.is_full() {
                self.state.borrow_mut().room_awaited(Instant::now());
            }
            begun
        })
        .await?;
        let mut answer = Answer {
            commands: &self.commands,
            sent: false,
        };
        if let Some(id) = command.link()
            && !self.has_link(id)
        {
            return Err(cmd::Error::Hci(HciError::UNKNOWN_CONN_IDENTIFIER));
        }
        let sent = self.write_any(PacketKind::Cmd, command).await;
        sent.map_err(cmd::Error::Io)?;
        answer.sent = true;
        let status = self.unless_failed(Commands::poll_answer).await?;
        status.to_result()?;
        Ok(answer)
    }

    /// Polls the commands until `poll` is ready or the controller fails.
    async fn unless_failed<X>(
        &self,
        mut poll: impl FnMut(&mut Commands, &mut Context<'_>) -> Poll<X>,
    ) -> Result<X, cmd::Error<MuxError>> {
        poll_fn(|cx| {
            if let Poll::Ready(failure) = self.poll_failure(cx) {
                return Poll::Ready(Err(cmd::Error::Io(MuxError::Controller(failure))));
            }
            poll(&mut self.commands.borrow_mut(), cx).map(Ok)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    const RSSI: u16 = 0x1405;
    const RSSI_IS_170: [u8; 9] = [COMMAND_COMPLETE, 7, 1, 5, 20, 0, 7, 0, 170];

    fn begin(commands: &mut Commands, opcode: u16) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        commands.poll_begin(opcode, &mut cx).is_ready()
    }

    fn answer(commands: &mut Commands) -> Option<(u8, &[u8])> {
        let mut cx = Context::from_waker(Waker::noop());
        match commands.poll_answer(&mut cx) {
            Poll::Ready(status) => Some((status.into_inner(), commands.returned())),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_command_waits_for_the_end_of_the_one_before() {
        let mut commands = Commands::new();
        assert!(begin(&mut commands, RSSI));
        assert!(!begin(&mut commands, 0x1009));
        assert!(commands.take(&RSSI_IS_170));
        assert!(!begin(&mut commands, 0x1009), "the answer was not fetched");
        assert_eq!(answer(&mut commands), Some((0, &[7, 0, 170][..])));
        commands.end();
        assert!(begin(&mut commands, 0x1009));
    }

    #[test]
    fn the_answer_to_a_command_that_was_given_up_is_nobody_elses() {
        let commands = RefCell::new(Commands::new());
        assert!(begin(&mut commands.borrow_mut(), RSSI));
        drop(Answer {
            commands: &commands,
            sent: true,
        });
        let mut commands = commands.into_inner();
        assert!(!begin(&mut commands, RSSI), "it is still under way");
        assert!(commands.take(&RSSI_IS_170));
        assert!(begin(&mut commands, RSSI));
        assert_eq!(answer(&mut commands), None);
    }

    #[test]
    fn a_controller_that_is_full_is_sent_nothing() {
        let mut commands = Commands::new();
        assert!(commands.take(&[COMMAND_COMPLETE, 3, 0, 0, 0]));
        assert!(!begin(&mut commands, RSSI));
        assert!(commands.take(&[COMMAND_STATUS, 4, 0, 1, 0, 0]));
        assert!(begin(&mut commands, RSSI));
    }

    #[test]
    fn what_a_command_returns_too_much_is_cut() {
        let mut commands = Commands::new();
        assert!(begin(&mut commands, RSSI));
        let mut event = std::vec![COMMAND_COMPLETE, 100, 1, 5, 20, 0];
        event.extend([9; 96]);
        assert!(commands.take(&event));
        assert_eq!(answer(&mut commands), Some((0, &[9; RETURNED][..])));
    }

    #[test]
    fn the_answer_to_another_command_is_no_answer() {
        let mut commands = Commands::new();
        assert!(begin(&mut commands, RSSI));
        assert!(commands.take(&[COMMAND_STATUS, 4, 0x0C, 1, 6, 4]));
        assert_eq!(answer(&mut commands), None);
        assert!(
            !commands.take(&[0x05, 4, 0, 1, 0, 0x13]),
            "no answer at all"
        );
    }

    #[test]
    fn that_a_command_has_begun_is_no_answer_to_one_whose_end_is_told() {
        let mut commands = Commands::new();
        assert!(begin(&mut commands, RSSI));
        assert!(commands.take(&[COMMAND_STATUS, 4, 0, 1, 5, 20]));
        assert_eq!(answer(&mut commands), None);
        assert!(commands.take(&RSSI_IS_170));
        assert_eq!(answer(&mut commands), Some((0, &[7, 0, 170][..])));
        commands.end();
        assert!(begin(&mut commands, RSSI));
        assert!(commands.take(&[COMMAND_STATUS, 4, 0x0C, 1, 5, 20]));
        assert_eq!(answer(&mut commands), Some((0x0C, &[][..])));
    }

    #[test]
    fn that_a_command_has_begun_answers_one_whose_end_another_event_tells() {
        for opcode in [
            0x0406, 0x041D, 0x200D, 0x2013, 0x2016, 0x2019, 0x2032, 0x2043,
        ] {
            let mut commands = Commands::new();
            assert!(begin(&mut commands, opcode));
            let [low, high] = opcode.to_le_bytes();
            assert!(commands.take(&[COMMAND_STATUS, 4, 0, 1, low, high]));
            assert_eq!(answer(&mut commands), Some((0, &[][..])), "{opcode:04X}");
        }
    }
}
