//! Bumble's virtual controller, served to our host, with a Bumble peripheral in its air.

use std::ops::{Deref, DerefMut};

use super::{Bumble, Script};

/// How the controller is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// TCP on 127.0.0.1, at a free port.
    Tcp,
    /// A pseudo-terminal, which is a serial port to whoever opens it.
    Pty,
}

/// What a controller is to be like; [`start`](Self::start) starts it.
#[derive(Debug, Clone)]
pub struct ControllerOptions<'a> {
    bumble: &'a Bumble,
    arguments: Vec<String>,
}

impl<'a> ControllerOptions<'a> {
    pub(super) fn new(bumble: &'a Bumble, wire: Wire) -> Self {
        let wire = match wire {
            Wire::Tcp => "tcp",
            Wire::Pty => "pty",
        };
        Self {
            bumble,
            arguments: ["--until-eof", "--transport", wire]
                .map(String::from)
                .to_vec(),
        }
    }

    /// The peripheral is the rich GATT server of [`database`](super::database), not the heart rate
    /// sensor.
    #[must_use]
    pub fn gatt_server(self) -> Self {
        self.with(["--peripheral", "gatt-server"])
    }

    /// There are `count` peripherals (0 to 200) on the air; 1 by default.
    #[must_use]
    pub fn peripherals(self, count: usize) -> Self {
        self.with(["--peripherals", &count.to_string()])
    }

    /// The peripherals don't advertise until the command `{"do": "advertise", "on": true}`.
    #[must_use]
    pub fn silent(self) -> Self {
        self.with(["--silent"])
    }

    /// The time between two beats of the heart rate sensor; 50 ms by default.
    #[must_use]
    pub fn beat_every(self, interval: std::time::Duration) -> Self {
        self.with(["--interval", &interval.as_secs_f64().to_string()])
    }

    /// The controller has LE Extended Advertising.
    #[must_use]
    pub fn extended(self) -> Self {
        self.with(["--extended"])
    }

    /// The controller has room for `count` ACL data packets of `length` bytes; 8 of 27 by default.
    #[must_use]
    pub fn acl_buffers(self, count: usize, length: usize) -> Self {
        let (count, length) = (count.to_string(), length.to_string());
        self.with(["--acl-buffers", &count, "--acl-length", &length])
    }

    /// The controller holds each ACL data packet for so long, and tells of a host that sends more
    /// than there is room for (`acl_overflow`) or longer ones (`acl_too_long`).
    #[must_use]
    pub fn acl_delay(self, delay: std::time::Duration) -> Self {
        self.with(["--acl-delay", &delay.as_secs_f64().to_string()])
    }

    /// The controller has no public address (all zeros), as on Zephyr; C0:FF:EE:00:00:01 by default.
    #[must_use]
    pub fn without_address(self) -> Self {
        self.with(["--no-address"])
    }

    /// Bumble's controller with none of our repairs, and no address; `docs/bumble.md` says what that means.
    #[must_use]
    pub fn as_is(self) -> Self {
        self.with(["--as-is"])
    }

    /// Starts the controller and waits until it listens.
    ///
    /// # Panics
    ///
    /// If it doesn't start.
    #[track_caller]
    pub fn start(self) -> Controller {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut script = self.bumble.script("controller.py", &arguments);
        let ready = script.event("ready");
        let spec = ready["spec"].as_str().unwrap_or_default().to_owned();
        Controller { script, spec }
    }

    fn with<'b>(mut self, arguments: impl IntoIterator<Item = &'b str>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(String::from));
        self
    }
}

/// A controller that runs; a [`Script`] whose events tell what the peripherals see.
#[derive(Debug)]
pub struct Controller {
    script: Script,
    spec: String,
}

impl Controller {
    /// Where it is, as `hci_transport::open` and the facade understand it:
    /// `tcp-client:127.0.0.1:PORT` or `serial:PATH`.
    pub fn spec(&self) -> &str {
        &self.spec
    }
}

impl Deref for Controller {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}

impl DerefMut for Controller {
    fn deref_mut(&mut self) -> &mut Script {
        &mut self.script
    }
}
