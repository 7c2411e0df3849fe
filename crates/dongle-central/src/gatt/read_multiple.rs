//! Reads several values at once (Part G 4.8.4 and 4.8.5).

use super::{HandleValue, Misbehaviour, MultipleValues, Procedure, ProcedureError, accepted};
use crate::att::{
    AttributeHandle, HandleList, MAX_VALUE_LENGTH, Mtu, Opcode, Request, VariableValueList,
};

/// Read Multiple Characteristic Values: one request, one item with all values in it.
///
/// The caller must know the lengths of all but the last.
#[derive(Debug)]
pub struct ReadMultiple<'h> {
    handles: &'h [AttributeHandle],
    full: usize,
    asked: bool,
    fresh: bool,
}

impl<'h> ReadMultiple<'h> {
    /// The values of two or more attributes.
    pub fn new(handles: &'h [AttributeHandle]) -> Self {
        Self {
            handles,
            full: 0,
            asked: false,
            fresh: false,
        }
    }
}

impl Procedure for ReadMultiple<'_> {
    type Item<'p> = MultipleValues<'p>;

    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        if self.asked {
            return Ok(None);
        }
        let (count, limit) = (self.handles.len(), mtu.max_handles());
        if count > limit {
            return Err(ProcedureError::TooManyHandles { count, limit });
        }
        let handles = HandleList::new(self.handles).map_err(|_| ProcedureError::TooFewHandles)?;
        self.full = mtu.max_read();
        self.asked = true;
        Ok(Some(Request::ReadMultiple { handles }.emit(out)?))
    }

    fn is_over(&self) -> bool {
        self.asked
    }

    fn mtu_grew(&mut self, mtu: Mtu) {
        self.full = mtu.max_read();
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        let values = accepted(pdu, Opcode::READ_MULTIPLE_RESPONSE, Ok)?;
        if values.len() > self.full {
            return Err(Misbehaviour::ValueTooLong(values.len()).into());
        }
        self.fresh = true;
        Ok(())
    }

    fn next_item<'p>(&mut self, pdu: &'p [u8]) -> Option<MultipleValues<'p>> {
        if !core::mem::take(&mut self.fresh) {
            return None;
        }
        let (_, values) = pdu.split_first()?;
        Some(MultipleValues {
            values,
            may_be_longer: values.len() >= self.full,
        })
    }
}

/// Read Multiple Variable Length Characteristic Values: one item per handle, in order.
///
/// If a response has no room for all values, the rest is requested again, and a single remaining
/// one with a Read Request. So a value is incomplete only if it alone fills a PDU.
#[derive(Debug)]
pub struct ReadMultipleVariable<'h> {
    /// Handles whose values are in the last response and have not been taken.
    answered: &'h [AttributeHandle],
    /// Handles still to be requested.
    rest: &'h [AttributeHandle],
    asked: usize,
    mtu: Mtu,
    /// The position of the next value in the response.
    position: usize,
}

impl<'h> ReadMultipleVariable<'h> {
    /// The values of any number of attributes.
    pub fn new(handles: &'h [AttributeHandle]) -> Self {
        Self {
            answered: &[],
            rest: handles,
            asked: 0,
            mtu: Mtu::DEFAULT,
            position: 0,
        }
    }

    /// Checks a list of values and returns how many of them to take.
    fn count(&self, list: VariableValueList<'_>, pdu: &[u8]) -> Result<usize, ProcedureError> {
        let full = pdu.len() >= self.mtu.size();
        let mut came = 0;
        let mut whole = 0;
        for entry in list.iter() {
            let length = usize::from(entry.length);
            if length > MAX_VALUE_LENGTH {
                return Err(Misbehaviour::ValueTooLong(length).into());
            }
            came += 1;
            whole += usize::from(entry.value.len() == length);
        }
        let asked = self.asked;
        // Only a response without room for more may stop early or cut off its last value.
        if came == 0 || came > asked || (!full && whole < asked) {
            return Err(Misbehaviour::ValueCount { asked, came: whole }.into());
        }
        Ok(whole.max(1))
    }
}

impl Procedure for ReadMultipleVariable<'_> {
    type Item<'p> = HandleValue<'p>;

    fn request(&mut self, mtu: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        self.mtu = mtu;
        self.asked = self.rest.len().min(mtu.max_handles());
        let request = match (self.rest, self.rest.split_at_checked(self.asked)) {
            ([], _) | (_, None) => return Ok(None),
            (&[handle], _) => Request::Read { handle },
            (_, Some((handles, _))) => Request::ReadMultipleVariable {
                handles: HandleList::new(handles).map_err(|_| ProcedureError::TooFewHandles)?,
            },
        };
        Ok(Some(request.emit(out)?))
    }

    fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    fn mtu_grew(&mut self, mtu: Mtu) {
        self.mtu = mtu;
    }

    fn response(&mut self, pdu: &[u8]) -> Result<(), ProcedureError> {
        self.answered = &[];
        let count = if self.asked == 1 {
            let value = accepted(pdu, Opcode::READ_RESPONSE, Ok)?;
            if value.len() > self.mtu.max_read() {
                return Err(Misbehaviour::ValueTooLong(value.len()).into());
            }
            1
        } else {
            let expected = Opcode::READ_MULTIPLE_VARIABLE_RESPONSE;
            let values = accepted(pdu, expected, Ok)?;
            self.count(VariableValueList::new(values), pdu)?
        };
        if let Some((answered, rest)) = self.rest.split_at_checked(count) {
            (self.answered, self.rest) = (answered, rest);
        }
        self.position = 1;
        Ok(())
    }

    fn next_item<'p>(&mut self, pdu: &'p [u8]) -> Option<HandleValue<'p>> {
        let (&handle, answered) = self.answered.split_first()?;
        self.answered = answered;
        let rest = pdu.get(self.position..)?;
        if self.asked == 1 {
            let may_be_longer = rest.len() >= self.mtu.max_read();
            return Some(HandleValue {
                handle,
                value: rest,
                may_be_longer,
            });
        }
        let entry = VariableValueList::new(rest).get(0)?;
        self.position += 2 + entry.value.len();
        let may_be_longer = entry.value.len() < usize::from(entry.length);
        Some(HandleValue {
            handle,
            value: entry.value,
            may_be_longer,
        })
    }
}
