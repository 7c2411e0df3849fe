//! The security channel without the feature `security`: nothing passes.

use super::Verdict;

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
