//! What a case is: acts of a program, PDUs both ways, and what comes out.

use dongle_central::att::Uuid;
use dongle_central::bearer::ValueKind;

/// One row of the table.
pub struct Case {
    /// The test suite's ID, or a name of our own below `ATT/`.
    pub id: String,
    /// What it is about, in a line.
    pub purpose: String,
    pub check: Check,
}

pub enum Check {
    /// All of these must come out as expected.
    Run(Vec<Scenario>),
    /// Does not apply, or is not done, and why.
    Skip(&'static str),
}

/// One conversation with a scripted peer.
pub struct Scenario {
    pub acts: Vec<Act>,
    pub peer: Peer,
    /// What the acts bring, line by line.
    pub expected: Vec<String>,
}

/// What a program does; see [`crate::driver::Driver`].
#[derive(Clone, Copy)]
pub enum Act {
    /// From here on, calls give up after so many seconds; 0: they don't.
    Timeout(u64),
    Mtu(u16),
    Services,
    ServicesByUuid(Uuid),
    /// Stops at the first service.
    FirstServiceByUuid(Uuid),
    Included(u16, u16),
    Characteristics(u16, u16),
    CharacteristicsByUuid(u16, u16, Uuid),
    Descriptors(u16, u16),
    Read(u16),
    ReadFrom(u16, u16),
    ReadByUuid(Uuid),
    /// Stops at the first value.
    ReadFirstByUuid(Uuid),
    ReadMultiple(&'static [u16]),
    ReadVariable(&'static [u16]),
    /// The value in the notation of [`bytes`], as everywhere below.
    Write(u16, &'static str),
    WriteCommand(u16, &'static str),
    WriteLong(u16, &'static str),
    WriteLongAt(u16, u16, &'static str),
    WriteReliable(&'static [(u16, &'static str)]),
    /// A long write whose caller goes away after so many requests.
    LeaveLongWrite(u16, &'static str, usize),
    Listen(u16, ValueKind),
    /// Listens for Service Changed and understands it.
    ListenForChanges(u16),
    Unlisten,
}

pub enum Peer {
    /// Line by line: `> PDU` the client sends, `< PDU` the peer sends, `+ seconds` time passes.
    Script(Vec<String>),
    /// A peer that answers as it likes, to so many requests at most.
    Server {
        answer: fn(&[u8], usize) -> Vec<u8>,
        at_most: usize,
    },
}

impl Scenario {
    /// The same scenario spoilt in every way that the client has to be blamed for: each PDU it
    /// should send changed, missing, or one too many, and each result missing or one too many.
    pub fn spoilt(&self) -> Vec<Scenario> {
        let mut spoilt = Vec::new();
        let mut add = |lines: Option<Vec<String>>, expected: Vec<String>| {
            let peer = match (&self.peer, lines) {
                (Peer::Server { answer, at_most }, _) => Peer::Server {
                    answer: *answer,
                    at_most: *at_most,
                },
                (Peer::Script(lines), None) => Peer::Script(lines.clone()),
                (_, Some(lines)) => Peer::Script(lines),
            };
            spoilt.push(Scenario {
                acts: self.acts.clone(),
                peer,
                expected,
            });
        };
        for index in 0..self.expected.len() {
            let mut expected = self.expected.clone();
            expected.remove(index);
            add(None, expected);
        }
        add(
            None,
            [self.expected.clone(), vec!["one more".into()]].concat(),
        );
        if let Peer::Script(lines) = &self.peer {
            for index in (0..lines.len()).filter(|index| lines[*index].starts_with('>')) {
                let mut missing = lines.clone();
                missing.remove(index);
                let (mut longer, mut twice) = (lines.clone(), lines.clone());
                longer[index].push_str(" 00");
                twice.insert(index, lines[index].clone());
                for lines in [missing, longer, twice] {
                    add(Some(lines), self.expected.clone());
                }
            }
        }
        spoilt
    }
}

/// A case of one scenario.
pub fn case(id: &str, purpose: &str, acts: &[Act], script: &[&str], expected: &[&str]) -> Case {
    cases(id, purpose, vec![scenario(acts, script, expected)])
}

/// A case of several scenarios.
pub fn cases(id: &str, purpose: &str, scenarios: Vec<Scenario>) -> Case {
    Case {
        id: id.into(),
        purpose: purpose.into(),
        check: Check::Run(scenarios),
    }
}

pub fn scenario(acts: &[Act], script: &[&str], expected: &[&str]) -> Scenario {
    Scenario {
        acts: acts.to_vec(),
        peer: Peer::Script(script.iter().map(|line| (*line).into()).collect()),
        expected: expected.iter().map(|line| (*line).into()).collect(),
    }
}

/// A case that is not run.
pub fn skip(id: &str, purpose: &str, reason: &'static str) -> Case {
    Case {
        id: id.into(),
        purpose: purpose.into(),
        check: Check::Skip(reason),
    }
}

/// A case of a peer that answers without a script.
pub fn against(
    id: &str,
    purpose: &str,
    act: Act,
    answer: fn(&[u8], usize) -> Vec<u8>,
    at_most: usize,
    expected: &[&str],
) -> Case {
    let expected = expected.iter().map(|line| (*line).into()).collect();
    let peer = Peer::Server { answer, at_most };
    cases(
        id,
        purpose,
        vec![Scenario {
            acts: vec![act],
            peer,
            expected,
        }],
    )
}

/// A code of an Error Response, and its name in the specification.
pub type Code = (u8, &'static str);
pub const INVALID_HANDLE: Code = (0x01, "Invalid Handle");
pub const READ_NOT_PERMITTED: Code = (0x02, "Read Not Permitted");
pub const WRITE_NOT_PERMITTED: Code = (0x03, "Write Not Permitted");
pub const AUTHENTICATION: Code = (0x05, "Insufficient Authentication");
pub const INVALID_OFFSET: Code = (0x07, "Invalid Offset");
pub const AUTHORIZATION: Code = (0x08, "Insufficient Authorization");
pub const NOT_FOUND: Code = (0x0A, "Attribute Not Found");
pub const KEY_SIZE: Code = (0x0C, "Encryption Key Size Too Short");
pub const APPLICATION: Code = (0x80, "Application Error");

/// The Error Response to a request, as a line of a script.
pub fn refusal(request: u8, handle: u16, code: Code) -> String {
    let [low, high] = handle.to_le_bytes();
    format!("< 01 {request:02X} {low:02X}{high:02X} {:02X}", code.0)
}

/// What a program sees of it.
pub fn refused(request: &str, handle: u16, (code, name): Code) -> String {
    let hint = if matches!(code, 0x05 | 0x0C | 0x0F) {
        "; security"
    } else {
        ""
    };
    format!("error: {request} for handle 0x{handle:04X} was refused: {name} (0x{code:02X}){hint}")
}

/// An act whose first request is refused, and that is all.
pub fn refused_at_once(act: Act, request: &str, name: &str, handle: u16, code: Code) -> Scenario {
    let opcode = bytes(request)
        .unwrap_or_default()
        .first()
        .copied()
        .unwrap_or(0);
    Scenario {
        acts: vec![act],
        peer: Peer::Script(vec![format!("> {request}"), refusal(opcode, handle, code)]),
        expected: vec![refused(name, handle, code)],
    }
}

/// Octets as cases write them: hexadecimal, spaced at will, `XX*N` for N times the same.
pub fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        let (digits, count) = word.split_once('*').unwrap_or((word, "1"));
        let count: usize = count.parse().map_err(|_| format!("no count in {word}"))?;
        let pairs = digits.as_bytes().chunks(2).map(|pair| {
            let pair = str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let octets: Vec<u8> = pairs
            .collect::<Option<_>>()
            .ok_or_else(|| format!("{word} is not hexadecimal"))?;
        out.extend(octets.repeat(count));
    }
    Ok(out)
}

/// The same the other way: four or more alike are counted.
pub fn text(octets: &[u8]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut plain = false;
    for run in octets.chunk_by(|a, b| a == b) {
        if run.len() >= 4 {
            words.push(format!("{:02X}*{}", run[0], run.len()));
            plain = false;
        } else {
            let digits: String = run.iter().map(|octet| format!("{octet:02X}")).collect();
            match words.last_mut().filter(|_| plain) {
                Some(word) => word.push_str(&digits),
                None => words.push(digits),
            }
            plain = true;
        }
    }
    if words.is_empty() {
        "nothing".into()
    } else {
        words.join(" ")
    }
}
