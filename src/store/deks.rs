//! DEKs: their names, what their versions are, and which of these is the newest.

use jiff::Timestamp;
use rusqlite::{Row, ToSql};

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
    /// When that has encrypted for its period.
    pub rotate_at: Option<Timestamp>,
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

    /// The DEKs whose period is over at `now`, or of which a version has reserved `uses` encryptions;
    /// [`Error::Corrupt`] in the place of one that is not as it was written.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn deks_to_rotate(
        &self,
        now: Timestamp,
        uses: u64,
    ) -> Result<Vec<Result<DekRow, Error>>, Error> {
        let sql = "SELECT name FROM deks WHERE rotate_at <= ?1
                   UNION SELECT dek FROM dek_versions WHERE reserved >= ?2";
        let uses = i64::try_from(uses).unwrap_or(i64::MAX);
        let given = (now.as_microsecond(), uses);
        let name = |row: &Row<'_>| Ok(rows::name(row, "name"));
        let names = self.query("looking for DEKs to rotate", sql, given, name)?;
        let verified = |name: Result<DekName, Error>| self.dek(&name?)?.ok_or(rows::TAMPERED);
        Ok(names.into_iter().map(verified).collect())
    }
}

impl Tx<'_> {
    /// Adds a DEK, whose newest version is to be added with it.
    ///
    /// # Errors
    /// [`Error::Exists`] if the name is taken; [`Error::Unavailable`].
    pub fn insert_dek(&self, dek: &DekRow) -> Result<(), Error> {
        self.insert(
            "adding a DEK",
            TABLE,
            &[
                ("name", &dek.name.as_str()),
                ("algorithm", &dek.algorithm.name()),
                ("rotation_period", &dek.rotation_period),
                ("newest", &dek.newest),
                ("rotate_at", &dek.rotate_at.map(Timestamp::as_microsecond)),
                ("created_at", &dek.created_at.as_microsecond()),
            ],
            Error::Exists("a DEK of that name is there already; rotate it or choose another name"),
        )
    }

    /// Makes version number `next` of `dek` the newest in the place of the one that is, until `rotate_at`.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another one is the newest meanwhile; [`Error::Unavailable`].
    pub fn advance_dek(
        &self,
        dek: &DekRow,
        next: u32,
        rotate_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let given = (dek.name.as_str(), dek.newest);
        let whose = "WHERE name = ?1 AND newest = ?2";
        let rotate_at = rotate_at.map(Timestamp::as_microsecond);
        let set: [(&str, &dyn ToSql); 2] = [("newest", &next), ("rotate_at", &rotate_at)];
        let changed = self.alter(CHANGING, TABLE, whose, given, &set)?;
        rows::only(changed, OVERTAKEN)
    }
}

/// Another rotation of the same DEK was faster.
pub const OVERTAKEN: Error =
    Error::Conflict("this DEK is being rotated by other requests; try again");

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
        rotate_at: rows::time_or_none(row, "rotate_at")?,
        created_at: rows::time(row, "created_at")?,
    })
}
