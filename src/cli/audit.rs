//! `custodian audit`: the log of a running service, for people and for auditors.

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Source;

mod entries;
mod export;
mod kept;
mod place;
mod tail;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write the whole log into a file that `custodian verify audit` judges without a service.
    ///
    /// The first line has the newest signed checkpoint, then come exactly the entries that it commits to, one a line. That
    /// they are those is verified while it is written; exit code 3 says that they are not. What is interrupted goes on
    /// where it was if the same command is given again. By --config it is the log of a service that does not run: its
    /// last, by which a backup can be restored.
    Export(export::Arguments),
    /// Show the newest entries, one a line, and those to come.
    Tail(tail::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Source> {
    match &arguments.what {
        What::Export(arguments) => return export::run(arguments),
        What::Tail(arguments) => tail::run(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}
