//! The answers that idempotency keys stand for, kept in the transaction that did the work.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Tx, View, rows, sealed::Table};
use crate::{error::Error, id::Id};

/// What an idempotency key is unique within (api.md section 1).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ReplyKey {
    /// The caller.
    pub principal: Id,
    /// For example `POST`.
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The caller's key.
    pub key: String,
}

impl ReplyKey {
    fn columns(&self) -> (&str, &str, &str, &str) {
        (self.principal.as_str(), &self.method, &self.path, &self.key)
    }
}

/// A first answer.
#[derive(Clone, Debug)]
pub struct KeptReply {
    /// SHA-256 of the raw body that it answered.
    pub body_sha256: [u8; 32],
    /// Where the created thing is.
    pub location: Option<String>,
    /// The answer's JSON, without what is shown once only.
    pub reply: String,
}

const TABLE: Table = "replies";
const KEEPING: &str = "keeping a reply";
const OF: &str = "WHERE principal_id = ?1 AND method = ?2 AND path = ?3 AND key = ?4";

impl View<'_> {
    /// The answer kept under that key since `since`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn kept_reply(&self, key: &ReplyKey, since: Timestamp) -> Result<Option<KeptReply>, Error> {
        let read = |row: &Row<'_>| Ok((rows::time(row, "created_at")?, kept(row)?));
        let found = self.one("reading a kept reply", TABLE, OF, key.columns(), read)?;
        Ok(found.filter(|(at, _)| *at > since).map(|(_, kept)| kept))
    }
}

impl Tx<'_> {
    /// Keeps an answer; one that is there already is past its time and gives way.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn keep_reply(&self, key: &ReplyKey, kept: &KeptReply, at: Timestamp) -> Result<(), Error> {
        let sql = format!("DELETE FROM replies {OF}");
        self.change(KEEPING, &sql, key.columns())?;
        self.insert(
            KEEPING,
            TABLE,
            &[
                ("principal_id", &key.principal.as_str()),
                ("method", &key.method),
                ("path", &key.path),
                ("key", &key.key),
                ("body_sha256", &kept.body_sha256),
                ("location", &kept.location),
                ("reply", &kept.reply),
                ("created_at", &at.as_microsecond()),
            ],
            rows::TAMPERED,
        )
    }

    /// Forgets answers kept before `before`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn forget_replies(&self, before: Timestamp) -> Result<(), Error> {
        let sql = "DELETE FROM replies WHERE created_at <= ?1";
        self.change("forgetting old replies", sql, [before.as_microsecond()])
            .map(drop)
    }
}

fn kept(row: &Row<'_>) -> Result<KeptReply, Error> {
    Ok(KeptReply {
        body_sha256: rows::plain(row, "body_sha256")?,
        location: rows::plain(row, "location")?,
        reply: rows::plain(row, "reply")?,
    })
}
