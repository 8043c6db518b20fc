//! `custodian pubkey`: the public half of a key file.

use serde::Serialize;

use super::{key_file::KeyArguments, output::Output};
use crate::{
    crypto::scheme::{PublicKey, Scheme},
    error::Source,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    key: KeyArguments,
    /// How the public key is printed.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let key = arguments.key.open()?;
    print(key.public_key(), arguments.output)
}

/// Prints what `POST /v1/admin/custodians` takes; for people, the fingerprint too.
pub(super) fn print(key: &PublicKey, output: Output) -> Result<(), Source> {
    #[derive(Serialize)]
    struct Enrolled<'a> {
        public_key: &'a str,
        scheme: Scheme,
    }
    let enrolled = Enrolled {
        public_key: key.text(),
        scheme: key.scheme(),
    };
    let table = format!(
        "scheme       {}\npublic_key   {}\nfingerprint  {}",
        key.scheme().name(),
        key.text(),
        key.fingerprint()
    );
    output.print(&enrolled, &table)
}
