//! The database file in other hands, beside the service or without it.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use rusqlite::Connection;

use crate::service::Service;

/// Opens the file as somebody who can write it: whoever can do that also switches its constraints off.
pub fn open(dir: &Path) -> Connection {
    let off = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";
    let schema = connect(dir);
    schema.execute_batch("PRAGMA writable_schema = ON").unwrap();
    for kind in ["TEXT", "BLOB", "INTEGER"] {
        let sql = "UPDATE sqlite_schema SET sql = replace(sql, ?1 || ' NOT NULL', ?1)";
        schema.execute(sql, [kind]).unwrap();
    }
    drop(schema);
    let file = connect(dir);
    file.execute_batch(off).unwrap();
    file
}

fn connect(dir: &Path) -> Connection {
    #[allow(clippy::disallowed_methods)] // past the store is the point
    let file = Connection::open(dir.join("custodian.db")).unwrap();
    file.busy_timeout(Duration::from_secs(10)).unwrap();
    file
}

/// A number that is there.
pub fn number(file: &Connection, sql: &str) -> i64 {
    let found = file.query_row(sql, [], |row| row.get(0));
    found.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// A change that changes something.
pub fn run(file: &Connection, sql: &str) {
    assert_ne!(file.execute(sql, []).unwrap(), 0, "{sql}");
}

/// Stops the service, changes its file, starts it again.
pub fn tampered(service: Service, change: impl FnOnce(&Connection)) -> Service {
    let dir = service.dir.clone();
    drop_cleanly(service);
    change(&open(&dir));
    Service::start(&dir, &[])
}

pub fn drop_cleanly(service: Service) {
    assert_eq!(service.stop(), Some(0));
}

/// Starts one that is to refuse by itself, with a sentence and within ten seconds.
#[track_caller]
pub fn refuses_to_start(dir: &Path, more: &[&str], what: &str) {
    let refused = start(dir, more);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{what}: {said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("custodian: "), "{what}: {said}");
    assert!(!said.contains("panicked"), "{what}: {said}");
}

fn start(dir: &Path, more: &[&str]) -> Output {
    Command::new("timeout")
        .args(["10", env!("CARGO_BIN_EXE_custodian")])
        .args(["dev", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir)
        .args(more)
        .stdout(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
pub fn never_failed(service: &Service) {
    let log = service.log();
    for word in ["panicked", "status=500", "internal:"] {
        assert!(!log.contains(word), "the log says {word}");
    }
}
