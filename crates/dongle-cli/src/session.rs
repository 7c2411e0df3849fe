//! A dongle for the duration of one command, closed properly however that ends; and Ctrl-C.

use std::convert::Infallible;
use std::future::IntoFuture;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use async_io::Timer;
use dongle::security::{Requirements, Security};
use dongle::{Address, DeviceConnection, Dongle, Error};
use futures_lite::future;

use crate::args::{Global, Link};
use crate::failure::Failure;
use crate::output;
use crate::person::{self, Person};
use crate::progress::{self, Progress};
use crate::style::Style;

/// How long to wait for a device to appear, by default.
const CONNECT: Duration = Duration::from_secs(10);
/// How long one request may take, by default.
const REQUEST: Duration = Duration::from_secs(10);

/// Ctrl-C, which any number of tasks can wait for.
#[derive(Clone)]
pub struct Interrupt(Receiver<Infallible>);

impl Interrupt {
    /// From now on the first Ctrl-C is reported, and the second ends the process at once.
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

    /// The result of the work, or [`Failure::Interrupted`] if Ctrl-C is pressed first.
    pub async fn or<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let pressed = async {
            self.pressed().await;
            Err(Failure::Interrupted)
        };
        future::or(pressed, work).await
    }
}

/// Tells someone who forgot to name a controller that what follows is not real.
fn simulated() {
    let note = "note: these devices are simulated; name a controller with --dongle SPEC";
    let mut err = std::io::stderr();
    // If it can't be written, the command goes on.
    let _ = writeln!(err, "{}", Style::of(&err).dim(note));
}

/// An open dongle and what the command line says about its use.
pub struct Session<'a> {
    pub dongle: Dongle,
    pub global: &'a Global,
    pub interrupt: &'a Interrupt,
}

impl<'a> Session<'a> {
    /// Opens the dongle, does the work, and closes the dongle: on success, on failure, on Ctrl-C.
    /// Whatever is connected then is disconnected.
    ///
    /// Without a link there is nobody to answer when a device is paired.
    pub async fn run(
        global: &'a Global,
        interrupt: &'a Interrupt,
        link: Option<&Link>,
        work: impl AsyncFnOnce(&Session<'a>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let spec = global.spec();
        let mut open = Dongle::open(&spec)
            .pair_on_demand(false)
            .privacy(global.privacy);
        if let Some(link) = link {
            let mut person = Person::new(&link.pairing)?;
            interrupt.or(person.reads_oob()).await?;
            let mut wanted = Requirements::default();
            wanted.not_just_works = link.pairing.proves();
            open = open
                .pair_on_demand(person.pairs_on_demand())
                .requirements(wanted)
                .agent(person);
        }
        if let Some(folder) = &global.folder {
            open = open.data_folder(folder);
        }
        let opening = async { Ok(open.await?) };
        let progress = Progress::of(global, format!("Opening {spec}"));
        let dongle = interrupt.or(progress.during(opening)).await?;
        if global.dongle.is_none() {
            simulated();
        }
        if let Some(problem) = dongle.bond_store_problem() {
            let mark = Style::of(&std::io::stderr()).middling("warning:");
            eprintln!("{mark} {problem}");
        }
        let session = Session {
            dongle,
            global,
            interrupt,
        };
        let abandoned = async {
            output::abandoned().await;
            Err(Failure::BrokenPipe)
        };
        let result = future::or(work(&session), abandoned).await;
        let result = match link.is_some_and(|link| link.pairing.proves()) {
            true => result.map_err(Failure::with_what_proves),
            false => result,
        };
        person::leave();
        log::info!("closing {spec}");
        Progress::of(global, "Disconnecting")
            .during(session.dongle.close())
            .await;
        result
    }

    /// Like [`Session::run`], for work that Ctrl-C interrupts.
    pub async fn run_interruptibly(
        global: &'a Global,
        interrupt: &'a Interrupt,
        link: Option<&Link>,
        work: impl AsyncFnOnce(&Session<'a>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let cut_short = async |session: &Session<'a>| interrupt.or(work(session)).await;
        Self::run(global, interrupt, link, cut_short).await
    }

    /// Connects, with the bond if there is one, and agrees on an MTU.
    pub async fn connect(
        &self,
        address: Address,
        link: &Link,
    ) -> Result<DeviceConnection, Failure> {
        let patience = self.global.timeout.unwrap_or(CONNECT);
        let progress = Progress::of(self.global, format!("Connecting to {address}"));
        let mut connect = self
            .dongle
            .device(address)
            .connect()
            .timeout(patience)
            .phys(link.phy.into());
        if let Some(interval) = &link.interval {
            connect = connect.interval(interval.0.clone());
        }
        log::info!("connecting to {address}");
        let connection =
            progress
                .during(connect.into_future())
                .await
                .map_err(|error| match error {
                    Error::Timeout => Failure::NotThere(address, patience),
                    other => other.into(),
                })?;
        let began = Instant::now();
        let exchange = connection.exchange_mtu(link.mtu);
        match exchange.timeout(self.request_timeout()).await {
            Ok(mtu) => log::info!("connected to {address}, MTU {mtu}"),
            // A device may refuse the exchange: the MTU is 23 then.
            Err(error) if error.att().is_some() => log::info!("no MTU exchange: {error}"),
            Err(error) => {
                let step = format!("exchanging the MTU with {address}");
                return Err(Failure::from(error).in_step(&step, began));
            }
        }
        Ok(connection)
    }

    /// Makes a call that may cause a pairing. The time that a person takes to answer is not counted
    /// as the device's.
    pub async fn call<T>(
        &self,
        connection: &DeviceConnection,
        call: impl IntoFuture<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let before = connection.security();
        let late = async {
            loop {
                let answered = person::answered();
                Timer::after(self.request_timeout()).await;
                if answered.is_some() && answered == person::answered() {
                    return Err(Error::Timeout);
                }
            }
        };
        let result = future::or(call.into_future(), late).await;
        let now = connection.security();
        if now != before {
            self.paired(connection, &now);
        }
        result
    }

    /// Reports that a call has caused a pairing.
    fn paired(&self, connection: &DeviceConnection, security: &Security) {
        let peer = connection.device();
        let (level, kept) = (security.level(), self.kept(security));
        log::info!("{peer} is paired: {level}, {kept}");
        if std::io::stderr().is_terminal() && self.global.verbose == 0 {
            let _hold = progress::hold();
            let line = format!("Paired with {peer}: {level}; {kept}.");
            eprintln!("\r\x1B[K{}", Style::of(&std::io::stderr()).dim(line));
        }
    }

    /// How long one request may take.
    pub fn request_timeout(&self) -> Duration {
        self.global.timeout.unwrap_or(REQUEST)
    }

    /// What became of the key.
    pub fn kept(&self, security: &Security) -> &'static str {
        match (security.bonded, self.dongle.keeps_bonds()) {
            (true, true) => "the bond is kept",
            (true, false) => "the bond ends with this command",
            (false, _) => "no bond is kept",
        }
    }
}
