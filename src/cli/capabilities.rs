//! `custodian capabilities`: what this service and its token can do.

use serde::Deserialize;

use super::{
    answer::{Answer, Show},
    screen::Screen,
    service::Asking,
};
use crate::error::Source;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    asking: Asking,
}

#[derive(Deserialize)]
struct Capabilities {
    version: String,
    kek: Kek,
    signature_schemes: Vec<String>,
    encryption: Vec<String>,
    features: Vec<String>,
}

#[derive(Deserialize)]
struct Kek {
    provider: String,
    mechanism: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let client = arguments.asking.client()?;
    let able: Answer<Capabilities> = client.read("/v1/capabilities")?;
    able.print(arguments.asking.output)
}

impl Show for Capabilities {
    fn show(&self, screen: &mut Screen) {
        screen.line("version", &self.version);
        screen.line(
            "kek",
            &format!("{}, {}", self.kek.provider, self.kek.mechanism),
        );
        screen.line("signatures", &self.signature_schemes.join(", "));
        screen.line("encryption", &self.encryption.join(", "));
        screen.line("features", &self.features.join(", "));
    }
}
