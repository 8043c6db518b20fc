//! The audit log's rows: appended, never changed. What an entry says is not this file's business.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Tx, View, rows};
use crate::error::Error;

impl View<'_> {
    /// How many entries there are.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn audit_size(&self) -> Result<u64, Error> {
        Ok(self.last_entry()?.map_or(0, |(number, _)| number + 1))
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
        let sql = "SELECT entry FROM audit_entries WHERE number >= ?1 ORDER BY number LIMIT ?2";
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let read = |row: &Row<'_>| rows::plain(row, "entry");
        self.many(
            "reading the audit log",
            sql,
            (from, rows::at_most(limit)),
            read,
        )
    }

    fn last_entry(&self) -> Result<Option<(u64, Timestamp)>, Error> {
        let sql = "SELECT number, at FROM audit_entries ORDER BY number DESC LIMIT 1";
        self.one("reading the newest audit entry", sql, [], |row| {
            let number = rows::plain::<i64>(row, "number")?;
            let number = u64::try_from(number).map_err(|_| rows::TAMPERED)?;
            Ok((number, rows::time(row, "at")?))
        })
    }
}

impl Tx<'_> {
    /// Appends one entry: `write` makes its bytes from its number (from 0, no gaps) and its time, which is
    /// `now` or that of the newest entry, whichever is later.
    ///
    /// # Errors
    /// Those of `write`; [`Error::Unavailable`].
    pub fn append_entry(
        &self,
        now: Timestamp,
        write: impl FnOnce(u64, Timestamp) -> Result<Vec<u8>, Error>,
    ) -> Result<(), Error> {
        let (number, at) = match self.last_entry()? {
            Some((last, at)) => (last + 1, at.max(now)),
            None => (0, now),
        };
        let entry = write(number, at)?;
        let sql = "INSERT INTO audit_entries (number, at, entry) VALUES (?1, ?2, ?3)";
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let row = (number, at.as_microsecond(), entry);
        self.change("appending to the audit log", sql, row)
            .map(drop)
    }
}
