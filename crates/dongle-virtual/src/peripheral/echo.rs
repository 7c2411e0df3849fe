//! A device that echoes what it receives on an L2CAP channel, built on trouble-host's peripheral role.

use embassy_futures::select::select;
use hci_transport::HciChannel;
use trouble_host::connection::ConnectionEvent;
use trouble_host::prelude::*;

use super::pool::HeapPool;
use super::presence::{self, Failure, HostController, Presence};
use crate::Address;
use crate::air::{Air, AirController};
use crate::world::ControllerConfig;

type HostStack<'s> = Stack<'s, HostController, HeapPool>;

const NAME: &str = "Dongle Echo";
/// The longest unit that it accepts.
const MTU: u16 = 1000;

/// An echo in the air; dropping it removes it.
///
/// It has no attributes, only one L2CAP channel at a time, on which it sends back each unit that it
/// receives. On a free-running air, a request may arrive before it listens, and is refused.
#[derive(Debug)]
pub struct Echo(Presence);

impl Echo {
    /// The number (SPSM) of its channel.
    pub const SPSM: u16 = 0x80;

    /// Puts an echo into the air, which advertises from this address as "Dongle Echo".
    pub fn start(air: &Air, address: Address) -> Self {
        let body = move |channel| run(channel, address);
        let controller = ControllerConfig::legacy();
        Self(Presence::start(
            air,
            &controller,
            NAME,
            address,
            "echo",
            body,
        ))
    }

    /// The address it advertises from.
    pub fn address(&self) -> Address {
        self.0.address()
    }

    /// Its controller, to observe and to inject faults.
    pub fn controller(&self) -> &AirController {
        self.0.controller()
    }
}

async fn run(channel: HciChannel, address: Address) {
    let mut resources: HostResources<HeapPool, 1, 3> = HostResources::new();
    let builder = trouble_host::new(presence::controller(channel), &mut resources);
    let builder = presence::addressed(builder, address).register_l2cap_spsm(Echo::SPSM);
    let stack = builder.build();
    presence::run(&stack, serve(&stack), NAME).await;
}

async fn serve(stack: &HostStack<'_>) -> Result<(), Failure> {
    let mut peripheral = stack.peripheral();
    let advertised = presence::flags_and_name(NAME);
    loop {
        let connection = presence::next_central(&mut peripheral, &advertised, &[], NAME).await?;
        select(gone(&connection), channels(stack, &connection)).await;
    }
}

async fn gone(connection: &Connection<'_, HeapPool>) {
    while !matches!(
        connection.next().await,
        ConnectionEvent::Disconnected { .. }
    ) {}
}

/// Serves one channel after another until the client disconnects.
async fn channels(stack: &HostStack<'_>, connection: &Connection<'_, HeapPool>) {
    let listener = L2capChannel::listen(stack, connection);
    let config = L2capChannelConfig {
        mtu: Some(MTU),
        ..Default::default()
    };
    let mut unit = [0; MTU as usize];
    while let Ok(mut channel) = listener.accept(&config).await {
        while let Ok(length) = channel.receive(stack, &mut unit).await {
            let heard = unit.get(..length).unwrap_or_default();
            if let Err(error) = channel.send(stack, heard).await {
                log::debug!("the echo can't be sent: {error:?}");
                break;
            }
        }
    }
}
