//! Opens a controller by its spec and resets it; succeeds or fails within five seconds.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::packet::RESET;
use crate::pump::{self, Wire};
use crate::{Error, ErrorKind, HciChannel, Limits, Snoop, Spec};

/// How long a device or socket may take to open.
pub(crate) const CONNECT: Duration = Duration::from_millis(2_500);
/// HCI_Reset is sent again if it hasn't been answered after this time.
const RETRY: Duration = Duration::from_millis(650);
/// If several resets were sent, how long to wait for each further completion.
const STRAGGLER: Duration = Duration::from_millis(100);
/// Completes any packet that the controller is in the middle of, even if it took the first two
/// resets for that packet's length (0x0C03 bytes at most). None of these bytes begins a packet
/// itself.
const FILLING: [u8; 3_100] = [0; 3_100];

/// How to open a controller. The defaults are right for nearly everyone.
///
/// ```no_run
/// use hci_transport::OpenOptions;
///
/// let channel = OpenOptions::default()
///     .capacity(1024 * 1024)
///     .open(&"serial:/dev/ttyACM0".parse()?)?;
/// # Ok::<(), hci_transport::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions {
    capacity: usize,
    limits: Limits,
    answer_within: Duration,
    snoop: Option<Snoop>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            capacity: 64 * 1024,
            limits: Limits::default(),
            answer_within: Duration::from_secs(2),
            snoop: None,
        }
    }
}

impl OpenOptions {
    /// Bytes of packets to queue in each direction before the sender has to wait; 64 KiB by default.
    #[must_use]
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// The most that data packets may carry; see [`Limits`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long the controller has to answer HCI Reset; 2 s by default. In this time the reset is sent
    /// twice, and on a serial port a third time, for a controller that a killed program left in the
    /// middle of a packet.
    #[must_use]
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.answer_within = time;
        self
    }

    /// Records all traffic of the channel, from the first reset. Without this, the capture that the
    /// spec names is made, or else the one that the environment names ([`Snoop::from_env`]).
    #[must_use]
    pub fn snoop(mut self, snoop: Snoop) -> Self {
        self.snoop = Some(snoop);
        self
    }

    /// Opens the controller that `spec` names; see [`open`].
    ///
    /// # Errors
    ///
    /// As [`open`].
    pub fn open(&self, spec: &Spec) -> Result<HciChannel, Error> {
        if let Spec::Recorded { spec, snoop } = spec {
            let mut options = self.clone();
            options.snoop.get_or_insert_with(|| snoop.clone());
            return options.open(spec);
        }
        let (wire, hint) = match spec {
            Spec::Serial { path, baud, rtscts } => {
                let wire = crate::serial::open(&spec.place(), path, *baud, *rtscts)?;
                let flow = if *rtscts {
                    "rtscts is on"
                } else {
                    "rtscts is off"
                };
                let hint = format!(
                    "check the baud rate ({baud}), that flow control is as the firmware expects \
                     ({flow}), or reset the board"
                );
                let channel = pump::start(&spec.place(), wire, self.capacity, self.limits)?;
                return self.bring_up(channel, &hint, &FILLING);
            }
            Spec::ThreeWire { path, baud, rtscts } => {
                let name = spec.place();
                let wire = crate::serial::open(&name, path, *baud, *rtscts)?;
                let channel = crate::h5::start(&name, wire, self.capacity)?;
                let hint = format!(
                    "check that its firmware speaks H5 (without h5 it is H4), the baud rate \
                     ({baud}), or reset the board"
                );
                return self.bring_up(channel, &hint, &[]);
            }
            Spec::TcpClient { host, port } => {
                let wire = crate::tcp::connect(&spec.place(), host, *port)?;
                (wire, SOCKET_HINT.to_owned())
            }
            Spec::UnixClient { path } => {
                let wire = open_unix(&spec.place(), path)?;
                (wire, SOCKET_HINT.to_owned())
            }
            Spec::HciUser(index) => {
                let wire = open_hci_user(&spec.place(), *index)?;
                (wire, "unplug it and plug it back in".to_owned())
            }
            Spec::Usb(address) => {
                let name = spec.place();
                let (channel, hint) = open_usb(&name, address, self.capacity, self.limits)?;
                return self.bring_up(channel, &hint, &[]);
            }
            // `Recorded` was unwrapped above.
            Spec::Recorded { spec, .. } => return self.open(spec),
            Spec::Virtual => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "virtual: a simulated controller is no transport; open it with the dongle \
                     crate, or reach one that is served on TCP with tcp-client:HOST:PORT",
                ));
            }
        };
        self.start(&spec.place(), wire, &hint)
    }

    /// Makes a channel from a wire of your own, as [`open`] does from those it knows. `name` prefixes
    /// the channel's errors.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoAnswer`], [`ErrorKind::Protocol`] or [`ErrorKind::Disconnected`], when the
    /// controller at the other end doesn't complete HCI_Reset.
    pub fn open_wire(&self, name: &str, wire: Wire) -> Result<HciChannel, Error> {
        self.start(
            name,
            wire,
            "check that an HCI controller (H4) is at the other end",
        )
    }

    fn start(&self, name: &str, wire: Wire, hint: &str) -> Result<HciChannel, Error> {
        let channel = pump::start(name, wire, self.capacity, self.limits)?;
        self.bring_up(channel, hint, &[])
    }

    /// `filling` is sent before the last reset, in case the controller is in the middle of a
    /// packet.
    fn bring_up(
        &self,
        channel: HciChannel,
        hint: &str,
        filling: &[u8],
    ) -> Result<HciChannel, Error> {
        if let Some(snoop) = self.snoop.clone().or_else(Snoop::from_env) {
            channel.record(&snoop)?;
        }
        reset(&channel, self.answer_within, hint, filling)?;
        Ok(channel)
    }
}

const SOCKET_HINT: &str = "check that an HCI controller (H4) is what listens there and that no \
                           other host uses it, or restart it";

/// Opens the controller that `spec` names, resets it, and returns the host's end of its channel.
///
/// Everything that the controller sent before it completed the reset is discarded: remains of an
/// earlier program, a boot message, half a packet. The call ends within five seconds.
///
/// # Errors
///
/// Each is one line that says what failed, why, and what to do about it: the device or the server
/// does not exist ([`ErrorKind::NotFound`]), may not be opened ([`ErrorKind::PermissionDenied`]), is
/// in use ([`ErrorKind::Busy`]), hangs up ([`ErrorKind::Disconnected`]), doesn't answer
/// ([`ErrorKind::NoAnswer`]), refuses the reset ([`ErrorKind::Protocol`]); or the transport isn't
/// available ([`ErrorKind::Unsupported`]).
///
/// ```no_run
/// let spec = "serial:/dev/ttyACM0,1000000,rtscts".parse()?;
/// let channel = hci_transport::open(&spec)?;
/// println!("{} is ready", channel.name());
/// # Ok::<(), hci_transport::Error>(())
/// ```
pub fn open(spec: &Spec) -> Result<HciChannel, Error> {
    OpenOptions::default().open(spec)
}

#[cfg(unix)]
fn open_unix(name: &str, path: &std::path::Path) -> Result<Wire, Error> {
    crate::unix::connect(name, path)
}

#[cfg(not(unix))]
fn open_unix(name: &str, _path: &std::path::Path) -> Result<Wire, Error> {
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("{name}: this system has no Unix sockets; use tcp-client:HOST:PORT"),
    ))
}

#[cfg(target_os = "linux")]
use crate::hci_user::open as open_hci_user;

#[cfg(not(target_os = "linux"))]
fn open_hci_user(name: &str, _index: u16) -> Result<Wire, Error> {
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("{name}: the HCI user channel is Linux's; use usb:0 or serial:PATH"),
    ))
}

#[cfg(feature = "usb")]
use crate::usb::open as open_usb;

#[cfg(not(feature = "usb"))]
fn open_usb(
    name: &str,
    _address: &crate::UsbAddress,
    _capacity: usize,
    _limits: Limits,
) -> Result<(HciChannel, String), Error> {
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("{name}: built without USB; turn on the feature 'usb' of dongle or hci-transport"),
    ))
}

/// Resets the controller and waits for the completion. The deframer discards everything before it.
fn reset(
    channel: &HciChannel,
    answer_within: Duration,
    hint: &str,
    filling: &[u8],
) -> Result<(), Error> {
    let pause = RETRY.min(answer_within / 3);
    let completed = ask_for_reset(channel, answer_within, pause, hint, filling)?;
    settle(channel, completed, pause)
}

/// How the reset was first completed.
struct Completed {
    /// How many resets had been sent.
    sent: u32,
    /// The controller doesn't accept commands yet.
    takes_none: bool,
}

/// Sends resets until one is completed.
fn ask_for_reset(
    channel: &HciChannel,
    answer_within: Duration,
    pause: Duration,
    hint: &str,
    filling: &[u8],
) -> Result<Completed, Error> {
    let start = Instant::now();
    let deadline = start + answer_within;
    let mut send_again = Some(start + pause);
    let mut sent = 1;
    let mut packet = Vec::new();
    send_reset(channel)?;
    loop {
        // Read before the clock is checked: an answer that is there counts, however late this
        // thread runs.
        let until = send_again
            .unwrap_or(deadline)
            .saturating_duration_since(Instant::now());
        let came = read(channel, &mut packet, until)?;
        match came.then(|| completion_of_reset(&packet)).flatten() {
            Some(0) => {
                let takes_none = packet.get(3) == Some(&0);
                return Ok(Completed { sent, takes_none });
            }
            // Some controllers refuse the first command while they boot.
            Some(status) if sent == 1 => {
                log::debug!("{}: status {status:#04x} to HCI Reset", channel.name());
            }
            Some(status) => {
                return Err(Error::new(
                    ErrorKind::Protocol,
                    format!(
                        "controller at {} refused HCI Reset with status {status:#04x}; reset the \
                         board or restart the controller",
                        channel.name()
                    ),
                ));
            }
            None => {}
        }
        let now = Instant::now();
        if now >= deadline {
            return Err(no_answer(channel, answer_within, hint));
        }
        if send_again.take_if(|at| now >= *at).is_some() {
            log::debug!("{}: no answer yet, resetting again", channel.name());
            sent += 1;
            if sent == 2 {
                send_again = (!filling.is_empty()).then_some(now + pause);
            } else {
                // To the controller, whatever exceeds the packet is a loss of synchronisation, and
                // it then looks for a reset (Core Vol 4 Part A, 4).
                channel
                    .write_packet_timeout(filling, deadline - now)
                    .map_err(|error| hung_up(channel, error))?;
            }
            send_reset(channel)?;
        }
    }
}

/// Discards further completions of resets, and waits until the controller accepts commands.
fn settle(channel: &HciChannel, completed: Completed, pause: Duration) -> Result<(), Error> {
    let mut takes_none = completed.takes_none;
    let mut packet = Vec::new();
    // The other resets may be completed too; those completions must not answer a later command.
    let mut to_come = completed.sent - 1;
    let mut until = Instant::now() + STRAGGLER;
    while to_come > 0
        && read(
            channel,
            &mut packet,
            until.saturating_duration_since(Instant::now()),
        )?
    {
        if completion_of_reset(&packet).is_some() {
            to_come -= 1;
            until = Instant::now() + STRAGGLER;
        }
        takes_none &= !takes_commands(&packet);
    }
    // A controller that accepts no commands yet announces when it does (Core Vol 4 Part E, 4.4).
    // The ROM of early Intel sticks never does, yet accepts the next command.
    let until = Instant::now() + pause;
    while takes_none
        && read(
            channel,
            &mut packet,
            until.saturating_duration_since(Instant::now()),
        )?
    {
        takes_none = !takes_commands(&packet);
    }
    Ok(())
}

fn send_reset(channel: &HciChannel) -> Result<(), Error> {
    channel
        .write_packet_blocking(&RESET)
        .map_err(|error| hung_up(channel, error))
}

fn read(channel: &HciChannel, packet: &mut Vec<u8>, timeout: Duration) -> Result<bool, Error> {
    channel
        .read_packet_timeout(packet, timeout)
        .map_err(|error| hung_up(channel, error))
}

fn hung_up(channel: &HciChannel, error: Error) -> Error {
    Error::new(
        error.kind(),
        format!(
            "controller at {} hung up before it answered HCI Reset; check that an HCI controller \
             (H4) is at the other end, and restart it",
            channel.name()
        ),
    )
    .with_source(error)
}

fn no_answer(channel: &HciChannel, answer_within: Duration, hint: &str) -> Error {
    let seconds = answer_within.as_secs_f32();
    let noise = match channel.statistics().discarded_bytes {
        0 => String::new(),
        count => format!(" (it sent {count} bytes that are no answer)"),
    };
    Error::new(
        ErrorKind::NoAnswer,
        format!(
            "controller at {} did not answer HCI Reset within {seconds} s{noise}; {hint}",
            channel.name()
        ),
    )
}

/// The status of HCI_Reset, if `packet` is its completion.
fn completion_of_reset(packet: &[u8]) -> Option<u8> {
    match packet {
        [0x04, 0x0e, _, _, 0x03, 0x0c, status, ..] => Some(*status),
        _ => None,
    }
}

/// Whether `packet` is an event that says that the controller accepts commands.
fn takes_commands(packet: &[u8]) -> bool {
    matches!(
        packet,
        [0x04, 0x0e, _, 1..=u8::MAX, ..] | [0x04, 0x0f, _, _, 1..=u8::MAX, ..]
    )
}

/// Does `work`, which may block indefinitely, in a thread, and waits at most `timeout` for its
/// result. A later result is dropped.
pub(crate) fn within<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, finished) = mpsc::channel();
    let spawned = thread::Builder::new()
        .name("hci-open".into())
        .spawn(move || {
            let _ = done.send(work());
        });
    spawned.ok()?;
    finished.recv_timeout(timeout).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::channel;

    const RESET_DONE: &[u8] = &[0x04, 0x0e, 0x04, 0x01, 0x03, 0x0c, 0x00];

    #[test]
    fn an_answer_that_is_there_counts_though_nobody_looked_in_time() {
        let (channel, port) = channel("late", 4096);
        port.try_deliver(RESET_DONE).unwrap();
        reset(&channel, Duration::ZERO, "", &[]).unwrap();
        let error = reset(&channel, Duration::ZERO, "", &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoAnswer);
    }

    #[test]
    fn a_controller_that_takes_no_command_after_its_reset_is_waited_for_until_it_does() {
        let takes_none = [0x04, 0x0e, 0x04, 0x00, 0x03, 0x0c, 0x00];
        let takes_one = [0x04, 0x0e, 0x03, 0x01, 0x00, 0x00];
        let (channel, port) = channel("booting", 4096);
        port.try_deliver(&takes_none).unwrap();
        port.try_deliver(&takes_one).unwrap();
        let begun = Instant::now();
        reset(&channel, Duration::from_secs(60), "", &[]).unwrap();
        assert!(!read(&channel, &mut Vec::new(), Duration::ZERO).unwrap());
        // The ROM of early Intel sticks never announces it.
        port.try_deliver(&takes_none).unwrap();
        reset(&channel, Duration::from_secs(60), "", &[]).unwrap();
        assert!(begun.elapsed() >= RETRY);
    }
}
