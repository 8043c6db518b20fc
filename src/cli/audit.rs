//! `custodian audit`: the log of a running service, for people and for auditors.

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Source;

mod entries;
mod tail;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the newest entries, one a line, and those to come.
    Tail(tail::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Source> {
    match &arguments.what {
        What::Tail(arguments) => tail::run(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}
