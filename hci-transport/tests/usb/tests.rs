//! What an adapter on USB must be able to do: all cases, and those about what crosses it and how it ends.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hci_transport::{Error, ErrorKind, HciChannel, Spec, open};

use super::cases::Case;
use super::finding;
use super::usbfs::{self, Config, DATA_IN, DATA_OUT, DATA_PACKET, Device, EVENTS, Out};

pub const CASES: &[Case] = &[
    ("an_adapter_is_opened_used_and_opened_again", opened_again),
    ("four_thousand_packets_each_way_and_none_is_lost", thousands),
    (
        "data_of_any_length_arrives_with_and_without_empty_packets",
        lengths,
    ),
    ("two_events_in_one_packet_of_the_bus_are_two", two_in_one),
    ("an_event_cut_anyhow_is_one", cut),
    ("what_an_earlier_program_left_is_thrown_away", stale),
    ("the_kernels_driver_is_detached_and_given_back", driver),
    ("unplugging_ends_a_waiting_read_at_once", unplug),
    ("a_close_takes_milliseconds", close),
    ("several_transfers_wait_at_each_endpoint", in_flight),
    ("a_slow_host_holds_the_adapter_back_and_loses_nothing", slow),
    ("an_adapter_held_by_another_is_busy", finding::busy),
    (
        "an_adapter_that_may_not_be_opened_says_what_to_do",
        finding::denied,
    ),
    ("a_machine_without_usb_says_so", finding::no_bus),
    ("what_is_there_instead_is_named", finding::instead),
    ("the_right_one_of_several_is_opened", finding::several),
    (
        "an_adapter_that_hides_behind_a_vendors_class_is_found",
        finding::vendor_class,
    ),
    (
        "unplugging_or_closing_amid_traffic_leaves_nothing_behind",
        amid_traffic,
    ),
    (
        "data_that_overtook_the_event_of_its_connection_follows_it",
        overtaken,
    ),
    (
        "data_that_overtook_the_event_of_its_encryption_follows_it",
        overtaken_when_encrypted,
    ),
    ("the_environment_asks_for_a_capture", finding::captured),
    ("adapters_are_listed_with_what_opens_each", finding::listed),
    (
        "an_adapter_that_needs_firmware_says_so_when_it_does_not_answer",
        finding::firmware,
    ),
];

const MINUTE: Duration = Duration::from_secs(60);
/// What ends soon has ended by then, however slow the machine is; what does not end takes longer.
const STALL: Duration = Duration::from_secs(20);
pub const RESET_DONE: [u8; 7] = [0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00];

pub fn spec(line: &str) -> Spec {
    line.parse().unwrap()
}

/// A bus with one adapter.
pub fn adapter(config: Config) -> Device {
    usbfs::install();
    usbfs::plug_in(config)
}

/// Opens `line` while `device` answers the resets, with what `before` sends in front.
pub fn open_with(line: &str, device: &Device, before: impl Fn(&Device) + Send) -> HciChannel {
    thread::scope(|scope| {
        let opening = scope.spawn(|| open(&spec(line)).unwrap());
        let out = device.next_out(MINUTE);
        assert_eq!(out, Some(Out::Command(vec![0x03, 0x0c, 0x00])));
        before(device);
        device.send_hci(&RESET_DONE);
        opening.join().unwrap()
    })
}

pub fn opened(device: &Device) -> HciChannel {
    open_with("usb:0", device, |_| ())
}

/// Tells the host of the connection that [`data`] is on.
fn connect(device: &Device, channel: &HciChannel) {
    device.send_hci(&connected());
    assert_eq!(next(channel), connected());
}

/// LE Connection Complete.
fn connected() -> Vec<u8> {
    let mut event = vec![0x04, 0x3e, 19, 0x01, 0x00, 0x40, 0x00];
    event.resize(3 + 19, 0);
    event
}

fn next(channel: &HciChannel) -> Vec<u8> {
    let mut packet = Vec::new();
    assert!(
        channel.read_packet_timeout(&mut packet, MINUTE).unwrap(),
        "a packet in time"
    );
    packet
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < MINUTE, "not within a minute: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn data(number: u32, length: usize) -> Vec<u8> {
    let mut packet = vec![0x02, 0x40, 0x20];
    packet.extend((length as u16).to_le_bytes());
    packet.extend((0..length).map(|at| (number as usize + at) as u8));
    packet
}

fn opened_again() {
    let device = adapter(Config::default());
    for _ in 0..3 {
        let channel = opened(&device);
        assert_eq!(channel.name(), "usb:0");
        channel
            .write_packet_blocking(&[0x01, 0x09, 0x10, 0x00])
            .unwrap();
        assert_eq!(
            device.next_out(MINUTE),
            Some(Out::Command(vec![0x09, 0x10, 0x00]))
        );
        device.send_hci(&[0x04, 0x0e, 0x04, 0x01, 0x09, 0x10, 0x00]);
        assert_eq!(next(&channel), [0x04, 0x0e, 0x04, 0x01, 0x09, 0x10, 0x00]);
        assert_eq!(channel.statistics().discarded_bytes, 0);
        drop(channel);
        assert!(!device.is_open());
    }
}

fn thousands() {
    const COUNT: u32 = 4_000;
    let device = adapter(Config::default());
    let channel = opened(&device);
    connect(&device, &channel);
    let event = |number: u32| {
        let length = 4 + number as usize % 60;
        let mut packet = vec![0x04, 0xff, length as u8];
        packet.extend(number.to_le_bytes());
        packet.resize(3 + length, 0x5a);
        packet
    };
    let length = |number: u32| number as usize * 7 % 252;
    let command = |number: u32| {
        let mut packet = vec![0x01, 0x01, 0xfc, 0x04];
        packet.extend(number.to_le_bytes());
        packet
    };
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..COUNT {
                device.send_hci(&event(number));
                device.send_hci(&data(number, length(number)));
                // As many as a real one would hold.
                while device.waiting() > 500 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
        scope.spawn(|| {
            for number in 0..COUNT {
                channel.write_packet_blocking(&command(number)).unwrap();
                channel
                    .write_packet_blocking(&data(number, length(number)))
                    .unwrap();
            }
        });
        scope.spawn(|| {
            let (mut commands, mut packets) = (0, 0);
            while commands < COUNT || packets < COUNT {
                match device.next_out(MINUTE).expect("all of them") {
                    Out::Command(bytes) => {
                        assert_eq!(bytes, command(commands)[1..]);
                        commands += 1;
                    }
                    Out::Data(bytes) => {
                        assert_eq!(bytes, data(packets, length(packets))[1..]);
                        packets += 1;
                    }
                }
            }
        });
        let (mut events, mut packets) = (0, 0);
        while events < COUNT || packets < COUNT {
            let packet = next(&channel);
            if packet[0] == 0x04 {
                assert_eq!(packet, event(events));
                events += 1;
            } else {
                assert_eq!(packet, data(packets, length(packets)));
                packets += 1;
            }
        }
    });
    println!("{} packets in {:?}", 4 * COUNT, began.elapsed());
    assert_eq!(channel.statistics().discarded_bytes, 0);
}

fn lengths() {
    usbfs::install();
    for (index, zero_length) in [true, false].into_iter().enumerate() {
        let device = usbfs::plug_in(Config {
            zero_length,
            ..Config::default()
        });
        let channel = open_with(&format!("usb:{index}"), &device, |_| ());
        connect(&device, &channel);
        for length in (0..=260).chain([DATA_PACKET * 8 - 4, DATA_PACKET * 8, 1021]) {
            let packet = data(length as u32, length);
            device.send_hci(&packet);
            // It is here before anything else is sent.
            assert_eq!(next(&channel), packet);
            channel.write_packet_blocking(&packet).unwrap();
            assert_eq!(
                device.next_out(MINUTE),
                Some(Out::Data(packet[1..].to_vec()))
            );
        }
        // Events whose length is a multiple of the endpoint's, too.
        for length in [14, 30, 62, 254, 255] {
            let packet = [&[0x04, 0x3e, length as u8][..], &vec![7; length]].concat();
            device.send_hci(&packet);
            assert_eq!(next(&channel), packet);
        }
    }
}

fn two_in_one() {
    let device = adapter(Config::default());
    let channel = opened(&device);
    let one = [0x13, 0x05, 0x01, 0x40, 0x00, 0x01, 0x00];
    device.send(EVENTS, &[one, one].concat());
    for _ in 0..2 {
        assert_eq!(next(&channel), [&[0x04], &one[..]].concat());
    }
}

fn cut() {
    let device = adapter(Config::default());
    let channel = opened(&device);
    connect(&device, &channel);
    let event: Vec<u8> = [0x3e, 100].into_iter().chain(0..100).collect();
    for size in [1, 2, 3, 5, 15, 16] {
        for piece in event.chunks(size) {
            device.send(EVENTS, piece);
            device.send(EVENTS, &[]);
        }
        assert_eq!(next(&channel), [&[0x04], event.as_slice()].concat());
    }
    let packet = data(1, 200);
    for size in [1, 3, 4, 63] {
        for piece in packet[1..].chunks(size) {
            device.send(DATA_IN, piece);
        }
        assert_eq!(next(&channel), packet);
    }
}

fn stale() {
    let device = adapter(Config::default());
    // The end of an event, a whole one, and data.
    let channel = open_with("usb:0", &device, |device| {
        device.send(EVENTS, &[0x55; 9]);
        device.send(EVENTS, &[0x0e, 0x04, 0x01, 0x05, 0x10, 0x00]);
        device.send(DATA_IN, &[0x40, 0x20, 0x30, 0x00, 0x77]);
        until("the host has taken it", || device.waiting() == 0);
    });
    assert_eq!(channel.statistics().discarded_bytes, 20);
    device.send_hci(&data(0, 10));
    assert_eq!(next(&channel), data(0, 10));
}

fn driver() {
    let device = adapter(Config::default());
    assert!(device.has_driver());
    let channel = opened(&device);
    assert!(!device.has_driver());
    assert_eq!(device.take_log(), ["detached btusb", "claimed 0"]);
    drop(channel);
    assert!(device.has_driver());
    assert_eq!(
        device.take_log(),
        ["released 0", "attached btusb", "closed"]
    );
    // A program that was killed leaves it detached; the next gives it back.
    let channel = opened(&device);
    channel.close();
    drop(channel);
    assert!(device.has_driver());
}

fn unplug() {
    let device = adapter(Config::default());
    let channel = Arc::new(opened(&device));
    let reader = thread::spawn({
        let channel = Arc::clone(&channel);
        move || {
            let result = channel.read_packet_timeout(&mut Vec::new(), MINUTE);
            (result.unwrap_err(), Instant::now())
        }
    });
    // Time to wait for it; who reads later is told the same.
    thread::sleep(Duration::from_millis(100));
    let pulled = Instant::now();
    device.unplug();
    let (error, noticed) = reader.join().unwrap();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert_eq!(
        error.to_string(),
        "usb:0: unplugged; plug it back in and open it again"
    );
    let took = noticed.duration_since(pulled);
    assert!(took < STALL, "{took:?}");
    let error = channel.write_packet_blocking(&data(0, 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    let closing = Instant::now();
    drop(channel);
    assert!(closing.elapsed() < STALL, "{:?}", closing.elapsed());
    assert!(!device.is_open());
}

fn close() {
    let device = adapter(Config::default());
    let mut shortest = STALL;
    for _ in 0..20 {
        let channel = opened(&device);
        let closing = Instant::now();
        drop(channel);
        shortest = shortest.min(closing.elapsed());
        assert!(!device.is_open());
    }
    // Others may have had the processor meanwhile, but not each time.
    assert!(shortest < Duration::from_millis(400), "{shortest:?}");
    // What was written before still goes out.
    let channel = opened(&device);
    for number in 0..100 {
        channel.write_packet_blocking(&data(number, 20)).unwrap();
    }
    drop(channel);
    for number in 0..100 {
        let out = device.next_out(Duration::ZERO);
        assert_eq!(out, Some(Out::Data(data(number, 20)[1..].to_vec())));
    }
}

fn in_flight() {
    let device = adapter(Config::default());
    let _channel = opened(&device);
    until("four for events", || device.pending(EVENTS) >= 4);
    until("sixteen for data", || device.pending(DATA_IN) >= 16);
    assert_eq!(device.pending(DATA_OUT), 0);
}

fn slow() {
    const COUNT: u32 = 2_000;
    let device = adapter(Config::default());
    let channel = opened(&device);
    connect(&device, &channel);
    for number in 0..COUNT {
        device.send_hci(&data(number, 200));
    }
    // Time to take more, if it did.
    thread::sleep(Duration::from_millis(300));
    let held_back = device.waiting();
    assert!(
        held_back > 1_000,
        "{held_back} packets of the bus wait in the adapter"
    );
    // And what the host writes isn't held back by it.
    channel
        .write_packet_blocking(&[0x01, 0x09, 0x10, 0x00])
        .unwrap();
    assert!(device.next_out(MINUTE).is_some());
    for number in 0..COUNT {
        assert_eq!(next(&channel), data(number, 200));
    }
}

/// Whether data that came before `event` is read behind it, in one try of many: `again` is what makes
/// it early once more. Data is not held for ever, so on a machine that stands still it may come first.
fn follows(device: &Device, channel: &HciChannel, event: &[u8], mut again: impl FnMut()) -> bool {
    (0..100).any(|number| {
        device.send_hci(&data(number, 20));
        device.send_hci(event);
        let in_turn = [event.to_vec(), data(number, 20)];
        let read = [next(channel), next(channel)];
        if read != in_turn {
            assert_eq!([&read[1], &read[0]], [&in_turn[0], &in_turn[1]]);
            again();
        }
        read == in_turn
    })
}

fn overtaken() {
    let device = adapter(Config::default());
    let channel = opened(&device);
    assert!(follows(&device, &channel, &connected(), || {
        let disconnected = [0x04, 0x05, 0x04, 0x00, 0x40, 0x00, 0x13];
        device.send_hci(&disconnected);
        assert_eq!(next(&channel), disconnected);
    }));
}

fn overtaken_when_encrypted() {
    let device = adapter(Config::default());
    let channel = opened(&device);
    connect(&device, &channel);
    let encrypt = || {
        let mut command = vec![0x01, 0x19, 0x20, 28, 0x40, 0x00];
        command.resize(4 + 28, 0);
        channel.write_packet_blocking(&command).unwrap();
        let out = device.next_out(MINUTE);
        assert_eq!(out, Some(Out::Command(command.split_off(1))));
    };
    encrypt();
    let encrypted = [0x04, 0x08, 0x04, 0x00, 0x40, 0x00, 0x01];
    assert!(follows(&device, &channel, &encrypted, encrypt));
}

fn amid_traffic() {
    usbfs::install();
    let mut shortest = STALL;
    for round in 0..16 {
        let device = usbfs::plug_in(Config::default());
        // Those that were only closed are still there.
        let line = format!("usb:{}", (round + 1) / 2);
        let channel = open_with(&line, &device, |_| ());
        connect(&device, &channel);
        let ended = |result: Result<(), Error>| {
            result.is_err_and(|error| error.kind() == ErrorKind::Disconnected)
        };
        let closing = thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0.. {
                    device.send_hci(&data(number, 200));
                    if device.waiting() > 400 {
                        thread::sleep(Duration::from_millis(1));
                    }
                    if !device.is_open() {
                        return;
                    }
                }
            });
            let writer = scope.spawn(|| {
                (0..).find(|number| ended(channel.write_packet_blocking(&data(*number, 100))))
            });
            let reader = scope.spawn(|| {
                let mut packet = Vec::new();
                (0..).find(|_| ended(channel.read_packet_timeout(&mut packet, MINUTE).map(drop)))
            });
            // At another point of it each time.
            thread::sleep(Duration::from_millis(5 + round as u64));
            let began = Instant::now();
            if round % 2 == 0 {
                channel.close();
            } else {
                device.unplug();
            }
            writer.join().unwrap();
            reader.join().unwrap();
            began.elapsed()
        });
        shortest = shortest.min(closing);
        drop(channel);
        assert!(!device.is_open());
    }
    // Others may have had the processor meanwhile, but not each time.
    assert!(shortest < Duration::from_millis(500), "{shortest:?}");
}
