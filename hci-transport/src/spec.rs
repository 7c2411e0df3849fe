//! The line that names a controller, such as `serial:/dev/ttyACM0,1000000,rtscts`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::{Error, ErrorKind, Snoop};

/// The baud rate of a serial port if the spec names none: that of Zephyr's samples.
pub const DEFAULT_BAUD: u32 = 1_000_000;

/// Where a controller is, and how to reach it.
///
/// ```
/// use hci_transport::Spec;
///
/// let spec: Spec = "serial:/dev/ttyACM0,115200,rtscts".parse()?;
/// assert_eq!(
///     spec,
///     Spec::Serial { path: "/dev/ttyACM0".into(), baud: 115_200, rtscts: true }
/// );
/// assert_eq!(spec.to_string(), "serial:/dev/ttyACM0,115200,rtscts");
/// # Ok::<(), hci_transport::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Spec {
    /// `serial:PATH[,BAUD][,rtscts]`: H4 on a serial port. The options come in any order.
    Serial {
        /// The port: `/dev/ttyACM0`, `COM3`.
        path: String,
        /// Bits per second.
        baud: u32,
        /// Whether RTS and CTS are used for flow control.
        rtscts: bool,
    },
    /// `serial:PATH[,BAUD][,rtscts],h5`: H5, the three-wire UART, on a serial port.
    ThreeWire {
        /// The port.
        path: String,
        /// Bits per second.
        baud: u32,
        /// Whether RTS and CTS are used for flow control, although H5 does not need them.
        rtscts: bool,
    },
    /// `tcp-client:HOST:PORT`: H4 on a TCP connection. An IPv6 address goes in brackets.
    TcpClient {
        /// A host name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// `unix-client:PATH`: H4 on a Unix socket.
    UnixClient {
        /// The socket's path.
        path: PathBuf,
    },
    /// `usb:INDEX`, `usb:VENDOR:PRODUCT` or `usb:VENDOR:PRODUCT/SERIAL`: a USB adapter.
    Usb(UsbAddress),
    /// `hci-user:INDEX`: on Linux, a controller that the kernel has a driver for (`hci0`), lent to
    /// this program by the HCI user channel.
    HciUser(u16),
    /// `virtual`: a simulated controller in the same process.
    Virtual,
    /// Any of them followed by `,snoop=FILE`, and perhaps `,snoop-keys`: recorded.
    Recorded {
        /// The controller.
        spec: Box<Spec>,
        /// The capture.
        snoop: Snoop,
    },
}

/// Which USB adapter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UsbAddress {
    /// The n-th Bluetooth adapter, from 0.
    Index(u8),
    /// The first adapter with these IDs.
    Id {
        /// The vendor identifier (idVendor).
        vendor: u16,
        /// The product identifier (idProduct).
        product: u16,
    },
    /// The adapter with these IDs and this serial number.
    Serial {
        /// The vendor identifier (idVendor).
        vendor: u16,
        /// The product identifier (idProduct).
        product: u16,
        /// The serial number that the adapter reports.
        serial: String,
    },
}

const SPELLINGS: &str = "serial:PATH[,BAUD][,rtscts][,h5], tcp-client:HOST:PORT, unix-client:PATH, \
                         usb:INDEX, usb:VENDOR:PRODUCT[/SERIAL] (hexadecimal), hci-user:INDEX or virtual, and behind any of them \
                         ,snoop=FILE to record it";

impl Spec {
    /// The controller, without the recording options.
    pub fn controller(&self) -> &Self {
        match self {
            Self::Recorded { spec, .. } => spec.controller(),
            other => other,
        }
    }

    /// The capture that the spec asks for.
    pub fn snoop(&self) -> Option<&Snoop> {
        match self {
            Self::Recorded { snoop, .. } => Some(snoop),
            _ => None,
        }
    }

    /// Where the controller is, without how to talk to it: `serial:/dev/ttyACM0` for
    /// `serial:/dev/ttyACM0,115200,rtscts`. Messages name it like this.
    pub fn place(&self) -> String {
        match self {
            Self::Serial { path, .. } | Self::ThreeWire { path, .. } => format!("serial:{path}"),
            Self::Recorded { spec, .. } => spec.place(),
            other => other.to_string(),
        }
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self, Error> {
        let line = line.trim();
        let (controller, snoop) = split_snoop(line)?;
        let spec = Self::parse_controller(&controller)?;
        Ok(match snoop {
            Some(snoop) => Self::Recorded {
                spec: Box::new(spec),
                snoop,
            },
            None => spec,
        })
    }
}

/// Splits the line into the part without the recording options, and those options.
fn split_snoop(line: &str) -> Result<(String, Option<Snoop>), Error> {
    const CURE: &str = "write ,snoop=FILE behind the controller, and ,snoop-keys if keys are to be \
                        in it";
    let mut parts = line.split(',');
    let mut kept = vec![parts.next().unwrap_or_default()];
    let (mut path, mut keys) = (None, false);
    for part in parts {
        match part.trim().strip_prefix("snoop=") {
            Some("") => return Err(invalid(line, "no file to record to", CURE)),
            Some(file) if path.replace(file).is_some() => {
                return Err(invalid(line, "two files to record to", CURE));
            }
            Some(_) => {}
            None if part.trim() == "snoop-keys" => keys = true,
            None => kept.push(part),
        }
    }
    match path {
        Some(path) => Ok((kept.join(","), Some(Snoop::to(path).keys(keys)))),
        None if keys => Err(invalid(
            line,
            "snoop-keys without a file to record to",
            CURE,
        )),
        None => Ok((line.to_owned(), None)),
    }
}

impl Spec {
    fn parse_controller(line: &str) -> Result<Self, Error> {
        let (scheme, rest) = line.split_once(':').unwrap_or((line, ""));
        match scheme {
            "serial" => parse_serial(line, rest),
            "tcp-client" => parse_tcp(line, rest),
            "unix-client" if rest.is_empty() => {
                Err(invalid(line, "no path", "write unix-client:PATH"))
            }
            "unix-client" => Ok(Self::UnixClient { path: rest.into() }),
            "usb" => parse_usb(line, rest).map(Self::Usb),
            "hci-user" => match rest.parse() {
                Ok(index) => Ok(Self::HciUser(index)),
                Err(_) => Err(invalid(
                    line,
                    &format!("'{rest}' is no controller's number"),
                    "write hci-user:0 for the kernel's hci0",
                )),
            },
            "virtual" if line == "virtual" => Ok(Self::Virtual),
            "virtual" => Err(invalid(
                line,
                "a virtual controller takes no options",
                "write virtual",
            )),
            "" => Err(invalid(
                line,
                "no controller is named",
                &format!("write {SPELLINGS}"),
            )),
            // The most likely mistake: the device's path alone.
            _ if line.starts_with("/dev/tty") || line.starts_with("COM") => Err(invalid(
                line,
                "no kind of transport",
                &format!("write serial:{line}"),
            )),
            _ => Err(invalid(
                line,
                &format!("there is no transport '{scheme}'"),
                &format!("write {SPELLINGS}"),
            )),
        }
    }
}

fn invalid(line: &str, what: &str, cure: &str) -> Error {
    Error::new(
        ErrorKind::InvalidSpec,
        format!("'{line}' names no controller: {what}; {cure}"),
    )
}

fn parse_serial(line: &str, rest: &str) -> Result<Spec, Error> {
    const CURE: &str = "write serial:PATH[,BAUD][,rtscts|nortscts][,h5], \
                        for example serial:/dev/ttyACM0,1000000,rtscts";
    let mut parts = rest.split(',').map(str::trim);
    let path = parts.next().unwrap_or_default();
    if path.is_empty() {
        return Err(invalid(line, "no serial port", CURE));
    }
    let (mut baud, mut rtscts, mut three_wire) = (None, None, None);
    for option in parts {
        let given_twice = match option {
            "rtscts" => rtscts.replace(true).is_some(),
            "nortscts" => rtscts.replace(false).is_some(),
            "h5" => three_wire.replace(()).is_some(),
            _ if option.starts_with(|c: char| c.is_ascii_digit()) => {
                let rate = option.parse().ok().filter(|rate| *rate > 0);
                let Some(rate) = rate else {
                    return Err(invalid(line, &format!("'{option}' is no baud rate"), CURE));
                };
                baud.replace(rate).is_some()
            }
            "" => return Err(invalid(line, "an option is empty", CURE)),
            _ => {
                return Err(invalid(
                    line,
                    &format!(
                        "unknown option '{option}', known are a baud rate, rtscts, nortscts, h5 and snoop=FILE"
                    ),
                    CURE,
                ));
            }
        };
        if given_twice {
            return Err(invalid(line, &format!("'{option}' says it twice"), CURE));
        }
    }
    let path = path.to_owned();
    let baud = baud.unwrap_or(DEFAULT_BAUD);
    let rtscts = rtscts.unwrap_or(false);
    Ok(match three_wire {
        Some(()) => Spec::ThreeWire { path, baud, rtscts },
        None => Spec::Serial { path, baud, rtscts },
    })
}

fn parse_tcp(line: &str, rest: &str) -> Result<Spec, Error> {
    const CURE: &str = "write tcp-client:HOST:PORT, for example tcp-client:127.0.0.1:9000 \
                        or tcp-client:[::1]:9000";
    let Some((host, port)) = rest.rsplit_once(':') else {
        return Err(invalid(line, "no port", CURE));
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains([':', '[', ']']) {
        return Err(invalid(line, "an IPv6 address stands in brackets", CURE));
    }
    let host = bare.unwrap_or(host);
    if host.is_empty() {
        return Err(invalid(line, "no host", CURE));
    }
    match port.parse() {
        Ok(port) if port != 0 => Ok(Spec::TcpClient {
            host: host.to_owned(),
            port,
        }),
        _ => Err(invalid(
            line,
            &format!("'{port}' is no port (1 to 65535)"),
            CURE,
        )),
    }
}

fn parse_usb(line: &str, rest: &str) -> Result<UsbAddress, Error> {
    const CURE: &str = "write usb:0 for the first adapter, or usb:VENDOR:PRODUCT[/SERIAL] with the \
                        numbers in hexadecimal, for example usb:0a12:0001";
    let hexadecimal = |text: &str| {
        let digits = (1..=4).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit());
        let value = u16::from_str_radix(text, 16).ok().filter(|_| digits);
        value.ok_or_else(|| invalid(line, &format!("'{text}' is no USB identifier"), CURE))
    };
    match rest.split_once(':') {
        Some((vendor, product)) => {
            let (product, serial) = match product.split_once('/') {
                Some((_, "")) => return Err(invalid(line, "the serial number is empty", CURE)),
                Some((product, serial)) => (product, Some(serial.to_owned())),
                None => (product, None),
            };
            let (vendor, product) = (hexadecimal(vendor)?, hexadecimal(product)?);
            Ok(match serial {
                Some(serial) => UsbAddress::Serial {
                    vendor,
                    product,
                    serial,
                },
                None => UsbAddress::Id { vendor, product },
            })
        }
        None => match rest.parse() {
            Ok(index) => Ok(UsbAddress::Index(index)),
            Err(_) if rest.is_empty() => Err(invalid(line, "no USB adapter", CURE)),
            Err(_) => Err(invalid(
                line,
                &format!("'{rest}' is no adapter's number"),
                CURE,
            )),
        },
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial { path, baud, rtscts } | Self::ThreeWire { path, baud, rtscts } => {
                write!(f, "serial:{path},{baud}")?;
                if *rtscts {
                    f.write_str(",rtscts")?;
                }
                if matches!(self, Self::ThreeWire { .. }) {
                    f.write_str(",h5")?;
                }
                Ok(())
            }
            Self::TcpClient { host, port } if host.contains(':') => {
                write!(f, "tcp-client:[{host}]:{port}")
            }
            Self::TcpClient { host, port } => write!(f, "tcp-client:{host}:{port}"),
            Self::UnixClient { path } => write!(f, "unix-client:{}", path.display()),
            Self::Usb(UsbAddress::Index(index)) => write!(f, "usb:{index}"),
            Self::Usb(UsbAddress::Id { vendor, product }) => {
                write!(f, "usb:{vendor:04x}:{product:04x}")
            }
            Self::Usb(UsbAddress::Serial {
                vendor,
                product,
                serial,
            }) => write!(f, "usb:{vendor:04x}:{product:04x}/{serial}"),
            Self::HciUser(index) => write!(f, "hci-user:{index}"),
            Self::Virtual => f.write_str("virtual"),
            Self::Recorded { spec, snoop } => {
                write!(f, "{spec},snoop={}", snoop.path().display())?;
                if snoop.records_keys() {
                    f.write_str(",snoop-keys")?;
                }
                Ok(())
            }
        }
    }
}
