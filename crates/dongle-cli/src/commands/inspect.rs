//! `dongle inspect`: everything a device has, as a tree.

use std::time::Duration;

use dongle::{AttError, Characteristic, DeviceConnection, Error, Properties, Service, Uuid};
use serde::Serialize;

use crate::args::{Global, Inspect};
use crate::failure::Failure;
use crate::find;
use crate::output::Output;
use crate::progress::Progress;
use crate::screen::{Screen, fit};
use crate::session::{Interrupt, Session};
use crate::value::{self, Format};

#[derive(Debug, Serialize)]
struct Device {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    mtu: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rssi: Option<i8>,
    services: Vec<ServiceNode>,
}

#[derive(Debug, Serialize)]
struct ServiceNode {
    #[serde(flatten)]
    is: Titled,
    first_handle: u16,
    last_handle: u16,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    includes: Vec<Titled>,
    characteristics: Vec<CharacteristicNode>,
}

#[derive(Debug, Serialize)]
struct CharacteristicNode {
    #[serde(flatten)]
    is: Titled,
    handle: u16,
    properties: Vec<String>,
    #[serde(flatten)]
    value: Value,
    descriptors: Vec<DescriptorNode>,
}

#[derive(Debug, Serialize)]
struct DescriptorNode {
    #[serde(flatten)]
    is: Titled,
    handle: u16,
    #[serde(flatten)]
    value: Value,
}

#[derive(Debug, Serialize)]
struct Titled {
    uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
}

impl From<Uuid> for Titled {
    fn from(uuid: Uuid) -> Self {
        Self {
            uuid: uuid.to_string(),
            name: find::name(uuid),
        }
    }
}

/// A value, or why there is none; neither if it was not read.
#[derive(Debug, Default, Serialize)]
struct Value {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<value::Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip)]
    octets: Option<Vec<u8>>,
    #[serde(skip)]
    uuid: Option<Uuid>,
}

pub async fn run(global: &Global, interrupt: &Interrupt, args: &Inspect) -> Result<(), Failure> {
    let out = Output::new(args.json);
    Session::run_interruptibly(global, interrupt, Some(&args.link), async |session| {
        let connection = session.connect(args.device.address, &args.link).await?;
        let look = Look {
            session,
            connection: &connection,
            timeout: session.request_timeout(),
            values: !args.no_values,
        };
        let progress = Progress::of(global, format!("Inspecting {}", args.device.address));
        let device = progress.step(look.all()).await?;
        match out.json {
            true => out.document(&device),
            false => tree(&out, &device)
                .iter()
                .try_for_each(|line| match out.terminal {
                    // A tree with wrapped lines can't be read.
                    true => out.line(fit(line, Screen::size().0)),
                    false => out.line(line),
                }),
        }
    })
    .await
}

struct Look<'a> {
    session: &'a Session<'a>,
    connection: &'a DeviceConnection,
    timeout: Duration,
    values: bool,
}

impl Look<'_> {
    async fn all(&self) -> Result<Device, Failure> {
        let connection = self.connection;
        let mut services = Vec::new();
        for service in connection.services().timeout(self.timeout).all().await? {
            services.push(self.service(&service).await?);
        }
        let device_name = Uuid::from_u16(0x2A00);
        let name = services
            .iter()
            .flat_map(|service| &service.characteristics)
            .filter_map(|node| node.value.octets.as_deref().zip(node.value.uuid))
            .find_map(|(octets, uuid)| match uuid == device_name {
                true => value::text(octets).map(Into::into),
                false => None,
            });
        Ok(Device {
            address: connection.device().to_string(),
            name,
            mtu: connection.mtu(),
            interval_ms: connection.interval().map(|i| i.as_secs_f64() * 1000.0),
            // Not every controller supports it.
            rssi: connection.rssi().await.ok(),
            services,
        })
    }

    async fn service(&self, service: &Service) -> Result<ServiceNode, Failure> {
        let mut includes = Vec::new();
        for included in service
            .included_services()
            .timeout(self.timeout)
            .all()
            .await?
        {
            includes.push(included.uuid().into());
        }
        let mut characteristics = Vec::new();
        for characteristic in service
            .characteristics()
            .timeout(self.timeout)
            .all()
            .await?
        {
            characteristics.push(self.characteristic(&characteristic).await?);
        }
        Ok(ServiceNode {
            is: service.uuid().into(),
            first_handle: service.handles().start().get(),
            last_handle: service.handles().end().get(),
            includes,
            characteristics,
        })
    }

    async fn characteristic(&self, found: &Characteristic) -> Result<CharacteristicNode, Failure> {
        let mut descriptors = Vec::new();
        for descriptor in found.descriptors().timeout(self.timeout).all().await? {
            let read = match self.values {
                true => Some(self.session.call(self.connection, descriptor.read()).await),
                false => None,
            };
            descriptors.push(DescriptorNode {
                is: descriptor.uuid().into(),
                handle: descriptor.handle().get(),
                value: Value::of(descriptor.uuid(), read)?,
            });
        }
        let readable = found.properties().contains(Properties::READ);
        let read = match self.values && readable {
            true => Some(self.session.call(self.connection, found.read()).await),
            false => None,
        };
        Ok(CharacteristicNode {
            is: found.uuid().into(),
            handle: found.value_handle().get(),
            properties: properties(found.properties()),
            value: Value::of(found.uuid(), read)?,
            descriptors,
        })
    }
}

impl Value {
    /// A refused value is no reason to stop; a lost device is.
    fn of(uuid: Uuid, read: Option<Result<Vec<u8>, Error>>) -> Result<Self, Failure> {
        match read {
            None => Ok(Self::default()),
            Some(Ok(octets)) => Ok(Self {
                value: Some(value::Json::new(Format::Auto, uuid, &octets)),
                octets: Some(octets),
                uuid: Some(uuid),
                error: None,
            }),
            Some(Err(error)) if error.is_disconnected() => Err(error.into()),
            Some(Err(error)) => {
                let told = error.att().and_then(|AttError { code, .. }| code.name());
                let error = told.map_or_else(|| error.to_string(), Into::into);
                Ok(Self {
                    error: Some(error),
                    ..Self::default()
                })
            }
        }
    }
}

/// `read`, `write without response`.
fn properties(properties: Properties) -> Vec<String> {
    properties
        .iter_names()
        .map(|(name, _)| name.to_lowercase().replace('_', " "))
        .collect()
}

fn tree(out: &Output, device: &Device) -> Vec<String> {
    let style = out.style;
    let mut title = style.bold(&device.address);
    if let Some(name) = &device.name {
        title += &format!("  {}", style.bold(value::tame(name)));
    }
    let mut link = format!("MTU {}", device.mtu);
    if let Some(interval) = device.interval_ms {
        link += &format!(", every {interval} ms");
    }
    if let Some(rssi) = device.rssi {
        link += &format!(", {rssi} dBm");
    }
    let mut lines = vec![format!("{title}  {}", style.dim(link))];
    for (index, service) in device.services.iter().enumerate() {
        let (branch, below) = branches(index + 1 == device.services.len());
        let handles = format!("@{}–{}", service.first_handle, service.last_handle);
        lines.push(format!(
            "{}{}  {}",
            style.dim(branch),
            service.is.shown(out, true),
            style.dim(handles)
        ));
        let below = style.dim(below);
        for included in &service.includes {
            lines.push(format!(
                "{below}{}includes {}",
                style.dim("├─ "),
                included.shown(out, false)
            ));
        }
        characteristics(out, &below, service, &mut lines);
        if index + 1 < device.services.len() {
            lines.push(style.dim("│"));
        }
    }
    lines
}

fn characteristics(out: &Output, indent: &str, service: &ServiceNode, lines: &mut Vec<String>) {
    let style = out.style;
    for (index, node) in service.characteristics.iter().enumerate() {
        let (branch, below) = branches(index + 1 == service.characteristics.len());
        let can = style.accent(node.properties.join(", "));
        let handle = style.dim(format!("@{}", node.handle));
        lines.push(format!(
            "{indent}{}{}  {handle}  {can}",
            style.dim(branch),
            node.is.shown(out, false)
        ));
        let own = if node.descriptors.is_empty() {
            "   "
        } else {
            "│  "
        };
        if let Some(value) = node.value.shown(out) {
            lines.push(format!(
                "{indent}{}{value}",
                style.dim(format!("{below}{own}"))
            ));
        }
        for (index, descriptor) in node.descriptors.iter().enumerate() {
            let (branch, _) = branches(index + 1 == node.descriptors.len());
            let value = descriptor.value.shown(out).unwrap_or_default();
            let handle = style.dim(format!("@{}", descriptor.handle));
            lines.push(format!(
                "{indent}{}{}  {handle}  {value}",
                style.dim(format!("{below}{branch}")),
                descriptor.is.shown(out, false)
            ));
        }
    }
}

fn branches(last: bool) -> (&'static str, &'static str) {
    if last {
        ("└─ ", "   ")
    } else {
        ("├─ ", "│  ")
    }
}

impl Titled {
    fn shown(&self, out: &Output, bold: bool) -> String {
        let emphasis = |text: &str| match bold {
            true => out.style.bold(text),
            false => text.into(),
        };
        match self.name {
            Some(name) => format!("{}  {}", emphasis(name), out.style.dim(&self.uuid)),
            None => emphasis(&self.uuid),
        }
    }
}

impl Value {
    fn shown(&self, out: &Output) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(out.style.bad(format!("✗ {error}")));
        }
        let (octets, uuid) = (self.octets.as_ref()?, self.uuid?);
        let shown = value::shown(Format::Auto, uuid, octets);
        let plain = value::spaced(octets);
        let shown_well = out.style.good(&shown);
        Some(match shown == plain || octets.is_empty() {
            true => shown_well,
            false => format!("{shown_well}  {}", out.style.dim(plain)),
        })
    }
}
