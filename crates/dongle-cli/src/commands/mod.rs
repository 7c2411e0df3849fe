//! The commands, one file each.

mod bench;
mod bonds;
mod capture;
mod inspect;
mod list;
mod manual;
mod notify;
mod pair;
mod read;
mod scan;
mod serve;
mod write;

use std::pin::Pin;

use crate::args::{Args, Command};
use crate::failure::Failure;
use crate::session::Interrupt;

/// Does what the command line says.
pub fn run<'a>(
    args: &'a Args,
    interrupt: &'a Interrupt,
) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>> {
    let global = &args.global;
    Box::pin(async move {
        match &args.command {
            Command::List(args) => list::run(args),
            Command::Scan(args) => scan::run(global, interrupt, args).await,
            Command::Inspect(args) => inspect::run(global, interrupt, args).await,
            Command::Read(args) => read::run(global, interrupt, args).await,
            Command::Write(args) => write::run(global, interrupt, args).await,
            Command::Notify(args) => notify::run(global, interrupt, args).await,
            Command::Pair(args) => pair::run(global, interrupt, args).await,
            Command::Bonds(args) => bonds::run(global, interrupt, args).await,
            Command::Bench(args) => bench::run(global, interrupt, args).await,
            Command::Capture(args) => capture::run(global, interrupt, args).await,
            Command::Serve(args) => serve::run(interrupt, args).await,
            Command::Completions(args) => manual::completions(args),
            Command::Man => manual::man(),
        }
    })
}
