//! The hashes of the tree over the audit log (RFC 6962), each at its position (`crypto::merkle`). Written with their
//! entries, never changed.

use rusqlite::Row;

use super::{Tx, View, rows};
use crate::{
    crypto::merkle::{self, Hash, Hashes},
    error::Error,
};

const READING: &str = "reading the audit log's tree";

impl Hashes for View<'_> {
    fn hashes(&self, positions: &[u64]) -> Result<Vec<Hash>, Error> {
        const ONE: &str = "SELECT hash FROM tree_hashes WHERE position = ?1";
        let one = |position: &u64| {
            let found = self.query(READING, ONE, [column(*position)?], hash)?.pop();
            found.ok_or(merkle::LOST)
        };
        positions.iter().map(one).collect()
    }
}

impl View<'_> {
    /// The hashes from `position` on, as many as there are up to `count`.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Corrupt`] if one of them is missing.
    pub fn hashes_from(&self, position: u64, count: u64) -> Result<Vec<Hash>, Error> {
        const RANGE: &str = "SELECT position, hash FROM tree_hashes WHERE position >= ?1 AND position < ?2 ORDER BY position";
        let end = column(position.saturating_add(count))?;
        let read = |row: &Row<'_>| Ok((rows::count(row, "position")?, hash(row)?));
        let found = self.query(READING, RANGE, (column(position)?, end), read)?;
        match (position..)
            .zip(&found)
            .all(|(wanted, (at, _))| wanted == *at)
        {
            true => Ok(found.into_iter().map(|(_, hash)| hash).collect()),
            false => Err(merkle::LOST),
        }
    }

    /// How many hashes there are, if none is missing.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn tree_end(&self) -> Result<u64, Error> {
        const LAST: &str = "SELECT max(position) AS last FROM tree_hashes";
        let last = |row: &Row<'_>| rows::plain::<Option<i64>>(row, "last");
        let last = self.query(READING, LAST, [], last)?.pop().flatten();
        let end = last.map_or(0, |last| last.saturating_add(1));
        u64::try_from(end).map_err(|_| rows::TAMPERED)
    }
}

impl Tx<'_> {
    /// Appends the leaf of entry `number` and what it completes.
    pub(super) fn grow_tree(&self, number: u64, leaf: Hash) -> Result<(), Error> {
        const ONE: &str =
            "INSERT INTO tree_hashes (position, hash) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        let made = merkle::appended(number, leaf, &**self)?;
        for (position, hash) in (merkle::position(number)?..).zip(made) {
            let changed = self.change(
                "growing the audit log's tree",
                ONE,
                (column(position)?, hash),
            )?;
            rows::only(changed, rows::TAMPERED)?;
        }
        Ok(())
    }
}

fn hash(row: &Row<'_>) -> Result<Hash, Error> {
    rows::plain(row, "hash")
}

fn column(position: u64) -> Result<i64, Error> {
    i64::try_from(position).map_err(|_| rows::TAMPERED)
}
