//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use dongle::security::Passkey;
use dongle::{Address, Phys, Uuid};

use crate::clock::{Interval, parse_duration};
use crate::failure::EXIT_CODES;
use crate::find::{Path, parse_service};
use crate::oob::Oob;
use crate::secret::Secret;
use crate::value::Format;

const ABOUT: &str = "Look at, read, write and measure Bluetooth LE devices";

const LONG_ABOUT: &str = "\
Look at, read, write and measure Bluetooth LE devices.

dongle drives any Bluetooth controller by itself: a board on a serial port, a USB stick, one across
the network. It does not use the Bluetooth of the operating system. Without a controller it uses a
simulated one, with a heart-rate sensor and a lock in range.";

const AFTER_HELP: &str = "\
Try it without hardware:
  dongle scan                                  the devices in range
  dongle inspect D0:18:0D:48:52:4D             everything a device has
  dongle read D0:18:0D:48:52:4D 2a19           one value: the battery level
  dongle notify D0:18:0D:48:52:4D 2a37         values as they arrive, with a plot
  dongle write D0:18:4C:4F:43:4B boolean 01    open the lock; its passkey is 123456

Then with a controller, named for one command or for all:
  dongle list                                  what is plugged in
  dongle scan --dongle serial:/dev/ttyACM0,1000000
  export DONGLE=serial:/dev/ttyACM0,1000000

`dongle help COMMAND` describes a command in full.";

#[derive(Debug, Parser)]
#[command(
    name = "dongle",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_help = AFTER_HELP,
    after_long_help = format!("{AFTER_HELP}\n\n{EXIT_CODES}"),
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Options for every command")]
pub struct Global {
    /// The controller to use; a simulated one by default.
    ///
    /// serial:PATH[,BAUD][,rtscts|nortscts][,h5], usb:INDEX, usb:VENDOR:PRODUCT[/SERIAL],
    /// tcp-client:HOST:PORT, unix-client:PATH, hci-user:INDEX; auto, the only one that is plugged
    /// in; or virtual, the simulated one. ,snoop=FILE behind any of them records its traffic.
    #[arg(short, long, global = true, env = "DONGLE", value_name = "SPEC")]
    pub dongle: Option<String>,

    /// Give up after this time: 10, 1.5s, 500ms, 2m.
    ///
    /// The limit for connecting and for each step after that, 10 s by default. For `scan`, how long
    /// it lasts; for `notify`, also how long to wait for each value.
    #[arg(
        short,
        long,
        global = true,
        value_name = "TIME",
        allow_negative_numbers = true,
        value_parser = parse_duration
    )]
    pub timeout: Option<Duration>,

    /// Where to keep the dongle's address and bonds, instead of the user's data folder.
    ///
    /// For a controller that is served on this machine, at tcp-client:127.0.0.1:PORT or a
    /// pseudo-terminal, nothing is kept without it; for the simulated one, nothing is kept at all.
    #[arg(
        long,
        global = true,
        env = "DONGLE_FOLDER",
        value_name = "FOLDER",
        value_hint = ValueHint::DirPath
    )]
    pub folder: Option<PathBuf>,

    /// Use private addresses, which change: only bonded devices recognise this dongle.
    ///
    /// Decide before bonding: a device that was bonded without it does not recognise the dongle by
    /// them. The key that resolves them is kept with the bonds.
    #[arg(long, global = true, env = "DONGLE_PRIVACY", hide_env_values = true)]
    pub privacy: bool,

    /// Log what happens, on standard error; -vv and -vvv log more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Where the traffic is recorded, for `capture`.
    #[arg(skip)]
    pub snoop: Option<String>,
}

impl Global {
    /// The line that names the controller.
    pub fn spec(&self) -> String {
        let controller = self.dongle.as_deref().unwrap_or("virtual");
        match &self.snoop {
            Some(file) => format!("{controller},snoop={file}"),
            None => controller.into(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    List(List),
    Scan(Scan),
    Inspect(Inspect),
    Read(Read),
    Write(Write),
    Notify(Notify),
    Pair(Pair),
    Bonds(Bonds),
    Bench(Bench),
    Capture(Capture),
    Serve(Serve),
    Completions(Completions),
    /// Print the manual page.
    Man,
}

/// List controllers that are plugged in.
#[derive(Debug, ClapArgs)]
pub struct List {
    /// Print JSON, one controller per line.
    #[arg(long)]
    pub json: bool,
}

/// Show the devices in range, the nearest first.
///
/// In a terminal it is a table that is updated until Ctrl-C, or for as long as --timeout says.
/// Elsewhere, or with --json, it is a line of JSON for each device that is new or has changed, for
/// 10 s by default.
#[derive(Debug, ClapArgs)]
pub struct Scan {
    /// Only devices with this in their name, ignoring case.
    #[arg(short, long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Only devices that advertise this service: 180d, heart-rate, or a full UUID.
    #[arg(short, long, value_name = "UUID", value_parser = parse_service)]
    pub service: Option<Uuid>,
    /// Only this device.
    #[arg(short, long, value_name = "ADDRESS")]
    pub address: Option<Address>,
    /// Only devices with manufacturer data of this company: 0x0059, or part of its name.
    #[arg(long, value_name = "COMPANY")]
    pub company: Option<String>,
    /// Only devices received at least this strongly, in dBm.
    #[arg(short, long, value_name = "DBM", allow_negative_numbers = true)]
    pub rssi: Option<i8>,
    /// Only devices that can be connected to.
    #[arg(short, long)]
    pub connectable: bool,
    /// Report each device once, and not again when it changes.
    #[arg(short, long)]
    pub once: bool,
    /// Send no scan requests. Many devices give their name only in the response to one.
    #[arg(short, long)]
    pub passive: bool,
    /// The PHY to scan on. LE Coded, the long range one, needs a controller that supports it.
    #[arg(long, value_name = "PHY", default_value = "1m")]
    pub phy: OnPhy,
    /// Print JSON, one line for each device that is new or has changed.
    #[arg(long)]
    pub json: bool,
}

/// Show everything a device has: services, characteristics, descriptors, values.
#[derive(Debug, ClapArgs)]
pub struct Inspect {
    #[command(flatten)]
    pub device: Target,
    /// Do not read any values.
    #[arg(long)]
    pub no_values: bool,
    /// Print JSON, all of it as one object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Read a value of any length.
#[derive(Debug, ClapArgs)]
pub struct Read {
    #[command(flatten)]
    pub device: Target,
    #[command(flatten)]
    pub path: Characteristic,
    /// Read this descriptor of the characteristic instead: 2901, or its name.
    #[arg(long, value_name = "UUID", value_parser = crate::find::parse_descriptor)]
    pub descriptor: Option<Uuid>,
    /// How to show the value: auto, as its characteristic defines it; hex; text; or a number, u8 to
    /// u64, i8 to i64, f32, f64, with the least significant octet first.
    #[arg(
        long = "as",
        value_name = "FORMAT",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub format: Format,
    /// Print the octets unchanged.
    #[arg(long, conflicts_with_all = ["json", "format"])]
    pub raw: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Write a value of up to 512 octets, in parts if it does not fit in a packet.
#[derive(Debug, ClapArgs)]
pub struct Write {
    #[command(flatten)]
    pub device: Target,
    #[command(flatten)]
    pub path: Characteristic,
    /// The value, in hexadecimal unless --as says otherwise; - takes standard input unchanged.
    #[arg(allow_negative_numbers = true)]
    pub value: String,
    /// How the value is given: hex, text, or a number, u8 to u64, i8 to i64, f32, f64, which is
    /// sent with the least significant octet first.
    #[arg(
        long = "as",
        value_name = "FORMAT",
        default_value = "hex",
        hide_possible_values = true
    )]
    pub format: Format,
    /// Write this descriptor of the characteristic instead: 2901, or its name.
    #[arg(long, value_name = "UUID", value_parser = crate::find::parse_descriptor)]
    pub descriptor: Option<Uuid>,
    /// Write with response (the default where the characteristic supports it).
    #[arg(long, conflicts_with_all = ["no_response", "descriptor"])]
    pub response: bool,
    /// Write without response: the device does not confirm it.
    #[arg(long, conflicts_with = "descriptor")]
    pub no_response: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Show values as a device sends them.
///
/// In a terminal, numbers are plotted below them. Without --count it runs until Ctrl-C.
#[derive(Debug, ClapArgs)]
pub struct Notify {
    #[command(flatten)]
    pub device: Target,
    #[command(flatten)]
    pub path: Characteristic,
    /// Stop after this many values.
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<u64>,
    /// Subscribe to indications, which are confirmed: slower, but none is lost.
    #[arg(short, long)]
    pub indicate: bool,
    /// How to show the values: auto, as their characteristic defines them; hex; text; or numbers,
    /// u8 to u64, i8 to i64, f32, f64, with the least significant octet first.
    #[arg(
        long = "as",
        value_name = "FORMAT",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub format: Format,
    /// Do not plot.
    #[arg(long)]
    pub no_plot: bool,
    /// Print CSV: time, seconds since the first value, value, unit, octets, values missed before it.
    /// Those missed after the last row are reported on standard error.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Print JSON, one value per line.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Pair with a device, and keep the bond.
///
/// Questions are asked in the terminal: for the passkey that the device shows, or whether two
/// numbers are the same. If there is a bond already, the connection is encrypted with it and
/// nothing is asked.
#[derive(Debug, ClapArgs)]
pub struct Pair {
    #[command(flatten)]
    pub device: Target,
    /// Require authenticated pairing (passkey, comparison or out of band).
    #[arg(long)]
    pub authenticated: bool,
    /// Require LE Secure Connections: anyone who overhears a legacy pairing can derive its key.
    #[arg(long)]
    pub secure_connections: bool,
    /// The shortest encryption key to accept, in octets.
    #[arg(
        long,
        value_name = "OCTETS",
        default_value_t = 16,
        value_parser = clap::value_parser!(u8).range(7..=16)
    )]
    pub min_key_size: u8,
    /// Write our own out of band data to this file, for the device; - for standard output.
    ///
    /// Pairing begins once you press Enter because the device has it or, with --oob -, give the
    /// device's. Just Works is then refused, as with --passkey.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub our_oob: Option<PathBuf>,
    /// Do not keep the bond.
    #[arg(long)]
    pub no_bond: bool,
    /// Delete the stored bond first, for a device that was reset.
    #[arg(long)]
    pub again: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// List the devices that the dongle is bonded with, or forget one.
#[derive(Debug, ClapArgs)]
pub struct Bonds {
    /// Delete the bond with this device.
    #[arg(long, value_name = "ADDRESS")]
    pub forget: Option<Address>,
    /// Print JSON, one bond per line.
    #[arg(long)]
    pub json: bool,
}

/// Measure the latency and the throughput of a device.
///
/// Reads back to back, and receives the notifications of the first characteristic that sends any.
/// Nothing is written unless --write names a characteristic.
#[derive(Debug, ClapArgs)]
pub struct Bench {
    #[command(flatten)]
    pub device: Target,
    /// What to read; by default the first readable characteristic.
    #[arg(long, value_name = "CHARACTERISTIC")]
    pub read: Option<Path>,
    /// Whose notifications to receive; by default those of the first characteristic that notifies.
    #[arg(long, value_name = "CHARACTERISTIC")]
    pub notify: Option<Path>,
    /// Where to write zeros, without response. Mind what they do there.
    #[arg(long, value_name = "CHARACTERISTIC")]
    pub write: Option<Path>,
    /// The length of the written values; by default as long as fits in a packet.
    #[arg(long, value_name = "OCTETS", requires = "write")]
    pub size: Option<usize>,
    /// How long each measurement takes.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    pub duration: Duration,
    /// Print JSON, all of it as one object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Record the traffic with the controller while another command runs.
///
/// For example: dongle capture trace.btsnoop inspect D0:18:0D:48:52:4D
#[derive(Debug, ClapArgs)]
pub struct Capture {
    /// The btsnoop file to write, for Wireshark. An existing capture file is overwritten.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The command with its options; scan by default.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub command: Vec<String>,
}

/// Serve a simulated controller to another program.
#[derive(Debug, ClapArgs)]
pub struct Serve {
    /// Where: tcp-server:HOST:PORT (port 0: any that is free), or pty:PATH, a serial port.
    #[arg(default_value = "tcp-server:127.0.0.1:0", value_name = "WHERE")]
    pub place: String,
    /// Add a lock, and say how it pairs: by passkey by default.
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "passkey")]
    pub lock: Option<LockKind>,
    /// The number of heart-rate sensors in range.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(..=64))]
    pub sensors: u16,
    /// The number of beacons in range.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=10_000))]
    pub beacons: u16,
    /// How often a sensor sends its value.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    pub interval: Duration,
    /// Simulate a controller as small as a stock Zephyr board.
    #[arg(long)]
    pub zephyr: bool,
    /// Go as fast as both sides can, instead of at real intervals.
    #[arg(long)]
    pub fast: bool,
    /// Add a meter for `dongle bench`, and let nothing simulated be the bottleneck: --fast, 64
    /// packets each way, longer queues.
    #[arg(long, conflicts_with = "zephyr")]
    pub bench: bool,
}

/// How a simulated lock pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LockKind {
    /// By the passkey on its case: 123456.
    Passkey,
    /// By numeric comparison.
    Compare,
    /// By Just Works: anyone can pair.
    JustWorks,
    /// By the out of band data on its tag, which is printed.
    Oob,
}

/// Print a completion script for a shell.
#[derive(Debug, ClapArgs)]
pub struct Completions {
    /// The shell.
    pub shell: Shell,
}

/// Which device.
#[derive(Debug, ClapArgs)]
pub struct Target {
    /// The device: C6:05:04:03:02:01, with /public or /random behind it where `scan` shows that.
    #[arg(value_name = "ADDRESS")]
    pub address: Address,
}

/// How to talk to the device.
#[derive(Debug, Clone, ClapArgs)]
pub struct Link {
    /// The largest MTU of the attribute protocol to agree on, 23 to 517.
    #[arg(
        long,
        value_name = "OCTETS",
        default_value_t = 517,
        value_parser = clap::value_parser!(u16).range(23..=517),
        help_heading = "Connection"
    )]
    pub mtu: u16,
    /// The connection interval, or a range for it: 7.5ms, 15ms-30ms.
    #[arg(long, value_name = "TIME", help_heading = "Connection")]
    pub interval: Option<Interval>,
    /// The PHY to find the device on. LE Coded, the long range one, needs a controller that supports
    /// it.
    #[arg(
        long,
        value_name = "PHY",
        default_value = "1m",
        help_heading = "Connection"
    )]
    pub phy: OnPhy,
    #[command(flatten)]
    pub pairing: Pairing,
}

/// How the questions of a pairing are answered.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Pairing {
    /// The passkey that the device shows or has on its case; Just Works is then refused.
    ///
    /// A device that asks for no passkey is not paired with. Without this option, the passkey is
    /// asked for in the terminal.
    #[arg(
        long,
        value_name = "DIGITS",
        env = "DONGLE_PASSKEY",
        hide_env_values = true,
        help_heading = "Pairing"
    )]
    pub passkey: Option<Secret<Passkey>>,
    /// Out of band data of the device, in hexadecimal: a temporary key, or AD structures as on a
    /// tag; @FILE takes it from a file, - from a line of standard input. Just Works is then
    /// refused.
    #[arg(long, value_name = "DATA", help_heading = "Pairing")]
    pub oob: Option<Secret<Oob>>,
    /// Accept a numeric comparison without checking it (vulnerable to a man in the middle).
    #[arg(long, help_heading = "Pairing")]
    pub yes: bool,
    /// The IO capability to report to the device: it decides how to pair.
    ///
    /// By default it is what the other options, or somebody at the terminal, can answer.
    #[arg(long, value_name = "CAPABILITY", help_heading = "Pairing")]
    pub io_capability: Option<IoCapability>,
    /// Never pair automatically when access is refused.
    #[arg(long, help_heading = "Pairing")]
    pub no_pair: bool,
}

impl Pairing {
    /// Whether it answers something.
    pub fn is_something(&self) -> bool {
        self.proves() || self.yes || self.io_capability.is_some()
    }

    /// Whether it has what proves the device to be the right one. A device that asks for none of it is
    /// then not paired with at all: otherwise anybody could pair in its place.
    pub fn proves(&self) -> bool {
        self.passkey.is_some() || self.oob.is_some()
    }
}

/// An IO capability, as it is reported to the device (Core Vol 3 Part H, 2.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IoCapability {
    /// Nobody is there: Just Works.
    NoInputNoOutput,
    /// Somebody can read.
    DisplayOnly,
    /// Somebody can read, and say yes or no.
    DisplayYesNo,
    /// Somebody can type.
    KeyboardOnly,
    /// Somebody can read and type.
    KeyboardDisplay,
}

/// PHYs that devices advertise on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnPhy {
    /// LE 1M, which nearly all devices use.
    #[value(name = "1m")]
    OneM,
    /// LE Coded: long range.
    Coded,
    /// Both in turn.
    Both,
}

impl From<OnPhy> for Phys {
    fn from(phy: OnPhy) -> Self {
        match phy {
            OnPhy::OneM => Self::OneM,
            OnPhy::Coded => Self::Coded,
            OnPhy::Both => Self::Both,
        }
    }
}

/// Which characteristic.
#[derive(Debug, ClapArgs)]
pub struct Characteristic {
    /// The characteristic: 2a37, heart-rate-measurement, or a full UUID; SERVICE/2a37 where
    /// several services have one; @14 for the value at handle 14.
    #[arg(value_name = "CHARACTERISTIC")]
    pub path: Path,
}
