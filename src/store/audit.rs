//! The audit log's rows: appended, never changed. What an entry says is not this file's business.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rusqlite::{Row, ToSql};

use super::{Tx, View, rows, sealed::Table};
use crate::{
    crypto::merkle,
    error::{Error, Part},
};

const TABLE: Table = "audit_entries";
const READING: &str = "reading the audit log";

/// An entry as it stands in the database, whole or not.
#[derive(Debug)]
pub struct Logged {
    /// Its place.
    pub number: u64,
    /// Its bytes.
    pub entry: Vec<u8>,
    /// Whether it is the row that was written.
    pub whole: bool,
}

impl View<'_> {
    /// How many entries there are.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn audit_size(&self) -> Result<u64, Error> {
        Ok(self.last_entry()?.map_or(0, |(number, _)| number + 1))
    }

    /// The number after the last one that stands in the database, whole or not.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn log_end(&self) -> Result<u64, Error> {
        let sql = "SELECT max(number) AS last FROM audit_entries";
        let last = |row: &Row<'_>| rows::plain::<Option<i64>>(row, "last");
        let last = self.query(READING, sql, [], last)?.pop().flatten();
        let end = last.map_or(0, |last| last.saturating_add(1));
        u64::try_from(end).map_err(|_| rows::TAMPERED)
    }

    /// When the newest entry was written.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn last_audited(&self) -> Result<Option<Timestamp>, Error> {
        Ok(self.last_entry()?.map(|(_, at)| at))
    }

    /// At most `limit` entries from number `from`, as their bytes were written.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn audit_entries(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, Error> {
        let rest = "WHERE number >= ?1 ORDER BY number LIMIT ?2";
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let given = (from, rows::at_most(limit));
        let read = |row: &Row<'_>| Ok((rows::count(row, "number")?, rows::plain(row, "entry")?));
        let found = self.many(READING, TABLE, rest, given, read)?;
        let mut numbers = (u64::try_from(from).unwrap_or_default()..).zip(&found);
        match numbers.all(|(wanted, (number, _))| wanted == *number) {
            true => Ok(found.into_iter().map(|(_, entry)| entry).collect()),
            false => Err(rows::TAMPERED),
        }
    }

    /// At most `limit` entries from number `from`, such as they are.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Corrupt`] if one has no number.
    pub fn logged(&self, from: u64, limit: usize) -> Result<Vec<Logged>, Error> {
        let sql = "SELECT * FROM audit_entries WHERE number >= ?1 ORDER BY number LIMIT ?2";
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        self.query(READING, sql, (from, rows::at_most(limit)), |row| {
            let whole = match self.verify(READING, TABLE, row) {
                Ok(()) => true,
                Err(Error::Corrupt(_)) => false,
                Err(unavailable) => return Err(unavailable),
            };
            Ok(Logged {
                number: rows::count(row, "number")?,
                entry: rows::plain(row, "entry")?,
                whole,
            })
        })
    }

    fn last_entry(&self) -> Result<Option<(u64, Timestamp)>, Error> {
        let rest = "ORDER BY number DESC LIMIT 1";
        let read = |row: &Row<'_>| Ok((rows::count(row, "number")?, rows::time(row, "at")?));
        self.one("reading the newest audit entry", TABLE, rest, [], read)
    }
}

impl Tx<'_> {
    /// Appends one entry and its leaf: `write` makes its bytes from its number (from 0, no gaps) and its time, which is
    /// `now` or that of the newest entry, whichever is later.
    ///
    /// # Errors
    /// Those of `write`; [`Error::Unavailable`], also once the log is closed, and if the newest entry is not as it was
    /// written: a false number or time would go on into all that follow.
    pub fn append_entry(
        &self,
        now: Timestamp,
        write: impl FnOnce(u64, Timestamp) -> Result<Vec<u8>, Error>,
    ) -> Result<(), Error> {
        let (number, last) = self.log_place()?;
        let at = last.map_or(now, |last| last.max(now));
        self.put_entry(number, at, &write(number, at)?)
    }

    /// Appends an entry as another copy of this log has it, byte for byte; `at` is its own time.
    ///
    /// # Errors
    /// Those of [`Tx::append_entry`].
    pub fn copy_entry(&self, at: Timestamp, entry: &[u8]) -> Result<(), Error> {
        let (number, _) = self.log_place()?;
        self.put_entry(number, at, entry)
    }

    /// The number of the next entry, and the time of the newest.
    fn log_place(&self) -> Result<(u64, Option<Timestamp>), Error> {
        if self.log_closed.load(Ordering::Acquire) {
            return Err(closed(
                "it is not as it was written: POST /v1/audit/verify says what is wrong with it",
            ));
        }
        let head = self.log_head().map_err(end_of_log)?.ok_or_else(no_head)?;
        let (number, last) = match self.last_entry().map_err(end_of_log)? {
            Some((last, at)) => (last + 1, Some(at)),
            None => (0, None),
        };
        match number == head {
            true => Ok((number, last)),
            false => Err(no_head()),
        }
    }

    fn put_entry(&self, number: u64, at: Timestamp, entry: &[u8]) -> Result<(), Error> {
        self.set_log_head(number + 1)?;
        self.grow_tree(number, merkle::leaf(entry))
            .map_err(end_of_log)?;
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let columns: [(&str, &dyn ToSql); 3] = [
            ("number", &number),
            ("at", &at.as_microsecond()),
            ("entry", &entry),
        ];
        self.insert(
            "appending to the audit log",
            TABLE,
            &columns,
            rows::TAMPERED,
        )
    }
}

/// A log with a damaged end takes no more: the service cannot write down what it does.
fn end_of_log(error: Error) -> Error {
    if !matches!(error, Error::Corrupt(_)) {
        return error;
    }
    closed("its end is not as it was written: restore the database")
}

fn no_head() -> Error {
    closed("it does not end where it is written down to end: restore the database")
}

fn closed(why: &'static str) -> Error {
    Error::Unavailable {
        part: Part::Audit,
        what: "appending to the audit log",
        source: Some(why.into()),
    }
}
