//! The newest checkpoint of the audit log.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Tx, View, rows, sealed::Table};
use crate::{crypto::merkle::Hash, error::Error};

/// A checkpoint as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckpointRow {
    /// How many entries it commits to.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// The signed note; empty of the empty log, of which nothing is signed.
    pub note: String,
    /// Whether the token has kept one until then.
    pub in_token: bool,
    /// When it was signed.
    pub made_at: Timestamp,
}

const TABLE: Table = "checkpoints";

impl View<'_> {
    /// The newest checkpoint; `None` before there is a row key, and if somebody took it out.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn checkpoint(&self) -> Result<Option<CheckpointRow>, Error> {
        let rest = "ORDER BY size DESC LIMIT 1";
        self.one("reading the newest checkpoint", TABLE, rest, [], checkpoint)
    }
}

impl Tx<'_> {
    /// Keeps this checkpoint in the place of all before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn replace_checkpoint(&self, new: &CheckpointRow) -> Result<(), Error> {
        const WHAT: &str = "keeping a checkpoint";
        self.change(WHAT, "DELETE FROM checkpoints", [])?;
        let size = i64::try_from(new.size).map_err(|_| rows::TAMPERED)?;
        self.insert(
            WHAT,
            TABLE,
            &[
                ("size", &size),
                ("root", &new.root),
                ("note", &new.note),
                ("in_token", &new.in_token),
                ("made_at", &new.made_at.as_microsecond()),
            ],
            rows::TAMPERED,
        )
    }
}

fn checkpoint(row: &Row<'_>) -> Result<CheckpointRow, Error> {
    Ok(CheckpointRow {
        size: rows::count(row, "size")?,
        root: rows::plain(row, "root")?,
        note: rows::plain(row, "note")?,
        in_token: rows::plain(row, "in_token")?,
        made_at: rows::time(row, "made_at")?,
    })
}
