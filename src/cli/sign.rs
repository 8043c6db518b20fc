//! `custodian sign`: a custodian signs what it sees.

use std::path::PathBuf;

use serde::Serialize;

use super::{document, key_file::KeyArguments, output::Output};
use crate::{error::Source, id::Id};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    key: KeyArguments,
    /// The JSON of an override or of an enrolment; - is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Your custodian's id: with it, --output json prints the whole body of POST /v1/overrides/{id}/signatures.
    #[arg(long, value_name = "ID", value_parser = document::id)]
    custodian_id: Option<Id>,
    /// Do not ask: it was read elsewhere.
    #[arg(long)]
    yes: bool,
    /// How the signature is printed.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let document = document::read(&arguments.file)?;
    if arguments.custodian_id.is_some() && !document.is_override() {
        return Err("--custodian-id is for overrides: an enrolment names its custodian".into());
    }
    let key = arguments.key.open()?;
    let m = document.message(&key)?;
    let screen = document.screen(&key, &m);
    screen.confirm("Sign this?", arguments.yes)?;
    let signature = key.sign(&m)?;
    let signed = Signed {
        custodian_id: arguments.custodian_id.as_ref(),
        signature: &signature,
    };
    arguments.output.print(&signed, &signature)
}

#[derive(Serialize)]
struct Signed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    custodian_id: Option<&'a Id>,
    signature: &'a str,
}
