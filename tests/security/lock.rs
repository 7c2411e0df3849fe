//! A Bumble device that pairs, and a dongle, on one simulated air that lets only equal keys encrypt.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use dongle::security::{Answer, IoCapabilities, OutOfBand, PairingAgent, Passkey};
use dongle::{Address, Device, DeviceConnection, Dongle, Open};
use dongle_tests::bench::soon;
use dongle_tests::bumble::{self, Script};
use dongle_virtual::serve::TcpServer;
use dongle_virtual::{Air, AirConfig, ControllerConfig, serve};
use futures_channel::mpsc;
use futures_lite::StreamExt as _;
use serde_json::{Value, json};

/// Where the device is.
pub const ADDRESS: Address = Address::random([0xF5, 0xF4, 0xF3, 0xF2, 0xF1, 0xF0]);

/// Both sides.
pub struct Bench {
    pub air: Air,
    pub lock: Script,
    _server: TcpServer,
}

impl Bench {
    /// None where Bumble can't be had.
    pub fn start() -> Option<Self> {
        Self::with(&[])
    }

    /// With arguments for the device.
    pub fn with(arguments: &[&str]) -> Option<Self> {
        let _ = env_logger::builder().is_test(true).try_init();
        let bumble = bumble::required()?;
        let air = Air::with(AirConfig::free_running());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = serve::serve_tcp(listener, &air, ControllerConfig::default());
        let server = server.expect("a server");
        let transport = format!("tcp-client:{}", server.local_addr());
        let arguments = [&["--transport", &transport], arguments].concat();
        let mut lock = bumble.script("security.py", &arguments);
        lock.event("ready");
        Some(Self {
            air,
            lock,
            _server: server,
        })
    }

    pub fn configure(&mut self, mut how: Value) {
        how["do"] = "configure".into();
        self.lock.command(&how);
    }

    pub fn answer(&mut self, value: impl Into<Value>) {
        self.lock
            .command(&json!({"do": "answer", "value": value.into()}));
    }

    pub fn tell(&mut self, what: &str) -> Value {
        self.lock.command(&json!({"do": what}))
    }

    /// A dongle that is not open yet, with the same address each time.
    pub fn dongle(&self) -> Open {
        Dongle::on(self.air.controller(ControllerConfig::default()))
            .address(Address::random([0xC0, 1, 2, 3, 4, 5]))
    }
}

pub fn device(dongle: &Dongle) -> Device {
    dongle.device(ADDRESS)
}

pub fn connect(dongle: &Dongle) -> DeviceConnection {
    soon(device(dongle).connect()).expect("the device is there")
}

/// What a person is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    Display(u32),
    Compare(u32),
    Enter,
}

/// A person whom the test plays.
pub struct Person {
    capabilities: IoCapabilities,
    asked: mpsc::UnboundedSender<Asked>,
    answers: Arc<Mutex<mpsc::UnboundedReceiver<Option<u32>>>>,
    /// What went by another way, if anything is said to have.
    oob: Option<Option<OutOfBand>>,
    /// Whether that is said to be the device's.
    of_device: bool,
}

/// The test's side of that person.
pub struct Played {
    pub asked: mpsc::UnboundedReceiver<Asked>,
    answers: mpsc::UnboundedSender<Option<u32>>,
}

pub fn person(capabilities: IoCapabilities) -> (Person, Played) {
    let (asked, asked_of) = mpsc::unbounded();
    let (answers, answered) = mpsc::unbounded();
    let answered = Arc::new(Mutex::new(answered));
    (
        Person {
            capabilities,
            asked,
            answers: answered,
            oob: None,
            of_device: false,
        },
        Played {
            asked: asked_of,
            answers,
        },
    )
}

impl Person {
    pub fn with_oob(mut self, oob: Option<OutOfBand>) -> Self {
        self.oob = Some(oob);
        self.of_device = true;
        self
    }

    /// What the device was given, and nothing of it.
    pub fn with_local_oob(mut self, oob: OutOfBand) -> Self {
        self.oob = Some(Some(oob));
        self
    }

    fn answer(&self, question: Asked) -> Answer<'_, Option<u32>> {
        let _ = self.asked.unbounded_send(question);
        Box::pin(std::future::poll_fn(|cx| {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.poll_next(cx).map(Option::flatten)
        }))
    }
}

impl Played {
    pub fn answer(&self, answer: Option<u32>) {
        self.answers
            .unbounded_send(answer)
            .expect("the person is there");
    }

    pub fn next(&mut self) -> Asked {
        soon(self.asked.next()).expect("the person is there")
    }
}

impl PairingAgent for Person {
    fn capabilities(&self) -> IoCapabilities {
        self.capabilities
    }

    fn has_out_of_band(&self, _: Address) -> bool {
        self.of_device
    }

    fn display(&self, _: Address, passkey: Passkey) -> Answer<'_, ()> {
        let _ = self.asked.unbounded_send(Asked::Display(passkey.number()));
        Box::pin(std::future::pending())
    }

    fn compare(&self, _: Address, passkey: Passkey) -> Answer<'_, bool> {
        let answer = self.answer(Asked::Compare(passkey.number()));
        Box::pin(async { answer.await == Some(1) })
    }

    fn enter(&self, _: Address) -> Answer<'_, Option<Passkey>> {
        let answer = self.answer(Asked::Enter);
        Box::pin(async { answer.await.and_then(Passkey::new) })
    }

    fn out_of_band(&self, _: Address) -> Answer<'_, Option<OutOfBand>> {
        Box::pin(async { self.oob.clone().flatten() })
    }
}
