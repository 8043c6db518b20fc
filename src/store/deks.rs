//! DEKs and their versions: every secret wrapped, none in the clear.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Tx, View, rows};
use crate::{
    algorithm::{Algorithm, Mechanism},
    crypto::wrapped::WrappedSecret,
    error::Error,
    id::{DekName, DekVersion},
};

/// One DEK.
#[derive(Clone, Debug)]
pub struct DekRow {
    /// Unique for ever.
    pub name: DekName,
    /// What its versions are.
    pub algorithm: Algorithm,
    /// Seconds after which it is to be rotated.
    pub rotation_period: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One version of a DEK.
#[derive(Clone, Debug)]
pub struct VersionRow {
    /// From 1, never reused.
    pub number: u32,
    /// Its name.
    pub version: DekVersion,
    /// The secret under the KEK.
    pub wrapped: WrappedSecret,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The one state that a version has as yet.
const ENABLED: &str = "enabled";

impl View<'_> {
    /// The DEK of that name.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn dek(&self, name: &DekName) -> Result<Option<DekRow>, Error> {
        let sql = "SELECT * FROM deks WHERE name = ?1";
        self.one("reading a DEK", sql, [name.as_str()], dek)
    }

    /// At most `limit` DEKs in the order of their names, from the first one after `after`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn deks_after(&self, after: &str, limit: usize) -> Result<Vec<DekRow>, Error> {
        let sql = "SELECT * FROM deks WHERE name > ?1 ORDER BY name LIMIT ?2";
        self.many("listing DEKs", sql, (after, rows::at_most(limit)), dek)
    }

    /// Every version of a DEK, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn dek_versions(&self, name: &DekName) -> Result<Vec<VersionRow>, Error> {
        let sql = "SELECT * FROM dek_versions WHERE dek = ?1 ORDER BY number";
        self.many("reading a DEK's versions", sql, [name.as_str()], version)
    }

    /// The newest version of a DEK: the only one that encrypts.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn newest_version(&self, name: &DekName) -> Result<Option<VersionRow>, Error> {
        let sql = "SELECT * FROM dek_versions WHERE dek = ?1 ORDER BY number DESC LIMIT 1";
        self.one(
            "reading a DEK's newest version",
            sql,
            [name.as_str()],
            version,
        )
    }

    /// One version of a DEK.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn dek_version(
        &self,
        name: &DekName,
        wanted: &DekVersion,
    ) -> Result<Option<VersionRow>, Error> {
        let sql = "SELECT * FROM dek_versions WHERE dek = ?1 AND version = ?2";
        self.one(
            "reading a DEK version",
            sql,
            (name.as_str(), wanted.as_str()),
            version,
        )
    }
}

impl Tx<'_> {
    /// Adds a DEK without versions.
    ///
    /// # Errors
    /// [`Error::Exists`] if the name is taken; [`Error::Unavailable`].
    pub fn insert_dek(&self, dek: &DekRow) -> Result<(), Error> {
        let sql = "INSERT INTO deks (name, algorithm, rotation_period, created_at) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT DO NOTHING";
        let row = (
            dek.name.as_str(),
            dek.algorithm.name(),
            dek.rotation_period,
            dek.created_at.as_microsecond(),
        );
        match self.change("adding a DEK", sql, row)? {
            1 => Ok(()),
            _ => Err(Error::Exists(
                "a DEK of that name is there already; rotate it or choose another name",
            )),
        }
    }

    /// Adds a version.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the number was taken meanwhile; [`Error::Unavailable`].
    pub fn insert_version(&self, name: &DekName, version: &VersionRow) -> Result<(), Error> {
        let sql = "INSERT INTO dek_versions (dek, number, version, state, kek, mechanism, nonce, sealed, created_at)
                   VALUES (?1, ?2, ?3, 'enabled', ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
        let wrapped = &version.wrapped;
        let row = (
            name.as_str(),
            version.number,
            version.version.as_str(),
            wrapped.kek.as_str(),
            wrapped.mechanism.name(),
            &wrapped.nonce,
            &wrapped.sealed,
            version.created_at.as_microsecond(),
        );
        match self.change("adding a DEK version", sql, row)? {
            1 => Ok(()),
            _ => Err(Error::Conflict(
                "this DEK is being rotated by another request; try again",
            )),
        }
    }
}

fn dek(row: &Row<'_>) -> Result<DekRow, Error> {
    let algorithm = rows::plain::<String>(row, "algorithm")?;
    Ok(DekRow {
        name: rows::name(row, "name")?,
        algorithm: Algorithm::named(&algorithm).ok_or(rows::TAMPERED)?,
        rotation_period: rows::plain(row, "rotation_period")?,
        created_at: rows::time(row, "created_at")?,
    })
}

fn version(row: &Row<'_>) -> Result<VersionRow, Error> {
    let mechanism = rows::plain::<String>(row, "mechanism")?;
    let state = rows::plain::<String>(row, "state")?;
    let version: DekVersion = rows::name(row, "version")?;
    // The name is bound into the wrapped secret, the number is not: it may not say otherwise.
    let number = rows::plain(row, "number")?;
    if version.number() != number || state != ENABLED {
        return Err(rows::TAMPERED);
    }
    Ok(VersionRow {
        number,
        version,
        wrapped: WrappedSecret {
            kek: rows::name(row, "kek")?,
            mechanism: Mechanism::named(&mechanism).ok_or(rows::TAMPERED)?,
            nonce: rows::plain(row, "nonce")?,
            sealed: rows::plain(row, "sealed")?,
        },
        created_at: rows::time(row, "created_at")?,
    })
}
