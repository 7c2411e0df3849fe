//! How a peripheral comes into the air and stays there; and, on trouble-host, how it advertises until
//! somebody connects.

use bt_hci::controller::ExternalController;
use bt_hci::transport::{PacketToController, PacketToHost, Transport};
use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use hci_transport::HciChannel;
use trouble_host::prelude::*;

use super::Worker;
use super::pool::HeapPool;
use crate::air::{Air, AirController};
use crate::world::ControllerConfig;
use crate::{Address, AddressKind};

/// The controller of a peripheral, as trouble-host sees it.
pub(super) type HostController = ExternalController<OneByOne, 10>;

/// A controller whose packets come one in each poll of the host. trouble-host's peripheral does not
/// know a connection before that was accepted, and leaves a request for its key unanswered for good;
/// what accepts it has its turn in between.
pub(super) struct OneByOne(HciChannel);

impl embedded_io::ErrorType for OneByOne {
    type Error = hci_transport::Error;
}

impl Transport for OneByOne {
    async fn read<'a, P: PacketToHost<'a>>(&self, rx: &'a mut [u8]) -> Result<P, Self::Error> {
        yield_now().await;
        self.0.read(rx).await
    }

    async fn write<P: PacketToController>(&self, packet: &P) -> Result<(), Self::Error> {
        self.0.write(packet).await
    }
}

/// The controller at the other end of this channel.
pub(super) fn controller(channel: HciChannel) -> HostController {
    ExternalController::new(OneByOne(channel))
}

/// A peripheral in the air: where it is, its controller, and its thread. Dropping it takes it out.
#[derive(Debug)]
pub(super) struct Presence {
    address: Address,
    controller: AirController,
    _worker: Worker,
}

impl Presence {
    /// Puts a controller of this kind into the air, with this name and address, and runs what `body`
    /// makes of its channel on a thread called `thread`.
    pub(super) fn start<F: Future<Output = ()>>(
        air: &Air,
        controller: &ControllerConfig,
        name: &str,
        address: Address,
        thread: &str,
        body: impl FnOnce(HciChannel) -> F + Send + 'static,
    ) -> Self {
        let mut controller = controller.clone().named(name);
        if address.kind == AddressKind::Public {
            controller.public_address = address.bytes;
        }
        let (controller, channel) = air.attach(controller);
        Self {
            address,
            controller,
            _worker: Worker::start(thread, move || body(channel)),
        }
    }

    pub(super) fn address(&self) -> Address {
        self.address
    }

    pub(super) fn controller(&self) -> &AirController {
        &self.controller
    }
}

/// A name as an element of advertising data, of which at most so many octets are the name (Core
/// Specification Supplement, Part A, 1.2).
pub(super) fn name_element(name: &str, most: usize) -> Vec<u8> {
    const SHORTENED_NAME: u8 = 0x08;
    const COMPLETE_NAME: u8 = 0x09;
    let mut shown = name.len().min(most);
    while !name.is_char_boundary(shown) {
        shown -= 1;
    }
    let kind = match shown == name.len() {
        true => COMPLETE_NAME,
        false => SHORTENED_NAME,
    };
    let mut element = vec![shown as u8 + 1, kind];
    element.extend_from_slice(&name.as_bytes()[..shown]);
    element
}

/// Flags (LE General Discoverable Mode, BR/EDR Not Supported), and a name that is not too long.
pub(super) fn flags_and_name(name: &str) -> Vec<u8> {
    [&[2, 0x01, 0x06][..], &name_element(name, 26)].concat()
}

/// What can end a peripheral.
pub(super) type Failure = BleHostError<hci_transport::Error>;

/// Has the host go by this address. A public one it learns from its controller.
pub(super) fn addressed<'s>(
    builder: StackBuilder<'s, HostController, HeapPool>,
    address: Address,
) -> StackBuilder<'s, HostController, HeapPool> {
    match address.kind {
        AddressKind::Random => {
            builder.set_random_address(trouble_host::Address::random(address.bytes))
        }
        AddressKind::Public => builder,
    }
}

/// Runs the host of a peripheral and what it does, until either ends.
pub(super) async fn run(
    stack: &Stack<'_, HostController, HeapPool>,
    serve: impl Future<Output = Result<(), Failure>>,
    name: &str,
) {
    let mut runner = stack.runner();
    match select(runner.run(), serve).await {
        Either::First(end) => log::debug!("{name}: the host has ended: {end:?}"),
        Either::Second(end) => log::error!("{name}: {end:?}"),
    }
}

/// Advertises until a central connects.
pub(super) async fn next_central<'s>(
    peripheral: &mut Peripheral<'s, HostController, HeapPool>,
    advertised: &[u8],
    response: &[u8],
    name: &str,
) -> Result<Connection<'s, HeapPool>, Failure> {
    let parameters = AdvertisementParameters {
        interval_min: embassy_time::Duration::from_millis(100),
        interval_max: embassy_time::Duration::from_millis(150),
        ..Default::default()
    };
    loop {
        let advertisement = Advertisement::ConnectableScannableUndirected {
            adv_data: advertised,
            scan_data: response,
        };
        let advertiser = peripheral.advertise(&parameters, advertisement).await?;
        match advertiser.accept().await {
            Ok(connection) => return Ok(connection),
            Err(error) => log::debug!("{name}: advertising ended: {error:?}"),
        }
    }
}
