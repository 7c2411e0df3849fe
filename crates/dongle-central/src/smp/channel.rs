//! The security channel of one link (CID 6): commands that came and wait to be read, and the one that is
//! to be sent.

use core::fmt;

use heapless::Vec;
use zeroize::Zeroize as _;

use super::command::{Frame, code, length};
use crate::security::{CID_SMP, PairingFailure};

/// Octets of commands that wait to be read, each behind its length. A peer sends up to five keys in a row.
const ROOM: usize = 96;

/// The channel.
pub(crate) struct Channel {
    state: State,
    /// Whether commands of a pairing that was given up here may still be on their way.
    stale: bool,
    /// Commands, of which the last may not be whole.
    commands: Vec<u8, ROOM>,
    /// Octets of `commands` that belong to whole ones.
    whole: usize,
    /// Octets to come of the command that has begun.
    left: usize,
    /// Whether nothing has come of it yet, not even its code.
    is_bare: bool,
    /// Whether there was no room for a command.
    overrun: bool,
    out: Frame,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody pairs: nothing is kept.
    Shut,
    /// Somebody is about to pair: nothing is kept, since nothing can be an answer yet.
    Taken,
    /// Somebody pairs.
    Open,
    /// The link is being encrypted. Nothing that comes before it is was sent by who has the key.
    Sealed,
    /// A pairing was not answered in time, so that there can be no other on this link (3.4).
    Spent,
}

impl Channel {
    /// Of a link on which nobody pairs.
    pub(crate) const SHUT: Self = Self {
        state: State::Shut,
        stale: false,
        commands: Vec::new(),
        whole: 0,
        left: 0,
        is_bare: false,
        overrun: false,
        out: Frame::NONE,
    };

    /// Takes the channel for a pairing, which begins when its request is sent; false: somebody pairs already.
    pub(crate) fn take(&mut self) -> bool {
        let takes = self.state == State::Shut;
        if takes {
            self.state = State::Taken;
        }
        takes
    }

    /// There was a pairing that was not answered in time.
    pub(crate) fn is_spent(&self) -> bool {
        self.state == State::Spent
    }

    /// Lets nobody pair on this link ever after.
    pub(crate) fn spend(&mut self) {
        self.forget();
        self.state = State::Spent;
    }

    /// The link has ended. What came before that can still be read by who pairs.
    pub(crate) fn hang_up(&mut self) {
        self.out = Frame::NONE;
        self.left = 0;
        self.is_bare = false;
        match self.state {
            State::Open => self.drop_rest(),
            _ => self.clear(),
        }
    }

    /// The pairing is over, and nothing more is sent.
    pub(crate) fn forget(&mut self) {
        self.shut();
        self.out = Frame::NONE;
    }

    /// The pairing is over. What is to be sent still is.
    pub(crate) fn shut(&mut self) {
        if self.state != State::Spent {
            self.state = State::Shut;
        }
        self.clear();
    }

    /// Tells the peer that the pairing is over, in the place of what was to be sent.
    pub(crate) fn give_up(&mut self, why: PairingFailure) {
        self.shut();
        self.stale = true;
        self.out = Frame::new(code::PAIRING_FAILED, &[why.0]);
    }

    /// The link is being encrypted: nothing that comes is kept until it is.
    pub(crate) fn seal(&mut self) {
        if self.state == State::Open {
            self.state = State::Sealed;
            self.clear();
        }
    }

    /// The link was encrypted, or could not be.
    pub(crate) fn unseal(&mut self) {
        if self.state == State::Sealed {
            self.state = State::Open;
        }
    }

    /// Takes a fragment of a frame, L2CAP header first, if it is of this channel.
    pub(crate) fn takes(&mut self, first: bool, fragment: &[u8]) -> bool {
        if !first {
            let ours = self.left > 0;
            match self.is_bare && !fragment.is_empty() {
                true => self.begin(self.left, fragment),
                false => self.gather(fragment),
            }
            return ours;
        }
        self.left = 0;
        self.is_bare = false;
        self.drop_rest();
        let Some((&[l0, l1, c0, c1], payload)) = fragment.split_first_chunk() else {
            return false;
        };
        if u16::from_le_bytes([c0, c1]) != CID_SMP {
            return false;
        }
        self.begin(usize::from(u16::from_le_bytes([l0, l1])), payload);
        true
    }

    /// A command of `len` octets begins.
    fn begin(&mut self, len: usize, payload: &[u8]) {
        self.left = len;
        self.is_bare = payload.is_empty();
        let Some(&code) = payload.first() else {
            return;
        };
        let right = length(code);
        // Until our next request is answered, or refused.
        let ends = matches!(code, code::PAIRING_RESPONSE | code::PAIRING_FAILED);
        self.stale &= !(ends && self.state == State::Open);
        let ignored = matches!(
            code,
            // Who begins is for the program to say, and of what a person types nobody here has to know.
            code::PAIRING_REQUEST | code::SECURITY_REQUEST | code::KEYPRESS_NOTIFICATION
        );
        // What is not known is to be ignored (3.3).
        if self.state == State::Open && !ignored && right.is_some() && !self.stale {
            // One of another length is wrong, whatever it says: its code is enough.
            let is_right = right == Some(len);
            let kept = if is_right { len } else { 1 };
            if self.commands.len() + 1 + kept > ROOM {
                self.overrun = true;
            } else {
                let _ = self.commands.push(kept as u8);
                if !is_right {
                    let _ = self.commands.push(code);
                    self.whole = self.commands.len();
                }
            }
        }
        self.gather(payload);
    }

    /// Whether a command has begun and is not whole.
    pub(crate) fn is_within(&self) -> bool {
        self.left > 0
    }

    /// Takes more of the command that has begun.
    fn gather(&mut self, data: &[u8]) {
        let keeps = self.commands.len() > self.whole;
        let data = data.get(..self.left.min(data.len())).unwrap_or_default();
        self.left -= data.len();
        if keeps {
            let _ = self.commands.extend_from_slice(data);
            if self.left == 0 {
                self.whole = self.commands.len();
            }
        }
    }

    /// The next command.
    ///
    /// # Errors
    /// The peer has sent more than a peer would.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, PairingFailure> {
        if self.overrun {
            return Err(PairingFailure::UNSPECIFIED);
        }
        let whole = self.commands.get(..self.whole).unwrap_or_default();
        let Some((&len, rest)) = whole.split_first() else {
            return Ok(None);
        };
        let len = usize::from(len);
        let frame = Frame::of(rest.get(..len).unwrap_or_default());
        let taken = (1 + len).min(self.whole);
        let rest = self.commands.len().saturating_sub(taken);
        for at in 0..rest {
            let octet = self.commands.get(taken + at).copied().unwrap_or_default();
            if let Some(place) = self.commands.get_mut(at) {
                *place = octet;
            }
        }
        self.cut(rest);
        self.whole -= taken;
        Ok(Some(frame))
    }

    /// Has a command sent, in the place of one that is not sent yet.
    pub(crate) fn send(&mut self, frame: Frame) {
        self.out = frame;
    }

    /// Whether a command waits to be sent.
    pub(crate) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Writes the command that is to be sent, and forgets it; its octets.
    pub(crate) fn transmit(&mut self, to: &mut [u8]) -> usize {
        let out = core::mem::replace(&mut self.out, Frame::NONE);
        if self.state == State::Taken && out.first() == Some(&code::PAIRING_REQUEST) {
            self.state = State::Open;
        }
        for (to, from) in to.iter_mut().zip(&*out) {
            *to = *from;
        }
        out.len().min(to.len())
    }

    fn clear(&mut self) {
        self.cut(0);
        self.whole = 0;
        self.overrun = false;
    }

    /// Forgets a command that is not whole.
    fn drop_rest(&mut self) {
        self.cut(self.whole);
    }

    /// Leaves nothing of what is behind.
    fn cut(&mut self, at: usize) {
        if let Some(rest) = self.commands.get_mut(at..) {
            rest.zeroize();
        }
        self.commands.truncate(at);
    }
}

/// Without the commands, which may be keys.
impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests;
