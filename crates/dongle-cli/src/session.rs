//! A dongle for the time of one command, closed in order whatever happens; and Ctrl-C.

use std::convert::Infallible;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use dongle::{Address, DeviceConnection, Dongle, Error};
use futures_lite::future;

use crate::args::Global;
use crate::failure::Failure;
use crate::progress::Progress;

/// How long a connect looks for its device if nothing else is said.
const CONNECT: Duration = Duration::from_secs(10);
/// How long one request may take if nothing else is said.
const REQUEST: Duration = Duration::from_secs(10);

/// Ctrl-C, for everyone who wants to hear of it.
#[derive(Clone)]
pub struct Interrupt(Receiver<Infallible>);

impl Interrupt {
    /// From now on the first Ctrl-C is told, and the second ends the process at once.
    pub fn install() -> Result<Self, Failure> {
        let (open, pressed): (Sender<Infallible>, _) = async_channel::bounded(1);
        ctrlc::set_handler(move || {
            // The channel was open until now: this is the first one.
            if !open.close() {
                crate::screen::restore();
                std::process::exit(130);
            }
        })
        .map_err(|error| Failure::Unsupported(format!("Ctrl-C can't be caught: {error}")))?;
        Ok(Self(pressed))
    }

    /// Ready once Ctrl-C was pressed.
    pub async fn pressed(&self) {
        let _ = self.0.recv().await;
    }
}

/// An open dongle and what the command line says about its use.
pub struct Session<'a> {
    pub dongle: Dongle,
    pub global: &'a Global,
    pub interrupt: &'a Interrupt,
}

impl<'a> Session<'a> {
    /// Opens the dongle, does the work, and closes the dongle: on success, on failure, on Ctrl-C.
    /// What is connected by then is disconnected.
    pub async fn run(
        global: &'a Global,
        interrupt: &'a Interrupt,
        work: impl AsyncFnOnce(&Session<'a>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let pressed = async {
            interrupt.pressed().await;
            Err(Failure::Interrupted)
        };
        let opening = async { Ok(Dongle::open(&global.dongle).await?) };
        let progress = Progress::of(global, format!("Opening {}", global.dongle));
        let dongle = future::or(progress.during(opening), pressed).await?;
        let session = Session {
            dongle,
            global,
            interrupt,
        };
        let result = work(&session).await;
        Progress::of(global, "Disconnecting")
            .during(session.dongle.close())
            .await;
        result
    }

    /// Like [`Session::run`], for work that Ctrl-C cuts short.
    pub async fn run_interruptibly(
        global: &'a Global,
        interrupt: &'a Interrupt,
        work: impl AsyncFnOnce(&Session<'a>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let cut_short = async |session: &Session<'a>| {
            let pressed = async {
                interrupt.pressed().await;
                Err(Failure::Interrupted)
            };
            future::or(pressed, work(session)).await
        };
        Self::run(global, interrupt, cut_short).await
    }

    /// Connects, and agrees on the largest MTU there is.
    pub async fn connect(&self, address: Address) -> Result<DeviceConnection, Failure> {
        let patience = self.global.timeout.unwrap_or(CONNECT);
        let progress = Progress::of(self.global, format!("Connecting to {address}"));
        let connect = async {
            self.dongle
                .device(address)
                .connect()
                .timeout(patience)
                .await
        };
        let connection = progress
            .during(connect)
            .await
            .map_err(|error| match error {
                Error::Timeout => Failure::NotThere(address),
                other => other.into(),
            })?;
        match connection
            .exchange_mtu(517)
            .timeout(self.request_timeout())
            .await
        {
            Ok(mtu) => log::info!("connected to {address}, MTU {mtu}"),
            // A device may refuse to talk about it; 23 it is, then.
            Err(error) if error.att().is_some() => log::info!("no MTU exchange: {error}"),
            Err(error) => return Err(error.into()),
        }
        Ok(connection)
    }

    /// How long one request may take.
    pub fn request_timeout(&self) -> Duration {
        self.global.timeout.unwrap_or(REQUEST)
    }
}
