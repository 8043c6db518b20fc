//! DEKs as the service shows them, one and all.

use serde::Deserialize;

use super::name;
use crate::{
    cli::{
        answer::{Answer, Show},
        list::{self, Row},
        screen::Screen,
        service::Asking,
    },
    error::Source,
    id::DekName,
};

#[derive(clap::Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
pub(super) struct One {
    /// The DEK's name.
    #[arg(value_name = "NAME", value_parser = name)]
    name: DekName,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Deserialize)]
pub(super) struct Dek {
    name: String,
    algorithm: String,
    current: String,
    versions: Vec<Version>,
    rotates_at: Option<String>,
    created_at: String,
}

#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) version: String,
    pub(super) state: String,
    pub(super) destroy_at: Option<String>,
    created_at: String,
    kek: Option<String>,
}

impl List {
    pub(super) fn run(&self) -> Result<(), Source> {
        list::print::<Dek>(&self.asking.client()?, "/v1/deks", &[], self.asking.output)
    }
}

impl One {
    pub(super) fn run(&self) -> Result<(), Source> {
        let dek: Answer<Dek> = self
            .asking
            .client()?
            .read(&format!("/v1/deks/{}", self.name))?;
        dek.print(self.asking.output)
    }
}

impl Row for Dek {
    const COLUMNS: &'static [&'static str] =
        &["name", "algorithm", "current", "versions", "rotates"];

    fn cells(&self) -> Vec<String> {
        let rotates = self.rotates_at.as_deref().unwrap_or("by hand");
        vec![
            self.name.clone(),
            self.algorithm.clone(),
            self.current.clone(),
            self.versions.len().to_string(),
            rotates.to_owned(),
        ]
    }
}

impl Show for Dek {
    fn show(&self, screen: &mut Screen) {
        screen.line("name", &self.name);
        screen.line("algorithm", &self.algorithm);
        screen.line("current", &self.current);
        screen.line("since", &self.created_at);
        screen.line("rotates", self.rotates_at.as_deref().unwrap_or("by hand"));
        for version in &self.versions {
            screen.say("");
            version.show(screen);
        }
    }
}

impl Show for Version {
    fn show(&self, screen: &mut Screen) {
        screen.line("version", &self.version);
        screen.line("state", &self.state);
        screen.line("since", &self.created_at);
        if let Some(kek) = &self.kek {
            screen.line("wrapped by", kek);
        }
        if let Some(at) = &self.destroy_at {
            screen.line("erased at", at);
        }
    }
}
