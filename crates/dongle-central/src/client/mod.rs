//! The GATT client that programs call: each method is a GATT procedure (Core Vol 3 Part G, 4).
//!
//! A [`Client`] is the id of a connection with a handle to the [links](crate::links), such as a reference or an
//! `Arc`, and can be cloned freely. Its futures only use the bearer, so they run in any task, and can be
//! dropped at any point. Each ends with a response, with its timeout, or with the link.

mod call;
mod error;
mod run;
mod subscription;

use core::task::Poll;

use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Instant};

use call::{Steps, ended};
pub use error::Error;
pub use run::Run;
pub use subscription::{Notified, Subscription};

use crate::att::{AttributeHandle, HandleRange, Mtu, Opcode, Request, Uuid};
use crate::bearer::{StartError, SubscribeError, ValueKind};
use crate::gatt::{
    DiscoverCharacteristics, DiscoverDescriptors, DiscoverIncluded, DiscoverServices,
    DiscoverServicesByUuid, Procedure, ProcedureError, QueuedWrite, ReadByUuid, ReadLong,
    ReadMultiple, ReadMultipleVariable, ValueBuffer, Write,
};
use crate::links::{Link, LinkId, Links, Reason};

/// How long a queued write waits for another that makes no progress: as long as for a response
/// (Core Vol 3 Part F, 3.3.3).
const QUEUE_PATIENCE: Duration = Duration::from_secs(30);

/// The time, which a test may advance: all tests of a workspace share the clock underneath.
fn now() -> Instant {
    let now = Instant::now();
    #[cfg(test)]
    let now = now + crate::testing::put_forward();
    now
}

/// The GATT client of one connection.
#[derive(Debug, Clone, Copy)]
pub struct Client<L> {
    links: L,
    id: LinkId,
    timeout: Option<Duration>,
}

impl<L: Links + Clone> Client<L> {
    /// The client of a link. Its calls wait as long as the specification allows, 30 s.
    pub fn new(links: L, id: LinkId) -> Self {
        Self {
            links,
            id,
            timeout: None,
        }
    }

    /// The same client, whose calls give up after `timeout`. The call ends; the link stays up.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            ..self
        }
    }

    /// The link's id.
    pub fn link(&self) -> LinkId {
        self.id
    }

    /// The ATT MTU in force.
    pub fn mtu(&self) -> Mtu {
        self.links
            .with_link(self.id, |link| link.bearer.mtu())
            .unwrap_or_default()
    }

    /// How many requests have been sent on this link.
    pub fn requests(&self) -> u32 {
        self.links
            .with_link(self.id, |link| link.bearer.counters().requests)
            .unwrap_or(0)
    }

    /// Exchanges the MTU (4.3.1): the result is the smallest of `mtu`, what the memory holds, and what the
    /// server supports; an `mtu` outside 23 to 517 counts as the nearest of these. There is one exchange per
    /// connection; after it, or after one that the peer started, this returns the MTU in force.
    pub async fn exchange_mtu(&self, mtu: u16) -> Result<Mtu, Error> {
        let deadline = self.deadline();
        let ours = self.with(|link| link.bearer.largest_mtu())?;
        let mut request = ExchangeMtu {
            client_rx_mtu: Mtu::clamped(mtu).min(ours).get(),
        };
        let mut response = [0; Mtu::DEFAULT.size()];
        let exchange = self.exchange(deadline, &mut request, &mut response);
        // If another call has already asked, its result is used.
        let wait = self.attempt(deadline, |link| {
            match link.bearer.is_open() && link.bearer.mtu_is_settled() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        match select(wait, exchange).await {
            Either::First(settled) => settled?,
            Either::Second(exchanged) => _ = exchanged?,
        }
        Ok(self.mtu())
    }

    /// Discovers all primary services (4.4.1), one by one. `buffer` holds a response: as long as
    /// the MTU.
    pub fn services<B>(&self, buffer: B) -> Run<L, DiscoverServices, B> {
        self.run(DiscoverServices::primary(HandleRange::ALL), buffer)
    }

    /// Discovers the primary services with a UUID (4.4.2).
    pub fn services_by_uuid<B>(&self, uuid: Uuid, buffer: B) -> Run<L, DiscoverServicesByUuid, B> {
        self.run(DiscoverServicesByUuid::new(HandleRange::ALL, uuid), buffer)
    }

    /// Finds the services that a service includes (4.5.1).
    pub fn included_services<B>(
        &self,
        service: HandleRange,
        buffer: B,
    ) -> Run<L, DiscoverIncluded, B> {
        self.run(DiscoverIncluded::new(service), buffer)
    }

    /// Discovers the characteristics of a service (4.6.1, and 4.6.2 with a UUID).
    pub fn characteristics<B>(
        &self,
        service: HandleRange,
        uuid: Option<Uuid>,
        buffer: B,
    ) -> Run<L, DiscoverCharacteristics, B> {
        let procedure = match uuid {
            None => DiscoverCharacteristics::all(service),
            Some(uuid) => DiscoverCharacteristics::by_uuid(service, uuid),
        };
        self.run(procedure, buffer)
    }

    /// Discovers the descriptors of a characteristic (4.7.1); a range of `None` has no room for any.
    pub fn descriptors<B>(
        &self,
        range: Option<HandleRange>,
        buffer: B,
    ) -> Run<L, DiscoverDescriptors, B> {
        self.run(DiscoverDescriptors::new(range), buffer)
    }

    /// Reads a value of any length into `out` (4.8.1, 4.8.3, 4.12.1, 4.12.2); returns its length.
    ///
    /// `buffer` holds a response: as long as the MTU, or as long as it may become if it is not settled.
    pub async fn read(
        &self,
        handle: AttributeHandle,
        buffer: &mut [u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        // Not a `Run`, since constructing one moves it.
        let deadline = self.deadline();
        let (mut procedure, mut value) = (ReadLong::new(handle), ValueBuffer::new(out));
        while !procedure.is_over()
            && let Some(len) = self.exchange(deadline, &mut procedure, buffer).await?
        {
            let response = buffer.get(..len).unwrap_or_default();
            while let Some(piece) = procedure.next_item(response) {
                value.push(piece);
            }
        }
        Ok(value.finish()?.len())
    }

    /// Reads the values of the characteristics with a UUID (4.8.2), one by one.
    pub fn read_by_uuid<B>(
        &self,
        range: HandleRange,
        uuid: Uuid,
        buffer: B,
    ) -> Run<L, ReadByUuid, B> {
        self.run(ReadByUuid::new(range, uuid), buffer)
    }

    /// Reads several values of known length in one request (4.8.4).
    pub fn read_multiple<'h, B>(
        &self,
        handles: &'h [AttributeHandle],
        buffer: B,
    ) -> Run<L, ReadMultiple<'h>, B> {
        self.run(ReadMultiple::new(handles), buffer)
    }

    /// Reads several values of any length at once (4.8.5).
    pub fn read_multiple_variable<'h, B>(
        &self,
        handles: &'h [AttributeHandle],
        buffer: B,
    ) -> Run<L, ReadMultipleVariable<'h>, B> {
        self.run(ReadMultipleVariable::new(handles), buffer)
    }

    /// Writes a value of up to MTU - 3 octets and waits for the response (4.9.3, 4.12.3).
    pub async fn write(&self, handle: AttributeHandle, value: &[u8]) -> Result<(), Error> {
        let mut procedure = Write::new(handle, value);
        let mut response = [0; Mtu::DEFAULT.size()];
        self.exchange(self.deadline(), &mut procedure, &mut response)
            .await
            .map(drop)
    }

    /// Writes a value of up to MTU - 3 octets without response (4.9.1). Returns when it is queued;
    /// a caller that is faster than the controller waits for room.
    pub async fn write_without_response(
        &self,
        handle: AttributeHandle,
        value: &[u8],
    ) -> Result<(), Error> {
        let deadline = self.deadline();
        let [low, high] = handle.get().to_le_bytes();
        let head = [Opcode::WRITE_COMMAND.0, low, high];
        let queued = self.attempt(deadline, |link| {
            let limit = link.bearer.mtu().max_write();
            if value.len() > limit {
                return Poll::Ready(Err(limit));
            }
            // If something was waiting already, whoever queued it has rung.
            let rings = !link.bearer.has_output();
            match link.bearer.queue_command(&[&head, value]) {
                Err(StartError::Full) => Poll::Pending,
                queued => Poll::Ready(Ok(queued.map(|()| rings))),
            }
        });
        let length = value.len();
        match queued.await? {
            Err(limit) => Err(ProcedureError::ValueTooLong { length, limit }.into()),
            Ok(Err(StartError::TooLong)) => Err(ProcedureError::BufferTooSmall {
                needed: length,
                available: 0,
            }
            .into()),
            Ok(Err(_)) => Err(self.gone()),
            Ok(Ok(rings)) => {
                if rings {
                    self.ring();
                }
                Ok(())
            }
        }
    }

    /// Writes a value of up to 512 octets in parts, which the server's other clients see change at
    /// once (4.9.4, 4.12.4).
    pub async fn write_long(&self, handle: AttributeHandle, value: &[u8]) -> Result<(), Error> {
        self.write_queued(QueuedWrite::long(handle, value)).await
    }

    /// Writes several values, all or none (4.9.5).
    pub async fn write_reliable(&self, writes: &[(AttributeHandle, &[u8])]) -> Result<(), Error> {
        self.write_queued(QueuedWrite::reliable(writes)).await
    }

    /// Opens a queue for the values that the server sends of one characteristic. This does not
    /// inform the server: write the Client Characteristic Configuration descriptor afterwards.
    pub fn subscribe(
        &self,
        value: AttributeHandle,
        kind: ValueKind,
    ) -> Result<Subscription<L>, Error> {
        let subscribed = self.with(|link| match link.bearer.subscribe(value, kind) {
            Ok(id) => Ok(id),
            Err(SubscribeError::Full) => Err(Error::NoRoom),
            Err(SubscribeError::Closed) => Err(ended(link)),
        });
        Ok(Subscription::new(self.clone(), subscribed??))
    }

    /// Waits until the link has ended; returns why.
    pub async fn disconnected(&self) -> Reason {
        self.links.closed(self.id).await
    }

    /// Runs any procedure. `buffer` holds its requests and responses: as long as the MTU.
    pub fn run<P: Procedure, B>(&self, procedure: P, buffer: B) -> Run<L, P, B> {
        Run::new(self, procedure, buffer)
    }

    async fn write_queued(&self, procedure: QueuedWrite<'_>) -> Result<(), Error> {
        let deadline = self.deadline();
        let mut steps = 0;
        loop {
            let patience = now() + QUEUE_PATIENCE;
            let at = deadline.map_or(patience, |deadline| deadline.min(patience));
            let begin = |link: &mut Link<'_>| match link.bearer.begin_queued_write() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            };
            match self.attempt(Some(at), begin).await {
                Err(Error::Timeout) if deadline != Some(at) => {
                    let now = self.with(|link| link.bearer.queued_write_steps())?;
                    if core::mem::replace(&mut steps, now) == now {
                        return Err(Error::QueueHeld);
                    }
                }
                begun => break begun?,
            }
        }
        // From here on, dropping the run releases the queue.
        let mut run = self
            .run(procedure, [0; Mtu::MAX.size()])
            .queued_write(deadline);
        run.each(|_| {}).await
    }

    fn deadline(&self) -> Option<Instant> {
        // A timeout beyond what the clock can represent is none.
        self.timeout.and_then(|timeout| now().checked_add(timeout))
    }

    /// Uses the link; fails if its slot belongs to another connection by now.
    fn with<R>(&self, f: impl FnOnce(&mut Link<'_>) -> R) -> Result<R, Error> {
        self.links
            .with_link(self.id, f)
            .ok_or(Error::Disconnected(Reason::Unknown))
    }

    /// The error of a link that has ended.
    fn gone(&self) -> Error {
        self.with(|link| ended(link)).unwrap_or_else(|gone| gone)
    }
}

/// Exchange MTU: the bearer reads the response.
struct ExchangeMtu {
    client_rx_mtu: u16,
}

impl Steps for ExchangeMtu {
    fn request(&mut self, _: Mtu, out: &mut [u8]) -> Result<Option<usize>, ProcedureError> {
        let client_rx_mtu = self.client_rx_mtu;
        Ok(Some(Request::ExchangeMtu { client_rx_mtu }.emit(out)?))
    }

    fn mtu_grew(&mut self, _: Mtu) {}

    fn response(&mut self, _: &[u8]) -> Result<(), ProcedureError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
