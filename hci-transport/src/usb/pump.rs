//! Moves packets between an adapter's endpoints and a channel: one thread handles libusb's events,
//! one reads, one writes, and none waits for the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::adapters::Endpoints;
use super::order::Order;
use super::reassembly::Reassembly;
use super::transfers::{Kind, Landed, Landing, Status, Transfers};
use crate::pump::{GRACE, Pumps, spawn};
use crate::{Error, ErrorKind, HciChannel, HciPort, Limits, channel};

/// How many transfers wait at the interrupt endpoint, and at the bulk endpoint. Each has the size
/// of one USB packet: a longer one would not complete when data ends with a full packet and the
/// controller sends no empty one after it.
const EVENTS_WAITING: usize = 8;
const DATA_WAITING: usize = 32;
/// The most packets in flight to the controller.
const MOST_OUT: usize = 16;
/// How often the thread that handles events checks whether it is done.
const TICK: Duration = Duration::from_millis(500);
/// How often a write that the adapter holds back checks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_millis(50);
/// While a cable is being pulled, transfers fail for a moment before the device is gone. Only more
/// failures in a row than this, with a pause after each, count as a broken device.
const MOST_ERRORS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(4);

pub(super) fn start(
    name: &str,
    transfers: Transfers,
    endpoints: Endpoints,
    capacity: usize,
    limits: Limits,
) -> Result<HciChannel, Error> {
    let (mut channel, port) = channel(name, capacity);
    let pumps = Pumps::default();
    channel.attach(pumps.clone());
    let transfers = Arc::new(transfers);
    let (incoming, outgoing) = (Arc::<Landing>::default(), Arc::<Landing>::default());
    let order = SharedOrder::default();

    let mut reader = Reader {
        events: Reassembly::of_events(endpoints.events.1),
        acl: Reassembly::of_acl(endpoints.acl_in.1, limits.acl_data),
        endpoints,
        transfers: Arc::clone(&transfers),
        landing: Arc::clone(&incoming),
        port: port.clone(),
        order: order.clone(),
        errors: 0,
    };
    let begun = reader.begin();
    spawn("hci-usb", pumps.running(&port), {
        let (transfers, outgoing) = (Arc::clone(&transfers), Arc::clone(&outgoing));
        let port = port.clone();
        move || {
            handle_events(&transfers, &port);
            incoming.close();
            outgoing.close();
            super::give_back(port.name(), transfers.handle(), endpoints.interface);
        }
    })
    .inspect_err(|_| transfers.cancel())?;
    let reading = spawn("hci-usb-read", pumps.running(&port), move || reader.run());
    let mut writer = Writer {
        acl_out: endpoints.acl_out,
        transfers: Arc::clone(&transfers),
        landing: outgoing,
        port: port.clone(),
        order,
        out: 0,
    };
    let writing = spawn("hci-usb-write", pumps.running(&port), move || writer.run());
    let begun = begun.map_err(|error| lost(name, "reading", error));
    begun
        .and(reading)
        .and(writing)
        .inspect_err(|_| transfers.cancel())?;
    Ok(channel)
}

fn lost(name: &str, doing: &str, error: rusb::Error) -> Error {
    match error {
        rusb::Error::NoDevice => unplugged(name),
        _ => Error::new(
            ErrorKind::Disconnected,
            format!("{name}: {doing} failed ({error}); unplug it and plug it back in"),
        )
        .with_source(error),
    }
}

fn unplugged(name: &str) -> Error {
    Error::disconnected(name, "unplugged; plug it back in and open it again")
}

/// Runs until, after a cancellation, every transfer has ended.
fn handle_events(transfers: &Transfers, port: &HciPort) {
    while !transfers.is_over() {
        match transfers.handle_events(TICK) {
            Ok(()) | Err(rusb::Error::Interrupted) => {}
            Err(error) => {
                port.fail(lost(port.name(), "handling transfers", error));
                transfers.cancel();
                std::thread::sleep(PAUSE);
            }
        }
    }
}

/// The order of packets, shared by the reader and the writer.
#[derive(Clone, Default)]
struct SharedOrder(Arc<Mutex<Order>>);

impl SharedOrder {
    fn lock(&self) -> MutexGuard<'_, Order> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delivers the controller's packets to the host.
struct Reader {
    endpoints: Endpoints,
    transfers: Arc<Transfers>,
    landing: Arc<Landing>,
    port: HciPort,
    events: Reassembly,
    acl: Reassembly,
    order: SharedOrder,
    /// How many transfers have failed in a row.
    errors: u32,
}

impl Reader {
    /// Submits transfers to both endpoints.
    fn begin(&self) -> rusb::Result<()> {
        for _ in 0..EVENTS_WAITING {
            self.submit(self.endpoints.events.0, vec![0; self.endpoints.events.1])?;
        }
        for _ in 0..DATA_WAITING {
            self.submit(self.endpoints.acl_in.0, vec![0; self.endpoints.acl_in.1])?;
        }
        Ok(())
    }

    fn submit(&self, endpoint: u8, buffer: Vec<u8>) -> rusb::Result<()> {
        let kind = if endpoint == self.endpoints.events.0 {
            Kind::Interrupt
        } else {
            Kind::Bulk
        };
        self.transfers.submit(kind, endpoint, buffer, &self.landing)
    }

    fn run(&mut self) {
        loop {
            let deadline = self.order.lock().deadline();
            let Some(landed) = self.landing.wait(deadline) else {
                if self.landing.is_closed() {
                    return;
                }
                let overdue = self.order.lock().overdue(Instant::now());
                for data in overdue {
                    let _ = self.port.deliver_blocking(&data);
                }
                continue;
            };
            if let Err(error) = self.take(landed) {
                self.port.fail(error);
                self.transfers.cancel();
            }
        }
    }

    fn take(&mut self, landed: Landed) -> Result<(), Error> {
        match landed.status {
            Status::Cancelled => return Ok(()),
            Status::NoDevice => return Err(unplugged(self.port.name())),
            Status::Completed => {
                self.errors = 0;
                let bytes = landed.buffer.get(..landed.count).unwrap_or_default();
                if !self.deliver(landed.endpoint, bytes) {
                    // The host's end is closed; the writer ends everything.
                    return Ok(());
                }
            }
            Status::Stalled | Status::Failed => {
                self.errors += 1;
                self.of(landed.endpoint).skip();
                if self.errors > MOST_ERRORS {
                    return Err(lost(self.port.name(), "reading", rusb::Error::Io));
                }
                log::debug!(
                    "{}: a transfer failed: {:?}",
                    self.port.name(),
                    landed.status
                );
                if landed.status == Status::Stalled {
                    let _ = self.transfers.handle().clear_halt(landed.endpoint);
                }
                std::thread::sleep(PAUSE);
            }
        }
        match self.submit(landed.endpoint, landed.buffer) {
            Ok(()) | Err(rusb::Error::Interrupted) => Ok(()),
            Err(error) => Err(lost(self.port.name(), "reading", error)),
        }
    }

    fn of(&mut self, endpoint: u8) -> &mut Reassembly {
        if endpoint == self.endpoints.events.0 {
            &mut self.events
        } else {
            &mut self.acl
        }
    }

    /// Returns `false` if the host's end is closed.
    fn deliver(&mut self, endpoint: u8, bytes: &[u8]) -> bool {
        if endpoint != self.endpoints.events.0 && self.events.is_awaiting_reset() {
            // Data of an earlier program's connection.
            self.port.add_discarded_bytes(bytes.len() as u64);
            return true;
        }
        let (port, order) = (&self.port, &self.order);
        let is_events = endpoint == self.endpoints.events.0;
        let from = if is_events {
            &mut self.events
        } else {
            &mut self.acl
        };
        from.feed(bytes);
        port.add_discarded_bytes(from.take_discarded());
        while let Some(packet) = from.next_packet() {
            if !is_events && order.lock().hold(Instant::now(), packet) {
                continue;
            }
            if port.deliver_blocking(packet).is_err() {
                return false;
            }
            if is_events {
                let follows = order.lock().event(packet);
                for data in follows {
                    if port.deliver_blocking(&data).is_err() {
                        return false;
                    }
                }
            }
        }
        port.add_discarded_bytes(from.take_discarded());
        true
    }
}

/// Sends the host's packets to the controller.
struct Writer {
    acl_out: u8,
    transfers: Arc<Transfers>,
    landing: Arc<Landing>,
    port: HciPort,
    order: SharedOrder,
    /// How many packets are in flight.
    out: usize,
}

impl Writer {
    fn run(&mut self) {
        let mut packet = Vec::new();
        let mut result = Ok(());
        while result.is_ok() && self.port.next_blocking(&mut packet, None).is_ok() {
            result = self.write(&packet);
        }
        if let Err(error) = result {
            self.port.fail(error);
        }
        // What was written before the host's end was closed is still sent.
        let deadline = Instant::now() + GRACE;
        while self.out > 0
            && let Some(landed) = self.landing.wait(Some(deadline))
        {
            self.settle(&landed);
        }
        self.transfers.cancel();
    }

    fn write(&mut self, packet: &[u8]) -> Result<(), Error> {
        while let Some(landed) = self.landing.try_next() {
            self.settle(&landed);
        }
        let mut give_up = None;
        while self.out >= MOST_OUT {
            match self.landing.wait(Some(Instant::now() + LOOK_UP)) {
                Some(landed) => self.settle(&landed),
                None if self.port.is_closed() => {
                    let deadline = *give_up.get_or_insert_with(|| Instant::now() + GRACE);
                    if Instant::now() >= deadline {
                        return Err(unplugged(self.port.name()));
                    }
                }
                None => {}
            }
        }
        let submitted = match packet {
            [0x01, command @ ..] => {
                self.order.lock().command(packet);
                // A class request to the device, as required for the first controller of an adapter
                // (Core Vol 4 Part B 2.2.1).
                let length = u16::try_from(command.len()).unwrap_or(u16::MAX);
                let [low, high] = length.to_le_bytes();
                let setup = [0x20, 0x00, 0x00, 0x00, 0x00, 0x00, low, high];
                let transfer = [&setup, command].concat();
                self.transfers
                    .submit(Kind::Control, 0, transfer, &self.landing)
            }
            [0x02, data @ ..] => {
                let data = data.to_vec();
                self.transfers
                    .submit(Kind::Bulk, self.acl_out, data, &self.landing)
            }
            _ => {
                log::warn!(
                    "{}: only commands and ACL data go over USB; dropped a packet that begins \
                     {:02x?}",
                    self.port.name(),
                    packet.get(..4).unwrap_or(packet)
                );
                return Ok(());
            }
        };
        match submitted {
            Ok(()) => {
                self.out += 1;
                Ok(())
            }
            // Already cancelled, for a reason that the channel has been given.
            Err(rusb::Error::Interrupted) => Err(unplugged(self.port.name())),
            Err(error) => Err(lost(self.port.name(), "writing", error)),
        }
    }

    fn settle(&mut self, landed: &Landed) {
        self.out = self.out.saturating_sub(1);
        match landed.status {
            Status::Completed | Status::Cancelled => {}
            Status::NoDevice => {
                self.port.fail(unplugged(self.port.name()));
                self.transfers.cancel();
            }
            Status::Stalled | Status::Failed => {
                let what = if landed.endpoint == 0 {
                    "a command"
                } else {
                    "data"
                };
                log::warn!("{}: the adapter refused {what}", self.port.name());
                if landed.endpoint != 0 {
                    let _ = self.transfers.handle().clear_halt(landed.endpoint);
                }
            }
        }
    }
}
