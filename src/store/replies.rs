//! The answers that idempotency keys stand for, kept in the transaction that did the work.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Tx, View, rows};
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

impl View<'_> {
    /// The answer kept under that key since `since`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn kept_reply(&self, key: &ReplyKey, since: Timestamp) -> Result<Option<KeptReply>, Error> {
        let sql = "SELECT * FROM replies WHERE principal_id = ?1 AND method = ?2 AND path = ?3 AND key = ?4
                   AND created_at > ?5";
        let given = (
            key.principal.as_str(),
            &key.method,
            &key.path,
            &key.key,
            since.as_microsecond(),
        );
        self.one("reading a kept reply", sql, given, kept)
    }
}

impl Tx<'_> {
    /// Keeps an answer; one that is there already is past its time and gives way.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn keep_reply(&self, key: &ReplyKey, kept: &KeptReply, at: Timestamp) -> Result<(), Error> {
        let sql = "INSERT OR REPLACE INTO replies
                   (principal_id, method, path, key, body_sha256, location, reply, created_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let row = (
            key.principal.as_str(),
            &key.method,
            &key.path,
            &key.key,
            kept.body_sha256,
            &kept.location,
            &kept.reply,
            at.as_microsecond(),
        );
        self.change("keeping a reply", sql, row).map(drop)
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
