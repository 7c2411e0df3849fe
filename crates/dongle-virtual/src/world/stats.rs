//! A controller's counts: its traffic, and what its host did wrong.

/// Counts since the controller entered the air.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControllerStats {
    /// Commands from the host.
    pub commands: u64,
    /// ACL packets taken from the host.
    pub acl_from_host: u64,
    /// ACL packets given to the host.
    pub acl_to_host: u64,
    /// The most ACL packets the host ever had outstanding.
    pub max_in_flight: usize,
    /// ACL packets outstanding now.
    pub in_flight: usize,
    /// ACL packets that the host sent without a free buffer.
    pub overflows: u64,
    /// ACL packets longer than the controller's buffers.
    pub oversized: u64,
    /// ACL packets for a handle without a link: a race with a disconnection, or an error.
    pub unknown_handle: u64,
    /// Packets that could not be parsed.
    pub malformed: u64,
    /// Commands sent before the answer to the previous one was read.
    pub command_overlaps: u64,
    /// Advertising reports given to the host.
    pub reports: u64,
    /// Advertising reports discarded because the host was slow to read.
    pub reports_discarded: u64,
    /// Links that were made.
    pub connections: u64,
}

impl ControllerStats {
    /// All violations of flow control and framing by the host.
    pub fn violations(&self) -> u64 {
        self.overflows + self.oversized + self.malformed + self.command_overlaps
    }
}
