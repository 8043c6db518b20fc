//! Tokens that are handed out once: kept in a file that was there before the request, or revoked again.

use std::{
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::Value;
use zeroize::Zeroizing;

use super::view::Principal;
use crate::{
    cli::{
        answer::{Answer, Show},
        document, input,
        output::Output,
    },
    client::{Again, Client, Failure},
    duration::{NotAPeriod, Period},
    error::Source,
    id::Id,
    private_file::Reserved,
};

/// How long a token lives.
#[derive(clap::Args, Debug)]
pub(super) struct Lifetime {
    /// How long the token lives, for example 30d; without it, as long as the service's configuration says.
    #[arg(long, value_name = "90d", value_parser = period, conflicts_with = "never_expires")]
    expires_in: Option<String>,
    /// The token lives until it is revoked.
    #[arg(long)]
    never_expires: bool,
}

impl Lifetime {
    /// As the service reads it.
    pub(super) fn words(&self) -> Option<&str> {
        match self.never_expires {
            true => Some("never"),
            false => self.expires_in.as_deref(),
        }
    }
}

fn period(text: &str) -> Result<String, NotAPeriod> {
    text.parse().map(|_: Period| text.to_owned())
}

/// Where a token goes.
pub(super) enum TokenOut {
    File(Reserved),
    Standard,
}

impl TokenOut {
    /// Makes the file, before anything is asked for.
    pub(super) fn open(path: &Path) -> Result<Self, Source> {
        if input::is_standard(path) {
            return Ok(Self::Standard);
        }
        let reserved = Reserved::create(path);
        let reserved = reserved.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self::File(reserved))
    }

    /// Whether standard output is the token's alone.
    fn is_standard(&self) -> bool {
        matches!(self, Self::Standard)
    }

    fn write(self, token: &str) -> Result<(), Source> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("what the service answered is no token".into());
        }
        match self {
            Self::File(file) => Ok(file.fill(token.as_bytes())?),
            Self::Standard => {
                let mut out = io::stdout().lock();
                writeln!(out, "{token}")?;
                Ok(out.flush()?)
            }
        }
    }
}

/// Which token of which principal.
pub(super) struct Place {
    principal: Id,
    token: Id,
}

impl Place {
    pub(super) fn of(principal: &str, token: &str) -> Result<Self, Source> {
        Ok(Self {
            principal: document::id(principal)?,
            token: document::id(token)?,
        })
    }

    /// The token that a new principal has.
    pub(super) fn of_first(new: &Principal) -> Result<Self, Source> {
        let first = new.tokens.first();
        let first = first.ok_or("the service answered a principal without a token")?;
        Self::of(&new.id, &first.id)
    }

    pub(super) fn path(&self) -> String {
        let Self { principal, token } = self;
        format!("/v1/admin/principals/{principal}/tokens/{token}")
    }

    /// Revokes it; once more is no error.
    pub(super) fn revoke(&self, client: &Client) -> Result<(), Failure> {
        client.delete(&self.path(), Again::Safe)
    }

    /// What is left of a token that could not be kept.
    fn lost(&self, client: &Client, why: &Source) -> Source {
        let Self { principal, token } = self;
        match self.revoke(client) {
            Ok(()) => format!(
                "{why}. The token was revoked again; custodian principal token create {principal} issues another"
            ),
            Err(failure) => format!(
                "{why}. The token lives, and could not be revoked ({failure}): run custodian principal token revoke {principal} {token}"
            ),
        }
        .into()
    }
}

/// An answer in which a token may be: the first one has it, a replay has not.
pub(super) struct Handed<T> {
    pub(super) answer: Answer<T>,
    token: Option<Zeroizing<String>>,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Handed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut json = Value::deserialize(from)?;
        let token = json.as_object_mut().and_then(|json| json.remove("token"));
        let token = match token {
            Some(Value::String(token)) => Some(Zeroizing::new(token)),
            Some(_) | None => None,
        };
        let view = T::deserialize(&json).map_err(D::Error::custom)?;
        Ok(Self {
            answer: Answer { json, view },
            token,
        })
    }
}

impl<T: Show> Handed<T> {
    /// Keeps the token and prints the rest; a token that cannot be kept, or that nobody wants, is revoked.
    pub(super) fn keep(
        self,
        client: &Client,
        place: &Place,
        out: Option<TokenOut>,
        output: Output,
    ) -> Result<(), Source> {
        let Some(out) = out else {
            place.revoke(client)?;
            eprintln!("its first token was revoked: it signs in by its certificate");
            return self.answer.print(output);
        };
        let is_standard = out.is_standard();
        let kept = match &self.token {
            Some(token) => out.write(token),
            None => Err("the answer with the token was lost on its way".into()),
        };
        kept.map_err(|why| place.lost(client, &why))?;
        if is_standard {
            eprint!("{}", self.answer.screen().text());
            return Ok(());
        }
        self.answer.print(output)
    }
}
