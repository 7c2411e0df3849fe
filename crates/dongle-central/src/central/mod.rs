//! The central role: scan, connect, pair, and hold connections. trouble-host opens L2CAP channels.
//!
//! [`Central`] shares the radio between its users: a connect pauses the scan and resumes it. All of
//! it stays on one executor; a [`Client`](crate::client::Client) may be used on others.

mod air;
#[cfg(not(feature = "channels"))]
mod alone;
#[cfg(feature = "channels")]
mod channels;
mod chores;
mod command;
mod connect;
mod controller;
mod dual_mode;
mod error;
#[cfg(feature = "channels")]
mod host;
mod link;
mod pool;
#[cfg(feature = "security")]
mod privacy;
mod radio;
mod requests;
mod scan;
#[cfg(feature = "security")]
mod secure;

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;

use bt_hci::cmd::controller_baseband::{Reset, SetEventMask};
use bt_hci::cmd::info::ReadLocalVersionInformation;
use bt_hci::cmd::le::{
    LeReadBufferSize, LeReadLocalSupportedFeatures, LeSetEventMask, LeSetRandomAddr,
};
use bt_hci::cmd::link_control::Disconnect;
use bt_hci::param::{BdAddr, ConnHandle, DisconnectReason, EventMask, LeEventMask};
use bt_hci::transport::Transport;
use trouble_host::{PacketPool, Stack};

pub use connect::{ConnectConfig, is_worth_another_attempt};
pub use controller::Controller;
pub use error::Error;
pub use link::{Bounds, Connection};
pub use pool::NoPool;
#[cfg(feature = "security")]
pub use privacy::PRIVATE_ADDRESS_INTERVAL;
pub use scan::{AcceptList, Phys, Scan, ScanConfig};
#[cfg(feature = "security")]
pub use secure::SecureError;

use crate::links::{LinkId, LinkPhase, Links, Reason};
use crate::mux::{Failure, Mux, READ_BUFFER_SIZE, ReportHandler};
use air::Family;
use command::Command;
use radio::Radio;
use scan::{UNKNOWN_COMMAND, UNSUPPORTED_FEATURE};

/// trouble-host, running on a controller behind a mux.
pub type HostStack<'a, T, L, P, R, const BUFFER: usize> =
    Stack<'a, Controller<'a, T, L, R, BUFFER>, P>;

/// What the controller reports about itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControllerInfo {
    /// HCI version as assigned by the Bluetooth SIG: 13 is Core 5.4. `None` if it did not report one.
    pub hci_version: Option<u8>,
    /// Company identifier of the manufacturer.
    pub manufacturer: Option<u16>,
    /// LE features (Core Vol 6 Part B, 4.6), as a bit mask.
    pub features: u64,
    /// Bytes of data in each of its ACL buffers.
    pub acl_data_length: u16,
    /// How many ACL buffers it has.
    pub acl_packets: u16,
}

impl ControllerInfo {
    /// Whether the controller supports an LE feature.
    pub fn has(&self, feature: Feature) -> bool {
        self.features & (1 << feature as u8) != 0
    }
}

/// LE features that matter to a central, by bit number (Core Vol 6 Part B, 4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Feature {
    Encryption = 0,
    ConnectionParameterRequest = 1,
    DataLengthExtension = 5,
    Privacy = 6,
    Phy2M = 8,
    PhyCoded = 11,
    ExtendedAdvertising = 12,
}

/// The central role on one controller.
///
/// `P` is the pool that trouble-host takes its packets from, or [`NoPool`] if there is no trouble-host.
pub struct Central<
    's,
    'a,
    T: Transport,
    L,
    P: PacketPool = NoPool,
    R = (),
    const BUFFER: usize = 259,
> where
    T::Error: 'static,
{
    mux: &'a Mux<'a, T, L, R, BUFFER>,
    stack: Option<&'s HostStack<'a, T, L, P, R, BUFFER>>,
    /// Our random address, if we use one.
    address: Cell<Option<[u8; 6]>>,
    radio: RefCell<Radio>,
    info: Cell<Option<ControllerInfo>>,
    bounds: Cell<Bounds>,
    /// How often the controller was made to send something; see [`Mux::passes`].
    passed: Cell<u32>,
    /// How many chores are waiting for news.
    idle: Cell<u8>,
    /// Our identity, if we use private addresses.
    #[cfg(feature = "security")]
    privacy: RefCell<Option<crate::security::Privacy>>,
    #[cfg(feature = "security")]
    random: Cell<Option<secure::Random<'a>>>,
    #[cfg(feature = "security")]
    local_data: RefCell<Option<secure::LocalData>>,
    /// When calls that pair or encrypt must check their deadlines.
    #[cfg(feature = "security")]
    alarm: Cell<Option<embassy_time::Instant>>,
}

impl<T: Transport, L, P: PacketPool, R, const BUFFER: usize> fmt::Debug
    for Central<'_, '_, T, L, P, R, BUFFER>
where
    T::Error: 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Central")
            .field("info", &self.info.get())
            .finish_non_exhaustive()
    }
}

impl<'s, 'a: 's, T, L, R, const BUFFER: usize> Central<'s, 'a, T, L, NoPool, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    R: ReportHandler,
{
    /// The central role on `mux`, without trouble-host and so without L2CAP channels: see
    /// [`Central::with_host`].
    pub fn new(mux: &'a Mux<'a, T, L, R, BUFFER>) -> Self {
        mux.set_longest_frame(0);
        Self::on(mux, None)
    }
}

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    fn on(
        mux: &'a Mux<'a, T, L, R, BUFFER>,
        stack: Option<&'s HostStack<'a, T, L, P, R, BUFFER>>,
    ) -> Self {
        Self {
            mux,
            stack,
            address: Cell::new(None),
            radio: RefCell::new(Radio::new()),
            info: Cell::new(None),
            bounds: Cell::new(Bounds::default()),
            passed: Cell::new(0),
            idle: Cell::new(0),
            #[cfg(feature = "security")]
            privacy: RefCell::new(None),
            #[cfg(feature = "security")]
            random: Cell::new(None),
            #[cfg(feature = "security")]
            local_data: RefCell::new(None),
            #[cfg(feature = "security")]
            alarm: Cell::new(None),
        }
    }

    /// Uses this static random address (Core Vol 6 Part B, 1.3.2.1), least significant octet first:
    /// many controllers on a UART have no address of their own. Call it before [`Central::run`].
    pub fn set_random_address(&self, address: [u8; 6]) {
        self.address.set(Some(address));
    }

    /// Runs everything until the controller fails, and returns why.
    ///
    /// # Panics
    /// When called twice.
    pub async fn run(&self) -> Error<T::Error> {
        let mut att = pin!(async { self.mux.run().await.into() });
        let mut host = pin!(self.run_host());
        // A trait object, so that its poll has a frame of its own, which does not add to the others'.
        let mut gap: Pin<&mut dyn Future<Output = Error<T::Error>>> = pin!(async {
            match self.learn().await {
                Err(e) => e,
                Ok(()) => self.keep_house().await,
            }
        });
        let error = poll_fn(|cx| {
            // The bearers go first: their requests may be answered by the time trouble-host reads.
            let mut ended = att.as_mut().poll(cx);
            if ended.is_pending() {
                ended = host.as_mut().poll(cx);
            }
            // And again before anyone acts on what was read: the reader of an indication may
            // disconnect, and the confirmation must be sent before that.
            if ended.is_pending() && self.mux.is_due() {
                ended = att.as_mut().poll(cx);
            }
            if ended.is_pending() {
                ended = gap.as_mut().poll(cx);
            }
            ended
        })
        .await;
        self.mux.links().close_all(Reason::ControllerFailed);
        self.radio.borrow_mut().end();
        self.mux.take_cause().map_or(error, Error::Transport)
    }

    /// What the controller reports about itself. Waits until it has been asked.
    pub async fn controller_info(&self) -> ControllerInfo {
        poll_fn(|cx| match self.info.get() {
            Some(info) => Poll::Ready(info),
            None => {
                self.radio.borrow_mut().register(cx.waker());
                Poll::Pending
            }
        })
        .await
    }

    /// The mux below.
    pub fn mux(&self) -> &'a Mux<'a, T, L, R, BUFFER> {
        self.mux
    }

    /// trouble-host, if present, for what is not wrapped here. It neither scans nor connects nor pairs.
    pub fn stack(&self) -> Option<&'s HostStack<'a, T, L, P, R, BUFFER>> {
        self.stack
    }

    /// Limits the connection parameters that a peer may request; others are refused. By default
    /// everything that the specification allows.
    pub fn set_bounds(&self, bounds: Bounds) {
        self.bounds.set(bounds);
    }

    async fn learn(&self) -> Result<(), Error<T::Error>> {
        self.make_ready().await?;
        self.host_ready().await?;
        let features = self.ask(&LeReadLocalSupportedFeatures::new()).await?;
        let version = self.ask(&ReadLocalVersionInformation::new()).await.ok();
        let features = u64::from_le_bytes(features.into_inner());
        // The events that the mux reads, and those that trouble-host needs for connections.
        let asks = features & (1 << Feature::ConnectionParameterRequest as u8) != 0;
        let mask = LeEventMask::new()
            .enable_le_conn_complete(true)
            .enable_le_enhanced_conn_complete_v1(true)
            .enable_le_conn_update_complete(true)
            .enable_le_adv_report(true)
            .enable_le_ext_adv_report(true)
            .enable_le_phy_update_complete(true)
            .enable_le_data_length_change(true)
            .enable_le_read_remote_features_page_0_complete(true)
            .enable_le_remote_conn_parameter_request(asks);
        let events = EventMask::new()
            .enable_le_meta(true)
            .enable_hardware_error(true)
            .enable_disconnection_complete(true)
            .enable_encryption_change_v1(true)
            .enable_encryption_key_refresh_complete(true)
            .enable_read_remote_version_information_complete(true);
        for command in [
            Command::new(&LeSetEventMask::new(mask)),
            Command::new(&SetEventMask::new(events)),
        ] {
            if let Err(e) = self.send(&command).await {
                warn!("the controller refuses our event masks: {:?}", e);
            }
        }
        let (acl_data_length, acl_packets) = self.mux.buffers();
        let info = ControllerInfo {
            hci_version: version.as_ref().map(|v| v.hci_version.into_inner()),
            manufacturer: version.as_ref().map(|v| v.company_identifier),
            features,
            acl_data_length,
            acl_packets,
        };
        debug!("{:?}", info);
        self.info.set(Some(info));
        self.radio.borrow_mut().changed();
        Ok(())
    }

    /// Initializes the controller: gives it an address, and learns its buffers.
    async fn make_ready(&self) -> Result<(), Error<T::Error>> {
        let address = self.address.get().map(BdAddr::new);
        let asks_for_shared = Cell::new(false);
        // In this order; each is made only when the one before is answered.
        let commands = |number| match (number, address) {
            (0, _) => Some(Command::new(&Reset::new())),
            (1, Some(address)) => Some(Command::new(&LeSetRandomAddr::new(address))),
            (1, None) | (2, Some(_)) => Some(Command::new(&LeReadBufferSize::new())),
            // It has no buffers for LE alone, but shares those of BR/EDR (Core Vol 4 Part E, 7.8.2).
            (2, None) | (3, Some(_)) if self.mux.buffers() == (0, 0) => {
                asks_for_shared.set(true);
                Some(Command::written(READ_BUFFER_SIZE, &[]))
            }
            _ => None,
        };
        let ready = self.send_all(&commands).await;
        let goes_on = !matches!(&ready, Err(e) if e.is_the_end());
        if asks_for_shared.get() && goes_on && self.mux.buffers() == (0, 0) {
            self.mux.fail(Failure::NoBuffers);
            return Err(Error::Controller(Failure::NoBuffers));
        }
        ready
    }

    /// Drops what the mux would pass to trouble-host where there is none.
    async fn take_packets(&self) -> Error<T::Error> {
        let mut packet = [0; BUFFER];
        loop {
            if let Err(e) = self.mux.next_for_host(&mut packet).await {
                return e.into();
            }
        }
    }

    /// Which family of commands to use, and which kind of own address.
    fn family(&self, extended: bool) -> Family {
        let random = self.mux.has_random_address();
        Family { extended, random }
    }

    /// Whether to use extended commands: a controller that has them must not be sent a mix of both
    /// families (Core Vol 4 Part E, 3.1.1).
    async fn extended(&self) -> bool {
        self.controller_info()
            .await
            .has(Feature::ExtendedAdvertising)
    }

    /// Whether to fall back to legacy commands for good: the controller claims to have the extended ones but
    /// refused one with this status, though it requested nothing that the legacy ones cannot do.
    fn gives_up_extended(&self, extended: bool, phys: Phys, status: u8) -> bool {
        let refuses = matches!(status, UNKNOWN_COMMAND | UNSUPPORTED_FEATURE);
        let gives_up = extended && phys == Phys::OneM && refuses;
        if let (true, Some(mut info)) = (gives_up, self.info.get()) {
            warn!(
                "the controller refuses an extended command that it claims to have (0x{:02X}): \
                 going on with legacy ones",
                status
            );
            info.features &= !(1 << Feature::ExtendedAdvertising as u8);
            self.info.set(Some(info));
        }
        gives_up
    }

    /// Disconnects a link, giving the peer this reason (Core Vol 4 Part E, 7.1.6).
    pub async fn disconnect_for(
        &self,
        id: LinkId,
        reason: DisconnectReason,
    ) -> Result<(), Error<T::Error>> {
        let command = Disconnect::new(self.open_handle(id)?, reason);
        self.tell(&command).await
    }

    /// The HCI handle of an open link.
    fn open_handle(&self, id: LinkId) -> Result<ConnHandle, Error<T::Error>> {
        let handle = self
            .mux
            .links()
            .with_link(id, |link| match link.info.phase() {
                LinkPhase::Open => Some(link.info.handle),
                _ => None,
            });
        handle
            .flatten()
            .map(ConnHandle::new)
            .ok_or(Error::Disconnected)
    }
}
