//! A peer that sends numbered values as fast as they go, and what becomes of them, and of every call
//! that waits, when the controller is pulled meanwhile.

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dongle::{Address, Dongle, Error, Notified};
use dongle_virtual::{Air, AirConfig, ScriptedConfig, ScriptedPeripheral};
use futures_lite::future::zip;
use hci_transport::ErrorKind;

use crate::bench::{in_time, until};
use crate::peer::{Server, notification};

/// Values that are there, unread, when the controller is pulled, at least.
const UNREAD: u32 = 500;

/// The air, and the peer in it.
pub struct Stream {
    /// The air.
    pub air: Air,
    peer: Arc<ScriptedPeripheral>,
    server: Server,
    measurement: u16,
}

impl Default for Stream {
    fn default() -> Self {
        let air = Air::with(AirConfig::free_running());
        let (server, measurement) = Server::heart_rate(247);
        let answering = server.clone();
        let answers = move |pdu: &[u8]| answering.handle(pdu);
        let peer = ScriptedPeripheral::start(&air, ScriptedConfig::default(), answers);
        Self {
            air,
            peer: Arc::new(peer),
            server,
            measurement,
        }
    }
}

impl Stream {
    /// Connects, has values sent, and pulls the controller while they come: every call that waits
    /// hears from the transport, and all that was received is there, in order.
    pub async fn is_cut(&self, dongle: &Dongle, pull: impl FnOnce() + Send) {
        self.server.be_silent(false);
        let mut address = self.peer.address().bytes;
        address.reverse();
        let connection = in_time(dongle.device(Address::random(address)).connect()).await;
        let connection = connection.expect("it connects");
        let measurement = connection.characteristic(0x180D, 0x2A37).await;
        let measurement = measurement.expect("a characteristic");
        let mut values = measurement.subscribe().await.expect("a subscription");
        // From here on a request waits for ever.
        self.server.be_silent(true);

        let over = Arc::new(AtomicBool::new(false));
        let sending = thread::spawn({
            let (peer, over) = (Arc::clone(&self.peer), Arc::clone(&over));
            let measurement = self.measurement;
            move || {
                let numbers = (0..u32::MAX).take_while(|_| !over.load(Ordering::Relaxed));
                for number in numbers {
                    let value = notification(measurement, &number.to_le_bytes());
                    if peer.send(&value).is_err() {
                        break;
                    }
                }
            }
        });
        until("values come", || values.pending() >= UNREAD).await;
        let pulling = async {
            thread::scope(|scope| {
                scope.spawn(pull);
            });
        };
        // One is asked, and one waits behind it.
        let reading = zip(
            measurement.read().into_future(),
            measurement.read().into_future(),
        );
        let nobody = dongle.device(Address::random([0xC0, 0, 0, 0, 0, 0x99]));
        let watching = zip(connection.disconnected(), dongle.failed());
        let watching = zip(nobody.connect().into_future(), watching);
        let (((one, other), (connected, (_, failed))), ()) =
            in_time(zip(zip(reading, watching), pulling)).await;
        let errors = [
            one.expect_err("the controller is gone"),
            other.expect_err("the controller is gone"),
            connected.expect_err("the controller is gone"),
            failed,
        ];
        for error in errors {
            assert_tells_of_the_transport(&error);
        }
        let mut received = 0;
        let end = loop {
            match in_time(values.notified()).await {
                Ok(Notified::Value(value)) => {
                    assert_eq!(value, u32::to_le_bytes(received), "in order");
                    received += 1;
                }
                Ok(Notified::Missed(count)) => panic!("{count} values were missed"),
                Err(error) => break error,
            }
        };
        assert!(received >= UNREAD, "{received}");
        assert_tells_of_the_transport(&end);
        over.store(true, Ordering::Relaxed);
        until("the peer notices", || !self.peer.is_connected()).await;
        sending.join().expect("the peer sends no more");
    }
}

fn assert_tells_of_the_transport(error: &Error) {
    assert!(error.is_disconnected(), "{error}");
    let Error::Transport(why) = error else {
        panic!("{error:?}");
    };
    assert_eq!(why.kind(), ErrorKind::Disconnected, "{why}");
}
