//! The interface to the person who answers questions during pairing.

/// What the user can see and do on a device (Core Vol 3 Part H, 2.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum IoCapabilities {
    /// See a number.
    DisplayOnly = 0,
    /// See a number, and say yes or no.
    DisplayYesNo = 1,
    /// Enter a number.
    KeyboardOnly = 2,
    /// Nothing.
    NoInputNoOutput = 3,
    /// See a number, and enter one.
    KeyboardDisplay = 4,
}

/// Six digits that one side shows and the other enters or compares.
///
/// They are secret while the pairing lasts: only [`Passkey::digits`] and `Display`, which are meant
/// for a screen, show them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Passkey(u32);

impl Passkey {
    /// The passkey with this number, up to 999,999.
    pub const fn new(number: u32) -> Option<Self> {
        match number {
            0..=999_999 => Some(Self(number)),
            _ => None,
        }
    }

    /// The passkey made of the last six digits of a number.
    pub(crate) const fn of(number: u32) -> Self {
        Self(number % 1_000_000)
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The six digits to show, including leading zeros.
    pub fn digits(self) -> [u8; 6] {
        let mut rest = self.0;
        let mut digits = [0; 6];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        digits
    }
}

impl core::fmt::Display for Passkey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl core::fmt::Debug for Passkey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Passkey(..)")
    }
}

/// Data carried from one device to the other by other means, such as a tag or a printed code.
#[derive(Debug, Clone)]
pub enum OutOfBand {
    /// LE Secure Connections: the peer's data, if it gave any, and ours if the peer has it.
    SecureConnections {
        /// The peer's random and confirm values.
        peer: Option<OobData>,
        /// What [`local_oob`](crate::central::Central::local_oob) returned, if the peer got it.
        local: Option<OobData>,
    },
    /// Legacy pairing: the temporary key that both have.
    Legacy(super::Key),
}

/// Out-of-band data of LE Secure Connections (Core Vol 3 Part H, 2.3.5.6.4).
#[derive(Debug, Clone)]
pub struct OobData {
    /// The random value.
    pub random: super::Key,
    /// The confirm value.
    pub confirm: super::Key,
}

/// Answers for the user. Each question may take up to the 30 s that the specification allows; the
/// future is dropped if the pairing ends before that.
#[allow(async_fn_in_trait)]
pub trait Agent {
    /// What the user can see and do. It determines which questions are asked.
    fn capabilities(&self) -> IoCapabilities {
        IoCapabilities::NoInputNoOutput
    }

    /// Whether [`Agent::out_of_band`] has data of the peer. If only the peer has some, of ours, this
    /// is false, and the question is asked nevertheless.
    fn has_out_of_band(&self) -> bool {
        false
    }

    /// Shows a passkey to be entered on the peer. The pairing does not wait for this to end.
    async fn display(&self, passkey: Passkey) {
        let _ = passkey;
    }

    /// Whether the peer shows the same number.
    async fn compare(&self, passkey: Passkey) -> bool {
        let _ = passkey;
        false
    }

    /// The passkey that the peer shows; `None` refuses.
    async fn enter(&self) -> Option<Passkey> {
        None
    }

    /// The out-of-band data; `None` refuses.
    async fn out_of_band(&self) -> Option<OutOfBand> {
        None
    }
}

/// No user is present: nothing can be shown, compared or entered, and pairing is Just Works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Nobody;

impl Agent for Nobody {}

impl<A: Agent> Agent for &A {
    fn capabilities(&self) -> IoCapabilities {
        A::capabilities(self)
    }

    fn has_out_of_band(&self) -> bool {
        A::has_out_of_band(self)
    }

    async fn display(&self, passkey: Passkey) {
        A::display(self, passkey).await;
    }

    async fn compare(&self, passkey: Passkey) -> bool {
        A::compare(self, passkey).await
    }

    async fn enter(&self) -> Option<Passkey> {
        A::enter(self).await
    }

    async fn out_of_band(&self) -> Option<OutOfBand> {
        A::out_of_band(self).await
    }
}
