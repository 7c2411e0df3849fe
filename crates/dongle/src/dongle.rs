//! The dongle: a controller that this program owns, and the host thread that runs it.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{self, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use dongle_central::central::ControllerInfo;
use dongle_central::links::Reason;
use futures_channel::mpsc;
use hci_transport::{HciChannel, Statistics};

use crate::address::Address;
use crate::connection::{DeviceConnection, Held};
use crate::device::Device;
use crate::error::Error;
use crate::host::{Command, Opened};
use crate::links::SharedLinks;
use crate::open::{Again, Open, Source};
use crate::scan::ScanBuilder;
use crate::security::{Bonded, Context};

/// How long the drop of the last handle waits until connections have been ended properly.
const FAREWELL: Duration = Duration::from_millis(500);

/// A controller that this program owns: a board on a UART, a USB stick, a controller across TCP, or
/// a simulated one.
///
/// It stays open until its last handle is dropped: clones of it, and the [`Device`]s, connections
/// and scans that came from it. All of them can be shared between threads and used with any async
/// runtime, or none.
///
/// Dropping the last handle disconnects the devices that are still connected, and blocks for up to
/// half a second until they are. In a task that must not block, [`close`](Dongle::close) it first.
///
/// ```
/// use dongle::{Dongle, Uuid};
/// # futures_lite::future::block_on(async {
/// let dongle = Dongle::open("virtual").await?;
/// let mut scan = dongle.scan().service(Uuid::from_u16(0x180D)).start()?;
/// let found = scan.next().await?.ok_or("nothing there")?;
/// let connection = found.device().connect().await?;
/// let heart_rate = connection.service(Uuid::from_u16(0x180D)).await?;
/// let measurement = heart_rate.characteristic(Uuid::from_u16(0x2A37)).await?;
/// let mut values = measurement.subscribe().await?;
/// println!("{:?}", values.notified().await?);
/// dongle.close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Dongle {
    inner: Arc<Inner>,
}

/// What all handles share.
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
    name: String,
    opened: OnceLock<Opened>,
    next_id: AtomicU64,
    /// How to open it again.
    again: Option<Again>,
    /// Whatever has to live as long as the dongle: the simulated world around it.
    _world: Option<Box<dyn Send + Sync>>,
}

/// What the handles share with the host thread.
pub(crate) struct Shared {
    pub(crate) links: SharedLinks,
    pub(crate) security: Context,
    /// The connections that handles have.
    held: Mutex<Vec<Weak<Held>>>,
    end: Mutex<End>,
    ended: Condvar,
}

#[derive(Default)]
struct End {
    /// Why it is down.
    why: Option<Error>,
    /// The controller has been released and may be opened again.
    over: bool,
    waiters: Vec<Waker>,
    host: Option<ThreadId>,
}

impl Dongle {
    /// Opens a dongle: `"serial:/dev/ttyACM0,1000000,rtscts"`, `"usb:0"`, `"tcp-client:host:port"`,
    /// `"unix-client:path"`, `"virtual"`. See [`Spec`](hci_transport::Spec) for all forms, and
    /// [`list`](crate::list) for what is plugged in. `"auto"`, which only this function accepts, is
    /// the one that is plugged in if there is exactly one.
    ///
    /// # Errors
    /// [`Error::Transport`], with a line that says what is wrong and what to do about it, or
    /// [`Error::ControllerFailed`]. It comes within 5 s if the controller is absent or does not
    /// answer; if it stops answering while it is being set up, 2 s after its last answer. With
    /// [`Open::retry`] there is no limit.
    pub fn open(spec: impl AsRef<str>) -> Open {
        Open::new(Source::Spec(spec.as_ref().into()))
    }

    /// Opens a controller at the other end of any packet channel. It must have been reset. A
    /// channel can be opened only once, so [`Open::retry`] has no effect, nor does a capture that
    /// [`SNOOP_VARIABLE`](hci_transport::SNOOP_VARIABLE) asks for; see [`HciChannel::record`].
    pub fn on(channel: HciChannel) -> Open {
        Open::new(Source::Channel(Box::new(channel)))
    }

    /// Scans for devices that advertise.
    pub fn scan(&self) -> ScanBuilder {
        ScanBuilder::new(Arc::clone(&self.inner))
    }

    /// A device by its address, whether or not it is present.
    pub fn device(&self, address: Address) -> Device {
        Device::new(Arc::clone(&self.inner), address)
    }

    /// The open connections. Each result is another handle of its connection, which ends when its
    /// last handle is dropped, so don't keep those that you don't need.
    ///
    /// ```
    /// # use dongle::{Dongle, Wait as _};
    /// # let dongle = Dongle::open("virtual").wait()?;
    /// # let mut scan = dongle.scan().service(0x180D).start()?;
    /// # let found = scan.next().wait()?.ok_or("nothing")?;
    /// let connection = found.device().connect().wait()?;
    /// for connection in dongle.connections() {
    ///     println!("{connection}: {:?} dBm", connection.rssi().wait()?);
    /// }
    /// # assert_eq!(dongle.connections().len(), 1);
    /// # drop(connection);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connections(&self) -> Vec<DeviceConnection> {
        let held = self.inner.shared.held();
        let up = held.into_iter().filter(|held| held.is_usable());
        up.map(DeviceConnection::new).collect()
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// The devices with which there is a bond.
    pub fn bonds(&self) -> Vec<Bonded> {
        self.inner.shared.security.bonds.all()
    }

    /// Whether bonds are kept for the next time that this dongle is opened, in a folder or in a
    /// store of the program's own, rather than only until it is closed.
    pub fn keeps_bonds(&self) -> bool {
        self.inner.shared.security.lasting
    }

    /// Deletes the bond with a device and what is remembered of its attributes, by any address that
    /// it uses. Returns whether there was a bond. An open connection keeps its security.
    ///
    /// # Errors
    /// [`Error::BondStore`] if the store can't be written. The bond is deleted anyway until the
    /// program ends.
    pub fn forget(&self, address: Address) -> Result<bool, Error> {
        let security = &self.inner.shared.security;
        security.caches.clear(address);
        security.bonds.forget(address)
    }

    /// Clears what is remembered of a device's attributes, by any address that it uses. Returns
    /// whether there was anything. The next discovery asks the device, even on an open connection.
    /// The bond is kept.
    ///
    /// # Errors
    /// [`Error::BondStore`] if the store can't be written.
    pub fn clear_attribute_cache(&self, address: Address) -> Result<bool, Error> {
        let security = &self.inner.shared.security;
        let cleared = security.caches.clear(address);
        Ok(security.bonds.clear_cache(address)? || cleared)
    }

    /// What was wrong with the store of bonds when the dongle was opened, and where the damaged file
    /// was moved to.
    pub fn bond_store_problem(&self) -> Option<String> {
        self.inner.shared.security.bonds.problem()
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    pub(crate) fn set_opened(&self, opened: Opened) {
        _ = self.inner.opened.set(opened);
    }

    /// The spec that it was opened with, or the name of its channel.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// What the controller says about itself.
    pub fn info(&self) -> ControllerInfo {
        self.inner.opened.get().map(|o| o.info).unwrap_or_default()
    }

    /// Its own address: the controller's, or a random static one.
    pub fn address(&self) -> Option<Address> {
        self.inner.opened.get().map(|o| o.address)
    }

    /// What has crossed the wire between host and controller since it was opened. Bytes that
    /// belonged to no packet ([`discarded_bytes`](Statistics::discarded_bytes)) indicate that a
    /// UART loses some. Once the dongle is down, the counts no longer change.
    ///
    /// ```
    /// # use dongle::{Dongle, Wait as _};
    /// let dongle = Dongle::open("virtual").wait()?;
    /// let wire = dongle.statistics();
    /// assert!(wire.packets_to_controller > 0 && wire.packets_to_host > 0);
    /// assert_eq!(wire.discarded_bytes, 0);
    /// # Ok::<(), dongle::Error>(())
    /// ```
    pub fn statistics(&self) -> Statistics {
        let opened = self.inner.opened.get();
        opened.map(|o| o.counters.statistics()).unwrap_or_default()
    }

    /// The reason why it is down, if it is.
    pub fn failure(&self) -> Option<Error> {
        self.inner.shared.why()
    }

    /// Waits until it is down and returns the reason. Its controller can then be opened again.
    pub async fn failed(&self) -> Error {
        self.inner.shared.wait_for_end().await
    }

    /// Opens the same dongle again, in the way in which this one was opened, after it was unplugged
    /// or has failed. The result is a new dongle; handles of this one stay unusable.
    ///
    /// With [`Open::retry`], this is repeated until the dongle is back:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # async fn gateway(mut dongle: dongle::Dongle) -> Result<(), dongle::Error> {
    /// loop {
    ///     eprintln!("{}", dongle.failed().await);
    ///     dongle = dongle.reopen()?.retry(Duration::from_secs(10)).await?;
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for a dongle that was opened [on](Dongle::on) a channel.
    pub fn reopen(&self) -> Result<Open, Error> {
        match &self.inner.again {
            Some(again) => {
                let down = self.failure().map(|_| Arc::clone(&self.inner.shared));
                Ok(again.open().after(down))
            }
            None => Err(Error::InvalidParameter(
                "a dongle on a channel can not be opened again",
            )),
        }
    }

    /// Disconnects all devices, then ends the host thread. All other handles become unusable.
    pub async fn close(&self) {
        self.inner.tell(Command::Close);
        self.inner.shared.wait_for_end().await;
    }
}

impl fmt::Debug for Dongle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dongle")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commands: mpsc::UnboundedSender<Command>,
        name: String,
        again: Option<Again>,
        world: Option<Box<dyn Send + Sync>>,
    ) -> Self {
        Self {
            shared,
            commands,
            name,
            opened: OnceLock::new(),
            next_id: AtomicU64::new(0),
            again,
            _world: world,
        }
    }

    /// Sends a command to the host thread.
    pub(crate) fn command(&self, command: Command) -> Result<(), Error> {
        self.commands
            .unbounded_send(command)
            .map_err(|_| self.shared.why_ended())
    }

    /// Sends a command to the host thread if that still runs. For `drop`: it never waits or fails.
    pub(crate) fn tell(&self, command: Command) {
        let _ = self.commands.unbounded_send(command);
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.commands.close_channel();
        // A program that drops its last handle and exits should not leave devices behind that
        // believe they are connected. The host thread can't wait for its own end.
        let end = self.shared.lock();
        if end.host == Some(thread::current().id()) {
            return;
        }
        let is_up = |end: &mut End| !end.over && self.shared.links.any_open();
        let waited = self.shared.ended.wait_timeout_while(end, FAREWELL, is_up);
        drop(waited);
    }
}

impl Shared {
    pub(crate) fn new(security: Context, notification_bytes: usize) -> Self {
        Self {
            links: SharedLinks::new(notification_bytes),
            security,
            held: Mutex::default(),
            end: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// Registers a connection that handles have.
    pub(crate) fn hold(&self, connection: Weak<Held>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|held| held.strong_count() > 0);
        held.push(connection);
    }

    /// The connections that handles have, whether up or ended.
    fn held(&self) -> Vec<Arc<Held>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().filter_map(Weak::upgrade).collect()
    }

    /// The host thread has started.
    pub(crate) fn begin(&self) {
        self.lock().host = Some(thread::current().id());
    }

    /// The dongle is down. The first reason is kept, and can be read before anything else shows
    /// that the dongle is down, such as a link that ends or a command that is refused.
    pub(crate) fn go_down(&self, why: Error) {
        let mut end = self.lock();
        if end.why.is_none() && !matches!(why, Error::Closed) {
            log::warn!("the dongle is down: {why}");
        }
        end.why.get_or_insert(why);
        drop(end);
        self.links.end();
    }

    /// The host thread has released the controller and ends.
    pub(crate) fn end(&self, why: Error) {
        self.go_down(why);
        let mut end = self.lock();
        end.over = true;
        let waiters = mem::take(&mut end.waiters);
        // Waking a task may run or drop it at once, and it then takes the lock.
        drop(end);
        self.ended.notify_all();
        waiters.into_iter().for_each(Waker::wake);
    }

    /// Why the dongle is down.
    fn why(&self) -> Option<Error> {
        self.lock().why.clone()
    }

    /// Why commands are no longer accepted.
    pub(crate) fn why_ended(&self) -> Error {
        self.why().unwrap_or(Error::Closed)
    }

    pub(crate) async fn wait_for_end(&self) -> Error {
        poll_fn(|cx| self.poll_end(cx)).await
    }

    pub(crate) fn poll_end(&self, cx: &mut task::Context<'_>) -> Poll<Error> {
        let mut end = self.lock();
        match &end.why {
            Some(why) if end.over => Poll::Ready(why.clone()),
            _ => {
                end.waiters.retain(|w| !w.will_wake(cx.waker()));
                end.waiters.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// An error of a call on a connection, replaced by the dongle's own failure if that caused it.
    pub(crate) fn explain(&self, error: dongle_central::client::Error) -> Error {
        use dongle_central::client::Error as Client;
        match error {
            Client::Timeout => Error::Timeout,
            Client::Disconnected(Reason::ControllerFailed) => self
                .why()
                .unwrap_or(Error::Disconnected(Reason::ControllerFailed)),
            Client::Disconnected(reason) => Error::Disconnected(reason),
            Client::Procedure(error) => Error::Gatt(error),
            Client::NoRoom => Error::SubscriptionLimit,
            Client::QueueHeld => Error::WriteHeldUp,
            _ => Error::Closed,
        }
    }

    fn lock(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::IntoFuture as _;

    use dongle_central::client::Error as Client;
    use dongle_central::links::{
        Address as LinkAddress, AddressKind, ConnectionParameters, LinkInfo, Links as _,
    };
    use futures_lite::future::{block_on, poll_once};

    use super::*;
    use crate::security::Settings;

    #[test]
    fn why_a_dongle_is_down_is_known_before_anything_ends_with_it() {
        let shared = Shared::new(Settings::default().context(None), 0);
        let links = &shared.links;
        let peer = LinkAddress::new(AddressKind::PUBLIC, Default::default());
        let id = links.open(7, peer, ConnectionParameters::from_hci(24, 0, 500));
        let id = id.expect("there is room");
        // The core has noticed that the controller is gone, but not yet reported why.
        links.close_all(Reason::ControllerFailed);
        assert!(block_on(poll_once(links.closed(id))).is_none());

        let gone = || Error::ControllerFailed("unplugged".into());
        shared.go_down(gone());
        let reason = links.with_link(id, |link| LinkInfo::reason(link.info));
        let reason = reason.flatten().expect("it has ended");
        let told = shared.explain(Client::Disconnected(reason));
        assert_eq!(told.to_string(), gone().to_string());
        assert_eq!(shared.why_ended().to_string(), gone().to_string());

        // It can't be opened again before the host thread has released it.
        let shared = Arc::new(shared);
        let again = Open::new(Source::Spec("nothing".into())).after(Some(Arc::clone(&shared)));
        let mut again = again.into_future();
        assert!(block_on(poll_once(shared.wait_for_end())).is_none());
        assert!(block_on(poll_once(&mut again)).is_none());
        shared.end(Error::Closed);
        assert!(block_on(again).is_err(), "it is tried");
        let why = block_on(shared.wait_for_end());
        assert_eq!(
            why.to_string(),
            gone().to_string(),
            "the first reason stays"
        );
    }
}
