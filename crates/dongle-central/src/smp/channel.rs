//! The security channel of one link (CID 6): the commands received but not yet read, and the one to send.

use core::fmt;

use heapless::Vec;
use zeroize::Zeroize as _;

use super::command::{Frame, code, length};
use crate::security::{CID_SMP, PairingFailure};

/// Octets of unread commands, each preceded by its length. A peer sends up to five keys in a row.
const ROOM: usize = 96;

/// The channel.
pub(crate) struct Channel {
    state: State,
    /// Whether commands of a pairing that was aborted here may still arrive.
    stale: bool,
    /// Unread commands, of which the last may be incomplete.
    commands: Vec<u8, ROOM>,
    /// Octets of `commands` that belong to complete ones.
    whole: usize,
    /// Octets of the current command still to come.
    left: usize,
    /// Whether nothing of it has come yet, not even its code.
    is_bare: bool,
    /// Whether there was no room for a command.
    overrun: bool,
    out: Frame,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody pairs: commands are dropped.
    Shut,
    /// A pairing is about to start: commands are dropped, since none can be an answer yet.
    Taken,
    /// A pairing is running.
    Open,
    /// The link is being encrypted. A command that arrives before it is may come from someone without the key.
    Sealed,
    /// A pairing was not answered in time, so no other is allowed on this link (3.4).
    Spent,
}

impl Channel {
    /// The channel of a link on which nobody pairs.
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

    /// Takes the channel for a pairing, which starts when its request is sent; false if it is taken already.
    pub(crate) fn take(&mut self) -> bool {
        let takes = self.state == State::Shut;
        if takes {
            self.state = State::Taken;
        }
        takes
    }

    /// Whether a pairing was not answered in time.
    pub(crate) fn is_spent(&self) -> bool {
        self.state == State::Spent
    }

    /// Prevents any other pairing on this link.
    pub(crate) fn spend(&mut self) {
        self.forget();
        self.state = State::Spent;
    }

    /// The link has ended. A running pairing can still read what came before that.
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

    /// The pairing is over. A queued command is still sent.
    pub(crate) fn shut(&mut self) {
        if self.state != State::Spent {
            self.state = State::Shut;
        }
        self.clear();
    }

    /// Queues a Pairing Failed for the peer, in place of any other command.
    pub(crate) fn give_up(&mut self, why: PairingFailure) {
        self.shut();
        self.stale = true;
        self.out = Frame::new(code::PAIRING_FAILED, &[why.0]);
    }

    /// The link is being encrypted: commands are dropped until it is.
    pub(crate) fn seal(&mut self) {
        if self.state == State::Open {
            self.state = State::Sealed;
            self.clear();
        }
    }

    /// The link was encrypted, or encryption failed.
    pub(crate) fn unseal(&mut self) {
        if self.state == State::Sealed {
            self.state = State::Open;
        }
    }

    /// Takes a fragment of a frame, L2CAP header first; false if the frame belongs to another channel.
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

    /// Starts a command of `len` octets.
    fn begin(&mut self, len: usize, payload: &[u8]) {
        self.left = len;
        self.is_bare = payload.is_empty();
        let Some(&code) = payload.first() else {
            return;
        };
        let right = length(code);
        // Old commands may arrive until our next request is answered or refused.
        let ends = matches!(code, code::PAIRING_RESPONSE | code::PAIRING_FAILED);
        self.stale &= !(ends && self.state == State::Open);
        let ignored = matches!(
            code,
            // The program decides when to pair, and the peer's key presses are not shown.
            code::PAIRING_REQUEST | code::SECURITY_REQUEST | code::KEYPRESS_NOTIFICATION
        );
        // Unknown commands must be ignored (3.3).
        if self.state == State::Open && !ignored && right.is_some() && !self.stale {
            // A command of the wrong length is invalid whatever it contains, so only its code is kept.
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

    /// Whether the current command is incomplete.
    pub(crate) fn is_within(&self) -> bool {
        self.left > 0
    }

    /// Appends to the current command.
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
    /// If the peer has sent more than any pairing needs.
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

    /// Queues a command, in place of one that was not sent yet.
    pub(crate) fn send(&mut self, frame: Frame) {
        self.out = frame;
    }

    /// Whether a command waits to be sent.
    pub(crate) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// Writes the queued command and wipes it; returns its length.
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

    /// Drops an incomplete command.
    fn drop_rest(&mut self) {
        self.cut(self.whole);
    }

    /// Truncates, and zeroes what is cut off.
    fn cut(&mut self, at: usize) {
        if let Some(rest) = self.commands.get_mut(at..) {
            rest.zeroize();
        }
        self.commands.truncate(at);
    }
}

/// Omits the commands, which may be keys.
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
