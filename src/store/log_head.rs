//! How long the audit log is, and what was found wrong with it: what its entries cannot say themselves.

use jiff::Timestamp;
use rusqlite::{Row, ToSql};

use super::{Tx, View, rows, sealed::Table};
use crate::error::Error;

const HEAD: Table = "log_head";
const FINDINGS: Table = "log_findings";
const READING: &str = "reading the audit log's length";

/// What was found wrong with the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FindingRow {
    /// The word for it.
    pub fault: String,
    /// The entry that is wrong, where that is known.
    pub entry: Option<u64>,
}

impl View<'_> {
    /// How many entries were logged; `None` before there is a row key, and if somebody took it out.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn log_head(&self) -> Result<Option<u64>, Error> {
        let size = |row: &Row<'_>| rows::count(row, "size");
        self.one(READING, HEAD, "WHERE id = 1", [], size)
    }

    /// What was found wrong with the log and not taken back.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn log_finding(&self) -> Result<Option<FindingRow>, Error> {
        let what = "reading what was found wrong with the audit log";
        self.one(what, FINDINGS, "WHERE id = 1", [], |row| {
            Ok(FindingRow {
                fault: rows::plain(row, "fault")?,
                entry: rows::plain::<Option<i64>>(row, "entry")?
                    .map(|entry| u64::try_from(entry).map_err(|_| rows::TAMPERED))
                    .transpose()?,
            })
        })
    }
}

impl Tx<'_> {
    /// Writes down that the log has no entries yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`] if it is written down already.
    pub fn begin_log(&self) -> Result<(), Error> {
        let columns: [(&str, &dyn ToSql); 2] = [("id", &1), ("size", &0)];
        self.insert("beginning the audit log", HEAD, &columns, rows::TAMPERED)
    }

    /// Writes down how long the log is.
    pub(super) fn set_log_head(&self, size: u64) -> Result<(), Error> {
        let size = i64::try_from(size).map_err(|_| rows::TAMPERED)?;
        let what = "appending to the audit log";
        let changed = self.alter(what, HEAD, "WHERE id = 1", [], &[("size", &size)])?;
        rows::only(changed, rows::TAMPERED)
    }

    /// Writes down what was found wrong, unless something is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn keep_finding(&self, found: &FindingRow, at: Timestamp) -> Result<(), Error> {
        if matches!(self.log_finding(), Ok(Some(_))) {
            return Ok(());
        }
        self.forget_finding()?;
        let entry = found.entry.and_then(|entry| i64::try_from(entry).ok());
        let columns: [(&str, &dyn ToSql); 4] = [
            ("id", &1),
            ("fault", &found.fault),
            ("entry", &entry),
            ("found_at", &at.as_microsecond()),
        ];
        let what = "writing down what is wrong with the audit log";
        self.insert(what, FINDINGS, &columns, rows::TAMPERED)
    }

    /// Takes back what was found: the whole log is right again.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn forget_finding(&self) -> Result<(), Error> {
        let what = "taking back what was wrong with the audit log";
        self.change(what, "DELETE FROM log_findings", []).map(drop)
    }
}
