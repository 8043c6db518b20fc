//! `custodian config`: looks at a configuration without starting anything.

use std::path::PathBuf;

use super::output;
use crate::{config::Config, error::Source, server::tls::Front};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say everything that is wrong with a configuration, and read the certificates that it names.
    Check(CheckArguments),
}

#[derive(clap::Args, Debug)]
struct CheckArguments {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    match &arguments.command {
        Command::Check(arguments) => check(arguments),
    }
}

fn check(arguments: &CheckArguments) -> Result<(), Source> {
    let config = Config::read(&arguments.config)?;
    config.tls.as_ref().map(Front::open).transpose()?;
    output::print("the configuration is sound; `custodian doctor --config` looks at what it names")
}
