//! `dongle completions`, `dongle man`: generated from the definition of the command line.

use std::io::{self, Write as _};

use clap::CommandFactory as _;

use crate::args::{Args, Completions};
use crate::failure::Failure;

pub fn completions(args: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "dongle", &mut script);
    Ok(io::stdout().write_all(&script)?)
}

pub fn man() -> Result<(), Failure> {
    let mut page = Vec::new();
    let mut command = Args::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    // The options of each command, on the same page.
    for command in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let man = clap_mangen::Man::new(command.clone());
        writeln!(page, ".SH \"DONGLE {}\"", command.get_name().to_uppercase())?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    Ok(io::stdout().write_all(&page)?)
}
