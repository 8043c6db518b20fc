//! `custodian override certificate`.

use std::path::PathBuf;

use super::view;
use crate::{
    cli::{document, output, service::ServiceArguments},
    error::Source,
    id::Id,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The override's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    /// The new file for the certificate, as `custodian verify certificate` reads it; - is standard output.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    service: ServiceArguments,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<(), Source> {
        let path = format!("{}/certificate", view::path(&self.id));
        let certificate = self.service.client()?.text(&path)?;
        // Whatever it is, a terminal obeys nothing in it.
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&certificate).is_ok();
        if !is_json || !certificate.is_ascii() {
            return Err("what the service answered is no certificate: command and service must be of one version".into());
        }
        output::create(&self.out, &certificate)
    }
}
