//! `custodian signing-keys`: what verifiers pin.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::{answer::Answer, output, service::Asking, table::table};
use crate::error::Source;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// Write the keys, as `custodian verify --keys` reads them, to a new file instead; - is standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Deserialize)]
struct Keys {
    items: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    key_id: String,
    purpose: String,
    algorithm: String,
    state: String,
    location: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let client = arguments.asking.client_of_anybody()?;
    let keys: Answer<Keys> = client.read("/v1/signing-keys")?;
    match &arguments.out {
        Some(file) => output::create(file, &lines(&keys.json)?),
        None => arguments
            .asking
            .output
            .print(&keys.json, &keys.view.table()),
    }
}

fn lines(json: &Value) -> Result<String, Source> {
    Ok(output::json(json)? + "\n")
}

impl Keys {
    fn table(&self) -> String {
        let cells = |key: &Key| {
            let Key {
                key_id,
                purpose,
                algorithm,
                state,
                location,
            } = key;
            [purpose, algorithm, state, location, key_id]
                .map(String::clone)
                .to_vec()
        };
        let header = ["purpose", "algorithm", "state", "location", "key id"];
        table(&header, self.items.iter().map(cells))
    }
}
