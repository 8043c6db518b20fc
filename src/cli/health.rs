//! `custodian health`: whether the service can work, for people and for scripts.

use std::process::ExitCode;

use serde::Deserialize;

use super::{
    REFUSED,
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
struct Ready {
    status: String,
    checks: Checks,
}

#[derive(Deserialize)]
struct Checks {
    kek: Check,
    store: Check,
    audit: Check,
}

#[derive(Deserialize)]
struct Check {
    ok: bool,
    #[serde(default)]
    rotation_due: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Source> {
    let client = arguments.asking.client_of_anybody()?;
    let (status, ready): (u16, Answer<Ready>) = client.look("/v1/health/ready")?;
    ready.print(arguments.asking.output)?;
    Ok(match (status, &*ready.view.status) {
        (200, "ready") => ExitCode::SUCCESS,
        _ => ExitCode::from(REFUSED),
    })
}

impl Show for Ready {
    fn show(&self, screen: &mut Screen) {
        let Checks { kek, store, audit } = &self.checks;
        screen.line("service", &self.status);
        for (part, check) in [("kek", kek), ("store", store), ("audit", audit)] {
            screen.line(part, check.words());
        }
    }
}

impl Check {
    fn words(&self) -> &'static str {
        match (self.ok, self.rotation_due) {
            (true, false) => "ok",
            (true, true) => "ok; rotate the KEK soon: custodian kek rotate",
            (false, _) => "not ok: the service's log and custodian doctor say why",
        }
    }
}
