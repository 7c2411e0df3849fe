//! `dongle write`: one value.

use std::io::{self, Read as _};

use dongle::Properties;
use serde::Serialize;

use crate::args::{Global, Write};
use crate::failure::Failure;
use crate::find;
use crate::output::Output;
use crate::person;
use crate::progress::Progress;
use crate::session::{Interrupt, Session};
use crate::style::Style;
use crate::value;

/// Longest value of an attribute (Core Vol 3 Part F, 3.2.9).
const LONGEST: usize = 512;

#[derive(Debug, Serialize)]
struct Written {
    address: String,
    uuid: String,
    handle: u16,
    octets: usize,
    confirmed: bool,
    hex: String,
}

pub async fn run(global: &Global, interrupt: &Interrupt, args: &Write) -> Result<(), Failure> {
    let out = Output::new(args.json);
    let octets = octets(interrupt, args).await?;
    Session::run_interruptibly(global, interrupt, Some(&args.link), async |session| {
        let timeout = session.request_timeout();
        let connection = session.connect(args.device.address, &args.link).await?;
        let write = async {
            let found = find::characteristic(&connection, &args.path.path, timeout).await?;
            if let Some(uuid) = args.descriptor {
                let descriptor = find::descriptor(&found, uuid, timeout).await?;
                session.call(&connection, descriptor.write(&octets)).await?;
                return Ok::<_, Failure>((uuid, descriptor.handle(), true));
            }
            // With a response where possible: only then is it known to be written.
            let can = found.properties().contains(Properties::WRITE);
            let response = args.response || (can && !args.no_response);
            let write = found.write(&octets).response(response);
            session.call(&connection, write).await?;
            Ok((found.uuid(), found.value_handle(), response))
        };
        let progress = Progress::of(global, format!("Writing {}", args.path.path));
        let (uuid, handle, confirmed) = progress.step(write).await?;
        if out.json {
            return out.object(&Written {
                address: args.device.address.to_string(),
                uuid: uuid.to_string(),
                handle: handle.get(),
                octets: octets.len(),
                confirmed,
                hex: value::hex(&octets),
            });
        }
        let count = octets.len();
        let plural = if count == 1 { "octet" } else { "octets" };
        let to = find::titled(uuid);
        out.line(match confirmed {
            true => format!("Wrote {count} {plural} to {to}"),
            false => format!("Sent {count} {plural} to {to}, unconfirmed"),
        })
    })
    .await
}

async fn octets(interrupt: &Interrupt, args: &Write) -> Result<Vec<u8>, Failure> {
    let octets = match args.value.as_str() {
        "-" => interrupt.or(standard_input()).await?,
        text => value::parse(args.format, text).map_err(Failure::Usage)?,
    };
    match octets.len() > LONGEST {
        true => Err(Failure::Usage(format!(
            "a value has at most {LONGEST} octets"
        ))),
        false => Ok(octets),
    }
}

/// All of standard input.
async fn standard_input() -> Result<Vec<u8>, Failure> {
    if person::is_there() {
        let mark = Style::of(&io::stderr()).accent("?");
        eprintln!("{mark} Type the value; Ctrl-D ends it:");
    }
    // On a thread of its own: Ctrl-C is heard meanwhile.
    let (told, octets) = async_channel::bounded(1);
    std::thread::spawn(move || {
        let mut octets = Vec::new();
        // One more than can be written, to notice that there are too many.
        let mut stdin = io::stdin().lock().take(LONGEST as u64 + 1);
        let read = stdin.read_to_end(&mut octets);
        // Nobody waits for it after Ctrl-C.
        let _ = told.send_blocking(read.map(|_| octets));
    });
    let octets = octets.recv().await.map_err(|_| Failure::Interrupted)?;
    octets.map_err(Failure::io("standard input"))
}
