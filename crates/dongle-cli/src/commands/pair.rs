//! `dongle pair`: pairs with a device, and keeps the bond.

use std::path::Path;

use dongle::security::Security;
use dongle::{Address, Error};
use serde::Serialize;

use crate::args::{Global, Pair};
use crate::failure::Failure;
use crate::oob;
use crate::output::Output;
use crate::person::Person;
use crate::progress::Progress;
use crate::session::{Interrupt, Session};

/// How safe a connection is.
#[derive(Debug, Serialize)]
pub struct Safe {
    pub address: String,
    level: String,
    authenticated: bool,
    secure_connections: bool,
    key_size: u8,
    bonded: bool,
}

impl Safe {
    pub fn new(address: Address, security: &Security) -> Self {
        Self {
            address: address.to_string(),
            level: security.level().to_string(),
            authenticated: security.authenticated,
            secure_connections: security.secure_connections,
            key_size: security.key_size,
            bonded: security.bonded,
        }
    }
}

/// Our out of band data, for the device.
#[derive(Debug, Serialize)]
struct Ours<'a> {
    our_oob: &'a str,
}

pub async fn run(global: &Global, interrupt: &Interrupt, args: &Pair) -> Result<(), Failure> {
    let out = Output::new(args.json);
    let mut person = Person::new(&args.link.pairing)?;
    // No link: the agent is complete only once the device has our data.
    Session::run_interruptibly(global, interrupt, None, async |session| {
        let address = args.device.address;
        if args.again && !session.dongle.forget(address)? {
            log::info!("there is no bond with {address} to forget");
        }
        match &args.our_oob {
            Some(file) => {
                let ours = session.dongle.local_oob().await?;
                let tag = oob::tag(session.dongle.address(), &ours);
                match file == Path::new("-") {
                    true if out.json => out.object(&Ours { our_oob: &tag })?,
                    true => out.line(&tag)?,
                    false => oob::save(file, &tag)?,
                }
                person.gives(ours).await?;
            }
            None => person.reads_oob().await?,
        }
        let connection = session.connect(address, &args.link).await?;
        let mut pair = connection
            .pair()
            .agent(person)
            .min_key_size(args.min_key_size)
            .bond(!args.no_bond);
        let given = args.our_oob.is_some() || args.link.pairing.proves();
        if given {
            pair = pair.not_just_works();
        }
        if args.authenticated {
            pair = pair.authenticated();
        }
        if args.secure_connections {
            pair = pair.secure_connections();
        }
        if let Some(timeout) = global.timeout {
            pair = pair.timeout(timeout);
        }
        let progress = Progress::of(global, format!("Pairing with {address}"));
        let paired = progress.step(async { Ok(pair.await?) }).await;
        let security = match given {
            true => paired.map_err(Failure::with_what_proves)?,
            false => paired?,
        };
        // A device that is disconnected before it has our last key keeps no bond; once it answers
        // this request, it has it.
        let mut behind = connection.services().timeout(session.request_timeout());
        match behind.next().await {
            Err(error @ Error::Disconnected(_)) => return Err(error.into()),
            Err(error) => log::info!("after pairing: {error}"),
            Ok(_) => {}
        }
        match out.json {
            true => out.object(&Safe::new(address, &security)),
            false => out.line(format!(
                "Paired with {address}: {}; {}.",
                security.level(),
                session.kept(&security)
            )),
        }
    })
    .await
}
