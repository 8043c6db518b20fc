//! `custodian principal token`.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use uuid::Uuid;

use super::{
    handed::{Handed, Lifetime, Place, TokenOut},
    view::{self, Token},
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

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Let a pending token open the door: by an admin whom its issuer neither made nor gave a token.
    Approve(One),
    /// Issue another token, and write it to a new file.
    ///
    /// With two admins a token for another's principal waits for another admin. Sent again after a lost answer it is
    /// still one token.
    Create(Create),
    /// Revoke a token: when this returns, nothing that it asked for is answered any more.
    Revoke(One),
}

#[derive(clap::Args, Debug)]
pub(super) struct Create {
    /// The principal's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    #[command(flatten)]
    lifetime: Lifetime,
    /// The new file (mode 0600) for the token; - prints it on standard output, and the rest on standard error.
    #[arg(long, value_name = "FILE")]
    token_out: PathBuf,
    #[command(flatten)]
    asking: Asking,
}

#[derive(clap::Args, Debug)]
pub(super) struct One {
    /// The principal's id.
    #[arg(value_name = "ID", value_parser = document::id)]
    id: Id,
    /// The token's id: custodian principal show names it.
    #[arg(value_name = "TOKEN_ID", value_parser = document::id)]
    token: Id,
    #[command(flatten)]
    asking: Asking,
}

#[derive(Serialize)]
struct NewToken<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<&'a str>,
}

impl What {
    pub(super) fn run(&self) -> Result<(), Source> {
        match self {
            Self::Approve(arguments) => arguments.approve(),
            Self::Create(arguments) => arguments.run(),
            Self::Revoke(arguments) => arguments.revoke(),
        }
    }
}

impl Create {
    fn run(&self) -> Result<(), Source> {
        let client = self.asking.client()?;
        let new = NewToken {
            expires_in: self.lifetime.words(),
        };
        let out = TokenOut::open(&self.token_out)?;
        let key = Uuid::new_v4().to_string();
        let path = format!("{}/tokens", view::path(&self.id));
        let made: Handed<Token> = client.post(&path, &new, Again::ByKey(&key))?;
        let place = Place::of(self.id.as_str(), &made.answer.view.id)?;
        made.keep(&client, &place, Some(out), self.asking.output)
    }
}

impl One {
    fn approve(&self) -> Result<(), Source> {
        let path = format!("{}/approve", self.place()?.path());
        let client = self.asking.client()?;
        let done: Answer<Token> = client.post_empty(&path, Again::Never)?;
        done.print(self.asking.output)
    }

    fn revoke(&self) -> Result<(), Source> {
        self.place()?.revoke(&self.asking.client()?)?;
        match self.asking.output {
            Output::Json => {
                output::print(&output::json(&serde_json::json!({"revoked": self.token}))?)
            }
            Output::Table => output::print(&format!("{} is revoked", self.token)),
        }
    }

    fn place(&self) -> Result<Place, Source> {
        Place::of(self.id.as_str(), self.token.as_str())
    }
}
