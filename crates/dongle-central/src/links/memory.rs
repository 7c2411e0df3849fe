//! Links in a static, for programs without an allocator.

use core::cell::RefCell;
use core::task::Waker;

use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::RawMutex;

use super::{Doorbell, Link, LinkInfo, Links, MAX_LINKS};
use crate::bearer::{Bearer, BearerState, BearerStorage, Call, Subscriber};

/// The memory of one link.
///
/// - `PDU`: one more than the largest ATT MTU to offer; 248 lets a PDU fill one data packet.
/// - `CALLS`: how many requests may wait at once, and how many tasks may wait for anything on the link
///   before they wake each other repeatedly.
/// - `SUBSCRIPTIONS`: how many subscriptions there may be.
/// - `QUEUE`: bytes for notified values.
/// - `COMMANDS`: bytes for commands, `QUEUE` by default; 0 if none are sent.
/// - `INDICATED`: how many indicated values of maximum length fit, 2 by default; 0 if none are
///   subscribed to.
#[derive(Debug)]
pub struct LinkMemory<
    const PDU: usize,
    const CALLS: usize,
    const SUBSCRIPTIONS: usize,
    const QUEUE: usize,
    const COMMANDS: usize = QUEUE,
    const INDICATED: usize = 2,
> {
    state: Lazy<CALLS, SUBSCRIPTIONS>,
    call_bytes: [[u8; PDU]; CALLS],
    commands: [u8; COMMANDS],
    notifications: [u8; QUEUE],
    indications: [[u8; PDU]; INDICATED],
    pdu: [u8; PDU],
}

/// The part that is initialized at a link's first use. Until then all of its memory is zeros, so
/// that a static of links needs only RAM, and no flash for its initial contents: hence the
/// representation, whose first variant is zero.
#[derive(Debug)]
#[repr(u8)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is there to keep the place free"
)]
enum Lazy<const CALLS: usize, const SUBSCRIPTIONS: usize> {
    Unused,
    Used(State<CALLS, SUBSCRIPTIONS>),
}

#[derive(Debug)]
struct State<const CALLS: usize, const SUBSCRIPTIONS: usize> {
    info: LinkInfo,
    bearer: BearerState,
    calls: [Call; CALLS],
    subscribers: [Subscriber; SUBSCRIPTIONS],
    waiters: [Option<Waker>; CALLS],
}

impl<const CALLS: usize, const SUBSCRIPTIONS: usize> Lazy<CALLS, SUBSCRIPTIONS> {
    fn get(&mut self) -> &mut State<CALLS, SUBSCRIPTIONS> {
        loop {
            match self {
                Self::Used(state) => return state,
                Self::Unused => {
                    *self = Self::Used(State {
                        info: LinkInfo::FREE,
                        bearer: BearerState::closed(),
                        calls: [const { Call::FREE }; CALLS],
                        subscribers: [const { Subscriber::FREE }; SUBSCRIPTIONS],
                        waiters: [const { None }; CALLS],
                    });
                }
            }
        }
    }
}

impl<
    const PDU: usize,
    const CALLS: usize,
    const SUBSCRIPTIONS: usize,
    const QUEUE: usize,
    const COMMANDS: usize,
    const INDICATED: usize,
> LinkMemory<PDU, CALLS, SUBSCRIPTIONS, QUEUE, COMMANDS, INDICATED>
{
    /// Unused memory.
    pub const fn new() -> Self {
        const {
            assert!(
                INDICATED != 1,
                "one is confirmed when the next has room, too"
            )
        }
        Self {
            state: Lazy::Unused,
            call_bytes: [[0; PDU]; CALLS],
            commands: [0; COMMANDS],
            notifications: [0; QUEUE],
            indications: [[0; PDU]; INDICATED],
            pdu: [0; PDU],
        }
    }

    /// The link in this memory.
    #[inline]
    pub fn link(&mut self) -> Link<'_> {
        let state = self.state.get();
        Link {
            info: &mut state.info,
            bearer: Bearer::new(BearerStorage {
                state: &mut state.bearer,
                calls: &mut state.calls,
                call_bytes: self.call_bytes.as_flattened_mut(),
                commands: &mut self.commands,
                notifications: &mut self.notifications,
                indications: self.indications.as_flattened_mut(),
                subscribers: &mut state.subscribers,
                waiters: &mut state.waiters,
                wake: Waker::wake,
            }),
            pdu: &mut self.pdu,
        }
    }
}

impl<
    const PDU: usize,
    const CALLS: usize,
    const SUBSCRIPTIONS: usize,
    const QUEUE: usize,
    const COMMANDS: usize,
    const INDICATED: usize,
> Default for LinkMemory<PDU, CALLS, SUBSCRIPTIONS, QUEUE, COMMANDS, INDICATED>
{
    fn default() -> Self {
        Self::new()
    }
}

/// One link's memory, with its lock.
type Place<M, Memory> = Mutex<M, RefCell<Memory>>;

/// `LINKS` links, each with its own [`LinkMemory`], behind locks of type `M`.
#[derive(Debug)]
pub struct StaticLinks<
    M: RawMutex,
    const LINKS: usize,
    const PDU: usize,
    const CALLS: usize,
    const SUBSCRIPTIONS: usize,
    const QUEUE: usize,
    const COMMANDS: usize = QUEUE,
    const INDICATED: usize = 2,
> {
    places: [Place<M, LinkMemory<PDU, CALLS, SUBSCRIPTIONS, QUEUE, COMMANDS, INDICATED>>; LINKS],
    doorbell: Doorbell,
}

impl<
    M: RawMutex,
    const LINKS: usize,
    const PDU: usize,
    const CALLS: usize,
    const SUBSCRIPTIONS: usize,
    const QUEUE: usize,
    const COMMANDS: usize,
    const INDICATED: usize,
> StaticLinks<M, LINKS, PDU, CALLS, SUBSCRIPTIONS, QUEUE, COMMANDS, INDICATED>
{
    /// Unused links.
    pub const fn new() -> Self {
        const { assert!(LINKS <= MAX_LINKS, "the feature `many-links` is for more") }
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
    const COMMANDS: usize,
    const INDICATED: usize,
> Default for StaticLinks<M, LINKS, PDU, CALLS, SUBSCRIPTIONS, QUEUE, COMMANDS, INDICATED>
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
    const COMMANDS: usize,
    const INDICATED: usize,
> Links for StaticLinks<M, LINKS, PDU, CALLS, SUBSCRIPTIONS, QUEUE, COMMANDS, INDICATED>
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
