//! The security channel without the feature `security`: nothing passes.

/// The channel of the Security Manager Protocol.
pub const CID_SMP: u16 = 0x0006;
/// The most that is looked at of a frame on the security or the signalling channel.
pub const PREFIX: usize = 12;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass, so many bytes of it.
    Pass(usize),
    /// It ends here.
    Drop,
}

/// The guard of one link.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// A link that nobody pairs on.
    pub const CLOSED: Self = Self(());

    /// The link was encrypted, or could not be; whether trouble-host waits for that.
    pub fn encrypted(&mut self) -> bool {
        false
    }

    /// Sees what trouble-host sends.
    pub fn outbound(&mut self, _: &[u8]) {}

    /// Judges what the peer sends.
    pub fn inbound(&mut self, _: &mut [u8]) -> Verdict {
        Verdict::Drop
    }
}
