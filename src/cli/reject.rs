//! `custodian reject`: the signed no of a custodian.

use std::path::PathBuf;

use serde::Serialize;

use super::{document, key_file::KeyArguments, output::Output};
use crate::{crypto::messages::Rejection, error::Source, id::Id, texts};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    key: KeyArguments,
    /// Your custodian's id.
    #[arg(long, value_name = "ID", value_parser = document::id)]
    custodian_id: Id,
    /// Why; it goes on record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The JSON of an override; - is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Do not ask: it was read elsewhere.
    #[arg(long)]
    yes: bool,
    /// How the signature is printed; json is the whole body of POST /v1/overrides/{id}/reject.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let reason = texts::prose(arguments.reason.clone(), texts::REASON)?;
    let document = document::read(&arguments.file)?;
    let override_id = document.override_id()?;
    let key = arguments.key.open()?;
    let rejection = Rejection {
        custodian_id: arguments.custodian_id.as_str(),
        override_id,
        reason: &reason,
    };
    // What the service says of the override is looked at, though its rejection signs only which one it is.
    document.message(&key)?;
    let message = rejection.message()?;
    let mut screen = document.screen(&key, &message);
    screen.value("REJECTED WITH", &reason);
    screen.value("custodian id", arguments.custodian_id.as_str());
    screen.confirm("Reject this?", arguments.yes)?;
    let signature = key.sign(&message)?;
    let rejected = Rejected {
        custodian_id: &arguments.custodian_id,
        reason: &reason,
        signature: &signature,
    };
    arguments.output.print(&rejected, &signature)
}

#[derive(Serialize)]
struct Rejected<'a> {
    custodian_id: &'a Id,
    reason: &'a str,
    signature: &'a str,
}
