//! `custodian dek create` and `rotate`.

use clap::builder::PossibleValuesParser;
use serde::Serialize;
use uuid::Uuid;

use super::{
    name,
    view::{Dek, Version},
};
use crate::{
    algorithm::Algorithm,
    cli::{answer::Answer, service::Asking},
    client::Again,
    duration::Period,
    error::Source,
    id::DekName,
};

#[derive(clap::Args, Debug)]
pub(super) struct Create {
    /// 1 to 63 of a-z, 0-9 and -; it starts with no -.
    #[arg(value_name = "NAME", value_parser = name)]
    name: DekName,
    /// aes-256-gcm, or mlkem768-x25519, to whose public key anybody can encrypt, safe from quantum computers.
    #[arg(long, value_name = "ALGORITHM", default_value = "aes-256-gcm",
          value_parser = PossibleValuesParser::new(Algorithm::ALL.map(Algorithm::name)))]
    algorithm: String,
    /// It rotates by itself that long after each version, for example 90d; without it, when you say so.
    #[arg(long, value_name = "90d", value_parser = period)]
    rotation_period: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
pub(super) struct Rotate {
    /// The DEK's name.
    #[arg(value_name = "NAME", value_parser = name)]
    name: DekName,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Serialize)]
struct NewDek<'a> {
    name: &'a DekName,
    algorithm: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_period: Option<&'a str>,
}

impl Create {
    pub(super) fn run(&self) -> Result<(), Source> {
        let new = NewDek {
            name: &self.name,
            algorithm: &self.algorithm,
            rotation_period: self.rotation_period.as_deref(),
        };
        let key = Uuid::new_v4().to_string();
        let client = self.asking.client()?;
        let made: Answer<Dek> = client.post("/v1/deks", &new, Again::ByKey(&key))?;
        made.print(self.asking.output)
    }
}

impl Rotate {
    pub(super) fn run(&self) -> Result<(), Source> {
        let key = Uuid::new_v4().to_string();
        let path = format!("/v1/deks/{}/rotate", self.name);
        let client = self.asking.client()?;
        let made: Answer<Version> = client.post_empty(&path, Again::ByKey(&key))?;
        made.print(self.asking.output)
    }
}

fn period(text: &str) -> Result<String, crate::duration::NotAPeriod> {
    text.parse().map(|_: Period| text.to_owned())
}
