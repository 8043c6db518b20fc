//! Opens connections with the pragmas that durability and trust depend on, and runs the migrations.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use rusqlite_migration::{M, Migrations};

use crate::error::Error;

const MIGRATIONS: [&str; SCHEMA as usize] = [include_str!("../../schema/0001_foundation.sql")];

/// The version of the schema to which this version of the service brings a database.
pub const SCHEMA: u32 = 1;

const BUSY: Duration = Duration::from_secs(5);
/// How long a reader may be in the way of emptying the write-ahead log.
const FOLD: Duration = Duration::from_millis(500);
const STATEMENTS: usize = 128;
/// KiB of pages that a reader remembers. Each write that it has not seen makes it forget them all, so more would mostly
/// be memory that every idle reader keeps.
const READER_CACHE: i64 = 512;

/// Makes the file with mode 0600 if it is not there; SQLite gives its companions the same mode.
pub(super) fn create_private(path: &Path) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options
        .open(path)
        .map(drop)
        .map_err(|error| Error::store("making the database file", error))
}

/// The one connection that writes.
pub(super) fn writing(path: &Path) -> Result<Connection, Error> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |mode| {
            mode.get::<_, String>(0)
                .and_then(|mode| match mode.as_str() {
                    "wal" => Ok(()),
                    _ => Err(rusqlite::Error::InvalidQuery),
                })
        })?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "secure_delete", true)?;
        // What is wrapped is written nowhere else.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(connection)
    };
    open().map_err(|error| Error::store("opening the database", error))
}

/// One of the connections that only read.
pub(super) fn reading(path: &Path) -> Result<Connection, Error> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.pragma_update(None, "cache_size", -READER_CACHE)?;
        Ok(connection)
    };
    open().map_err(|error| Error::store("opening the database for reading", error))
}

/// Brings the schema up to date; a database of a newer version is refused.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let migrated = migrations().to_latest(connection);
    migrated.map_err(|error| Error::store("migrating the database", error))?;
    has_our_indexes(connection)
}

/// Whether a database that is not to be migrated is of this version.
pub(super) fn is_of_this_version(connection: &Connection) -> Result<(), Error> {
    const WHAT: &str = "looking at the schema of the database";
    let version = connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    match version.map_err(|error| Error::store(WHAT, error))? {
        SCHEMA => has_our_indexes(connection),
        _ => Err(Error::store(
            WHAT,
            "it is of another version of the service: use that version, or start and stop the service by this one first",
        )),
    }
}

fn has_our_indexes(connection: &Connection) -> Result<(), Error> {
    let failed = |error| Error::store("looking at the indexes of the database", error);
    match indexes(connection).map_err(failed)? == fresh_indexes().map_err(failed)? {
        true => Ok(()),
        false => Err(Error::Corrupt(
            "the database's indexes are not those of this version, and some keep rules; restore it from a backup",
        )),
    }
}

fn migrations() -> Migrations<'static> {
    Migrations::new(MIGRATIONS.map(M::up).to_vec())
}

/// Names and definitions.
fn indexes(connection: &Connection) -> rusqlite::Result<Vec<(String, Option<String>)>> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

/// Those of a database of nobody, to compare with.
fn fresh_indexes() -> rusqlite::Result<Vec<(String, Option<String>)>> {
    let fresh = Connection::open_in_memory()?;
    MIGRATIONS
        .iter()
        .try_for_each(|step| fresh.execute_batch(step))?;
    indexes(&fresh)
}

/// Folds the write-ahead log into the database file and cuts it to nothing.
pub(super) fn fold(connection: &Connection) -> Result<(), Error> {
    const WHAT: &str = "emptying the write-ahead log";
    let failed = |error| Error::store(WHAT, error);
    // Everybody else waits for the writer meanwhile.
    connection.busy_timeout(FOLD).map_err(failed)?;
    let busy = connection.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |row| {
        row.get::<_, bool>(0)
    });
    connection.busy_timeout(BUSY).map_err(failed)?;
    match busy.map_err(failed)? {
        true => Err(Error::store(WHAT, "a reader was in the way")),
        false => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that opens connections"
)]
fn open(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
