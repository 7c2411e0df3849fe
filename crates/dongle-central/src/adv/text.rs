//! Names and URIs as devices send them, displayable even if they are not valid UTF-8.

use core::fmt;

/// A name. It should be UTF-8, but is often cut in the middle of a character.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name<'a> {
    bytes: &'a [u8],
}

impl<'a> Name<'a> {
    /// A name from its octets.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The octets as the device sent them.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The name, if it is UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        core::str::from_utf8(self.bytes).ok()
    }

    /// The characters, with U+FFFD in place of invalid ones.
    pub fn chars(&self) -> impl Iterator<Item = char> + Clone + use<'a> {
        self.bytes.utf8_chunks().flat_map(|chunk| {
            let damaged = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
            chunk.valid().chars().chain(damaged)
        })
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.as_str() {
            return f.pad(text);
        }
        self.chars()
            .try_for_each(|char| fmt::Write::write_char(f, char))
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"")?;
        self.chars()
            .flat_map(char::escape_debug)
            .try_for_each(|char| write!(f, "{char}"))?;
        write!(f, "\"")
    }
}

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        self.bytes == other.as_bytes()
    }
}

impl PartialEq<&str> for Name<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// A URI whose scheme is encoded as one character (Supplement Part A 1.18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Uri<'a> {
    bytes: &'a [u8],
}

impl<'a> Uri<'a> {
    /// A URI from its octets.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The octets as the device sent them.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The character that encodes the scheme (Assigned Numbers 2.7), if there is one.
    pub fn scheme(&self) -> Option<char> {
        self.text()
            .chars()
            .next()
            .filter(|&char| char != char::REPLACEMENT_CHARACTER)
    }

    fn text(&self) -> Name<'a> {
        Name::new(self.bytes)
    }
}

impl fmt::Display for Uri<'_> {
    /// The whole URI if its scheme is `http:` or `https:` or spelled out; otherwise the scheme's
    /// number comes first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.text().chars();
        match chars.next() {
            None => return Ok(()),
            Some('\u{01}') => {}
            Some('\u{16}') => f.write_str("http:")?,
            Some('\u{17}') => f.write_str("https:")?,
            Some(scheme) => write!(f, "<scheme 0x{:02X}>:", u32::from(scheme))?,
        }
        chars.try_for_each(|char| fmt::Write::write_char(f, char))
    }
}
