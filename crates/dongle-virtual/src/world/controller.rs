//! The state of one simulated controller, and its packets for its host.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::advertising_set::AdvertisingSet;
use super::config::ControllerConfig;
use super::faults::Faults;
use super::initiating::Initiator;
use super::link::LinkId;
use super::privacy::ResolvingList;
use super::scanning::Scanner;
use super::stats::ControllerStats;
use crate::address::Address;
use crate::hci::event::{self, le};
use crate::hci::opcode::Family;
use crate::hci::{Status, indicator};

/// Identifies a controller on the air, and is never reused for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControllerId(pub(crate) u32);

/// The kinds of packets for the host, which are counted separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutgoingKind {
    CommandAnswer,
    Acl,
    Report,
    Other,
}

#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) kind: OutgoingKind,
    pub(crate) bytes: Vec<u8>,
}

/// Flow control from the controller to its host, if the host has enabled it.
#[derive(Debug, Default)]
pub(crate) struct HostFlow {
    pub(crate) buffers: u16,
    pub(crate) enabled: bool,
    pub(crate) outstanding: u16,
}

#[derive(Debug)]
pub(crate) struct Controller {
    pub(crate) config: ControllerConfig,
    pub(crate) stats: ControllerStats,
    pub(crate) faults: Faults,
    pub(crate) outbox: VecDeque<Outgoing>,
    /// How many packets of each kind are in the outbox.
    pub(crate) waiting_acl: usize,
    pub(crate) waiting_reports: usize,
    pub(crate) waiting_answers: usize,
    /// A peer was held back because this host is slow.
    pub(crate) held_back: bool,
    pub(crate) mask: u64,
    pub(crate) le_mask: u64,
    pub(crate) random_address: Option<[u8; 6]>,
    /// The family of advertising, scanning and initiating commands that the host has used.
    pub(crate) family: Option<Family>,
    pub(crate) advertising: BTreeMap<u8, AdvertisingSet>,
    pub(crate) scanner: Scanner,
    pub(crate) initiator: Option<Initiator>,
    pub(crate) accept_list: Vec<(u8, [u8; 6])>,
    pub(crate) resolving: ResolvingList,
    pub(crate) handles: BTreeMap<u16, LinkId>,
    pub(crate) in_flight: usize,
    pub(crate) suggested_octets: u16,
    pub(crate) suggested_time: u16,
    pub(crate) default_phys: (u8, u8),
    pub(crate) host_flow: HostFlow,
    pub(crate) le_host_support: (u8, u8),
}

impl Controller {
    pub(crate) fn new(config: ControllerConfig) -> Self {
        let config = config.normalised();
        Self {
            resolving: ResolvingList::new(config.resolving_list),
            default_phys: (config.phys(), config.phys()),
            config,
            stats: ControllerStats::default(),
            faults: Faults::default(),
            outbox: VecDeque::new(),
            waiting_acl: 0,
            waiting_reports: 0,
            waiting_answers: 0,
            held_back: false,
            mask: event::DEFAULT_MASK,
            le_mask: event::DEFAULT_LE_MASK,
            random_address: None,
            family: None,
            advertising: BTreeMap::new(),
            scanner: Scanner::default(),
            initiator: None,
            accept_list: Vec::new(),
            handles: BTreeMap::new(),
            in_flight: 0,
            suggested_octets: 27,
            suggested_time: 328,
            host_flow: HostFlow::default(),
            le_host_support: (0, 0),
        }
    }

    /// HCI Reset keeps only the configuration, the counts and the faults. Packets that the host has
    /// not fetched yet stay as well, as if they were already on the wire.
    pub(crate) fn reset(&mut self) {
        let fresh = Self::new(self.config.clone());
        let old = std::mem::replace(self, fresh);
        self.stats = old.stats;
        self.faults = old.faults;
        self.outbox = old.outbox;
        self.waiting_acl = old.waiting_acl;
        self.waiting_reports = old.waiting_reports;
        self.waiting_answers = old.waiting_answers;
        self.scanner.generation = old.scanner.generation + 1;
    }

    /// Puts a whole packet into the outbox, unless the controller is frozen.
    pub(crate) fn push(&mut self, kind: OutgoingKind, bytes: Vec<u8>) {
        if self.faults.frozen {
            return;
        }
        *self.waiting(kind) += usize::from(kind != OutgoingKind::Other);
        self.outbox.push_back(Outgoing { kind, bytes });
    }

    pub(crate) fn pop(&mut self) -> Option<Outgoing> {
        let out = self.outbox.pop_front()?;
        let waiting = self.waiting(out.kind);
        *waiting = waiting.saturating_sub(usize::from(out.kind != OutgoingKind::Other));
        Some(out)
    }

    fn waiting(&mut self, kind: OutgoingKind) -> &mut usize {
        match kind {
            OutgoingKind::Acl => &mut self.waiting_acl,
            OutgoingKind::Report => &mut self.waiting_reports,
            OutgoingKind::CommandAnswer | OutgoingKind::Other => &mut self.waiting_answers,
        }
    }

    fn push_event(&mut self, kind: OutgoingKind, code: u8, head: &[u8], parameters: &[u8]) {
        let len = head.len() + parameters.len();
        let Ok(len8) = u8::try_from(len) else {
            log::error!("event {code:#04x} of {len} octets does not fit");
            return;
        };
        let mut bytes = Vec::with_capacity(3 + len);
        bytes.extend_from_slice(&[indicator::EVENT, code, len8]);
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(parameters);
        self.push(kind, bytes);
    }

    /// Sends an event, if the host's mask lets it through.
    pub(crate) fn event(&mut self, code: u8, parameters: &[u8]) {
        if event::passes(self.mask, code) {
            self.push_event(OutgoingKind::Other, code, &[], parameters);
        }
    }

    /// Whether the host's masks let this LE subevent through.
    pub(crate) fn le_event_enabled(&self, subevent: u8) -> bool {
        event::passes(self.mask, event::LE_META) && event::passes(self.le_mask, subevent)
    }

    /// Sends an LE event, if the host's masks let it through.
    pub(crate) fn le_event(&mut self, subevent: u8, parameters: &[u8]) {
        if self.le_event_enabled(subevent) {
            let kind = match subevent {
                le::ADVERTISING_REPORT | le::EXTENDED_ADVERTISING_REPORT => OutgoingKind::Report,
                _ => OutgoingKind::Other,
            };
            self.push_event(kind, event::LE_META, &[subevent], parameters);
        }
    }

    pub(crate) fn command_complete(&mut self, opcode: u16, status: Status, parameters: &[u8]) {
        let [low, high] = opcode.to_le_bytes();
        let kind = OutgoingKind::CommandAnswer;
        self.push_event(
            kind,
            event::COMMAND_COMPLETE,
            &[1, low, high, status],
            parameters,
        );
    }

    pub(crate) fn command_status(&mut self, opcode: u16, status: Status) {
        let [low, high] = opcode.to_le_bytes();
        let kind = OutgoingKind::CommandAnswer;
        self.push_event(kind, event::COMMAND_STATUS, &[status, 1, low, high], &[]);
    }

    /// The device's own address for an own address type of HCI, without link layer privacy. `None`
    /// if it is a random address and none was set.
    pub(crate) fn plain_address(&self, own_kind: u8, set: Option<[u8; 6]>) -> Option<Address> {
        if own_kind & 1 == 0 {
            Some(Address::public(self.config.public_address))
        } else {
            set.or(self.random_address).map(Address::random)
        }
    }

    /// The address that a device sends from. For types 2 and 3, this is a resolvable address if the
    /// resolving list has a local key for the peer.
    pub(crate) fn own_address(
        &mut self,
        now: Duration,
        own_kind: u8,
        set: Option<[u8; 6]>,
        peer: (u8, [u8; 6]),
        rng: &mut fastrand::Rng,
    ) -> Option<Address> {
        if own_kind & 2 != 0
            && let Some(bytes) = self.resolving.local_address(now, peer, rng)
        {
            return Some(Address::random(bytes));
        }
        self.plain_address(own_kind, set)
    }

    /// Whether an address, in the form reported to the host, is in the filter accept list.
    pub(crate) fn accepts(&self, kind: u8, bytes: [u8; 6]) -> bool {
        self.accept_list
            .iter()
            .any(|&(k, b)| k & 1 == kind & 1 && b == bytes)
    }

    pub(crate) fn is_listening(&self) -> bool {
        self.scanner.enabled || self.initiator.is_some()
    }

    /// The lowest free connection handle.
    pub(crate) fn free_handle(&self) -> u16 {
        (0..0x0F00)
            .find(|handle| !self.handles.contains_key(handle))
            .unwrap_or(0)
    }
}
