//! Who answers for the person in front of the device while it pairs.

/// What a person can see and do on a device (Core Vol 3 Part H, 2.3.2).
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
/// They are a secret for as long as the pairing lasts: only [`Passkey::digits`] and `Display`, for
/// a screen, show them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Passkey(u32);

impl Passkey {
    /// The passkey of this number, up to 999,999.
    pub const fn new(number: u32) -> Option<Self> {
        match number {
            0..=999_999 => Some(Self(number)),
            _ => None,
        }
    }

    /// The one that the last six digits of a number make.
    pub(crate) const fn of(number: u32) -> Self {
        Self(number % 1_000_000)
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The six digits as they are shown, zeros in front included.
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

/// Data that went from one device to the other by another way: a tag, a printed code.
#[derive(Debug, Clone)]
pub enum OutOfBand {
    /// LE Secure Connections: what the peer gave, if it could, and ours if the peer has it.
    SecureConnections {
        /// Random and confirm value of the peer.
        peer: Option<OobData>,
        /// What [`local_oob`](crate::central::Central::local_oob) gave, if the peer was told.
        local: Option<OobData>,
    },
    /// Legacy pairing: the temporary key that both have.
    Legacy(super::Key),
}

/// Out of band data of LE Secure Connections (Core Vol 3 Part H, 2.3.5.6.4).
#[derive(Debug, Clone)]
pub struct OobData {
    /// The random value.
    pub random: super::Key,
    /// The confirm value.
    pub confirm: super::Key,
}

/// Answers for the person. Each question may take its time, up to the 30 s that the specification
/// gives; the future is dropped when the pairing is over before.
#[allow(async_fn_in_trait)]
pub trait Agent {
    /// What the person can see and do. It decides which questions come.
    fn capabilities(&self) -> IoCapabilities {
        IoCapabilities::NoInputNoOutput
    }

    /// Whether [`Agent::out_of_band`] has something of the peer. Where the peer has something of
    /// ours alone, this is false, and the question comes all the same.
    fn has_out_of_band(&self) -> bool {
        false
    }

    /// Shows a passkey, which is to be entered on the peer. Nothing waits for the end of this.
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

    /// What went by another way; `None` refuses.
    async fn out_of_band(&self) -> Option<OutOfBand> {
        None
    }
}

/// Nobody is there: nothing can be shown, compared or entered, and pairing is Just Works.
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
