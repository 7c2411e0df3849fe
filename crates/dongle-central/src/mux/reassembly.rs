//! Inbound ACL packets of one connection, put together to ATT PDUs (Core Vol 3 Part A, 7.2.2).

/// The channel of the Attribute Protocol.
pub const CID_ATT: u16 = 0x0004;
/// Length and channel, in front of each frame.
pub const L2CAP_HEADER: usize = 4;

/// Where a connection is in its inbound stream of packets.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Reassembly {
    /// Between two frames.
    #[default]
    Idle,
    /// Within a frame of another channel.
    Foreign {
        /// Bytes to come.
        left: usize,
    },
    /// Within an ATT frame.
    Att {
        /// Bytes that are there.
        have: usize,
        /// Bytes that there will be.
        len: usize,
    },
    /// Within a frame that is thrown away.
    Skip {
        /// Bytes to come.
        left: usize,
    },
}

/// What becomes of a packet.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'p> {
    /// It belongs to another channel.
    Foreign,
    /// It is part of an ATT PDU.
    More,
    /// It is an ATT PDU by itself.
    Pdu(&'p [u8]),
    /// It completes an ATT PDU: so many bytes of the buffer.
    Assembled(usize),
    /// It makes no sense here.
    Dropped(&'static str),
}

impl Reassembly {
    /// Between two frames.
    pub const IDLE: Self = Self::Idle;

    /// The data of one ACL packet, truncated if it is longer than the rest of the frame that it continues.
    pub fn within<'p>(&self, first: bool, data: &'p [u8]) -> &'p [u8] {
        match *self {
            Self::Foreign { left } if !first => data.get(..left).unwrap_or(data),
            _ => data,
        }
    }

    /// Takes the data of one ACL packet. Parts of ATT PDUs are gathered in `pdu`.
    pub fn feed<'p>(&mut self, first: bool, data: &'p [u8], pdu: &mut [u8]) -> Step<'p> {
        if !first {
            return self.go_on(data, pdu);
        }
        let Some((&[l0, l1, c0, c1], payload)) = data.split_first_chunk::<L2CAP_HEADER>() else {
            *self = Self::Idle;
            return Step::Dropped("a first fragment without the whole L2CAP header");
        };
        let len = usize::from(u16::from_le_bytes([l0, l1]));
        let left = len.saturating_sub(payload.len());
        if u16::from_le_bytes([c0, c1]) != CID_ATT {
            *self = if left > 0 {
                Self::Foreign { left }
            } else {
                Self::Idle
            };
            return Step::Foreign;
        }
        if payload.len() > len {
            *self = Self::Idle;
            return Step::Dropped("more data than its frame");
        }
        if left == 0 {
            *self = Self::Idle;
            return Step::Pdu(payload);
        }
        if len > pdu.len() {
            *self = Self::Skip { left };
            return Step::Dropped("an ATT PDU longer than the MTU offered");
        }
        put(pdu, 0, payload);
        *self = Self::Att {
            have: payload.len(),
            len,
        };
        Step::More
    }

    /// Throws away what is to come of a frame of another channel.
    pub fn skip(&mut self) {
        if let Self::Foreign { left } = *self {
            *self = Self::Skip { left };
        }
    }

    fn go_on<'p>(&mut self, data: &'p [u8], pdu: &mut [u8]) -> Step<'p> {
        match *self {
            Self::Idle => Step::Dropped("a continuing fragment of nothing"),
            Self::Foreign { left } => {
                let left = left.saturating_sub(data.len());
                *self = if left > 0 {
                    Self::Foreign { left }
                } else {
                    Self::Idle
                };
                Step::Foreign
            }
            Self::Skip { left } => {
                let left = left.saturating_sub(data.len());
                *self = if left > 0 {
                    Self::Skip { left }
                } else {
                    Self::Idle
                };
                Step::More
            }
            Self::Att { have, len } if have + data.len() > len => {
                *self = Self::Idle;
                Step::Dropped("more data than its frame")
            }
            Self::Att { have, len } => {
                put(pdu, have, data);
                let have = have + data.len();
                *self = if have < len {
                    Self::Att { have, len }
                } else {
                    Self::Idle
                };
                if have < len {
                    Step::More
                } else {
                    Step::Assembled(len)
                }
            }
        }
    }
}

fn put(pdu: &mut [u8], at: usize, data: &[u8]) {
    let room = pdu.get_mut(at..).unwrap_or_default();
    for (to, from) in room.iter_mut().zip(data) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Feeds a frame in fragments of `size` bytes; the PDU that came out.
    fn in_fragments(frame: &[u8], size: usize) -> Option<Vec<u8>> {
        let mut state = Reassembly::IDLE;
        let mut pdu = [0; 64];
        let mut out = None;
        for (i, fragment) in frame.chunks(size).enumerate() {
            match state.feed(i == 0, fragment, &mut pdu) {
                Step::Pdu(p) => out = Some(p.to_vec()),
                Step::Assembled(len) => out = Some(pdu[..len].to_vec()),
                Step::More => {}
                step => panic!("{step:?}"),
            }
        }
        assert_eq!(state, Reassembly::Idle);
        out
    }

    #[test]
    fn a_pdu_comes_out_the_same_however_it_was_cut() {
        let mut frame = std::vec![20, 0, 4, 0];
        frame.extend(1..=20);
        for size in 4..=24 {
            assert_eq!(
                in_fragments(&frame, size).as_deref(),
                Some(&frame[4..]),
                "by {size}"
            );
        }
    }

    #[test]
    fn an_empty_pdu_is_a_pdu() {
        assert_eq!(in_fragments(&[0, 0, 4, 0], 4), Some(std::vec![]));
    }

    #[test]
    fn other_channels_pass_through() {
        let mut state = Reassembly::IDLE;
        assert_eq!(
            state.feed(true, &[5, 0, 6, 0, 1, 2], &mut []),
            Step::Foreign
        );
        assert_eq!(state.feed(false, &[3, 4, 5], &mut []), Step::Foreign);
        assert_eq!(state, Reassembly::Idle);
    }

    #[test]
    fn a_frame_of_another_channel_has_no_more_than_its_length() {
        let mut state = Reassembly::IDLE;
        let first = [5, 0, 6, 0, 1, 2];
        assert_eq!(state.within(true, &first), first);
        assert_eq!(state.feed(true, &first, &mut []), Step::Foreign);
        assert_eq!(state.within(false, &[3, 4]), [3, 4]);
        assert_eq!(state.within(false, &[3, 4, 5, 6]), [3, 4, 5]);
        assert_eq!(state.within(true, &first), first);
    }

    #[test]
    fn nonsense_is_dropped_and_the_next_frame_is_whole() {
        let mut state = Reassembly::IDLE;
        let mut pdu = [0; 8];
        assert!(matches!(
            state.feed(false, &[1], &mut pdu),
            Step::Dropped(_)
        ));
        assert!(matches!(
            state.feed(true, &[1, 0], &mut pdu),
            Step::Dropped(_)
        ));
        assert!(matches!(
            state.feed(true, &[1, 0, 4, 0, 1, 2], &mut pdu),
            Step::Dropped(_)
        ));
        assert_eq!(state.feed(true, &[4, 0, 4, 0, 1, 2], &mut pdu), Step::More);
        assert!(matches!(
            state.feed(false, &[3, 4, 5], &mut pdu),
            Step::Dropped(_)
        ));
        assert!(matches!(
            state.feed(true, &[9, 0, 4, 0, 1], &mut pdu),
            Step::Dropped(_)
        ));
        assert_eq!(state.feed(false, &[0; 8], &mut pdu), Step::More);
        assert_eq!(
            state.feed(true, &[2, 0, 4, 0, 7, 8], &mut pdu),
            Step::Pdu(&[7, 8])
        );
    }

    #[test]
    fn a_new_frame_ends_one_that_was_cut_off() {
        let mut state = Reassembly::IDLE;
        let mut pdu = [0; 8];
        assert_eq!(state.feed(true, &[4, 0, 4, 0, 1, 2], &mut pdu), Step::More);
        assert_eq!(
            state.feed(true, &[1, 0, 4, 0, 9], &mut pdu),
            Step::Pdu(&[9])
        );
    }
}
