//! Finding a characteristic by what the command line calls it.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use dongle::{Characteristic, Descriptor, DeviceConnection, Error, Uuid};

use crate::failure::Failure;

/// What the command line calls a characteristic: `2a37`, `180d/2a37`, `heart-rate-measurement`,
/// `@14`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    Uuid {
        service: Option<Uuid>,
        characteristic: Uuid,
    },
    Handle(u16),
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(handle) = text.strip_prefix('@') {
            let number = match handle.strip_prefix("0x") {
                Some(digits) => u16::from_str_radix(digits, 16),
                None => handle.parse(),
            };
            return number
                .ok()
                .filter(|&handle| handle != 0)
                .map(Self::Handle)
                .ok_or_else(|| format!("{text:?} is not a handle; write it like @14 or @0x000e"));
        }
        match text.split_once('/') {
            None => Ok(Self::Uuid {
                service: None,
                characteristic: parse_characteristic(text)?,
            }),
            Some((service, characteristic)) => Ok(Self::Uuid {
                service: Some(parse_service(service)?),
                characteristic: parse_characteristic(characteristic)?,
            }),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid {
                service: None,
                characteristic,
            } => {
                write!(f, "characteristic {}", titled(*characteristic))
            }
            Self::Uuid {
                service: Some(service),
                characteristic,
            } => {
                write!(
                    f,
                    "characteristic {} in {}",
                    titled(*characteristic),
                    titled(*service)
                )
            }
            Self::Handle(handle) => write!(f, "characteristic value at handle {handle}"),
        }
    }
}

/// A service: its UUID or its name.
pub fn parse_service(text: &str) -> Result<Uuid, String> {
    parse(text, dongle_names::service_named, "service")
}

/// A characteristic: its UUID or its name.
pub fn parse_characteristic(text: &str) -> Result<Uuid, String> {
    parse(text, dongle_names::characteristic_named, "characteristic")
}

/// A descriptor: its UUID or its name.
pub fn parse_descriptor(text: &str) -> Result<Uuid, String> {
    parse(text, dongle_names::descriptor_named, "descriptor")
}

fn parse(text: &str, named: fn(&str) -> Option<u16>, what: &str) -> Result<Uuid, String> {
    // "face" is four hexadecimal digits, and no assigned name is only those.
    let uuid = text
        .parse()
        .ok()
        .or_else(|| named(text).map(Uuid::from_u16));
    uuid.ok_or_else(|| match kind_named(text) {
        Some(other) => format!("{text:?} is the name of a {other}; a {what} is expected here"),
        None => format!(
            "{text:?} is neither a UUID (4, 8 or 32 hexadecimal digits, or \
             xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx) nor the name of a {what}; `dongle inspect` shows \
             the names that a device has"
        ),
    })
}

/// What else has this name.
fn kind_named(text: &str) -> Option<&'static str> {
    if dongle_names::service_named(text).is_some() {
        Some("service")
    } else if dongle_names::characteristic_named(text).is_some() {
        Some("characteristic")
    } else {
        dongle_names::descriptor_named(text).map(|_| "descriptor")
    }
}

/// The name of a UUID.
pub fn name(uuid: Uuid) -> Option<&'static str> {
    dongle_names::uuid(uuid.to_u128())
}

/// `Heart Rate (0x180D)`, or the UUID alone.
pub fn titled(uuid: Uuid) -> String {
    match name(uuid) {
        Some(name) => format!("{name} ({uuid})"),
        None => uuid.to_string(),
    }
}

/// The characteristic that is meant. Discovers no more of the device than it takes to find it.
pub async fn characteristic(
    connection: &DeviceConnection,
    path: &Path,
    timeout: Duration,
) -> Result<Characteristic, Failure> {
    let began = Instant::now();
    let found = search(connection, path, timeout).await;
    found.map_err(|failure| failure.in_step(&format!("discovering {path}"), began))
}

async fn search(
    connection: &DeviceConnection,
    path: &Path,
    timeout: Duration,
) -> Result<Characteristic, Failure> {
    if let Path::Uuid {
        service: Some(service),
        characteristic,
    } = *path
    {
        let titled_service = titled(service);
        let service = connection.service(service).timeout(timeout).await?;
        let found = service.characteristic(characteristic).timeout(timeout);
        return found.await.map_err(|error| match error {
            Error::NotFound(_) => Failure::NotFound(format!(
                "service {titled_service} has no characteristic {}",
                titled(characteristic)
            )),
            other => other.into(),
        });
    }
    let mut services = connection.services().timeout(timeout);
    while let Some(service) = services.next().await? {
        if let Path::Handle(handle) = *path {
            let (first, last) = (
                service.handles().start().get(),
                service.handles().end().get(),
            );
            if !(first..=last).contains(&handle) {
                continue;
            }
        }
        let mut characteristics = service.characteristics().timeout(timeout);
        while let Some(found) = characteristics.next().await? {
            let meant = match *path {
                Path::Uuid { characteristic, .. } => found.uuid() == characteristic,
                Path::Handle(handle) => found.value_handle().get() == handle,
            };
            if meant {
                return Ok(found);
            }
        }
    }
    Err(Failure::NotFound(format!("the device has no {path}")))
}

/// A descriptor of the characteristic.
pub async fn descriptor(
    characteristic: &Characteristic,
    uuid: Uuid,
    timeout: Duration,
) -> Result<Descriptor, Failure> {
    let began = Instant::now();
    let found = characteristic.descriptor(uuid).timeout(timeout).await;
    found.map_err(|error| match error {
        Error::NotFound(_) => Failure::NotFound(format!(
            "characteristic {} has no descriptor {}",
            titled(characteristic.uuid()),
            titled(uuid)
        )),
        other => {
            let step = format!("discovering descriptor {}", titled(uuid));
            Failure::from(other).in_step(&step, began)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characteristics_are_called_by_uuid_name_or_handle() {
        let measurement = Uuid::from_u16(0x2A37);
        let plain = Path::Uuid {
            service: None,
            characteristic: measurement,
        };
        for text in [
            "2a37",
            "0x2A37",
            "heart-rate-measurement",
            "Heart Rate Measurement",
        ] {
            assert_eq!(text.parse(), Ok(plain.clone()), "{text}");
        }
        let service = Some(Uuid::from_u16(0x180D));
        let with_service = Path::Uuid {
            service,
            characteristic: measurement,
        };
        assert_eq!("heart-rate/2a37".parse(), Ok(with_service));
        assert_eq!("@14".parse(), Ok(Path::Handle(14)));
        assert_eq!("@0x000e".parse(), Ok(Path::Handle(14)));
        for text in ["", "@", "@0", "@x", "/", "2a3", "180d/", "no-such-thing"] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }
}
