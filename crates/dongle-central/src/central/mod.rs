//! The central role: scan, connect, and hold connections, on trouble-host.
//!
//! [`Central`] shares the radio between its users: a connect pauses the scan and resumes it. All
//! of it lives on one task's executor; what a [`Client`](crate::client::Client) does may run
//! elsewhere.

#[cfg(feature = "channels")]
mod channels;
mod chores;
mod command;
mod connect;
mod controller;
mod dual_mode;
mod error;
mod link;
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
use core::task::{Context, Poll};

use bt_hci::cmd::controller_baseband::SetEventMask;
use bt_hci::cmd::info::ReadLocalVersionInformation;
use bt_hci::cmd::le::{LeReadLocalSupportedFeatures, LeSetEventMask};
use bt_hci::cmd::link_control::Disconnect;
use bt_hci::param::{ConnHandle, DisconnectReason, EventMask, LeEventMask};
use bt_hci::transport::Transport;
use embassy_futures::select::{Either3, select3};
use trouble_host::{BleHostError, PacketPool, Stack};

pub use connect::{ConnectConfig, is_worth_another_attempt};
pub use controller::Controller;
pub use error::Error;
pub use link::{Bounds, Connection};
#[cfg(feature = "security")]
pub use privacy::PRIVATE_ADDRESS_INTERVAL;
pub use scan::{AcceptList, Phys, Scan, ScanConfig};
#[cfg(feature = "security")]
pub use secure::SecureError;

use crate::links::{LinkId, LinkPhase, Links, Reason};
use crate::mux::{Mux, ReportHandler};
use command::Command;
use radio::Radio;
use scan::{UNKNOWN_COMMAND, UNSUPPORTED_FEATURE};

/// trouble-host on a controller behind a mux.
pub type HostStack<'a, T, L, P, R, const BUFFER: usize> =
    Stack<'a, Controller<'a, T, L, R, BUFFER>, P>;

/// What the controller says about itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControllerInfo {
    /// HCI version as assigned by the Bluetooth SIG: 13 is Core 5.4. None: it would not tell.
    pub hci_version: Option<u8>,
    /// Company identifier of the manufacturer.
    pub manufacturer: Option<u16>,
    /// LE features (Core Vol 6 Part B, 4.6), bit by bit.
    pub features: u64,
    /// Bytes of data in one of its ACL buffers.
    pub acl_data_length: u16,
    /// How many ACL buffers it has.
    pub acl_packets: u16,
}

impl ControllerInfo {
    /// Whether an LE feature is there.
    pub fn has(&self, feature: Feature) -> bool {
        self.features & (1 << feature as u8) != 0
    }
}

/// LE features that matter to a central, by their bit (Core Vol 6 Part B, 4.6).
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
pub struct Central<'s, 'a, T: Transport, L, P: PacketPool, R = (), const BUFFER: usize = 259>
where
    T::Error: 'static,
{
    mux: &'a Mux<'a, T, L, R, BUFFER>,
    stack: &'s HostStack<'a, T, L, P, R, BUFFER>,
    radio: RefCell<Radio>,
    info: Cell<Option<ControllerInfo>>,
    bounds: Cell<Bounds>,
    /// How many times something has come from the controller because it had to.
    passed: Cell<u32>,
    /// How many of the chores wait for news.
    idle: Cell<u8>,
    #[cfg(feature = "security")]
    pairing: RefCell<secure::Pairing>,
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

impl<'s, 'a: 's, T, L, P, R, const BUFFER: usize> Central<'s, 'a, T, L, P, R, BUFFER>
where
    T: Transport,
    T::Error: 'static,
    L: Links,
    P: PacketPool,
    R: ReportHandler,
{
    /// The central role of `stack`, which has to run on `mux`.
    pub fn new(
        mux: &'a Mux<'a, T, L, R, BUFFER>,
        stack: &'s HostStack<'a, T, L, P, R, BUFFER>,
    ) -> Self {
        // Without the L2CAP header.
        mux.set_longest_frame(u16::try_from(P::MTU.saturating_sub(4)).unwrap_or(u16::MAX));
        Self {
            mux,
            stack,
            radio: RefCell::new(Radio::new()),
            info: Cell::new(None),
            bounds: Cell::new(Bounds::default()),
            passed: Cell::new(0),
            idle: Cell::new(0),
            #[cfg(feature = "security")]
            pairing: RefCell::new(secure::Pairing::new()),
        }
    }

    /// Runs everything, until the controller fails: that is the only way it ends.
    ///
    /// # Panics
    /// When called twice.
    pub async fn run(&self) -> Error<T::Error> {
        let (mut reader, mut control, mut writer) = self.stack.runner().split();
        let reads = async {
            loop {
                match reader.run().await {
                    // One event that it would not have, as an encryption that ends on a link which it is
                    // about to disconnect: the next may be about another link.
                    Err(BleHostError::BleHost(e)) if cfg!(feature = "security") => {
                        debug!("trouble-host: {:?}", e);
                    }
                    ended => break ended,
                }
            }
        };
        let host = async {
            match select3(writer.run(), reads, control.run()).await {
                Either3::First(Err(e)) | Either3::Second(Err(e)) | Either3::Third(Err(e)) => {
                    e.into()
                }
                _ => Error::Ended,
            }
        };
        let att = async { BleHostError::Controller(self.mux.run().await).into() };
        let gap = async {
            match self.learn().await {
                Err(e) => e,
                Ok(()) => self.keep_house().await,
            }
        };
        let (mut att, mut host) = (pin!(att), pin!(host));
        // A function of its own, whose frame does not lie below the arithmetic of a pairing.
        let mut gap: Pin<&mut dyn Future<Output = Error<T::Error>>> = pin!(gap);
        let error = poll_fn(|cx| {
            // The bearers first: what they send may be answered by the time trouble-host reads.
            let mut ended = att.as_mut().poll(cx);
            if ended.is_pending() {
                ended = host.as_mut().poll(cx);
            }
            // And again, before anybody acts on what was read: who has read an indication may
            // disconnect, and it is to be confirmed by then.
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

    /// What the controller says about itself. Waits until it was asked.
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

    /// trouble-host, for what is not wrapped here.
    pub fn stack(&self) -> &'s HostStack<'a, T, L, P, R, BUFFER> {
        self.stack
    }

    /// Which connection parameters a peer may ask for; others are refused. Default: whatever the
    /// specification allows.
    pub fn set_bounds(&self, bounds: Bounds) {
        self.bounds.set(bounds);
    }

    async fn learn(&self) -> Result<(), Error<T::Error>> {
        // Waits until trouble-host has made the controller ready.
        let features = self
            .stack
            .command(LeReadLocalSupportedFeatures::new())
            .await?;
        let version = self.ask(&ReadLocalVersionInformation::new()).await.ok();
        let features = u64::from_le_bytes(features.into_inner());
        // trouble-host's own events, and some that the mux reads.
        let asks = features & (1 << Feature::ConnectionParameterRequest as u8) != 0;
        let mask = LeEventMask::new()
            .enable_le_conn_complete(true)
            .enable_le_enhanced_conn_complete_v1(true)
            .enable_le_conn_update_complete(true)
            .enable_le_adv_report(true)
            .enable_le_scan_timeout(true)
            .enable_le_ext_adv_report(true)
            .enable_le_long_term_key_request(true)
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

    /// Whether extended commands have to be used: a controller that knows them must not be given
    /// a mix of both families (Core Vol 4 Part E, 3.1.1).
    async fn extended(&self) -> bool {
        self.controller_info()
            .await
            .has(Feature::ExtendedAdvertising)
    }

    /// Whether extended commands are given up for good: the controller claims to have them and refused one
    /// with this status, though nothing was asked of it that the others can't do.
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

    /// Takes trouble-host's events, so that its small queues keep room for those that matter. A new
    /// connection is listened to from the next turn, which the news of it brings.
    fn serve_links(&self, cx: &mut Context<'_>) {
        for connection in self.stack.connections() {
            while let Poll::Ready(event) = pin!(connection.next()).poll(cx) {
                // Some events carry keys, so that none is logged.
                #[cfg(feature = "security")]
                self.heard(connection.handle().raw(), event);
                #[cfg(not(feature = "security"))]
                drop(event);
            }
        }
    }

    /// Ends a link, whether anybody holds it or not, and whether its bearer has ended or not.
    async fn disconnect(&self, id: LinkId) {
        if let Some(command) = self.disconnection(id)
            && let Err(e) = self.tell_it(command).await
        {
            debug!("disconnecting: {:?}", e);
        }
    }

    /// The command that ends a link which the controller still has.
    fn disconnection(&self, id: LinkId) -> Option<Command> {
        let handle = ConnHandle::new(self.mux.handle_of(id)?);
        let reason = DisconnectReason::RemoteUserTerminatedConn;
        Some(Command::new(&Disconnect::new(handle, reason)))
    }

    /// Asks for a link to be ended, and gives the peer this reason (Core Vol 4 Part E, 7.1.6).
    pub async fn disconnect_for(
        &self,
        id: LinkId,
        reason: DisconnectReason,
    ) -> Result<(), Error<T::Error>> {
        let command = Disconnect::new(self.open_handle(id)?, reason);
        self.tell(&command).await
    }

    /// The HCI handle of a link that is open.
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
