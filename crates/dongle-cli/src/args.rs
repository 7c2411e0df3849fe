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

dongle talks to any Bluetooth controller by itself: a board on a serial port, a USB stick, one
across the network. It needs no Bluetooth of the operating system's, and shares none with it.
Without a controller it uses a simulated one, with a heart-rate sensor and a lock in the air.";

const AFTER_HELP: &str = "\
Try it without hardware:
  dongle scan                                  what is in the air
  dongle inspect D0:18:0D:48:52:4D             everything a device has
  dongle read D0:18:0D:48:52:4D 2a19           one value: the battery level
  dongle notify D0:18:0D:48:52:4D 2a37         values as they come, with a plot
  dongle write D0:18:4C:4F:43:4B boolean 01    open the lock; its passkey is 123456

Then with a controller, named for one command or for all:
  dongle list                                  what is plugged in
  dongle scan --dongle serial:/dev/ttyACM0,1000000
  export DONGLE=serial:/dev/ttyACM0,1000000

`dongle help COMMAND` tells all about a command.";

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

/// What goes with every command.
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
    /// For connecting and for each request after that, 10 s if nothing else is said; for `scan`,
    /// how long it lasts; for `notify`, how long to wait for each value.
    #[arg(
        short,
        long,
        global = true,
        value_name = "TIME",
        allow_negative_numbers = true,
        value_parser = parse_duration
    )]
    pub timeout: Option<Duration>,

    /// Where the dongle's address and its bonds are kept, instead of the user's data folder.
    ///
    /// One that is served on this machine, at tcp-client:127.0.0.1:PORT or a pseudo-terminal, keeps
    /// nothing without it; the simulated one keeps nothing at all.
    #[arg(
        long,
        global = true,
        env = "DONGLE_FOLDER",
        value_name = "FOLDER",
        value_hint = ValueHint::DirPath
    )]
    pub folder: Option<PathBuf>,

    /// Go by changing addresses: only devices that are bonded know that they are this dongle's.
    ///
    /// Decide before devices are bonded: one that was bonded otherwise does not know the dongle by
    /// them. The key that makes them is kept with the bonds.
    #[arg(long, global = true, env = "DONGLE_PRIVACY", hide_env_values = true)]
    pub privacy: bool,

    /// Tell what happens below, on standard error; twice or three times for more.
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
    /// JSON, one controller in a line.
    #[arg(long)]
    pub json: bool,
}

/// Show the devices in the air, the nearest first.
///
/// In a terminal it is a table, the nearest device first, until Ctrl-C. Elsewhere, or with --json,
/// it is a line of JSON for each device that is heard first or has changed, for 10 s or as long as
/// --timeout says.
#[derive(Debug, ClapArgs)]
pub struct Scan {
    /// Only devices with this in their name, capital or small.
    #[arg(short, long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Only devices that advertise this service: 180d, heart-rate, or a full UUID.
    #[arg(short, long, value_name = "UUID", value_parser = parse_service)]
    pub service: Option<Uuid>,
    /// Only this device.
    #[arg(short, long, value_name = "ADDRESS")]
    pub address: Option<Address>,
    /// Only devices with data of this company: 0x0059, or a part of its name.
    #[arg(long, value_name = "COMPANY")]
    pub company: Option<String>,
    /// Only devices received at least this strongly, in dBm.
    #[arg(short, long, value_name = "DBM", allow_negative_numbers = true)]
    pub rssi: Option<i8>,
    /// Only devices that can be connected to.
    #[arg(short, long)]
    pub connectable: bool,
    /// Tell of each device once only, and not again when it changes.
    #[arg(short, long)]
    pub once: bool,
    /// Only listen. Names are often told only to those who ask.
    #[arg(short, long)]
    pub passive: bool,
    /// Where to listen. The long range of LE Coded takes a controller that knows it.
    #[arg(long, value_name = "PHY", default_value = "1m")]
    pub phy: OnPhy,
    /// JSON, one line for each device that is new or has changed.
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
    /// JSON, all of it as one object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Read a value, however long it is.
#[derive(Debug, ClapArgs)]
pub struct Read {
    #[command(flatten)]
    pub device: Target,
    #[command(flatten)]
    pub path: Characteristic,
    /// Read this descriptor of the characteristic instead: 2901, or its name.
    #[arg(long, value_name = "UUID", value_parser = crate::find::parse_descriptor)]
    pub descriptor: Option<Uuid>,
    /// How to show it: auto, as what it is known to be; hex; text; or a number, u8 to u64, i8 to
    /// i64, f32, f64, with the least significant octet first.
    #[arg(
        long = "as",
        value_name = "FORMAT",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub format: Format,
    /// The octets as they are, to standard output.
    #[arg(long, conflicts_with_all = ["json", "format"])]
    pub raw: bool,
    /// JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Write a value, up to 512 octets, in parts if it does not fit a packet.
#[derive(Debug, ClapArgs)]
pub struct Write {
    #[command(flatten)]
    pub device: Target,
    #[command(flatten)]
    pub path: Characteristic,
    /// The value, in hexadecimal unless --as says otherwise; - for standard input, as it is.
    #[arg(allow_negative_numbers = true)]
    pub value: String,
    /// What the value is written in: hex, text, or a number, u8 to u64, i8 to i64, f32, f64, which
    /// is sent with the least significant octet first.
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
    /// Have the device confirm it: as it is where the characteristic can, if nothing is said.
    #[arg(long, conflicts_with_all = ["no_response", "descriptor"])]
    pub response: bool,
    /// Do not have the device confirm it.
    #[arg(long, conflicts_with = "descriptor")]
    pub no_response: bool,
    /// JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Show values as a device sends them.
///
/// In a terminal, numbers are plotted below. Without --count it goes on until Ctrl-C.
#[derive(Debug, ClapArgs)]
pub struct Notify {
    #[command(flatten)]
    pub device: Target,
    #[command(flatten)]
    pub path: Characteristic,
    /// End after so many values.
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<u64>,
    /// Have the values indicated: slower, and none is ever lost.
    #[arg(short, long)]
    pub indicate: bool,
    /// How to show the values: auto, as what they are known to be; hex; text; or numbers, u8 to
    /// u64, i8 to i64, f32, f64, with the least significant octet first.
    #[arg(
        long = "as",
        value_name = "FORMAT",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub format: Format,
    /// No plot.
    #[arg(long)]
    pub no_plot: bool,
    /// CSV: time, seconds since the first, value, unit, octets, values missed before it. What was missed
    /// after the last row is said on standard error.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// JSON, one value in a line.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Pair with a device, and keep the bond for the next time.
///
/// Questions are asked in the terminal: for the passkey that the device shows, whether two numbers
/// are the same. If there is a bond already, the connection is encrypted with it and nothing is
/// asked.
#[derive(Debug, ClapArgs)]
pub struct Pair {
    #[command(flatten)]
    pub device: Target,
    /// Only if somebody makes sure that it is the device: by passkey, comparison or out of band data.
    #[arg(long)]
    pub authenticated: bool,
    /// Only by LE Secure Connections: whoever listens to a legacy pairing has its key.
    #[arg(long)]
    pub secure_connections: bool,
    /// The shortest key to be taken, in octets.
    #[arg(
        long,
        value_name = "OCTETS",
        default_value_t = 16,
        value_parser = clap::value_parser!(u8).range(7..=16)
    )]
    pub min_key_size: u8,
    /// Write our own out of band data there, for the device; - for standard output. Pairing begins
    /// once you say that the device has it: with Enter, or with the device's, where --oob is -.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub our_oob: Option<PathBuf>,
    /// Do not keep the bond.
    #[arg(long)]
    pub no_bond: bool,
    /// Forget the bond there is, first: the device has lost its own.
    #[arg(long)]
    pub again: bool,
    /// JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Show the devices that the dongle has a bond with, or forget one.
#[derive(Debug, ClapArgs)]
pub struct Bonds {
    /// Forget the bond with this device.
    #[arg(long, value_name = "ADDRESS")]
    pub forget: Option<Address>,
    /// JSON, one bond in a line.
    #[arg(long)]
    pub json: bool,
}

/// Measure a device: latency, throughput.
///
/// Reads back to back, and takes the notifications of the first characteristic that sends some.
/// Nothing is written unless --write names where.
#[derive(Debug, ClapArgs)]
pub struct Bench {
    #[command(flatten)]
    pub device: Target,
    /// What to read; the first readable characteristic if nothing is said.
    #[arg(long, value_name = "PATH")]
    pub read: Option<Path>,
    /// Whose notifications to take; the first characteristic that notifies, if nothing is said.
    #[arg(long, value_name = "PATH")]
    pub notify: Option<Path>,
    /// Where to write, without response, values full of zeros. Mind what they do there.
    #[arg(long, value_name = "PATH")]
    pub write: Option<Path>,
    /// How long the written values are; as long as fits a packet if nothing is said.
    #[arg(long, value_name = "OCTETS", requires = "write")]
    pub size: Option<usize>,
    /// How long each measurement takes.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s")]
    pub duration: Duration,
    /// JSON, all of it as one object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub link: Link,
}

/// Record the traffic with the controller while another command runs.
///
/// dongle capture trace.btsnoop inspect D0:18:0D:48:52:4D
#[derive(Debug, ClapArgs)]
pub struct Capture {
    /// Where to: a btsnoop file, as Wireshark reads it. A capture that is there is written over.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The command, with its options; scan, if nothing is said.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub command: Vec<String>,
}

/// Be a controller, simulated, for another program.
#[derive(Debug, ClapArgs)]
pub struct Serve {
    /// Where: tcp-server:HOST:PORT (port 0: any that is free), or pty:PATH, as a serial port.
    #[arg(default_value = "tcp-server:127.0.0.1:0", value_name = "WHERE")]
    pub place: String,
    /// A lock, too, and how it is paired with: passkey if nothing else is said.
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "passkey")]
    pub lock: Option<LockKind>,
    /// How many heart-rate sensors are in the air.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(..=64))]
    pub sensors: u16,
    /// How many beacons are in the air.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=10_000))]
    pub beacons: u16,
    /// How often a sensor sends its value.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    pub interval: Duration,
    /// A small controller, as a stock Zephyr board is, instead of a roomy one.
    #[arg(long)]
    pub zephyr: bool,
    /// Everything as fast as both sides take it, instead of at real intervals.
    #[arg(long)]
    pub fast: bool,
    /// A meter in the air, too, for `dongle bench`, and a controller and an air that hold up
    /// neither side: --fast, 64 packets each way, longer queues.
    #[arg(long, conflicts_with = "zephyr")]
    pub bench: bool,
}

/// How a simulated lock is paired with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LockKind {
    /// By the passkey on its case: 123456.
    Passkey,
    /// By comparing numbers.
    Compare,
    /// By whoever comes first.
    JustWorks,
    /// Out of band: by what is on its tag, which is printed.
    Oob,
}

/// Print a completion script for a shell.
#[derive(Debug, ClapArgs)]
pub struct Completions {
    /// For which shell.
    pub shell: Shell,
}

/// Which device.
#[derive(Debug, ClapArgs)]
pub struct Target {
    /// The device: C6:05:04:03:02:01, and /public or /random behind it where `scan` shows that.
    #[arg(value_name = "ADDRESS")]
    pub address: Address,
}

/// How to talk to the device.
#[derive(Debug, Clone, ClapArgs)]
pub struct Link {
    /// The largest MTU to agree on, 23 to 517: how much fits a packet of the attribute protocol.
    #[arg(
        long,
        value_name = "OCTETS",
        default_value_t = 517,
        value_parser = clap::value_parser!(u16).range(23..=517),
        help_heading = "Connection"
    )]
    pub mtu: u16,
    /// Time between two connection events, or from one to another: 7.5ms, 15ms-30ms.
    #[arg(long, value_name = "TIME", help_heading = "Connection")]
    pub interval: Option<Interval>,
    /// Where to look for the device. The long range of LE Coded takes a controller that knows it.
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

/// Who answers when the device is paired, and what.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Pairing {
    /// The passkey that the device shows or has on its case, instead of a question in the terminal.
    ///
    /// Requires authenticated pairing: a device that asks for no passkey is not paired with.
    #[arg(
        long,
        value_name = "DIGITS",
        env = "DONGLE_PASSKEY",
        hide_env_values = true,
        help_heading = "Pairing"
    )]
    pub passkey: Option<Secret<Passkey>>,
    /// Out of band data of the device: a temporary key, or AD structures as a tag has them, in
    /// hexadecimal; @FILE for those in a file, - for a line of standard input.
    ///
    /// Requires authenticated pairing, as --passkey does.
    #[arg(long, value_name = "DATA", help_heading = "Pairing")]
    pub oob: Option<Secret<Oob>>,
    /// Take the number that the device shows for the same, unseen. Anybody may be in between.
    #[arg(long, help_heading = "Pairing")]
    pub yes: bool,
    /// What to tell the device about who is here: it decides how it is paired.
    #[arg(long, value_name = "WHAT", help_heading = "Pairing")]
    pub claim: Option<Claim>,
    /// Do not pair when the device refuses something without.
    #[arg(long, help_heading = "Pairing")]
    pub no_pair: bool,
}

impl Pairing {
    /// Whether it answers something.
    pub fn is_something(&self) -> bool {
        self.authenticates() || self.yes || self.claim.is_some()
    }

    /// Whether it answers something that authenticates the device. A device that asks for none of
    /// it is then not paired with at all: otherwise anybody could pair in its place.
    pub fn authenticates(&self) -> bool {
        self.passkey.is_some() || self.oob.is_some()
    }
}

/// Input and output, as a device is told of them (Core Vol 3 Part H, 2.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Claim {
    /// Nobody: paired without making sure of anything.
    Nothing,
    /// Somebody who can read.
    Display,
    /// Somebody who can read, and say yes or no.
    YesNo,
    /// Somebody who can type.
    Keyboard,
    /// Somebody who can read and type.
    Both,
}

/// PHYs that devices advertise on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnPhy {
    /// LE 1M, as nearly all devices do.
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
    #[arg(value_name = "UUID")]
    pub path: Path,
}
