//! The same work, done by trouble-host's own GATT client.

use bt_hci::controller::ExternalController;
use embassy_futures::yield_now;
use futures_lite::future::{block_on, or};
use trouble_host::Address;
use trouble_host::prelude::*;

use crate::controller::{CONFIGURATION, Controller, VALUE};
use crate::pool::Pool;

type Client<'c, 'k> = GattClient<'c, ExternalController<&'k Controller, 10>, Pool, 16>;

/// A connected client, for as long as `body` takes.
pub fn connected<R>(
    controller: &Controller,
    body: impl for<'c, 'k> AsyncFnOnce(&Client<'c, 'k>) -> R,
) -> R {
    let mut resources: Box<HostResources<Pool, 2, 4>> = Box::new(HostResources::new());
    let stack = trouble_host::new(
        ExternalController::<_, 10>::new(controller),
        &mut *resources,
    );
    let stack = stack
        .set_random_address(Address::random([6, 5, 4, 3, 2, 0xC1]))
        .build();
    let mut runner = stack.runner();
    let mut central = stack.central();
    let work = async {
        let config = ConnectConfig {
            connect_params: RequestedConnParams::default(),
            scan_config: ScanConfig {
                filter_accept_list: &[Address::random([1, 2, 3, 4, 5, 0xC6])],
                ..Default::default()
            },
        };
        let connection = central.connect(&config).await.unwrap();
        let client = GattClient::new(&stack, &connection).await.unwrap();
        let task = async { panic!("the client ended: {:?}", client.task().await) };
        or(body(&client), task).await
    };
    block_on(or(work, async {
        panic!("ended: {:?}", runner.run().await)
    }))
}

/// Reads the value so many times.
pub async fn read(client: &Client<'_, '_>, count: u64) {
    let mut out = [0; 512];
    for _ in 0..count {
        assert_eq!(client.read_handle(VALUE, &mut out).await.unwrap(), 20);
    }
}

/// Writes 20 bytes, with response, so many times.
pub async fn write(client: &Client<'_, '_>, count: u64) {
    for _ in 0..count {
        client.write_handle(VALUE, &[9; 20]).await.unwrap();
    }
}

/// Writes 20 bytes without response so many times.
pub async fn command(client: &Client<'_, '_>, count: u64) {
    for _ in 0..count {
        client
            .write_handle_without_response(VALUE, &[9; 20])
            .await
            .unwrap();
    }
    client.write_handle(VALUE, &[9; 20]).await.unwrap();
}

/// Finds everything; how many services, characteristics and descriptors there are.
pub async fn discover(client: &Client<'_, '_>) -> [usize; 3] {
    let mut found = [0; 3];
    for service in client.services().await.unwrap() {
        found[0] += 1;
        for characteristic in client.characteristics::<8>(&service).await.unwrap() {
            found[1] += 1;
            let descriptors = client
                .descriptors::<[u8], 4>(&characteristic)
                .await
                .unwrap();
            found[2] += descriptors.len();
        }
    }
    found
}

/// Receives what comes of so many notifications, `burst` of them at a time; how many that is.
pub async fn notified(
    client: &Client<'_, '_>,
    controller: &Controller,
    count: u64,
    burst: u64,
) -> u64 {
    let mut values = client.listen_all().unwrap();
    client.write_handle(CONFIGURATION, &[1, 0]).await.unwrap();
    let (mut sent, mut received) = (0, 0);
    while sent < count {
        let now = burst.min(count - sent);
        controller.notify(now);
        sent += now;
        if burst == 1 {
            values.next().await;
            received += 1;
            continue;
        }
        // Some are lost in silence: when there is quiet, what has not come does not come.
        let listen = async {
            loop {
                values.next().await;
                received += 1;
            }
        };
        let quiet = async {
            while !controller.is_quiet() {
                yield_now().await;
            }
            for _ in 0..64 {
                yield_now().await;
            }
        };
        or(listen, quiet).await;
    }
    received
}
