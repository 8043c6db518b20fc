//! `custodian dek public-key`.

use serde::Deserialize;

use super::{name, version};
use crate::{
    cli::{
        answer::{Answer, Show},
        screen::Screen,
        service::Asking,
    },
    error::Source,
    id::{DekName, DekVersion},
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The DEK's name.
    #[arg(value_name = "NAME", value_parser = name)]
    name: DekName,
    /// The version; without it, the newest.
    #[arg(value_name = "VERSION", value_parser = version)]
    version: Option<DekVersion>,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Deserialize)]
struct PublicKey {
    version: String,
    algorithm: String,
    public_key: String,
}

impl Arguments {
    pub(super) fn run(&self) -> Result<(), Source> {
        let mut path = format!("/v1/deks/{}/public-key", self.name);
        if let Some(version) = &self.version {
            path.push_str(&format!("?version={version}"));
        }
        let key: Answer<PublicKey> = self.asking.client()?.read(&path)?;
        key.print(self.asking.output)
    }
}

impl Show for PublicKey {
    fn show(&self, screen: &mut Screen) {
        screen.line("version", &self.version);
        screen.line("algorithm", &self.algorithm);
        screen.line("public key", &self.public_key);
    }
}
