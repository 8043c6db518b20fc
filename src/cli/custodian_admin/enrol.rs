//! `custodian custodian-admin enrol`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::view::Custodian;
use crate::{
    cli::{answer::Answer, input, output, service::Asking},
    client::Again,
    error::Source,
    json,
    private_file::Reserved,
    words::Lead,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// What `custodian pubkey --output json` or `custodian keygen --output json` printed; - is standard input.
    #[arg(value_name = "FILE")]
    public_key: PathBuf,
    /// The human: nobody who is an admin or an operator, and nobody who is a custodian already.
    #[arg(long, value_name = "SUBJECT")]
    subject: String,
    /// What to call it; without it, the subject.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What it answers for: risk_lead or security_lead.
    #[arg(long, value_name = "ROLE", value_parser = PossibleValuesParser::new(Lead::ALL.iter().map(|lead| lead.name())))]
    role: String,
    /// The new file for the enrolment, which the custodian is to sign; - is standard output.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicKey {
    scheme: String,
    public_key: String,
}

#[derive(Serialize)]
struct NewCustodian<'a> {
    name: &'a str,
    subject: &'a str,
    role: &'a str,
    scheme: &'a str,
    public_key: &'a str,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        let key = self.key()?;
        let new = NewCustodian {
            name: self.name.as_deref().unwrap_or(&self.subject),
            subject: &self.subject,
            role: &self.role,
            scheme: &key.scheme,
            public_key: &key.public_key,
        };
        // Its place is made first: there is one challenge, and its enrolment takes the key.
        let place = self.place()?;
        let again = Uuid::new_v4().to_string();
        let made: Answer<Custodian> =
            client.post("/v1/admin/custodians", &new, Again::ByKey(&again))?;
        let enrolment = output::json(&made.json)? + "\n";
        match place {
            None => output::print(&enrolment),
            Some(file) => {
                file.fill(enrolment.as_bytes())?;
                made.print(self.asking.output)
            }
        }
    }

    fn place(&self) -> Result<Option<Reserved>, Source> {
        if input::is_standard(&self.out) {
            return Ok(None);
        }
        let reserved = Reserved::create(&self.out);
        Ok(Some(reserved.map_err(|error| {
            format!("{}: {error}", self.out.display())
        })?))
    }

    fn key(&self) -> Result<PublicKey, Source> {
        let read = json::read(&input::read(&self.public_key)?);
        let what = "this is not what custodian pubkey --output json prints";
        Ok(read.map_err(|_| format!("{}: {what}", self.public_key.display()))?)
    }
}
