//! Puts a peripheral into the air and keeps it there. For those on trouble-host, it also advertises
//! until a central connects.

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

/// A peripheral's controller as trouble-host uses it.
pub(super) type HostController = ExternalController<OneByOne, 10>;

/// A controller that delivers one packet per poll of the host. trouble-host's peripheral doesn't
/// know a connection until it has been accepted, and never answers a key request for one that it
/// doesn't know; between two packets, the task that accepts connections gets its turn.
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

/// Wraps the controller at the other end of this channel.
pub(super) fn controller(channel: HciChannel) -> HostController {
    ExternalController::new(OneByOne(channel))
}

/// A peripheral in the air: its address, its controller and its thread. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Presence {
    address: Address,
    controller: AirController,
    _worker: Worker,
}

impl Presence {
    /// Puts a controller with this configuration, name and address into the air, and runs the
    /// future that `body` makes from its channel on a thread called `thread`.
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

/// A name as an element of advertising data, shortened to `most` octets (Core Specification
/// Supplement, Part A, 1.2).
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

/// Flags (LE General Discoverable Mode, BR/EDR Not Supported), and the name, shortened if
/// necessary.
pub(super) fn flags_and_name(name: &str) -> Vec<u8> {
    [&[2, 0x01, 0x06][..], &name_element(name, 26)].concat()
}

/// The errors that end a peripheral.
pub(super) type Failure = BleHostError<hci_transport::Error>;

/// Sets the host's address if it is random. A public one is read from the controller.
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

/// Runs a peripheral's host and its service until either ends.
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
