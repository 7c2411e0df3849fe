//! `dongle write`: one value.

use std::io::Read as _;

use serde::Serialize;

use crate::args::{Global, Write};
use crate::failure::Failure;
use crate::find;
use crate::output::Output;
use crate::session::{Interrupt, Session};
use crate::value;

/// Longest value of an attribute (Core Vol 3 Part F, 3.2.9).
const LONGEST: usize = 512;

#[derive(Debug, Serialize)]
struct Written {
    address: String,
    uuid: String,
    handle: u16,
    octets: usize,
    hex: String,
}

pub async fn run(global: &Global, interrupt: &Interrupt, args: &Write) -> Result<(), Failure> {
    let out = Output::new(args.json);
    let octets = octets(args)?;
    Session::run_interruptibly(global, interrupt, async |session| {
        let timeout = session.request_timeout();
        let connection = session.connect(args.device.address).await?;
        let found = find::characteristic(&connection, &args.path.path, timeout).await?;
        let (uuid, handle) = match args.descriptor {
            Some(uuid) => {
                let descriptor = found.descriptor(uuid).timeout(timeout).await?;
                descriptor.write(&octets).timeout(timeout).await?;
                (uuid, descriptor.handle())
            }
            None => {
                let mut write = found.write(&octets).timeout(timeout);
                if args.response || args.no_response {
                    write = write.response(args.response);
                }
                write.await?;
                (found.uuid(), found.handle())
            }
        };
        if out.json {
            return out.object(&Written {
                address: args.device.address.to_string(),
                uuid: uuid.to_string(),
                handle: handle.get(),
                octets: octets.len(),
                hex: value::hex(&octets),
            });
        }
        let count = octets.len();
        let plural = if count == 1 { "octet" } else { "octets" };
        out.line(format!("Wrote {count} {plural} to {}", find::titled(uuid)))
    })
    .await
}

fn octets(args: &Write) -> Result<Vec<u8>, Failure> {
    let octets = match args.value.as_str() {
        "-" => {
            let mut octets = Vec::new();
            // One more than can be written shows that there are too many.
            let mut stdin = std::io::stdin().lock().take(LONGEST as u64 + 1);
            stdin
                .read_to_end(&mut octets)
                .map_err(Failure::io("standard input"))?;
            octets
        }
        text => value::parse(args.format, text).map_err(Failure::Usage)?,
    };
    match octets.len() > LONGEST {
        true => Err(Failure::Usage(format!(
            "a value has at most {LONGEST} octets"
        ))),
        false => Ok(octets),
    }
}
