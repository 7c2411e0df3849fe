//! Writing through the server's prepare queue: long values and reliable writes (Part G 4.9.4,
//! 4.9.5, 4.12.4).

use core::convert::Infallible;

use super::write::fits;
use super::{Misbehaviour, Procedure, ProcedureError, accepted, acknowledged};
use crate::att::{
    AttributeHandle, ExecuteAction, MAX_VALUE_LENGTH, Mtu, Opcode, Request, split_prepared,
};

/// One long value in parts, or the values of several characteristics: prepared one by one, then
/// written all at once or not at all.
///
/// The server repeats every part, and each is compared with what was sent. If a part differs or is
/// refused, the server is told to discard its queue before the procedure ends with the error. A
/// driver that stops midway sends [`cancel`](Procedure::cancel).
#[derive(Debug)]
pub struct QueuedWrite<'v> {
    writes: Writes<'v>,
    /// The write that is being prepared, and how much of it has been.
    write: usize,
    position: usize,
    /// The length of the part last sent.
    part: usize,
    step: Step,
}

#[derive(Debug)]
enum Writes<'v> {
    Long {
        handle: AttributeHandle,
        offset: u16,
        value: &'v [u8],
    },
    Reliable(&'v [(AttributeHandle, &'v [u8])]),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Nothing was sent, or the server's queue is empty.
    Begin,
    /// The server holds parts, and more are to come.
    Prepare,
    /// A part was sent; `held` if the server held others before it.
    Preparing {
        held: bool,
    },
    /// The server holds all parts.
    Execute,
    /// The server was told to write them.
    Executing,
    /// The server holds parts that must not be written.
    Cancel(ProcedureError),
    /// The server was told to discard them.
    Cancelling(ProcedureError),
    Done,
}

impl<'v> QueuedWrite<'v> {
    /// Write Long Characteristic Value, or a descriptor's (4.9.4, 4.12.4): at most 512 octets.
    pub fn long(handle: AttributeHandle, value: &'v [u8]) -> Self {
        Self::long_at(handle, 0, value)
    }

    /// A part of a long value, starting at an offset.
    pub fn long_at(handle: AttributeHandle, offset: u16, value: &'v [u8]) -> Self {
        Self::new(Writes::Long {
            handle,
            offset,
            value,
        })
    }

    /// Characteristic Value Reliable Writes (4.9.5). If there are no writes, no request is made.
    pub fn reliable(writes: &'v [(AttributeHandle, &'v [u8])]) -> Self {
        Self::new(Writes::Reliable(writes))
    }

    fn new(writes: Writes<'v>) -> Self {
        Self {
            writes,
            write: 0,
            position: 0,
            part: 0,
            step: Step::Begin,
        }
    }

    /// The write at an index: its handle, its offset, and its value.
    fn get(&self, index: usize) -> Option<(AttributeHandle, usize, &'v [u8])> {
        match self.writes {
            Writes::Long {
                handle,
                offset,
                value,
            } if index == 0 => Some((handle, usize::from(offset), value)),
            Writes::Long { .. } => None,
            Writes::Reliable(writes) => {
                writes.get(index).map(|&(handle, value)| (handle, 0, value))
            }
        }
    }

    fn prepare(&self, mtu: Mtu) -> Option<(AttributeHandle, u16, &'v [u8])> {
        let (handle, offset, value) = self.get(self.write)?;
        let rest = value.get(self.position..)?;
        let part = rest.get(..rest.len().min(mtu.max_prepare()))?;
        Some((handle, u16::try_from(offset + self.position).ok()?, part))
    }

    /// Checks that a response repeats the part just sent.
    fn echoed(&self, pdu: &[u8]) -> Result<(), ProcedureError> {
        let (handle, offset, part) = accepted(pdu, Opcode::PREPARE_WRITE_RESPONSE, split_prepared)?;
        let Some((sent_to, base, value)) = self.get(self.write) else {
            return Ok(());
        };
        let sent = value
            .get(self.position..)
            .and_then(|rest| rest.get(..self.part));
        if (handle, usize::from(offset)) == (sent_to, base + self.position) && Some(part) == sent {
            Ok(())
        } else {
            Err(Misbehaviour::EchoDiffers(sent_to).into())
        }
    }

    fn advance(&mut self) {
        self.position += self.part;
        if self
            .get(self.write)
            .is_some_and(|(_, _, value)| self.position >= value.len())
        {
            (self.write, self.position) = (self.write + 1, 0);
        }
        let more = self.get(self.write).is_some();
        self.step = if more { Step::Prepare } else { Step::Execute };
    }
}

impl Procedure for QueuedWrite<'_> {
    type Item<'p> = Infallible;
    const QUEUES: bool = true;

    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        let (request, step) = match self.step {
            Step::Begin | Step::Prepare => {
                let held = matches!(self.step, Step::Prepare);
                if !held {
                    for (_, offset, value) in (0..).map_while(|index| self.get(index)) {
                        fits(value, MAX_VALUE_LENGTH.saturating_sub(offset))?;
                    }
                }
                let Some((handle, offset, part)) = self.prepare(mtu) else {
                    return Ok(None);
                };
                self.part = part.len();
                (
                    Request::PrepareWrite {
                        handle,
                        offset,
                        part,
                    },
                    Step::Preparing { held },
                )
            }
            Step::Execute => (
                Request::ExecuteWrite {
                    action: ExecuteAction::Write,
                },
                Step::Executing,
            ),
            Step::Cancel(error) => (
                Request::ExecuteWrite {
                    action: ExecuteAction::Cancel,
                },
                Step::Cancelling(error),
            ),
            _ => return Ok(None),
        };
        let length = request.emit(out)?;
        self.step = step;
        Ok(Some(length))
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        match core::mem::replace(&mut self.step, Step::Done) {
            Step::Preparing { held } => {
                match self.echoed(pdu) {
                    Ok(()) => self.advance(),
                    // Refused before anything was accepted: the queue is still empty.
                    Err(error @ ProcedureError::Att(_)) if !held => return Err(error),
                    Err(error) => self.step = Step::Cancel(error),
                }
                Ok(())
            }
            // Executed or refused, the queue is empty after this (Part F 3.4.6.3).
            Step::Executing => acknowledged(pdu, Opcode::EXECUTE_WRITE_RESPONSE),
            Step::Cancelling(error) => Err(error),
            _ => Err(Misbehaviour::UnexpectedResponse.into()),
        }
    }

    fn next_item(&mut self, _: &[u8]) -> Option<Infallible> {
        None
    }

    fn cancel(&self) -> Option<Request<'static>> {
        match self.step {
            Step::Begin | Step::Done => None,
            // Even after Execute was requested, since that may not have been sent.
            _ => Some(Request::ExecuteWrite {
                action: ExecuteAction::Cancel,
            }),
        }
    }
}
