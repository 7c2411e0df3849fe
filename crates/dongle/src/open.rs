//! Opens a dongle: finds its controller, sets its address, and tries again if that fails.

use std::future::{Future, IntoFuture};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use embassy_time::Timer;
use futures_channel::mpsc;
#[cfg(feature = "virtual")]
use hci_transport::Snoop;
use hci_transport::{Candidate, ErrorKind, HciChannel, Spec};

use crate::address::Address;
use crate::device::for_host;
use crate::dongle::{Dongle, Inner, Shared};
use crate::error::Error;
use crate::host::{self, Identity, data_folder, file_in, is_lasting};
use crate::links::NOTIFICATION_BYTES;
use crate::security::{BondStore, PairingAgent, Requirements, Settings};

/// The pause after the first failed attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A dongle that is being opened. Nothing happens until it is awaited. If it is dropped before it
/// completes, the controller may stay in use for a few more seconds.
#[must_use = "nothing is opened before this is awaited"]
pub struct Open {
    source: Source,
    address: Option<Address>,
    folder: Option<PathBuf>,
    security: Settings,
    notification_bytes: usize,
    retry: Option<Duration>,
    /// A dongle that is down but may not have released the controller yet.
    after: Option<Arc<Shared>>,
}

/// How a dongle was opened, so that it can be opened again.
pub(crate) struct Again {
    spec: String,
    address: Option<Address>,
    folder: Option<PathBuf>,
    security: Settings,
    notification_bytes: usize,
}

impl Again {
    pub(crate) fn open(&self) -> Open {
        Open {
            address: self.address,
            folder: self.folder.clone(),
            security: self.security.clone(),
            notification_bytes: self.notification_bytes,
            ..Open::new(Source::Spec(self.spec.clone()))
        }
    }
}

pub(crate) enum Source {
    Spec(String),
    Channel(Box<HciChannel>),
}

impl Open {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            address: None,
            folder: None,
            security: Settings::default(),
            notification_bytes: NOTIFICATION_BYTES,
            retry: None,
            after: None,
        }
    }

    /// Opens it once that dongle has released the controller.
    pub(crate) fn after(mut self, dongle: Option<Arc<Shared>>) -> Self {
        self.after = dongle;
        self
    }

    /// Tries again until it opens, with pauses that grow from 100 ms to `longest`, if that is more.
    /// Use it to wait until a dongle is plugged in. An invalid spec or own address fails at once.
    /// It has no effect on a dongle that is opened [on](Dongle::on) a channel.
    pub fn retry(mut self, longest: Duration) -> Self {
        self.retry = Some(longest);
        self
    }

    /// Who answers for the person when a device is paired. By default, nobody does.
    pub fn agent(mut self, agent: impl PairingAgent) -> Self {
        self.security.agent = Arc::new(agent);
        self
    }

    /// Where bonds are kept. By default, that is the folder where the address is remembered
    /// ([`Open::data_folder`]); without one, as for a simulated dongle, they are kept only until the
    /// dongle is closed.
    pub fn bond_store(mut self, store: impl BondStore) -> Self {
        self.security.store = Some(Arc::new(store));
        self
    }

    /// Whether a call that the device refuses for lack of security pairs, once, and is repeated. On
    /// by default.
    pub fn pair_on_demand(mut self, pair: bool) -> Self {
        self.security.on_demand = pair;
        self
    }

    /// What each pairing has to achieve, unless the call says otherwise.
    pub fn requirements(mut self, wanted: Requirements) -> Self {
        self.security.wanted = wanted;
        self
    }

    /// Whether the attributes of devices are remembered from one connection to the next if the
    /// device lets us know that they are unchanged (Core Vol 3 Part G, 2.5.2). On by default.
    pub fn attribute_cache(mut self, remember: bool) -> Self {
        self.security.caching = remember;
        self
    }

    /// Whether to use resolvable private addresses, which change every 15 minutes: only devices
    /// that we are bonded with can recognise us by them. Off by default.
    ///
    /// Decide before devices are bonded: one that was bonded without privacy doesn't recognise our
    /// private addresses, and one that was bonded with it may ignore us under another address. See
    /// `docs/security.md`.
    ///
    /// # Errors
    /// Opening fails with [`Error::BondStore`] if the key for these addresses can't be saved.
    pub fn privacy(mut self, private: bool) -> Self {
        self.security.private = private;
        self
    }

    /// How long each private address is used: 1 s to 1 h, 15 minutes by default. Anything else
    /// makes opening fail with [`Error::InvalidParameter`].
    pub fn private_address_interval(mut self, interval: Duration) -> Self {
        self.security.private_for = interval;
        self
    }

    /// The random static address to use, instead of the controller's own.
    pub fn address(mut self, address: Address) -> Self {
        self.address = Some(address);
        self
    }

    /// The folder for bonds, and for the address of a controller that has none. By default, this is
    /// the user's own data folder (on Linux `~/.local/share/dongle`), except for a dongle that is
    /// opened [on](Dongle::on) a channel, at a pseudo-terminal or at a port of this machine:
    /// without this call, these have no folder, and such an address is a new one each time.
    pub fn data_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// How many bytes of notified values may wait to be read, on each connection: 4 MiB by default.
    /// A value takes its length and 4 bytes. When the buffer is full, the oldest values are
    /// dropped, and the reader learns how many ([`Notified::Missed`](crate::Notified::Missed)).
    /// Memory is allocated as it is used, so a reader that keeps up needs none.
    pub fn notification_buffer(mut self, bytes: usize) -> Self {
        self.notification_bytes = bytes;
        self
    }

    async fn open(self) -> Result<Dongle, Error> {
        self.security.check()?;
        if let Some(dongle) = &self.after {
            dongle.wait_for_end().await;
        }
        let (text, longest) = match self.source {
            Source::Channel(channel) => {
                let name = channel.name().to_owned();
                let file = self.folder.as_deref().map(|folder| file_in(folder, &name));
                let identity = Identity {
                    wanted: self.address,
                    file,
                };
                let memory = self.notification_bytes;
                return start(name, None, identity, self.security, memory, None, || {
                    Ok(*channel)
                })
                .await;
            }
            Source::Spec(ref text) => (text.clone(), self.retry),
        };
        let again = Again {
            spec: text,
            address: self.address,
            folder: self.folder,
            security: self.security,
            notification_bytes: self.notification_bytes,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match again.open().once().await {
                Ok(dongle) => return Ok(dongle),
                Err(error) => error,
            };
            let hopeless = match &error {
                Error::Transport(why) => why.kind() == ErrorKind::InvalidSpec,
                Error::InvalidParameter(_) => true,
                _ => false,
            };
            match longest {
                Some(longest) if !hopeless => {
                    log::info!("{error}; trying again in {pause:?}");
                    Timer::after(for_host(pause)).await;
                    pause = (pause * 2).min(longest.max(FIRST_PAUSE));
                }
                _ => return Err(error),
            }
        }
    }

    /// Opens the controller that the spec names.
    async fn once(self) -> Result<Dongle, Error> {
        let Source::Spec(text) = &self.source else {
            return Err(Error::Closed);
        };
        let spec = resolve(text, hci_transport::list)?;
        let text = text.clone();
        let again = Again {
            spec: text.clone(),
            address: self.address,
            folder: self.folder.clone(),
            security: self.security.clone(),
            notification_bytes: self.notification_bytes,
        };
        let memory = self.notification_bytes;
        #[cfg(feature = "virtual")]
        if *spec.controller() == Spec::Virtual {
            let (world, channel) = crate::world::simulated();
            if let Some(snoop) = spec.snoop().cloned().or_else(Snoop::from_env) {
                channel.record(&snoop)?;
            }
            let identity = Identity {
                wanted: self.address,
                file: None,
            };
            let world = Some(world);
            return start(
                text,
                world,
                identity,
                self.security,
                memory,
                Some(again),
                || Ok(channel),
            )
            .await;
        }
        #[cfg(not(feature = "virtual"))]
        if *spec.controller() == Spec::Virtual {
            let line = "virtual: built without simulated controllers; turn on the feature 'virtual' \
                        of dongle";
            return Err(hci_transport::Error::new(ErrorKind::Unsupported, line).into());
        }
        let own = data_folder().filter(|_| is_lasting(&spec));
        let folder = self.folder.or(own);
        let file = folder.map(|folder| file_in(&folder, &spec.place()));
        let identity = Identity {
            wanted: self.address,
            file,
        };
        let open = move || Ok(hci_transport::open(&spec)?);
        start(
            text,
            None,
            identity,
            self.security,
            memory,
            Some(again),
            open,
        )
        .await
    }
}

/// The spec that a text stands for: `auto`, possibly followed by recording options, is the only
/// controller found.
fn resolve(text: &str, list: impl FnOnce() -> Vec<Candidate>) -> Result<Spec, Error> {
    match text.strip_prefix("auto") {
        Some("") => only_one(list()),
        Some(options) if options.starts_with(',') => {
            let controller = only_one(list())?;
            Ok(Spec::from_str(&format!("{controller}{options}"))?)
        }
        _ => Ok(Spec::from_str(text).map_err(|error| {
            let kind = error.kind();
            let auto = "or auto, for the only one that is plugged in";
            hci_transport::Error::new(kind, format!("{error}; {auto}"))
        })?),
    }
}

/// The controller that `auto` means, if there is exactly one.
fn only_one(mut candidates: Vec<Candidate>) -> Result<Spec, Error> {
    let say = |kind, text: String| Err(Error::Transport(hci_transport::Error::new(kind, text)));
    candidates.retain(|candidate| candidate.needs_firmware.is_none());
    match candidates.as_slice() {
        [only] => Ok(only.spec.clone()),
        [] => say(
            ErrorKind::NotFound,
            "auto: no dongle is plugged in that could be recognised; name it, as in \
             serial:/dev/ttyACM0,1000000, or try virtual"
                .into(),
        ),
        several => {
            let specs: Vec<_> = several.iter().map(|c| c.spec.to_string()).collect();
            say(
                ErrorKind::NotFound,
                format!(
                    "auto: there are several dongles; choose one of {}",
                    specs.join(", ")
                ),
            )
        }
    }
}

impl IntoFuture for Open {
    type Output = Result<Dongle, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.open())
    }
}

async fn start(
    name: String,
    world: Option<Box<dyn Send + Sync>>,
    identity: Identity,
    settings: Settings,
    notification_bytes: usize,
    again: Option<Again>,
    open: impl FnOnce() -> Result<HciChannel, Error> + Send + 'static,
) -> Result<Dongle, Error> {
    let folder = identity.file.as_deref().and_then(Path::parent);
    let shared = Arc::new(Shared::new(settings.context(folder), notification_bytes));
    let (commands, received) = mpsc::unbounded();
    let opened = host::start(open, identity, Arc::clone(&shared), received);
    let dongle = Dongle::new(Inner::new(shared, commands, name, again, world));
    match opened.await {
        Ok(Ok(opened)) => {
            log::info!("{} is open, as {}", dongle.name(), opened.address);
            dongle.set_opened(opened);
            Ok(dongle)
        }
        Ok(Err(error)) => Err(error),
        // The host thread ended before it was up, and has recorded why.
        Err(_) => Err(dongle.failed().await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(not(feature = "virtual"))]
    fn without_the_feature_a_simulated_dongle_says_so() {
        let error = futures_lite::future::block_on(async { Dongle::open("virtual").await });
        let line = error.unwrap_err().to_string();
        assert!(line.contains("feature 'virtual' of dongle"), "{line}");
    }

    #[test]
    fn auto_is_recorded_as_any_other_spec_is() {
        let Err(error) = resolve("auto,snoop=trace", Vec::new) else {
            panic!("there is nothing to open");
        };
        assert!(error.to_string().starts_with("auto: no dongle"), "{error}");
        let other = resolve("automatic", Vec::new).unwrap_err();
        let other = other.to_string();
        assert!(
            other.contains("no transport") && other.contains("or auto"),
            "{other}"
        );
    }
}
