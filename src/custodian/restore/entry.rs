//! One entry of the log, as far as a restore reads it.

use std::str::FromStr;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    error::Error,
    id::{DekName, DekVersion},
};

/// What an entry says.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    pub(super) action: String,
    actor: Option<Actor>,
    pub(super) at: Timestamp,
    detail: Map<String, Value>,
    object: Option<String>,
    outcome: String,
}

#[derive(Debug, Deserialize)]
struct Actor {
    subject: String,
}

/// An entry that this version would not have written.
pub(super) const STRANGE: Error = Error::Corrupt(
    "an entry of the log does not say what such an entry says: restore with the version of the service that wrote it",
);

impl Said {
    pub(super) fn read(entry: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(entry).map_err(|_| STRANGE)
    }

    /// Whether anything was done: a refusal and an answer that was given again change nothing.
    pub(super) fn is_done(&self) -> bool {
        self.outcome == "ok" && !self.flag("replayed")
    }

    /// Who did it; nobody is the service itself.
    pub(super) fn by(&self) -> Option<&str> {
        self.actor.as_ref().map(|actor| actor.subject.as_str())
    }

    pub(super) fn what(&self) -> &str {
        self.object.as_deref().unwrap_or_default()
    }

    /// What it was done to.
    pub(super) fn object<T: FromStr>(&self) -> Result<T, Error> {
        self.what().parse().map_err(|_| STRANGE)
    }

    /// The DEK version that it was done to.
    pub(super) fn dek(&self) -> Result<(DekName, DekVersion), Error> {
        let (name, version) = self.what().split_once('/').ok_or(STRANGE)?;
        let name = name.parse().map_err(|_| STRANGE)?;
        Ok((name, version.parse().map_err(|_| STRANGE)?))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.detail.get(name).and_then(Value::as_bool) == Some(true)
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.detail.get(name).and_then(Value::as_i64)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.detail.get(name).and_then(Value::as_str)
    }

    /// A detail that such an entry always has.
    pub(super) fn must(&self, name: &str) -> Result<&str, Error> {
        self.text(name).ok_or(STRANGE)
    }

    /// A list of texts, if the entry has one.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let list = self.detail.get(name).map(Vec::deserialize).transpose();
        list.map_err(|_| STRANGE)
    }

    /// A list of texts that such an entry always has.
    pub(super) fn must_list(&self, name: &str) -> Result<Vec<String>, Error> {
        self.texts(name)?.ok_or(STRANGE)
    }

    pub(super) fn time(&self, name: &str) -> Result<Timestamp, Error> {
        self.must(name)?.parse().map_err(|_| STRANGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_missing_or_is_none_is_never_taken_for_an_empty_one() {
        let entry = |detail: &str| {
            let entry = format!(
                r#"{{"action":"a","at":"2026-11-29T00:00:00Z","detail":{detail},"outcome":"ok"}}"#
            );
            Said::read(entry.as_bytes()).unwrap()
        };
        assert!(entry("{}").must_list("l").is_err());
        assert_eq!(entry("{}").texts("l").unwrap(), None);
        assert!(entry(r#"{"l":[]}"#).must_list("l").unwrap().is_empty());
        for none in [r#""text""#, "null", "{}", r#"["a",1]"#, "[null]"] {
            let said = entry(&format!(r#"{{"l":{none}}}"#));
            assert!(said.texts("l").is_err(), "{none}");
        }
    }
}
