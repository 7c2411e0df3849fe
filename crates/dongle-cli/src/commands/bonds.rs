//! `dongle bonds`: the devices that a dongle is bonded with.

use serde::Serialize;

use super::pair::Safe;
use crate::args::{Bonds, Global};
use crate::failure::Failure;
use crate::output::Output;
use crate::screen::pad;
use crate::session::{Interrupt, Session};

#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    safe: Safe,
    private: bool,
}

#[derive(Debug, Serialize)]
struct Forgotten {
    forgotten: String,
}

pub async fn run(global: &Global, interrupt: &Interrupt, args: &Bonds) -> Result<(), Failure> {
    let out = Output::new(args.json);
    Session::run_interruptibly(global, interrupt, None, async |session| {
        let own = session
            .dongle
            .address()
            .map_or_else(String::new, |own| format!(" as {own:#}"));
        if let Some(address) = args.forget {
            return match session.dongle.forget(address)? {
                true if out.json => out.object(&Forgotten {
                    forgotten: address.to_string(),
                }),
                true => out.line(format!("Forgot the bond with {address}.")),
                false => Err(Failure::NoBond(address)),
            };
        }
        let bonds = session.dongle.bonds();
        for bond in &bonds {
            let line = Line {
                safe: Safe::new(bond.address, &bond.security),
                private: bond.private,
            };
            match out.json {
                true => out.object(&line)?,
                false => {
                    let private = match bond.private {
                        true => ", uses private addresses",
                        false => "",
                    };
                    let address = out.style.bold(pad(&format!("{:#}", bond.address), 24));
                    out.line(format!("{address}  {}{private}", bond.security.level()))?;
                }
            }
        }
        if bonds.is_empty() && !out.json {
            let why = match session.dongle.keeps_bonds() {
                true => "",
                false => " It does not keep any.",
            };
            let name = session.dongle.name();
            out.line(out.style.dim(format!("{name}{own} has no bonds.{why}")))?;
        }
        Ok(())
    })
    .await
}
