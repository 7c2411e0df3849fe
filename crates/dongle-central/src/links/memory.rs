//! Links in one static, for programs without an allocator.

use core::cell::RefCell;
use core::task::Waker;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::RawMutex;

use super::{Doorbell, Link, LinkInfo, Links};
use crate::bearer::{Bearer, BearerState, BearerStorage, Call, Subscriber};

/// The memory of one link.
///
/// - `PDU`: one more than the largest ATT MTU to offer; 248 lets a PDU fill one data packet.
/// - `CALLS`: requests that may wait at a time.
/// - `SUBSCRIPTIONS`: as many.
/// - `QUEUE`: bytes for notified values, and as many for commands.
#[derive(Debug)]
pub struct LinkMemory<
    const PDU: usize,
    const CALLS: usize,
    const SUBSCRIPTIONS: usize,
    const QUEUE: usize,
> {
    info: LinkInfo,
    state: BearerState,
    calls: [Call; CALLS],
    call_bytes: [[u8; PDU]; CALLS],
    commands: [u8; QUEUE],
    notifications: [u8; QUEUE],
    indications: [[u8; PDU]; 2],
    subscribers: [Subscriber; SUBSCRIPTIONS],
    waiters: [Option<Waker>; CALLS],
    pdu: [u8; PDU],
}

impl<const PDU: usize, const CALLS: usize, const SUBSCRIPTIONS: usize, const QUEUE: usize>
    LinkMemory<PDU, CALLS, SUBSCRIPTIONS, QUEUE>
{
    /// Memory that nobody uses yet.
    pub const fn new() -> Self {
        Self {
            info: LinkInfo::FREE,
            state: BearerState::closed(),
            calls: [const { Call::FREE }; CALLS],
            call_bytes: [[0; PDU]; CALLS],
            commands: [0; QUEUE],
            notifications: [0; QUEUE],
            indications: [[0; PDU]; 2],
            subscribers: [const { Subscriber::FREE }; SUBSCRIPTIONS],
            waiters: [const { None }; CALLS],
            pdu: [0; PDU],
        }
    }

    /// The link that lives here.
    pub fn link(&mut self) -> Link<'_> {
        Link {
            info: &mut self.info,
            bearer: Bearer::new(BearerStorage {
                state: &mut self.state,
                calls: &mut self.calls,
                call_bytes: self.call_bytes.as_flattened_mut(),
                commands: &mut self.commands,
                notifications: &mut self.notifications,
                indications: self.indications.as_flattened_mut(),
                subscribers: &mut self.subscribers,
                waiters: &mut self.waiters,
            }),
            pdu: &mut self.pdu,
        }
    }
}

impl<const PDU: usize, const CALLS: usize, const SUBSCRIPTIONS: usize, const QUEUE: usize> Default
    for LinkMemory<PDU, CALLS, SUBSCRIPTIONS, QUEUE>
{
    fn default() -> Self {
        Self::new()
    }
}

/// `LINKS` links, each with a [`LinkMemory`] of its own, behind locks of type `M`.
#[derive(Debug)]
pub struct StaticLinks<
    M: RawMutex,
    const LINKS: usize,
    const PDU: usize,
    const CALLS: usize,
    const SUBSCRIPTIONS: usize,
    const QUEUE: usize,
> {
    places: [Mutex<M, RefCell<LinkMemory<PDU, CALLS, SUBSCRIPTIONS, QUEUE>>>; LINKS],
    doorbell: Doorbell,
}

impl<
    M: RawMutex,
    const LINKS: usize,
    const PDU: usize,
    const CALLS: usize,
    const SUBSCRIPTIONS: usize,
    const QUEUE: usize,
> StaticLinks<M, LINKS, PDU, CALLS, SUBSCRIPTIONS, QUEUE>
{
    /// Links that nobody uses yet.
    pub const fn new() -> Self {
        Self {
            places: [const { Mutex::new(RefCell::new(LinkMemory::new())) }; LINKS],
            doorbell: Doorbell::new(),
        }
    }
}

impl<
    M: RawMutex,
    const LINKS: usize,
    const PDU: usize,
    const CALLS: usize,
    const SUBSCRIPTIONS: usize,
    const QUEUE: usize,
> Default for StaticLinks<M, LINKS, PDU, CALLS, SUBSCRIPTIONS, QUEUE>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<
    M: RawMutex,
    const LINKS: usize,
    const PDU: usize,
    const CALLS: usize,
    const SUBSCRIPTIONS: usize,
    const QUEUE: usize,
> Links for StaticLinks<M, LINKS, PDU, CALLS, SUBSCRIPTIONS, QUEUE>
{
    fn capacity(&self) -> usize {
        LINKS
    }

    fn with<R>(&self, index: usize, f: impl FnOnce(&mut Link<'_>) -> R) -> Option<R> {
        let place = self.places.get(index)?;
        Some(place.lock(|memory| f(&mut memory.borrow_mut().link())))
    }

    fn doorbell(&self) -> &Doorbell {
        &self.doorbell
    }
}
