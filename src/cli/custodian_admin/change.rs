//! `custodian custodian-admin approve`, `suspend`, `reinstate` and `revoke`.

use serde::Serialize;

use super::view::{self, Custodian};
use crate::{
    cli::{answer::Answer, document, service::Asking},
    client::Again,
    error::Source,
    id::Id,
};

#[derive(clap::Args, Debug)]
pub(super) struct Change {
    /// The custodian's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    /// Do not ask: it was read elsewhere.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
pub(super) struct Reasoned {
    /// The custodian's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    /// Why; it stays on record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
pub(super) struct Revoke {
    /// Do not ask: it was read elsewhere.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    reasoned: Reasoned,
}

#[derive(Serialize)]
struct Reason<'a> {
    reason: &'a str,
}

impl Change {
    pub(super) fn approve(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        let now = view::read(&client, &self.id)?;
        now.screen().confirm("Approve this custodian?", self.yes)?;
        let path = format!("/v1/admin/custodians/{}/approve", self.id);
        let done: Answer<Custodian> = client.post_empty(&path, Again::Never)?;
        done.print(self.asking.output)
    }
}

impl Reasoned {
    pub(super) fn suspend(&self) -> Result<(), Source> {
        self.change("suspend")
    }

    pub(super) fn reinstate(&self) -> Result<(), Source> {
        self.change("reinstate")
    }

    fn change(&self, verb: &str) -> Result<(), Source> {
        let client = self.asking.client()?;
        let path = format!("/v1/admin/custodians/{}/{verb}", self.id);
        let reason = Reason {
            reason: &self.reason,
        };
        let done: Answer<Custodian> = client.post(&path, &reason, Again::Never)?;
        done.print(self.asking.output)
    }
}

impl Revoke {
    pub(super) fn run(&self) -> Result<(), Source> {
        let client = self.reasoned.asking.client()?;
        let mut screen = view::read(&client, &self.reasoned.id)?.screen();
        screen.say("It never signs again, and its key never comes back.");
        screen.confirm("Revoke this custodian?", self.yes)?;
        self.reasoned.change("revoke")
    }
}
