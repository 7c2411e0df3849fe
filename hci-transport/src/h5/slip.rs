//! SLIP as the three-wire UART uses it (Core Vol 4 Part D 3): encodes and decodes frames. No I/O.

const END: u8 = 0xc0;
const ESCAPE: u8 = 0xdb;

/// Appends `frame` between two delimiters.
pub(super) fn encode(frame: impl IntoIterator<Item = u8>, out: &mut Vec<u8>) {
    out.push(END);
    for byte in frame {
        match byte {
            END => out.extend([ESCAPE, 0xdc]),
            ESCAPE => out.extend([ESCAPE, 0xdd]),
            _ => out.push(byte),
        }
    }
    out.push(END);
}

/// Finds frames in a stream of bytes.
#[derive(Debug)]
pub(super) struct Decoder {
    frame: Vec<u8>,
    most: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first delimiter, and after damage: bytes are ignored until the next delimiter.
    Outside,
    Inside,
    Escaped,
}

/// What a byte completed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Nothing,
    /// A frame, to be taken with [`Decoder::take`].
    Frame,
    /// Bytes that can't be a frame.
    Damaged,
}

impl Decoder {
    /// A decoder that waits for the first delimiter. A frame longer than `most` bytes is damaged.
    pub(super) fn new(most: usize) -> Self {
        Self {
            frame: Vec::new(),
            most,
            state: State::Outside,
        }
    }

    pub(super) fn push(&mut self, byte: u8) -> Decoded {
        match (self.state, byte) {
            (State::Outside, END) => self.begin(),
            (State::Outside, _) => {}
            // Of two delimiters in a row, the first ended a frame and the second begins the next.
            (State::Inside, END) if self.frame.is_empty() => {}
            (State::Inside, END) => return Decoded::Frame,
            (State::Inside, ESCAPE) => self.state = State::Escaped,
            (State::Inside, _) => return self.add(byte),
            (State::Escaped, _) => {
                self.state = State::Inside;
                let byte = match byte {
                    0xdc => END,
                    0xdd => ESCAPE,
                    // XON and XOFF, where software flow control is used.
                    0xde => 0x11,
                    0xdf => 0x13,
                    END => {
                        self.begin();
                        return Decoded::Damaged;
                    }
                    _ => return self.lose(),
                };
                return self.add(byte);
            }
        }
        Decoded::Nothing
    }

    /// Takes the completed frame. The delimiter that ended it may also begin the next.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.frame)
    }

    fn begin(&mut self) {
        self.frame.clear();
        self.state = State::Inside;
    }

    fn add(&mut self, byte: u8) -> Decoded {
        if self.frame.len() >= self.most {
            return self.lose();
        }
        self.frame.push(byte);
        Decoded::Nothing
    }

    fn lose(&mut self) -> Decoded {
        self.frame.clear();
        self.state = State::Outside;
        Decoded::Damaged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> (Vec<Vec<u8>>, usize) {
        let mut decoder = Decoder::new(16);
        let (mut frames, mut damaged) = (Vec::new(), 0);
        for byte in bytes {
            match decoder.push(*byte) {
                Decoded::Nothing => {}
                Decoded::Frame => frames.push(decoder.take()),
                Decoded::Damaged => damaged += 1,
            }
        }
        (frames, damaged)
    }

    #[test]
    fn any_bytes_come_back_as_they_were() {
        let frame = [0xc0, 0xdb, 0xdc, 0xdd, 0x11, 0x13, 0x00, 0xff];
        let mut bytes = Vec::new();
        encode(frame, &mut bytes);
        assert_eq!(bytes[..5], [0xc0, 0xdb, 0xdc, 0xdb, 0xdd]);
        encode([1], &mut bytes);
        assert_eq!(decode(&bytes), (vec![frame.to_vec(), vec![1]], 0));
    }

    #[test]
    fn garbage_ends_at_the_next_delimiter() {
        let bytes = [
            9, 9, 0xc0, 1, 0xdb, 7, 3, 0xc0, 2, 0xc0, 0xdb, 0xc0, 4, 0xc0,
        ];
        assert_eq!(decode(&bytes), (vec![vec![2], vec![4]], 2));
        let long = [&[0xc0][..], &[5; 17], &[0xc0, 6, 0xc0]].concat();
        assert_eq!(decode(&long), (vec![vec![6]], 1));
    }
}
