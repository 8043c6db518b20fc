//! `custodian kek status`.

use serde::Deserialize;
use serde_json::Value;

use super::{rotate::Job, version::Version};
use crate::{
    cli::{output::Output, screen::Screen, service::ServiceArguments},
    error::Source,
};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    service: ServiceArguments,
    /// For people, or the answer of GET /v1/kek.
    #[arg(long, value_name = "json|table", default_value = "table")]
    output: Output,
}

#[derive(Deserialize)]
struct Kek {
    provider: String,
    mechanism: String,
    keys_in_token: bool,
    current: String,
    versions: Vec<Version>,
    job: Option<Job>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Source> {
    let answer: Value = arguments.service.client()?.read("/v1/kek")?;
    let screen = Kek::deserialize(&answer)?.screen();
    arguments.output.print(&answer, screen.text())
}

impl Kek {
    fn screen(&self) -> Screen {
        let mut screen = Screen::default();
        let place = match self.keys_in_token {
            true => "its keys never leave the token",
            false => "its keys are in files: for trying out only",
        };
        screen.line("provider", &format!("{}: {place}", self.provider));
        screen.line("mechanism", &self.mechanism);
        screen.line("current", &self.current);
        if let Some(job) = &self.job {
            screen.line("rotation", &job.sentence());
        }
        for version in &self.versions {
            screen.say("");
            version.show(&mut screen);
        }
        screen
    }
}
