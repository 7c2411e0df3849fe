//! Finds the controller's own address, or makes one for a controller that has none.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use hci_transport::{HciChannel, Spec};

use crate::address::{Address, AddressKind};
use crate::error::Error;
use crate::files;

const READ_BD_ADDR: [u8; 4] = [0x01, 0x09, 0x10, 0x00];
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How many packets that are already there are looked at after that.
const MOST_LATE: usize = 64;

/// What determines the own address.
#[derive(Debug, Default, Clone)]
pub(crate) struct Identity {
    /// The address that the program asked for.
    pub(crate) wanted: Option<Address>,
    /// The file that remembers the address of a controller that has none.
    pub(crate) file: Option<PathBuf>,
}

impl Identity {
    /// The own address: the one asked for; else the controller's public address; else, where that
    /// is all zeros as in Zephyr's `hci_uart`, a random static one, the same each time.
    pub(super) fn address(&self, channel: &HciChannel) -> Result<Address, Error> {
        if let Some(address) = self.wanted {
            return match address.kind() {
                AddressKind::RandomStatic => Ok(address),
                _ => Err(Error::InvalidParameter(
                    "own address: it has to be a random static one",
                )),
            };
        }
        match read_bd_addr(channel, ANSWER_WITHIN)? {
            Some(octets) if octets != [0; 6] && octets != [0xFF; 6] => Ok(Address::public(octets)),
            _ => Ok(self.file.as_deref().map_or_else(random_static, remembered)),
        }
    }
}

/// The address in a file, or a new one that is written there. If that fails, the only effect is
/// that devices see a new address.
fn remembered(file: &Path) -> Address {
    match fs::read_to_string(file) {
        Ok(text) => match text.trim().parse::<Address>() {
            Ok(address) if address.kind() == AddressKind::RandomStatic => return address,
            _ => log::warn!(
                "{}: not a random static address; a new one is used",
                file.display()
            ),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            // It may hold a valid address that just can't be read now, so it isn't overwritten.
            log::warn!("{}: {error}; a new address is used", file.display());
            return random_static();
        }
    }
    let address = random_static();
    if let Err(error) = remember(file, address) {
        log::warn!(
            "{}: {error}; the address will be a different one next time",
            file.display()
        );
    }
    address
}

fn remember(file: &Path, address: Address) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    files::replace(file, format!("{address}\n").as_bytes())
}

/// The file for a controller in `folder`, named after the controller's place.
pub(crate) fn file_in(folder: &Path, place: &str) -> PathBuf {
    /// How much of the place goes into the file name, which every system has to accept.
    const MOST: usize = 100;
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || ".-_".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = place.chars().map(plain).take(MOST).collect();
    // Two places may differ only in what was cut off or replaced.
    let name = format!("{name}-{:016x}", fingerprint(place));
    folder.join(format!("{name}.address"))
}

/// FNV-1a, which stays the same in every version of this program.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

/// Whether this spec will lead to the same controller next time. A pseudo-terminal, a port of this
/// machine and anything in its temporary folder are made anew each time.
pub(crate) fn is_lasting(spec: &Spec) -> bool {
    let passes = |path: &Path| path.starts_with("/dev/pts") || path.starts_with(env::temp_dir());
    match spec.controller() {
        Spec::Serial { path, .. } | Spec::ThreeWire { path, .. } => !passes(Path::new(path)),
        Spec::UnixClient { path } => !passes(path),
        Spec::TcpClient { host, .. } => {
            let loopback = host
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback());
            !loopback && !host.eq_ignore_ascii_case("localhost")
        }
        Spec::Virtual => false,
        _ => true,
    }
}

/// The folder in which this user's programs keep their data.
pub(crate) fn data_folder() -> Option<PathBuf> {
    let from = |variable| {
        env::var_os(variable)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    let folder = if cfg!(windows) {
        from("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        from("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        from("XDG_DATA_HOME").or_else(|| from("HOME").map(|home| home.join(".local/share")))
    };
    folder.map(|folder| folder.join("dongle"))
}

/// Asks the controller for its address (Core Vol 4 Part E, 7.4.6) before the host stack is up. None
/// if it doesn't know the command.
fn read_bd_addr(channel: &HciChannel, within: Duration) -> Result<Option<[u8; 6]>, Error> {
    channel.write_packet_blocking(&READ_BD_ADDR)?;
    let until = Instant::now() + within;
    let mut packet = Vec::new();
    // However late this thread runs, the answer counts if it has arrived.
    let mut looks_late = 0;
    while looks_late < MOST_LATE {
        let left = until.saturating_duration_since(Instant::now());
        looks_late += usize::from(left.is_zero());
        if !channel.read_packet_timeout(&mut packet, left)? {
            break;
        }
        match *packet.as_slice() {
            [0x04, 0x0E, _, _, 0x09, 0x10, 0, a, b, c, d, e, f] => {
                return Ok(Some([f, e, d, c, b, a]));
            }
            [0x04, 0x0E, _, _, 0x09, 0x10, ..] | [0x04, 0x0F, _, _, _, 0x09, 0x10] => {
                return Ok(None);
            }
            _ => {}
        }
    }
    Err(Error::ControllerFailed(
        "the controller did not answer Read BD_ADDR within 2 s".into(),
    ))
}

fn random_static() -> Address {
    let mut octets = [0; 6];
    fastrand::fill(&mut octets);
    octets[0] |= 0b1100_0000;
    // Not all of the random part may be ones (Core Vol 6 Part B, 1.3.2.1), nor all zeros.
    octets[5] = octets[5].clamp(1, 0xFE);
    Address::random(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("dongle-identity-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn an_address_is_the_same_again_for_the_same_controller_only() {
        let folder = folder("same");
        let file = |spec: &str| file_in(&folder, &spec.parse::<Spec>().unwrap().place());
        let one = file("serial:/dev/ttyACM0");
        let other = file("serial:/dev/ttyACM1");
        let address = remembered(&one);
        assert_eq!(address.kind(), AddressKind::RandomStatic);
        assert_eq!(remembered(&one), address);
        // How to talk to it says nothing about which it is.
        for same in [
            "serial:/dev/ttyACM0,115200",
            "serial:/dev/ttyACM0,1000000,rtscts",
            "serial:/dev/ttyACM0,h5",
            "serial:/dev/ttyACM0,snoop=trace",
        ] {
            assert_eq!(remembered(&file(same)), address, "{same}");
        }
        assert_ne!(remembered(&other), address);
        assert_eq!(
            fs::read_dir(&folder).unwrap().count(),
            2,
            "no drafts are left"
        );
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn controllers_with_long_names_have_files_of_their_own() {
        let board = |serial: u32| {
            format!(
                "serial:/dev/serial/by-id/usb-Nordic_Semiconductor_ASA_nRF_Connect_SDK_HCI_low_latency_\
                 sample_of_a_board_with_a_long_name_{serial:016X}-if00"
            )
        };
        let file = |serial| file_in(Path::new(""), &board(serial));
        assert_ne!(file(1), file(2));
        assert_eq!(file(1), file(1));
        let with_slash = file_in(Path::new(""), "unix-client:/run/a/b");
        assert_ne!(with_slash, file_in(Path::new(""), "unix-client:/run/a_b"));
        let name = file(1).into_os_string();
        assert!(name.len() <= 128, "{}", name.len());
    }

    #[test]
    fn only_what_lasts_is_remembered() {
        let lasts = |spec: &str| is_lasting(&spec.parse().unwrap());
        for lasting in [
            "serial:/dev/ttyACM0,1000000",
            "serial:/dev/serial/by-id/usb-ZEPHYR-if00,snoop=/dev/pts/trace",
            "usb:0a12:0001",
            "hci-user:0",
            "tcp-client:gate:9000",
            "tcp-client:localhost.example:9000",
        ] {
            assert!(lasts(lasting), "{lasting}");
        }
        for passing in [
            "serial:/dev/pts/3,115200",
            "serial:/dev/pts/3,h5",
            "tcp-client:127.0.0.1:9000",
            "tcp-client:127.1.2.3:9000",
            "tcp-client:[::1]:9000",
            "tcp-client:LocalHost:9000,snoop=trace",
            "virtual",
        ] {
            assert!(!lasts(passing), "{passing}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn only_what_is_in_the_temporary_folder_passes_with_it() {
        let temporary: PathBuf = env::temp_dir().components().collect();
        let socket = |path: PathBuf| Spec::UnixClient { path };
        assert!(!is_lasting(&socket(temporary.join("x"))));
        // Folders whose names only look like it, as /var/tmp and /srv/tmpfs do.
        let inside = temporary.strip_prefix("/").unwrap_or(&temporary);
        assert!(is_lasting(&socket(
            Path::new("/var").join(inside).join("x")
        )));
        let mut longer = temporary.into_os_string();
        longer.push("fs");
        assert!(is_lasting(&socket(PathBuf::from(longer).join("x"))));
    }

    #[test]
    fn what_is_no_address_is_replaced() {
        let folder = folder("damaged");
        fs::create_dir_all(&folder).unwrap();
        let file = file_in(&folder, "x");
        for damaged in [
            "",
            "rubbish",
            "01:02:03:04:05:06/public",
            "41:02:03:04:05:06/random",
        ] {
            fs::write(&file, damaged).unwrap();
            let address = remembered(&file);
            assert_eq!(address.kind(), AddressKind::RandomStatic);
            assert_eq!(remembered(&file), address, "after {damaged:?}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_can_not_be_is_no_obstacle() {
        let folder = folder("obstacle");
        fs::write(&folder, "a file").unwrap();
        let address = remembered(&file_in(&folder, "x"));
        assert_eq!(address.kind(), AddressKind::RandomStatic);
        fs::remove_file(&folder).unwrap();
    }

    #[test]
    fn an_answer_that_is_there_counts_though_nobody_looked_in_time() {
        let (channel, port) = hci_transport::channel("late", 4096);
        let noise = [0x04, 0xFF, 0x01, 0x00];
        let answer = [0x04, 0x0E, 0x0A, 1, 0x09, 0x10, 0, 6, 5, 4, 3, 2, 1];
        port.try_deliver(&noise).unwrap();
        port.try_deliver(&answer).unwrap();
        let address = read_bd_addr(&channel, Duration::ZERO).unwrap();
        assert_eq!(address, Some([1, 2, 3, 4, 5, 6]));
        // And what never ends ends.
        while port.try_deliver(&noise).is_ok() {}
        assert!(read_bd_addr(&channel, Duration::ZERO).is_err());
    }

    #[test]
    fn random_static_addresses_are_valid_and_differ() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let address = random_static();
            assert_eq!(address.kind(), AddressKind::RandomStatic);
            assert!(address.octets()[1..] != [0; 5] && address.octets()[1..] != [0xFF; 5]);
            seen.insert(address);
        }
        assert!(seen.len() > 990);
    }
}
