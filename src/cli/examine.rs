//! `custodian examine-service`: what `doctor --config` starts, so that a library that hangs or crashes takes nothing
//! else with it.

use std::path::PathBuf;

use super::output;
use crate::{config::Config, error::Source, server::doctor::appliance};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[arg(long)]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let config = Config::read(&arguments.config)?;
    let findings = appliance::examine(&config)?;
    output::print(&output::json(&findings)?)
}
