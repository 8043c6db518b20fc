//! `custodian principal grants`.

use serde::Serialize;

use super::view::{self, Principal};
use crate::{
    cli::{answer::Answer, document, service::Asking},
    error::Source,
    id::Id,
    policy::Grants,
};

#[derive(clap::Args, Debug)]
pub(super) struct Change {
    /// The principal's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    #[command(flatten)]
    grants: GrantArguments,
    /// Take all grants away.
    #[arg(long, conflicts_with_all = ["deks", "servers"])]
    none: bool,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
pub(super) struct GrantArguments {
    /// A DEK that it may use, or the beginning of names and one final *; can be given again.
    #[arg(long = "dek", value_name = "NAME|PREFIX*")]
    deks: Vec<String>,
    /// An MCP server whose tools it may have signed, in the same form; can be given again.
    #[arg(long = "server", value_name = "NAME|PREFIX*")]
    servers: Vec<String>,
}

/// Both lists, always.
#[derive(Serialize)]
pub(super) struct WholeGrants<'a> {
    deks: &'a [String],
    servers: &'a [String],
}

impl<'a> WholeGrants<'a> {
    pub(super) fn of(grants: &'a Grants) -> Self {
        Self {
            deks: &grants.deks,
            servers: &grants.servers,
        }
    }
}

impl GrantArguments {
    pub(super) fn whole(&self) -> WholeGrants<'_> {
        WholeGrants {
            deks: &self.deks,
            servers: &self.servers,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.deks.is_empty() && self.servers.is_empty()
    }
}

impl Change {
    pub(super) fn run(&self) -> Result<(), Source> {
        if self.grants.is_empty() && !self.none {
            return Err("name what it may use by --dek and --server, or give --none".into());
        }
        let path = format!("{}/grants", view::path(&self.id));
        let client = self.asking.client()?;
        let done: Answer<Principal> = client.put(&path, &self.grants.whole())?;
        done.print(self.asking.output)
    }
}
