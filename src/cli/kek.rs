//! `custodian kek`: the key that wraps all others, as its operators see and change it.

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::Source;

mod change;
mod rotate;
mod status;
mod version;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Delete the key of a retired version for ever, 30 days later and by two operators.
    ///
    /// One operator asks for it, another approves with --approve. What the version wrapped for clients is lost then.
    Destroy(change::Destroy),
    /// Take a retired version into use again.
    Restore(change::Change),
    /// Take a version out of use that wraps no stored record any more: what it wrapped for clients is not opened.
    ///
    /// `custodian rewrap` moves such blobs first. `custodian kek restore` undoes it.
    Retire(change::Change),
    /// Make the next version, and follow the job that moves every stored record to it.
    ///
    /// The service goes on meanwhile. Whoever interrupts the command does not interrupt the job.
    Rotate(rotate::Arguments),
    /// Show the versions, their states, what wraps under them, and what the token says of their keys.
    Status(status::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Source> {
    match &arguments.what {
        What::Destroy(arguments) => arguments.run()?,
        What::Restore(arguments) => arguments.restore()?,
        What::Retire(arguments) => arguments.retire()?,
        What::Rotate(arguments) => return rotate::run(arguments),
        What::Status(arguments) => status::run(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}
