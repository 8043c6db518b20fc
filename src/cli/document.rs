//! What a custodian is given to sign, as the service answers it, and believed in nothing that can be computed here.

use std::path::Path;

use serde::{Deserialize, de::IgnoredAny};

use self::{enrolment::Enrolment, overriding::Override};
use super::{input, screen::Screen};
use crate::{
    crypto::{messages::MESSAGE_BYTES, scheme::SigningKey},
    error::Source,
    id::Id,
    json,
};

mod enrolment;
mod overriding;

/// An override or an enrolment.
pub(super) enum Document {
    Enrolment(Enrolment),
    Override(Override),
}

/// Reads the JSON in `file`; `-` is standard input. Members that are not known are let pass.
pub(super) fn read(file: &Path) -> Result<Document, Source> {
    let about = |error: Source| format!("{}: {error}", file.display());
    Ok(parse(&input::read(file)?).map_err(about)?)
}

/// Reads an id, for clap.
pub(super) fn id(text: &str) -> Result<Id, &'static str> {
    text.parse().map_err(|_| "an id is a UUID in lower case")
}

/// Reads the JSON of one. Members that are not known are let pass.
pub(super) fn parse(text: &[u8]) -> Result<Document, Source> {
    #[derive(Deserialize)]
    struct Members {
        challenge: Option<IgnoredAny>,
        proposal_id: Option<IgnoredAny>,
    }
    let members: Members = json::read(text)?;
    match (members.challenge, members.proposal_id) {
        (Some(_), None) => Ok(Document::Enrolment(json::read(text)?)),
        (None, Some(_)) => Ok(Document::Override(json::read(text)?)),
        (None, None) | (Some(_), Some(_)) => {
            Err("this is neither an override nor an enrolment with its challenge".into())
        }
    }
}

impl Document {
    /// What is to be signed, once everything that the service says of it is found to be true.
    pub(super) fn message(&self, key: &SigningKey) -> Result<[u8; MESSAGE_BYTES], Source> {
        match self {
            Self::Enrolment(enrolment) => enrolment.message(key),
            Self::Override(asked) => asked.message(key),
        }
    }

    /// What is signed, for the eyes of the custodian.
    pub(super) fn screen(&self, key: &SigningKey, m: &[u8; MESSAGE_BYTES]) -> Screen {
        let mut screen = Screen::default();
        match self {
            Self::Enrolment(enrolment) => enrolment.show(&mut screen),
            Self::Override(asked) => asked.show(&mut screen),
        }
        screen.value("your scheme", key.kind().scheme().name());
        screen.value("your key", &key.public_key().fingerprint());
        screen.value("signing hash", &hex::encode(m));
        screen
    }

    pub(super) fn is_override(&self) -> bool {
        matches!(self, Self::Override(_))
    }

    /// The id of the override, if it is one.
    pub(super) fn override_id(&self) -> Result<&str, Source> {
        match self {
            Self::Enrolment(_) => Err("only an override can be rejected".into()),
            Self::Override(asked) => Ok(asked.id()),
        }
    }
}
