//! DEKs: their names, what their versions are, and which of these is the newest.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Tx, View, rows, sealed::Table};
use crate::{algorithm::Algorithm, error::Error, id::DekName};

/// One DEK.
#[derive(Clone, Debug)]
pub struct DekRow {
    /// Unique for ever.
    pub name: DekName,
    /// What its versions are.
    pub algorithm: Algorithm,
    /// Seconds after which it is to be rotated.
    pub rotation_period: Option<i64>,
    /// The number of its newest version: the only one that encrypts.
    pub newest: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

const TABLE: Table = "deks";
const CHANGING: &str = "changing a DEK";

impl View<'_> {
    /// The DEK of that name.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn dek(&self, name: &DekName) -> Result<Option<DekRow>, Error> {
        let whose = "WHERE name = ?1";
        self.one("reading a DEK", TABLE, whose, [name.as_str()], dek)
    }

    /// At most `limit` DEKs in the order of their names, from the first one after `after`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn deks_after(&self, after: &str, limit: usize) -> Result<Vec<DekRow>, Error> {
        let rest = "WHERE name > ?1 ORDER BY name LIMIT ?2";
        let given = (after, rows::at_most(limit));
        self.many("listing DEKs", TABLE, rest, given, dek)
    }

    /// The DEKs whose newest version has encrypted for its period at `now`, or has reserved `uses` encryptions;
    /// [`Error::Corrupt`] in the place of one of which either is not as it was written.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn deks_to_rotate(
        &self,
        now: Timestamp,
        uses: u64,
    ) -> Result<Vec<Result<DekRow, Error>>, Error> {
        let sql =
            "SELECT name FROM deks WHERE EXISTS (SELECT 1 FROM dek_versions v WHERE v.dek = name AND v.number = newest
                    AND v.state = 'enabled'
                    AND (v.created_at + rotation_period * 1000000 <= ?1 OR v.reserved >= ?2))";
        let uses = i64::try_from(uses).unwrap_or(i64::MAX);
        let given = (now.as_microsecond(), uses);
        let name = |row: &Row<'_>| Ok(rows::name(row, "name"));
        let names = self.query("looking for DEKs to rotate", sql, given, name)?;
        let verified = |name: Result<DekName, Error>| {
            let dek = self.dek(&name?)?.ok_or(rows::TAMPERED)?;
            self.newest_version(&dek)?;
            Ok(dek)
        };
        Ok(names.into_iter().map(verified).collect())
    }
}

impl Tx<'_> {
    /// Adds a DEK, whose newest version is to be added with it.
    ///
    /// # Errors
    /// [`Error::Exists`] if the name is taken; [`Error::Unavailable`].
    pub fn insert_dek(&self, dek: &DekRow) -> Result<(), Error> {
        let added = self.insert(
            "adding a DEK",
            TABLE,
            &[
                ("name", &dek.name.as_str()),
                ("algorithm", &dek.algorithm.name()),
                ("rotation_period", &dek.rotation_period),
                ("newest", &dek.newest),
                ("created_at", &dek.created_at.as_microsecond()),
            ],
        )?;
        match added {
            true => Ok(()),
            false => Err(Error::Exists(
                "a DEK of that name is there already; rotate it or choose another name",
            )),
        }
    }

    /// Makes the version after `newest` the newest.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another one is the newest meanwhile; [`Error::Unavailable`].
    pub fn advance_dek(&self, name: &DekName, newest: u32) -> Result<(), Error> {
        let given = (name.as_str(), newest);
        let whose = "WHERE name = ?1 AND newest = ?2";
        let next = newest + 1;
        match self.alter(CHANGING, TABLE, whose, given, &[("newest", &next)])? {
            1 => Ok(()),
            _ => Err(Error::Conflict(
                "this DEK is being rotated by another request; try again",
            )),
        }
    }
}

/// What is reserved after `count` more encryptions.
pub(super) fn block(reserved: u64, count: u64) -> Result<i64, Error> {
    let sum = reserved.checked_add(count);
    let sum = sum.and_then(|sum| i64::try_from(sum).ok());
    sum.ok_or(Error::internal("more encryptions than can be counted"))
}

fn dek(row: &Row<'_>) -> Result<DekRow, Error> {
    let algorithm = rows::plain::<String>(row, "algorithm")?;
    Ok(DekRow {
        name: rows::name(row, "name")?,
        algorithm: Algorithm::named(&algorithm).ok_or(rows::TAMPERED)?,
        rotation_period: rows::plain(row, "rotation_period")?,
        newest: rows::plain(row, "newest")?,
        created_at: rows::time(row, "created_at")?,
    })
}
