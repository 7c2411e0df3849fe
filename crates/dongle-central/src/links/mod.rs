//! All connections and their ATT bearers, in memory that the caller supplies, accessible from every task.
//!
//! The [mux](crate::mux) opens and closes links and feeds them; [clients](crate::client) use them.
//! Both access them through [`Links`], which firmware gets from [`StaticLinks`] and a desktop
//! program implements on its own memory.

mod doorbell;
mod info;
mod memory;

use core::future::poll_fn;
use core::task::Poll;

pub use doorbell::Doorbell;
pub use info::{
    Address, AddressKind, ConnectionParameters, Link, LinkInfo, LinkPhase, Reason, RemoteVersion,
};
pub use memory::{LinkMemory, StaticLinks};

/// The most links there can be: with the feature `many-links`, one for each bit of the [`Doorbell`].
pub const MAX_LINKS: usize = if cfg!(feature = "many-links") { 32 } else { 4 };

/// Identifies a connection. It is invalid once the connection is over and its slot has been given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId {
    index: u8,
    generation: u16,
}

impl LinkId {
    /// The slot of the link, below [`Links::capacity`].
    pub fn index(self) -> usize {
        usize::from(self.index)
    }

    /// The id of the link in this slot.
    pub(crate) fn of(index: usize, info: &LinkInfo) -> Self {
        Self {
            index: index as u8,
            generation: info.generation,
        }
    }
}

/// Holds the links. The implementation chooses the memory and the lock.
pub trait Links {
    /// How many links there can be at once, up to [`MAX_LINKS`].
    fn capacity(&self) -> usize;

    /// Calls `f` with the link at `index`, under its lock; `None` if there is no such slot.
    ///
    /// `f` wakes tasks through [`BearerStorage::wake`], so the lock must allow that.
    ///
    /// [`BearerStorage::wake`]: crate::bearer::BearerStorage::wake
    fn with<R>(&self, index: usize, f: impl FnOnce(&mut Link<'_>) -> R) -> Option<R>;

    /// Rung when a link has something to send or to wait for.
    fn doorbell(&self) -> &Doorbell;

    /// Calls `f` with the link with this id, if its slot was not reused (it may be closed).
    fn with_link<R>(&self, id: LinkId, f: impl FnOnce(&mut Link<'_>) -> R) -> Option<R> {
        self.with(id.index(), |link| {
            (link.info.generation == id.generation).then(|| f(link))
        })?
    }

    /// The open link at `index`, and its HCI connection handle.
    fn open_at(&self, index: usize) -> Option<(LinkId, u16)> {
        self.with(index, |link| {
            let id = LinkId::of(index, link.info);
            (link.info.phase == LinkPhase::Open).then_some((id, link.info.handle))
        })?
    }

    /// The open link with this HCI connection handle.
    fn find(&self, handle: u16) -> Option<LinkId> {
        (0..self.capacity())
            .filter_map(|index| self.open_at(index))
            .find_map(|(id, h)| (h == handle).then_some(id))
    }

    /// Takes a slot for a new connection, that of an ended connection if none is free; `None` if
    /// all have open connections.
    fn open(&self, handle: u16, peer: Address, parameters: ConnectionParameters) -> Option<LinkId> {
        let free = |phase: LinkPhase| {
            (0..self.capacity())
                .find(|index| self.with(*index, |l| l.info.phase == phase) == Some(true))
        };
        let index = free(LinkPhase::Free).or_else(|| free(LinkPhase::Closed))?;
        self.with(index, |link| {
            link.info.open(handle, peer, parameters);
            link.bearer.open();
            LinkId::of(index, link.info)
        })
    }

    /// Ends a link: every call on it gets the reason.
    fn close(&self, id: LinkId, reason: Reason) {
        self.with_link(id, |link| link.close(reason));
    }

    /// Ends all links, because the controller failed.
    fn close_all(&self, reason: Reason) {
        for index in 0..self.capacity() {
            self.with(index, |link| {
                if link.info.phase == LinkPhase::Open {
                    link.close(reason);
                }
            });
        }
    }

    /// Frees the slot of an ended link.
    fn release(&self, id: LinkId) {
        self.with_link(id, |link| {
            if link.info.phase == LinkPhase::Closed {
                link.info.phase = LinkPhase::Free;
            }
        });
    }

    /// Waits until a link has ended; returns why.
    fn closed(&self, id: LinkId) -> impl Future<Output = Reason> {
        poll_fn(move |cx| {
            let ended = self.with_link(id, |link| match link.info.phase {
                LinkPhase::Open => {
                    link.bearer.wait_for_change(cx.waker());
                    None
                }
                _ => Some(link.info.reason.unwrap_or(Reason::Unknown)),
            });
            match ended {
                Some(None) => Poll::Pending,
                Some(Some(reason)) => Poll::Ready(reason),
                None => Poll::Ready(Reason::Unknown),
            }
        })
    }
}

impl<L: Links> Links for &L {
    fn capacity(&self) -> usize {
        (**self).capacity()
    }

    fn with<R>(&self, index: usize, f: impl FnOnce(&mut Link<'_>) -> R) -> Option<R> {
        (**self).with(index, f)
    }

    fn doorbell(&self) -> &Doorbell {
        (**self).doorbell()
    }
}
