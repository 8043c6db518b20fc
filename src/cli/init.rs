//! `custodian init`: a new service.

use std::path::PathBuf;

use super::{admission::admin, output};
use crate::{
    config::Config,
    error::Source,
    server::{
        hardening,
        init::{self, Admin},
    },
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The configuration: see custodian.toml beside the systemd unit.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// One of the first admins, and the new file (mode 0600) for their token; give it twice at least.
    #[arg(long = "admin", value_name = "SUBJECT=FILE", required = true, value_parser = admin)]
    admins: Vec<Admin>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    hardening::harden()?.refuse_swap()?;
    let config = Config::read(&arguments.config)?;
    init::run(&config, &arguments.admins)?;
    let made = arguments.admins.iter().map(|admin| {
        let (subject, file) = (&admin.subject, admin.token_file.display());
        format!("{subject}: the token is in {file}; hand it over, it is nowhere else")
    });
    output::print(&made.collect::<Vec<_>>().join("\n"))
}
