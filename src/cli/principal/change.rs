//! `custodian principal approve`, `grants-approve` and `delete`: what is shown is what is decided on.

use super::{
    grants::WholeGrants,
    view::{self, Principal},
};
use crate::{
    cli::{
        answer::Answer,
        document,
        output::{self, Output},
        service::Asking,
    },
    client::Again,
    error::Source,
    id::Id,
};

#[derive(clap::Args, Debug)]
pub(super) struct Change {
    /// The principal's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    /// Do not ask: it was read elsewhere.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    asking: Asking,
}

impl Change {
    pub(super) fn approve(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        let now = view::read(&client, &self.id)?;
        now.screen().confirm("Approve this principal?", self.yes)?;
        let path = format!("{}/approve", view::path(&self.id));
        let done: Answer<Principal> = client.post_empty(&path, Again::Never)?;
        done.print(self.asking.output)
    }

    pub(super) fn approve_grants(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        let now = view::read(&client, &self.id)?;
        let pending = now.view.pending_grants.as_ref();
        let pending = pending.ok_or("no grants of this principal wait for an approval")?;
        now.screen().confirm("Approve its new grants?", self.yes)?;
        let path = format!("{}/grants/approve", view::path(&self.id));
        let seen = WholeGrants::of(pending);
        let done: Answer<Principal> = client.post(&path, &seen, Again::Never)?;
        done.print(self.asking.output)
    }

    pub(super) fn delete(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        let now = view::read(&client, &self.id)?;
        now.screen().confirm("Delete this principal?", self.yes)?;
        client.delete(&view::path(&self.id), Again::Never)?;
        match self.asking.output {
            Output::Json => output::print(&output::json(&serde_json::json!({"deleted": self.id}))?),
            Output::Table => {
                output::print(&format!("{} is deleted, and its tokens with it", self.id))
            }
        }
    }
}
