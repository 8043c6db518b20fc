//! A custodian at its own machine: its token asks, its key signs, and what is signed is what it was shown.

use serde::Deserialize;

use super::view;
use crate::{
    cli::{
        document::{self, Document},
        key_file::KeyArguments,
        list,
        service::Asking,
    },
    client::Client,
    crypto::scheme::{PublicKey, SigningKey},
    error::Source,
    id::Id,
};

#[derive(clap::Args, Debug)]
pub(super) struct SeatArguments {
    /// The override's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    #[command(flatten)]
    key: KeyArguments,
    /// Your custodian's id; without it, the custodian with your key.
    #[arg(long = "custodian", value_name = "ID", value_parser = document::id)]
    custodian: Option<Id>,
    /// Do not ask: it was read elsewhere.
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) asking: Asking,
}

/// All that it takes to sign.
pub(super) struct Seat {
    pub(super) client: Client,
    pub(super) override_id: Id,
    pub(super) document: Document,
    pub(super) key: SigningKey,
    pub(super) custodian: Id,
}

impl SeatArguments {
    /// Fetches the override, and opens the key.
    pub(super) fn take(&self) -> Result<Seat, Source> {
        let client = self.asking.client()?;
        let text = client.text(&view::path(&self.id))?;
        let document = document::parse(text.as_bytes())?;
        if document.override_id()? != self.id.as_str() {
            return Err("the service answered another override than was asked for; nothing was signed. Tell your auditor".into());
        }
        let key = self.key.open()?;
        let custodian = match &self.custodian {
            Some(id) => id.clone(),
            None => owner(&client, key.public_key())?,
        };
        Ok(Seat {
            client,
            override_id: self.id.clone(),
            document,
            key,
            custodian,
        })
    }
}

/// Whose key that is: no two custodians have the same.
fn owner(client: &Client, key: &PublicKey) -> Result<Id, Source> {
    #[derive(Deserialize)]
    struct Custodian {
        id: String,
        public_key: String,
        scheme: String,
        status: String,
    }
    let all: Vec<Custodian> = list::read(client, "/v1/custodians", &[])?;
    let mut ours = all.into_iter().filter(|one| {
        one.status == "active" && one.scheme == key.scheme().name() && one.public_key == key.text()
    });
    let found = ours.next().ok_or(
        "there is no active custodian with the key in your key file: see custodian custodian-admin list",
    )?;
    Ok(document::id(&found.id)?)
}
