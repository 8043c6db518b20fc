//! `custodian custodian-admin activate`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::view::Custodian;
use crate::{
    cli::{answer::Answer, document, input, service::Asking},
    client::Again,
    error::Source,
    id::Id,
    json,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The custodian's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    /// What `custodian sign` printed for the enrolment, in either form; - is standard input.
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Proof {
    signature: String,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        let proof = self.proof()?;
        let path = format!("/v1/admin/custodians/{}/activate", self.id);
        let done: Answer<Custodian> = client.post(&path, &proof, Again::Never)?;
        done.print(self.asking.output)
    }

    fn proof(&self) -> Result<Proof, Source> {
        let text = input::read(&self.signature)?;
        let what = || {
            format!(
                "{}: this is not what custodian sign prints",
                self.signature.display()
            )
        };
        let text = str::from_utf8(&text).map_err(|_| what())?.trim();
        if text.starts_with('{') {
            return Ok(json::read(text.as_bytes()).map_err(|_| what())?);
        }
        let is_one_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let signature = is_one_word.then(|| text.to_owned()).ok_or_else(what)?;
        Ok(Proof { signature })
    }
}
