//! The key of the rows' MACs, wrapped under the KEK: its own row needs no MAC, since the KEK authenticates it.

use rusqlite::Row;

use super::{Tx, View, rows};
use crate::{algorithm::Mechanism, crypto::wrapped::WrappedSecret, error::Error};

impl View<'_> {
    /// The wrapped key; `None` before the first KEK version is in use.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn row_key(&self) -> Result<Option<WrappedSecret>, Error> {
        let sql = "SELECT kek, mechanism, nonce, sealed FROM row_key WHERE id = 1";
        Ok(self.query("reading the row key", sql, [], wrapped)?.pop())
    }
}

impl Tx<'_> {
    /// Keeps the key for good.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also if there is one already.
    pub fn insert_row_key(&self, key: &WrappedSecret) -> Result<(), Error> {
        let sql =
            "INSERT INTO row_key (id, kek, mechanism, nonce, sealed) VALUES (1, ?1, ?2, ?3, ?4)";
        let row = (
            key.kek.as_str(),
            key.mechanism.name(),
            &key.nonce,
            &key.sealed,
        );
        self.change("keeping the row key", sql, row).map(drop)
    }
}

/// The four columns of a wrapped secret.
pub(super) fn wrapped(row: &Row<'_>) -> Result<WrappedSecret, Error> {
    let mechanism = rows::plain::<String>(row, "mechanism")?;
    Ok(WrappedSecret {
        kek: rows::name(row, "kek")?,
        mechanism: Mechanism::named(&mechanism).ok_or(rows::TAMPERED)?,
        nonce: rows::plain(row, "nonce")?,
        sealed: rows::plain(row, "sealed")?,
    })
}
