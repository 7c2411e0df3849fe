//! `dongle read`: one value.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::args::{Global, Read};
use crate::failure::Failure;
use crate::find;
use crate::output::Output;
use crate::progress::Progress;
use crate::session::{Interrupt, Session};
use crate::value::{self, Format};

#[derive(Debug, Serialize)]
struct Value {
    address: String,
    uuid: String,
    handle: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    #[serde(flatten)]
    value: value::Json,
}

pub async fn run(global: &Global, interrupt: &Interrupt, args: &Read) -> Result<(), Failure> {
    let out = Output::new(args.json);
    Session::run_interruptibly(global, interrupt, Some(&args.link), async |session| {
        let timeout = session.request_timeout();
        let connection = session.connect(args.device.address, &args.link).await?;
        let read = async {
            let found = find::characteristic(&connection, &args.path.path, timeout).await?;
            let Some(uuid) = args.descriptor else {
                let octets = session.call(&connection, found.read()).await?;
                return Ok::<_, Failure>((found.uuid(), found.value_handle(), octets));
            };
            let descriptor = find::descriptor(&found, uuid, timeout).await?;
            let octets = session.call(&connection, descriptor.read()).await?;
            Ok((uuid, descriptor.handle(), octets))
        };
        let progress = Progress::of(global, format!("Reading {}", args.path.path));
        let (uuid, handle, octets) = progress.step(read).await?;
        if args.raw {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&octets)?;
            return Ok(stdout.flush()?);
        }
        if let Some(wrong) = value::misfit(args.format, &octets) {
            return Err(Failure::Misfit(wrong));
        }
        if out.json {
            return out.object(&Value {
                address: args.device.address.to_string(),
                uuid: uuid.to_string(),
                handle: handle.get(),
                name: find::name(uuid),
                value: value::Json::new(args.format, uuid, &octets),
            });
        }
        let shown = value::shown(args.format, uuid, &octets);
        let plain = value::spaced(&octets);
        match args.format == Format::Auto && out.terminal && shown != plain && !octets.is_empty() {
            true => out.line(format!("{shown}  {}", out.style.dim(plain))),
            false => out.line(shown),
        }
    })
    .await
}
