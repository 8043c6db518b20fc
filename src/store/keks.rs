//! KEK versions by name and state; the keys are in the token.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Tx, View, rows};
use crate::{error::Error, id::KekVersion};

/// One KEK version.
#[derive(Clone, Debug)]
pub struct KekRow {
    /// From 1, never reused.
    pub number: u32,
    /// Its name, and its token object's CKA_ID.
    pub version: KekVersion,
    /// What tells its key from another of the same name; `None` while it is being created.
    pub canary: Option<Vec<u8>>,
}

impl View<'_> {
    /// Every version, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn kek_versions(&self) -> Result<Vec<KekRow>, Error> {
        let sql = "SELECT number, version, canary FROM kek_versions ORDER BY number";
        self.many("reading the KEK versions", sql, [], kek)
    }
}

impl Tx<'_> {
    /// Writes down that this version is about to be made in the token.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn announce_kek(
        &self,
        number: u32,
        version: &KekVersion,
        at: Timestamp,
    ) -> Result<(), Error> {
        let sql = "INSERT INTO kek_versions (number, version, state, created_at) VALUES (?1, ?2, 'creating', ?3)";
        let row = (number, version.as_str(), at.as_microsecond());
        self.change("announcing a KEK version", sql, row).map(drop)
    }

    /// Writes down that this version was made.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Conflict`] unless it was announced.
    pub fn enable_kek(&self, version: &KekVersion, canary: &[u8]) -> Result<(), Error> {
        let sql = "UPDATE kek_versions SET state = 'enabled', canary = ?2 WHERE version = ?1 AND state = 'creating'";
        match self.change("enabling a KEK version", sql, (version.as_str(), canary))? {
            1 => Ok(()),
            _ => Err(Error::Conflict("this KEK version is not being created")),
        }
    }
}

fn kek(row: &Row<'_>) -> Result<KekRow, Error> {
    let (number, version): (_, KekVersion) =
        (rows::plain(row, "number")?, rows::name(row, "version")?);
    if version.number() != number {
        return Err(rows::TAMPERED);
    }
    Ok(KekRow {
        number,
        version,
        canary: rows::plain(row, "canary")?,
    })
}
