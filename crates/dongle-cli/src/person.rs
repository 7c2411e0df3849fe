//! The answers that a pairing needs: from the command line, or from the person at the terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dongle::Address;
use dongle::security::{Answer, IoCapabilities, OobData, OutOfBand, PairingAgent, Passkey};

use crate::args::{IoCapability, Pairing};
use crate::failure::Failure;
use crate::oob::Oob;
use crate::progress;
use crate::screen;
use crate::secret::{Parse, Secret};
use crate::style::Style;

/// Counts questions asked and answered. While it moves, the device is not what is waited for.
static QUESTIONS: AtomicU64 = AtomicU64::new(0);
/// A question is on the terminal, without an end of line.
static PENDING: AtomicBool = AtomicBool::new(false);

/// The number of questions so far: unchanged if nothing was asked or answered in between; `None`
/// while a question is open.
pub fn answered() -> Option<u64> {
    match PENDING.load(Ordering::SeqCst) {
        true => None,
        false => Some(QUESTIONS.load(Ordering::SeqCst)),
    }
}

/// Ends the line of a question that will not be answered any more.
pub fn leave() {
    if PENDING.swap(false, Ordering::SeqCst) {
        eprintln!();
    }
}

/// Whether somebody is there to be asked.
pub fn is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// A line of standard input, empty at its end. In a terminal, it is asked for.
async fn line(question: &str) -> Result<String, Failure> {
    if is_there() {
        let mark = Style::of(&io::stderr()).accent("?");
        PENDING.store(true, Ordering::SeqCst);
        eprint!("{mark} {question} ");
    }
    // On a thread of its own: Ctrl-C is heard meanwhile.
    let (told, line) = async_channel::bounded(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        // Nobody waits for it after Ctrl-C.
        let _ = told.send_blocking(read.map(|_| line));
    });
    let line = line.recv().await.map_err(|_| Failure::Interrupted)?;
    PENDING.store(false, Ordering::SeqCst);
    line.map_err(Failure::io("standard input"))
}

/// Answers the questions of a pairing.
pub struct Person {
    passkey: Option<Passkey>,
    /// Of the device.
    oob: Option<Oob>,
    /// Ours, which the device has.
    ours: Option<OobData>,
    yes: bool,
    io_capability: Option<IoCapability>,
    on_demand: bool,
    there: bool,
    /// After one refusal the person is not asked again: many values of a device may be locked.
    refused: AtomicBool,
}

impl Person {
    pub fn new(options: &Pairing) -> Result<Self, Failure> {
        Ok(Self {
            passkey: Secret::of(options.passkey.as_ref(), "--passkey")?,
            oob: Secret::of(options.oob.as_ref(), "--oob")?,
            ours: None,
            yes: options.yes,
            io_capability: options.io_capability,
            on_demand: !options.no_pair && (is_there() || options.is_something()),
            there: is_there(),
            refused: AtomicBool::new(false),
        })
    }

    /// Whether to pair when the device refuses access: in a script, only if its options answer.
    pub fn pairs_on_demand(&self) -> bool {
        self.on_demand
    }

    /// Waits until the device has our data. After that, the device's has been read as well.
    pub async fn gives(&mut self, ours: OobData) -> Result<(), Failure> {
        self.ours = Some(ours);
        match self.oob {
            Some(Oob::Later) => self.reads_oob().await,
            _ => line("Press Enter when the device has it:").await.map(drop),
        }
    }

    /// Reads the device's data from standard input, if that is where it comes from.
    pub async fn reads_oob(&mut self) -> Result<(), Failure> {
        if let Some(Oob::Later) = self.oob {
            let written = line("Out of band data of the device:").await?;
            let wrong = |why| Failure::Usage(format!("--oob: {why}"));
            self.oob = Some(Oob::written(&written).map_err(wrong)?);
        }
        Ok(())
    }

    /// Prints what it is about, asks one question, and gives back the answer, if there is one.
    fn ask(&self, about: &str, question: &str) -> Option<String> {
        if !self.there || self.refused.load(Ordering::SeqCst) {
            return None;
        }
        let _hold = progress::hold();
        QUESTIONS.fetch_add(1, Ordering::SeqCst);
        PENDING.store(true, Ordering::SeqCst);
        let mark = Style::of(&io::stderr()).accent("?");
        let mut err = io::stderr().lock();
        // Echo on again, as typing blind goes wrong; and keys typed earlier are not the answer.
        screen::restore();
        let asked = write!(err, "\r\x1B[K{about}\n{mark} {question} ");
        let _ = asked.and_then(|()| err.flush());
        drop(err);
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        PENDING.store(false, Ordering::SeqCst);
        QUESTIONS.fetch_add(1, Ordering::SeqCst);
        match read {
            // End of input: there was no end of line.
            Ok(0) => {
                eprintln!();
                None
            }
            Ok(_) => Some(answer.trim().to_owned()),
            Err(_) => None,
        }
    }

    fn enters(&self, peer: Address) -> Option<Passkey> {
        if let Some(passkey) = self.passkey {
            return Some(passkey);
        }
        let mut about = format!("{peer} shows a passkey, or has it on its case.");
        loop {
            let answer = self.ask(&about, "Passkey (Enter refuses):");
            match Passkey::parse(&answer.filter(|answer| !answer.is_empty())?) {
                Ok(passkey) => return Some(passkey),
                Err(why) => about = format!("Try again: {why}."),
            }
        }
    }

    fn compares(&self, peer: Address, passkey: Passkey) -> bool {
        if self.yes {
            return true;
        }
        let about = format!("Compare: {peer} should show {passkey}.");
        let answer = self.ask(&about, "Does it show exactly this number? [y/N]");
        let answer = answer.unwrap_or_default();
        matches!(answer.to_lowercase().as_str(), "y" | "yes")
    }

    fn remember<T>(&self, answer: Option<T>) -> Option<T> {
        if answer.is_none() {
            self.refused.store(true, Ordering::SeqCst);
        }
        answer
    }
}

impl PairingAgent for Person {
    fn capabilities(&self) -> IoCapabilities {
        match (self.io_capability, self.passkey, self.yes) {
            (Some(named), _, _) => named.into(),
            // Report only what the given options can answer.
            (None, Some(_), false) => IoCapabilities::KeyboardOnly,
            (None, None, true) => IoCapabilities::DisplayYesNo,
            (None, Some(_), true) => IoCapabilities::KeyboardDisplay,
            (None, None, false) if self.there => IoCapabilities::KeyboardDisplay,
            (None, None, false) => IoCapabilities::NoInputNoOutput,
        }
    }

    fn has_out_of_band(&self, _: Address) -> bool {
        matches!(self.oob, Some(Oob::Data(_)))
    }

    fn display(&self, peer: Address, passkey: Passkey) -> Answer<'_, ()> {
        // For the person, not for a file that a script keeps.
        if self.there {
            let _hold = progress::hold();
            let passkey = Style::of(&io::stderr()).bold(passkey);
            eprintln!("\r\x1B[KEnter {passkey} on {peer}.");
            QUESTIONS.fetch_add(1, Ordering::SeqCst);
        }
        Box::pin(async {})
    }

    fn compare(&self, peer: Address, passkey: Passkey) -> Answer<'_, bool> {
        Box::pin(async move {
            let same = self.compares(peer, passkey).then_some(());
            self.remember(same).is_some()
        })
    }

    fn enter(&self, peer: Address) -> Answer<'_, Option<Passkey>> {
        Box::pin(async move { self.remember(self.enters(peer)) })
    }

    fn out_of_band(&self, _: Address) -> Answer<'_, Option<OutOfBand>> {
        let data = match (&self.oob, &self.ours) {
            (Some(Oob::Data(OutOfBand::SecureConnections { peer, .. })), ours) => {
                Some(OutOfBand::SecureConnections {
                    peer: peer.clone(),
                    local: ours.clone(),
                })
            }
            (Some(Oob::Data(key)), _) => Some(key.clone()),
            (_, Some(ours)) => Some(OutOfBand::SecureConnections {
                peer: None,
                local: Some(ours.clone()),
            }),
            (_, None) => None,
        };
        Box::pin(async { data })
    }
}

impl Parse for Passkey {
    /// Up to six digits.
    fn parse(text: &str) -> Result<Self, String> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let number = match digits.len() {
            1..=6 if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
            _ => None,
        };
        let passkey = number.and_then(Self::new);
        passkey.ok_or_else(|| "a passkey has up to six digits".into())
    }
}

impl From<IoCapability> for IoCapabilities {
    fn from(named: IoCapability) -> Self {
        match named {
            IoCapability::NoInputNoOutput => Self::NoInputNoOutput,
            IoCapability::DisplayOnly => Self::DisplayOnly,
            IoCapability::DisplayYesNo => Self::DisplayYesNo,
            IoCapability::KeyboardOnly => Self::KeyboardOnly,
            IoCapability::KeyboardDisplay => Self::KeyboardDisplay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_read_and_never_repeated() {
        for (text, number) in [("123456", 123_456), ("000042", 42), ("123 456", 123_456)] {
            assert_eq!(Passkey::parse(text).map(Passkey::number), Ok(number));
        }
        for text in ["", "1234567", "12a456", "-1", "+1"] {
            let error = Passkey::parse(text).unwrap_err();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn what_the_device_is_told_fits_what_the_command_line_can_answer() {
        let capabilities = |passkey: Option<u32>, yes| {
            let person = Person {
                passkey: passkey.and_then(Passkey::new),
                oob: None,
                ours: None,
                yes,
                io_capability: None,
                on_demand: false,
                there: false,
                refused: AtomicBool::new(false),
            };
            person.capabilities()
        };
        assert_eq!(capabilities(None, false), IoCapabilities::NoInputNoOutput);
        assert_eq!(capabilities(Some(1), false), IoCapabilities::KeyboardOnly);
        assert_eq!(capabilities(None, true), IoCapabilities::DisplayYesNo);
        assert_eq!(capabilities(Some(1), true), IoCapabilities::KeyboardDisplay);
    }
}
