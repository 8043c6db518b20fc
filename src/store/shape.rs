//! Looks below the rows: whether the trees of a table and of its indexes are in order and agree with each other. What an
//! index does not lead to is not found, and what it does not know can be added twice.

use rusqlite::{Connection, Params, ffi};

use super::{Store, patrol::Beat};
use crate::error::Error;

const LOOKING: &str = "looking at the shape of the database";

/// What is said of a row that breaks a rule of its columns: that is for its MAC to judge.
const OF_ROWS: [&str; 2] = [" value in ", "CHECK constraint failed in "];

impl Store {
    /// Looks at the trees of a table, reading all of it; what is out of order shuts the file for changes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if something is, or if it cannot be read.
    pub fn look_below(&self, beat: &Beat) -> Result<(), Error> {
        self.read(|view| {
            let looked = look_below(view.connection, beat.table);
            looked.inspect_err(|error| view.condition.heed(error))
        })
    }

    /// Looks whether a file that was found damaged is: a disk that could not be read for a while looks the same. Reads
    /// all of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it is damaged.
    pub fn look_again(&self) -> Result<(), Error> {
        if !self.condition.is_to_be_looked_at() {
            return Ok(());
        }
        self.readers.forget();
        self.writer.look()
    }
}

/// Looks at the trees of one table.
pub(super) fn look_below(connection: &Connection, table: &str) -> Result<(), Error> {
    look(
        connection,
        "SELECT integrity_check FROM pragma_integrity_check(?1)",
        [table],
    )
}

/// Looks at all trees of the file, as they are on the disk now.
pub(super) fn look_at_all(connection: &Connection) -> Result<(), Error> {
    let forgotten = connection.execute_batch("PRAGMA shrink_memory");
    forgotten.map_err(|error| Error::store(LOOKING, error))?;
    look(connection, "PRAGMA integrity_check", [])
}

fn look(connection: &Connection, sql: &str, given: impl Params) -> Result<(), Error> {
    let failed = |error| Error::store(LOOKING, error);
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let said = statement.query_map(given, |row| row.get::<_, String>(0));
    for finding in said.map_err(failed)? {
        let finding = finding.map_err(failed)?;
        if let Some(line) = finding.lines().find(|line| is_of_shape(line)) {
            let corrupt = ffi::Error::new(ffi::SQLITE_CORRUPT);
            let line = Some(line.to_owned());
            return Err(failed(rusqlite::Error::SqliteFailure(corrupt, line)));
        }
    }
    Ok(())
}

fn is_of_shape(line: &str) -> bool {
    line != "ok"
        && !line.starts_with("***")
        && !OF_ROWS.iter().any(|of_rows| line.contains(of_rows))
}
