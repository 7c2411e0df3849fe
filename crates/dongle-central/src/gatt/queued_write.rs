//! Writing through the server's prepare queue: long values and reliable writes (Part G 4.9.4,
//! 4.9.5, 4.12.4).

use core::convert::Infallible;

use super::write::fits;
use super::{Misbehaviour, Procedure, ProcedureError, accepted, acknowledged};
use crate::att::{
    AttributeHandle, ExecuteAction, MAX_VALUE_LENGTH, Mtu, Opcode, Request, split_prepared,
};

/// One value in parts, or values of several characteristics: prepared one by one, and written all
/// at once or not at all.
///
/// The server repeats every part, and each is compared with what was sent. When a part was misheard
/// or refused, the server is told to drop what it holds before the procedure ends with the error.
/// A driver that stops midway sends [`cancel`](Procedure::cancel).
#[derive(Debug)]
pub struct QueuedWrite<'v> {
    writes: Writes<'v>,
    /// The write being prepared, and how much of it is.
    write: usize,
    position: usize,
    /// How long the part just sent is.
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
    /// Nothing is sent, or the server holds nothing.
    Begin,
    /// The server holds parts; there are more.
    Prepare,
    /// A part is sent; the server held some before it, or not.
    Preparing {
        held: bool,
    },
    /// The server holds all parts.
    Execute,
    /// It is told to write them.
    Executing,
    /// The server holds parts that are not to be written.
    Cancel(ProcedureError),
    /// It is told to drop them.
    Cancelling(ProcedureError),
    Done,
}

impl<'v> QueuedWrite<'v> {
    /// Write Long Characteristic Value, or a descriptor's (4.9.4, 4.12.4): at most 512 octets.
    pub fn long(handle: AttributeHandle, value: &'v [u8]) -> Self {
        Self::long_at(handle, 0, value)
    }

    /// A part of a long value, from an offset on.
    pub fn long_at(handle: AttributeHandle, offset: u16, value: &'v [u8]) -> Self {
        Self::new(Writes::Long {
            handle,
            offset,
            value,
        })
    }

    /// Characteristic Value Reliable Writes (4.9.5). Without any write, nothing is asked.
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

    /// A write by its index: whose value, from which offset on, and the value.
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

    /// Whether a response repeats the part just sent.
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
                    // Refused before anything was accepted: the queue is as empty as it was.
                    Err(error @ ProcedureError::Att(_)) if !held => return Err(error),
                    Err(error) => self.step = Step::Cancel(error),
                }
                Ok(())
            }
            // Done or refused, the queue is empty after this (Part F 3.4.6.3).
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
            // Where the end of it has been asked for, that may not have been sent.
            _ => Some(Request::ExecuteWrite {
                action: ExecuteAction::Cancel,
            }),
        }
    }
}
