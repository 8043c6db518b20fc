//! Reads columns back as the types that were written; what does not fit its type was tampered with.

use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Params, Row, types::FromSql};
use serde::de::DeserializeOwned;

use super::{Tx, View};
use crate::error::{Error, Source};

/// A row of the database does not hold what was put there.
pub(super) const TAMPERED: Error =
    Error::Corrupt("a stored record is not as it was written; restore it from a backup");

impl View<'_> {
    /// Every row that `sql` finds, whether its MAC is right or not; `what` says what was being done, should it fail.
    pub(super) fn query<T>(
        &self,
        what: &'static str,
        sql: &str,
        given: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let failed = |error| self.condition.failed(what, error);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut found = statement.query(given).map_err(failed)?;
        let mut all = Vec::new();
        while let Some(row) = found.next().map_err(failed)? {
            all.push(read(row)?);
        }
        Ok(all)
    }
}

impl Tx<'_> {
    /// The next number of a list that only grows.
    pub(super) fn next_seq(&self, sql: &str) -> Result<i64, Error> {
        let next = |row: &Row<'_>| row.get(0).map_err(|_| TAMPERED);
        let found = self.query("counting rows", sql, [], next)?;
        found.into_iter().next().ok_or(TAMPERED)
    }

    /// Runs one statement that changes rows, and answers how many.
    pub(super) fn change(
        &self,
        what: &'static str,
        sql: &str,
        given: impl Params,
    ) -> Result<usize, Error> {
        let failed = |error| self.condition.failed(what, error);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        statement.execute(given).map_err(failed)
    }
}

/// A change of exactly one row; `otherwise` is the refusal if it was not.
pub(super) fn only(changed: usize, otherwise: Error) -> Result<(), Error> {
    match changed {
        1 => Ok(()),
        _ => Err(otherwise),
    }
}

/// How many rows `LIMIT` may let through.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A column of a type that SQLite knows.
pub(super) fn plain<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, Error> {
    row.get(column).map_err(|_| TAMPERED)
}

/// A text column that is a name of ours.
pub(super) fn name<T: FromStr>(row: &Row<'_>, column: &str) -> Result<T, Error> {
    plain::<String>(row, column)?.parse().map_err(|_| TAMPERED)
}

/// A column of JSON that we wrote.
pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| TAMPERED)
}

/// What a column of JSON is to hold.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Internal {
        what: "writing a column",
        source: Some(Source::from(error)),
    })
}

/// A time, microseconds since 1970.
pub(super) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, Error> {
    instant(plain(row, column)?)
}

/// A time that may be absent.
pub(super) fn time_or_none(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>, Error> {
    plain::<Option<i64>>(row, column)?.map(instant).transpose()
}

fn instant(microseconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(microseconds).map_err(|_| TAMPERED)
}

/// A number of things.
pub(super) fn count(row: &Row<'_>, column: &str) -> Result<u64, Error> {
    u64::try_from(plain::<i64>(row, column)?).map_err(|_| TAMPERED)
}

/// A number of things as it is stored.
pub(super) fn integer(count: u64) -> Result<i64, Error> {
    i64::try_from(count).map_err(|_| Error::internal("more things than can be counted"))
}
