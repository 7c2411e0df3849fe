//! A central role on a controller that a test speaks for, where nothing happens that is not told.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bt_hci::transport::{PacketKind, PacketToController, PacketToHost, Transport};
use dongle_central::central::Central;
#[cfg(not(feature = "channels"))]
use dongle_central::central::NoPool as Pool;
use dongle_central::links::{Address, StaticLinks};
use dongle_central::mux::Mux;
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embedded_io::ErrorKind;

#[cfg(feature = "channels")]
use crate::pool::Pool;

/// The handle of the one connection.
pub const CONNECTION: u16 = 0x0040;
/// Our own address.
const OURS: [u8; 6] = [6, 5, 4, 3, 2, 0xC1];
/// The peer's address.
const PEER: [u8; 6] = [1, 2, 3, 4, 5, 0xC6];
/// Longest that time may take to wake the host.
const PATIENCE: Duration = Duration::from_secs(10);

type Places = StaticLinks<NoopRawMutex, 1, 24, 2, 1, 64>;
pub type HostCentral<'s, 'a> = Central<'s, 'a, &'a Controller, Places, Pool>;

pub fn peer() -> Address {
    Address::random(PEER)
}

/// What runs the host, and only when it was woken.
pub struct World<'w> {
    pub controller: &'w Controller,
    pub links: &'w Places,
    host: Pin<&'w mut dyn Future<Output = ()>>,
    woken: Arc<Woken>,
}

/// Runs a scenario.
pub fn world(scenario: impl FnOnce(&mut World<'_>, &HostCentral<'_, '_>)) {
    world_beside(async |_| pending().await, scenario);
}

/// Runs a scenario on a central role that something else runs beside, and begins before.
pub fn world_beside(
    beside: impl AsyncFnOnce(&HostCentral<'_, '_>),
    scenario: impl FnOnce(&mut World<'_>, &HostCentral<'_, '_>),
) {
    let (controller, links) = (Controller::default(), Places::new());
    let mux: Mux<'_, _, Places> = Mux::new(&controller, &links, ());
    // With trouble-host, where there may be one.
    #[cfg(feature = "channels")]
    let mut resources = trouble_host::HostResources::<Pool, 2, 2>::new();
    #[cfg(feature = "channels")]
    let stack = {
        let controller = dongle_central::central::Controller::new(&mux);
        trouble_host::new(controller, &mut resources).build()
    };
    #[cfg(feature = "channels")]
    let central = Central::with_host(&mux, &stack);
    #[cfg(not(feature = "channels"))]
    let central = Central::new(&mux);
    central.set_random_address(OURS);
    let host = pin!(async {
        match select(beside(&central), central.run()).await {
            Either::First(()) => panic!("what runs beside the host ended"),
            Either::Second(error) => panic!("the host ended: {error}"),
        }
    });
    let mut world = World {
        controller: &controller,
        links: &links,
        host,
        woken: Arc::new(Woken::new()),
    };
    world.settle();
    controller.take();
    scenario(&mut world, &central);
}

impl World<'_> {
    /// Has the host run for as long as it is woken.
    pub fn settle(&mut self) {
        let waker = Waker::from(self.woken.clone());
        while self.woken.take() {
            let polled = self.host.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
    }

    /// Runs the host and some work in turns, each once when it is woken, until both wait.
    #[cfg(feature = "channels")]
    pub fn fairly<W: Future + ?Sized>(&mut self, mut work: Pin<&mut W>) -> Poll<W::Output> {
        let woken = Arc::new(Woken::new());
        let (waker, host_waker) = (Waker::from(woken.clone()), Waker::from(self.woken.clone()));
        loop {
            let (is_hosts_turn, is_works_turn) = (self.woken.take(), woken.take());
            if is_hosts_turn {
                let polled = self
                    .host
                    .as_mut()
                    .poll(&mut Context::from_waker(&host_waker));
                assert!(polled.is_pending());
            }
            if is_works_turn {
                let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
                if polled.is_ready() {
                    return polled;
                }
            }
            if !is_hosts_turn && !is_works_turn {
                return Poll::Pending;
            }
        }
    }

    /// Runs some work beside the host, each when it is woken, until both wait.
    pub fn turn<W: Future>(&mut self, mut work: Pin<&mut W>) -> Poll<W::Output> {
        let woken = Arc::new(Woken::new());
        let waker = Waker::from(woken.clone());
        while woken.take() {
            let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
            self.settle();
            if polled.is_ready() {
                return polled;
            }
        }
        Poll::Pending
    }

    /// Runs some work that comes to its end, and whatever it leaves to the host.
    pub fn run<W: Future>(&mut self, work: W) -> W::Output {
        match self.turn(pin!(work)) {
            Poll::Ready(done) => done,
            Poll::Pending => panic!("everybody waits for something that does not happen"),
        }
    }

    /// Waits until it is time for something, which wakes the host.
    pub fn sleep(&mut self) {
        assert!(self.woken.wait(), "it is never time");
        self.settle();
    }
}

/// Whether a task is to be polled: it was woken, or never polled.
struct Woken {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Woken {
    fn new() -> Self {
        Self {
            woken: Mutex::new(true),
            changed: Condvar::new(),
        }
    }

    fn take(&self) -> bool {
        std::mem::take(&mut *self.woken.lock().unwrap())
    }

    /// Waits until it is to be polled; false: it took too long.
    fn wait(&self) -> bool {
        let woken = self.woken.lock().unwrap();
        let waited = self.changed.wait_timeout_while(woken, PATIENCE, |w| !*w);
        *waited.unwrap().0
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

/// A controller with one peer. It answers commands, and says nothing else by itself.
#[derive(Default)]
pub struct Controller {
    to_host: RefCell<VecDeque<Vec<u8>>>,
    reader: RefCell<Option<Waker>>,
    from_host: RefCell<Vec<Vec<u8>>>,
    /// A command that it does not allow, once.
    pub refuses: Cell<Option<u16>>,
    /// Whether the peer is not there to be connected to.
    pub peer_is_away: Cell<bool>,
}

impl Controller {
    /// The packets that came from the host since they were taken last.
    pub fn take(&self) -> Vec<Vec<u8>> {
        self.from_host.take()
    }

    /// Opcodes of the commands among them.
    pub fn commands(&self) -> Vec<u16> {
        let packets = self.take();
        let commands = packets.iter().filter(|p| p[0] == PacketKind::Cmd as u8);
        commands.map(|p| u16::from_le_bytes([p[1], p[2]])).collect()
    }

    /// Sends a packet of this kind to the host.
    pub fn send(&self, kind: PacketKind, parts: &[&[u8]]) {
        let packet = [&[kind as u8], parts.concat().as_slice()].concat();
        self.to_host.borrow_mut().push_back(packet);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    pub fn event(&self, code: u8, parameters: &[u8]) {
        self.send(
            PacketKind::Event,
            &[&[code, parameters.len() as u8], parameters],
        );
    }

    /// Sends a frame of the peer's on an L2CAP channel.
    pub fn frame(&self, channel: u8, payload: &[u8]) {
        let ([low, high], length) = (CONNECTION.to_le_bytes(), payload.len() as u8);
        let header = [low, high | 0x20, length + 4, 0, length, 0, channel, 0];
        self.send(PacketKind::AclData, &[&header, payload]);
    }

    /// An attempt to connect ends so.
    pub fn connect(&self, status: u8) {
        let [low, high] = CONNECTION.to_le_bytes();
        let head = [0x01, status, low, high, 0, 1];
        let tail = [6, 0, 0, 0, 100, 0, 0];
        self.event(0x3E, &[head.as_slice(), &PEER, &tail].concat());
    }

    fn command(&self, packet: &[u8]) {
        let ([low, high], parameters) = ([packet[0], packet[1]], &packet[3..]);
        let complete = |returned: &[u8]| {
            self.event(0x0E, &[&[1, low, high, 0], returned].concat());
        };
        let status = || self.event(0x0F, &[0, 1, low, high]);
        let opcode = u16::from_le_bytes([low, high]);
        if self.refuses.get() == Some(opcode) {
            self.refuses.set(None);
            return self.event(0x0F, &[0x0C, 1, low, high]);
        }
        match opcode {
            // Read Local Supported Commands, Version Information, Supported Features, BD_ADDR.
            0x1002 => complete(&[0; 64]),
            0x1001 => complete(&[13, 0, 0, 13, 0xFF, 0xFF, 0, 0]),
            0x1003 => complete(&[0; 8]),
            0x1009 => complete(&[1, 2, 3, 4, 5, 0xC6]),
            // LE Read Buffer Size, Supported Features, Rand, and sizes of lists.
            0x2002 => complete(&[251, 0, 8]),
            0x2003 => complete(&[0; 8]),
            0x2018 => complete(&[8, 7, 6, 5, 4, 3, 2, 1]),
            0x200F | 0x202A => complete(&[8]),
            // LE Create Connection.
            0x200D => {
                status();
                if !self.peer_is_away.get() {
                    self.connect(0);
                }
            }
            // LE Connection Update.
            0x2013 => status(),
            // LE Read Remote Features.
            0x2016 => {
                status();
                let told = [
                    0x04,
                    0,
                    parameters[0],
                    parameters[1],
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                    0,
                ];
                self.event(0x3E, &told);
            }
            // Disconnect.
            0x0406 => {
                status();
                self.event(0x05, &[0, parameters[0], parameters[1], 0x16]);
            }
            // Of a connection, whose handle is in the answer.
            0x2020 | 0x2021 => complete(&parameters[..2]),
            _ => complete(&[]),
        }
    }
}

impl embedded_io::ErrorType for &Controller {
    type Error = ErrorKind;
}

impl Transport for &Controller {
    async fn read<'a, P: PacketToHost<'a>>(&self, rx: &'a mut [u8]) -> Result<P, Self::Error> {
        let packet = poll_fn(|cx| match self.to_host.borrow_mut().pop_front() {
            Some(packet) => Poll::Ready(packet),
            None => {
                self.reader.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await;
        let kind = match packet[0] {
            0x02 => PacketKind::AclData,
            _ => PacketKind::Event,
        };
        P::read_hci(kind, &mut &packet[1..], rx).map_err(|_| ErrorKind::InvalidData)
    }

    async fn write<P: PacketToController>(&self, packet: &P) -> Result<(), Self::Error> {
        let mut bytes = [0; 300];
        let mut room = &mut bytes[..];
        packet.write_hci(&mut room).unwrap();
        let length = 300 - room.len();
        let packet = &bytes[..length];
        match P::KIND {
            PacketKind::Cmd => self.command(packet),
            _ => self.event(0x13, &[1, packet[0], packet[1] & 0x0F, 1, 0]),
        }
        let packet = [&[P::KIND as u8], packet].concat();
        self.from_host.borrow_mut().push(packet);
        Ok(())
    }
}
