//! Counts for figures. Nothing is decided by them, so no MAC is asked; and none of them looks at the audit log, which
//! has no end.

use jiff::Timestamp;
use rusqlite::{Params, Row};

use super::{View, rows};
use crate::{error::Error, id::DekName};

const COUNTING: &str = "counting rows";

/// Of all DEKs, by the version of each that encrypts.
#[derive(Clone, Copy, Debug, Default)]
pub struct DekTotals {
    /// How many there are.
    pub count: u64,
    /// When the oldest of those versions was made.
    pub oldest: Option<Timestamp>,
    /// The most encryptions that one of them has reserved.
    pub reserved: u64,
}

/// One DEK, by its version that encrypts.
#[derive(Clone, Debug)]
pub struct DekFigures {
    /// Its name.
    pub name: DekName,
    /// When that version was made.
    pub created_at: Timestamp,
    /// Encryptions that it has reserved.
    pub reserved: u64,
}

impl View<'_> {
    /// All DEKs together.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn dek_totals(&self) -> Result<DekTotals, Error> {
        let sql = "SELECT count(*) AS count, min(v.created_at) AS oldest, coalesce(max(v.reserved), 0) AS reserved
                   FROM deks d JOIN dek_versions v ON v.dek = d.name AND v.number = d.newest";
        let read = |row: &Row<'_>| {
            Ok(DekTotals {
                count: rows::count(row, "count")?,
                oldest: rows::time_or_none(row, "oldest")?,
                reserved: rows::count(row, "reserved")?,
            })
        };
        let found = self.query(COUNTING, sql, [], read)?.pop();
        Ok(found.unwrap_or_default())
    }

    /// The `limit` DEKs that were made first: always the same ones.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn first_deks(&self, limit: usize) -> Result<Vec<DekFigures>, Error> {
        let sql = "SELECT d.name AS name, v.created_at AS created_at, v.reserved AS reserved
                   FROM deks d JOIN dek_versions v ON v.dek = d.name AND v.number = d.newest
                   ORDER BY d.rowid LIMIT ?1";
        self.query(COUNTING, sql, [rows::at_most(limit)], |row| {
            Ok(DekFigures {
                name: rows::name(row, "name")?,
                created_at: rows::time(row, "created_at")?,
                reserved: rows::count(row, "reserved")?,
            })
        })
    }

    /// DEKs whose period was over at `then` though their newest version may be rotated.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn deks_overdue(&self, then: Timestamp) -> Result<u64, Error> {
        let sql = "SELECT count(*) AS count FROM deks d
                   JOIN dek_versions v ON v.dek = d.name AND v.number = d.newest
                   WHERE d.rotate_at <= ?1 AND v.state = 'enabled' AND v.destroy_at IS NULL";
        self.count(sql, [then.as_microsecond()])
    }

    /// DEK versions by the name of their state.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn versions_by_state(&self) -> Result<Vec<(String, u64)>, Error> {
        let sql =
            "SELECT CASE WHEN destroy_at IS NULL THEN state ELSE 'pending_destruction' END AS word,
                   count(*) AS count FROM dek_versions GROUP BY word";
        self.tally(sql)
    }

    /// Active principals by the name of each of their roles.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn principals_by_role(&self) -> Result<Vec<(String, u64)>, Error> {
        let sql = "SELECT role.value AS word, count(*) AS count FROM principals, json_each(principals.roles) role
                   WHERE principals.state = 'active' GROUP BY word";
        self.tally(sql)
    }

    /// Active principals whose last token ends between `from` and `until`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn principals_expiring(&self, from: Timestamp, until: Timestamp) -> Result<u64, Error> {
        let sql = "SELECT count(*) AS count FROM (
                       SELECT max(coalesce(t.expires_at, ?2 + 1)) AS last
                       FROM tokens t JOIN principals p ON p.id = t.principal_id
                       WHERE t.state = 'active' AND p.state = 'active' GROUP BY p.id)
                   WHERE last BETWEEN ?1 AND ?2";
        self.count(sql, (from.as_microsecond(), until.as_microsecond()))
    }

    /// Custodians by the names of their lead and state, as `lead/state`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn custodians_by_state(&self) -> Result<Vec<(String, u64)>, Error> {
        self.tally(
            "SELECT lead || '/' || state AS word, count(*) AS count FROM custodians GROUP BY word",
        )
    }

    /// Overrides that may still be signed, by the name of their status.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn open_overrides(&self) -> Result<Vec<(String, u64)>, Error> {
        let sql = "SELECT state AS word, count(*) AS count FROM overrides
                   WHERE state IN ('pending', 'partial') GROUP BY word";
        self.tally(sql)
    }

    fn tally(&self, sql: &str) -> Result<Vec<(String, u64)>, Error> {
        self.query(COUNTING, sql, [], |row| {
            Ok((rows::plain(row, "word")?, rows::count(row, "count")?))
        })
    }

    fn count(&self, sql: &str, given: impl Params) -> Result<u64, Error> {
        let count = |row: &Row<'_>| rows::count(row, "count");
        let found = self.query(COUNTING, sql, given, count)?.pop();
        found.ok_or(rows::TAMPERED)
    }
}
