//! A heart rate through a USB adapter: real libusb on an emulated dongle, with a simulated
//! controller or Bumble's behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(target_os = "linux")]
#[path = "../hci-transport/tests/usb/cases.rs"]
mod cases;
#[cfg(target_os = "linux")]
#[path = "../hci-transport/tests/usb/usbfs/mod.rs"]
mod usbfs;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    cases::main(heart_rate::CASES)
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: USB is emulated on Linux alone");
}

#[cfg(target_os = "linux")]
mod heart_rate {
    use std::time::{Duration, Instant};

    use dongle::{Dongle, Error, Uuid};
    use dongle_tests::bench::{STALL, soon, until};
    use dongle_tests::bumble::{self, Wire};
    use dongle_tests::sensor::{self, beats, measurement};
    use dongle_tests::stream::Stream;
    use dongle_virtual::{Air, ControllerConfig, HeartRateConfig, HeartRateSensor};
    use hci_transport::{ErrorKind, HciChannel};

    use crate::cases::Case;
    use crate::usbfs::{self, Config, Device};

    pub const CASES: &[Case] = &[
        ("a_heart_beats_through_usb_on_the_simulated_air", simulated),
        (
            "a_heart_beats_through_usb_through_bumbles_controller",
            through_bumble,
        ),
        ("many_values_come_through_usb_and_none_is_lost", burst),
        ("unplugging_ends_a_read_that_waits", unplug_during_a_read),
        (
            "a_stream_through_usb_ends_with_all_that_came_and_begins_again",
            unplug_amid_a_stream,
        ),
        (
            "an_adapter_that_is_plugged_in_again_is_opened_again",
            plug_in_again,
        ),
    ];

    fn adapter(channel: HciChannel) -> Device {
        usbfs::install();
        let device = usbfs::plug_in(Config::default());
        device.attach(channel);
        device
    }

    /// The adapter, remembered beside the tests and not among the user's own.
    fn open() -> dongle::Open {
        Dongle::open("usb:0").data_folder(env!("CARGO_TARGET_TMPDIR"))
    }

    async fn session(count: usize) {
        let dongle = open().await.unwrap();
        let connection = beats(&dongle, count).await;
        connection.disconnect().await;
        dongle.close().await;
    }

    fn simulated() {
        let air = Air::new();
        let _sensor = sensor::every(&air, Duration::from_millis(20));
        let device = adapter(air.controller(ControllerConfig::default()));
        // The adapter can be opened as often as one likes.
        for _ in 0..2 {
            soon(session(5));
            assert_eq!(air.violations(), 0);
        }
        soon(until("the adapter is let go", || !device.is_open()));
        assert!(device.has_driver());
    }

    fn through_bumble() {
        let Some(bumble) = bumble::required() else {
            return;
        };
        let controller = bumble.controller(Wire::Tcp).start();
        let channel = hci_transport::open(&controller.spec().parse().unwrap()).unwrap();
        adapter(channel);
        soon(session(5));
    }

    fn burst() {
        const COUNT: usize = 1_000;
        let air = Air::new();
        let config = HeartRateConfig::default()
            .with_interval(Duration::from_millis(1))
            .with_burst(COUNT);
        let _sensor = HeartRateSensor::start(&air, config);
        adapter(air.controller(ControllerConfig::default()));
        soon(session(COUNT));
        assert_eq!(air.violations(), 0);
    }

    fn plug_in_again() {
        let air = Air::new();
        let _sensor = HeartRateSensor::start(&air, HeartRateConfig::default());
        let device = adapter(air.controller(ControllerConfig::default()));
        soon(async {
            let dongle = open().await.unwrap();
            measurement(&dongle).await;
            device.unplug();
            dongle.failed().await;
            let error = dongle.reopen().unwrap().await.unwrap_err();
            assert!(
                matches!(&error, Error::Transport(why) if why.kind() == ErrorKind::NotFound),
                "{error}"
            );
            let again = usbfs::plug_in(Config::default());
            again.attach(air.controller(ControllerConfig::default()));
            let dongle = dongle
                .reopen()
                .unwrap()
                .retry(Duration::from_millis(200))
                .await
                .unwrap();
            beats(&dongle, 1).await;
        });
    }

    fn unplug_amid_a_stream() {
        let stream = Stream::default();
        let device = adapter(stream.air.controller(ControllerConfig::default()));
        soon(async {
            let dongle = open().await.unwrap();
            stream.is_cut(&dongle, || device.unplug()).await;

            let again = usbfs::plug_in(Config::default());
            again.attach(stream.air.controller(ControllerConfig::default()));
            let reopening = dongle.reopen().unwrap();
            let dongle = reopening.retry(Duration::from_millis(50)).await.unwrap();
            stream.is_cut(&dongle, || again.unplug()).await;
        });
    }

    fn unplug_during_a_read() {
        let air = Air::new();
        let sensor = HeartRateSensor::start(&air, HeartRateConfig::default());
        let device = adapter(air.controller(ControllerConfig::default()));
        soon(async {
            let dongle = open().await.unwrap();
            let (connection, _) = measurement(&dongle).await;
            let battery = connection.service(Uuid::from_u16(0x180f)).await.unwrap();
            let level = battery
                .characteristic(Uuid::from_u16(0x2a19))
                .await
                .unwrap();
            level.read().await.unwrap();
            // From here on nobody answers.
            sensor.controller().freeze();
            let pulling = std::thread::spawn(move || {
                // Time to ask; who asks later is told the same.
                std::thread::sleep(Duration::from_millis(100));
                device.unplug();
                Instant::now()
            });
            let error = level.read().await.unwrap_err();
            let took = pulling.join().unwrap().elapsed();
            assert!(took < STALL, "{took:?}");
            assert!(
                matches!(error, Error::Transport(_) | Error::Disconnected(_)),
                "{error:?}"
            );
            match dongle.failed().await {
                Error::Transport(why) => {
                    assert_eq!(why.kind(), ErrorKind::Disconnected);
                    assert!(why.to_string().contains("unplugged"), "{why}");
                }
                other => panic!("{other:?}"),
            }
        });
    }
}
