//! The store's one writer on a real file: shared commits, and what a refusal, a panic or a crash may leave behind.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may
#![allow(clippy::disallowed_methods)] // looks at the file past the store
#![allow(missing_docs)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use aegis_custodian::{
    error::{Error, Part},
    secret::Secret,
    store::{Store, Tx},
};
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

const REFUSED: Error = Error::Conflict("refused on purpose");

/// Something to do with it, in a thread of its own.
type Job<'a> = Box<dyn FnOnce(&Bench) + Send + 'a>;

struct Bench {
    store: Store,
    path: PathBuf,
    _home: TempDir,
}

impl Bench {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let path = home.path().join("custodian.db");
        let store = opened(&path);
        store.transact(|tx| tx.begin_log()).unwrap();
        Self {
            store,
            path,
            _home: home,
        }
    }

    /// Appends an entry of these bytes in a transaction of its own, then ends it with `end`.
    fn append<T: Send + 'static>(
        &self,
        text: &str,
        end: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let text = text.to_owned();
        self.store.transact(move |tx| {
            append(tx, &text)?;
            end()
        })
    }

    /// Every entry, past the writer.
    fn entries(&self) -> Vec<String> {
        let entries = self.store.read(|view| view.audit_entries(0, 100_000));
        let text = |entry| String::from_utf8(entry).unwrap();
        entries.unwrap().into_iter().map(text).collect()
    }

    /// Runs all of `jobs` while the writer is held in a transaction before them, so that they wait together.
    fn together(&self, jobs: Vec<Job<'_>>) {
        let (held, count) = (Arc::new(Barrier::new(2)), jobs.len());
        let sent = AtomicUsize::new(0);
        thread::scope(|scope| {
            let release = Arc::clone(&held);
            scope.spawn(move || {
                let hold = move || {
                    held.wait();
                    held.wait();
                    Ok(())
                };
                self.append("first", hold).unwrap();
            });
            release.wait();
            for job in jobs {
                let sent = &sent;
                scope.spawn(move || {
                    sent.fetch_add(1, SeqCst);
                    job(self);
                });
            }
            while sent.load(SeqCst) < count {
                thread::sleep(Duration::from_millis(1));
            }
            // Each is a few instructions from the queue.
            thread::sleep(Duration::from_millis(300));
            release.wait();
        });
    }
}

fn opened(path: &Path) -> Store {
    let store = Store::open(path).unwrap();
    store.unlock(&Secret::take(&mut [7; 32]).unwrap()).unwrap();
    store
}

fn append(tx: &Tx<'_>, text: &str) -> Result<(), Error> {
    tx.append_entry(Timestamp::UNIX_EPOCH, |_, _| Ok(text.into()))
}

fn keep() -> Result<(), Error> {
    Ok(())
}

/// Commits that stand in the write-ahead log: frames that carry the database's size (SQLite file format, 4.1),
/// of the log's present salt. Nothing may start the log again meanwhile: a reader's snapshot sees to that.
fn commits(database: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME: usize = 24;
    let wal = fs::read(database.with_extension("db-wal")).unwrap();
    if wal.is_empty() {
        return 0;
    }
    let page = u32::from_be_bytes(wal[8..12].try_into().unwrap()) as usize;
    let frames = wal[HEADER..].chunks_exact(FRAME + page);
    frames
        .filter(|frame| frame[8..16] == wal[16..24] && frame[4..8] != [0; 4])
        .count()
}

/// Holds a snapshot, so that the write-ahead log only grows.
fn hold_log(database: &Path) -> Connection {
    let reader = Connection::open(database).unwrap();
    let sql = "BEGIN; SELECT count(*) FROM audit_entries";
    reader.execute_batch(sql).unwrap();
    reader
}

#[test]
fn a_transaction_alone_is_one_commit() {
    let bench = Bench::new();
    let _held = hold_log(&bench.path);
    let before = commits(&bench.path);
    for number in 0..10 {
        bench.append(&number.to_string(), keep).unwrap();
    }
    assert_eq!(commits(&bench.path) - before, 10);
}

#[test]
fn transactions_that_wait_together_share_one_commit() {
    let bench = Bench::new();
    let _held = hold_log(&bench.path);
    let before = commits(&bench.path);
    let job = |number: usize| -> Box<dyn FnOnce(&Bench) + Send> {
        Box::new(move |bench| bench.append(&number.to_string(), keep).unwrap())
    };
    bench.together((0..64).map(job).collect());
    let made = commits(&bench.path) - before;
    // One, unless a thread was not scheduled for 300 ms.
    assert!(
        (1..=4).contains(&made),
        "{made} commits for 65 transactions"
    );
    assert_eq!(bench.entries().len(), 65);
}

#[test]
fn under_load_there_are_fewer_commits_than_transactions_and_none_is_lost() {
    const THREADS: usize = 32;
    const EACH: usize = 20;
    let bench = Bench::new();
    let _held = hold_log(&bench.path);
    let before = commits(&bench.path);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let bench = &bench;
            let each = move |number| bench.append(&format!("{thread}-{number}"), keep).unwrap();
            scope.spawn(move || (0..EACH).for_each(each));
        }
    });
    let made = commits(&bench.path) - before;
    println!("{} transactions, {made} commits", THREADS * EACH);
    assert!(made < THREADS * EACH / 2, "{made} commits");
    let mut entries = bench.entries();
    entries.sort();
    entries.dedup();
    assert_eq!(entries.len(), THREADS * EACH);
}

#[test]
fn a_refused_transaction_leaves_nothing_and_harms_no_neighbour_of_its_commit() {
    let bench = Bench::new();
    let job = |number: usize| -> Box<dyn FnOnce(&Bench) + Send> {
        Box::new(move |bench| {
            let refused = number.is_multiple_of(2);
            let end = move || if refused { Err(REFUSED) } else { Ok(number) };
            let ended = bench.append(&format!("{number} {refused}"), end);
            assert_eq!(ended.is_err(), refused, "{ended:?}");
        })
    };
    bench.together((0..20).map(job).collect());
    let entries = bench.entries();
    assert_eq!(entries.len(), 1 + 10, "{entries:?}");
    assert!(!entries.iter().any(|entry| entry.ends_with("true")));
}

#[test]
fn a_transaction_that_panics_leaves_nothing_and_the_writer_lives_on() {
    let bench = Bench::new();
    let job = |number: usize| -> Box<dyn FnOnce(&Bench) + Send> {
        Box::new(move |bench| {
            if number == 3 {
                let end = || -> Result<(), Error> { panic!("on purpose") };
                let ended = bench.append("panicked", end);
                assert!(matches!(ended, Err(Error::Internal { .. })), "{ended:?}");
            } else {
                bench.append(&number.to_string(), keep).unwrap();
            }
        })
    };
    bench.together((0..8).map(job).collect());
    bench.append("afterwards", keep).unwrap();
    let entries = bench.entries();
    assert_eq!(entries.len(), 1 + 7 + 1, "{entries:?}");
    assert!(!entries.contains(&"panicked".to_owned()));
}

#[test]
fn what_was_answered_is_there_when_the_file_is_opened_again() {
    let bench = Bench::new();
    bench.append("kept", keep).unwrap();
    let Bench { store, path, _home } = bench;
    drop(store);
    let again = opened(&path);
    let entries = again.read(|view| view.audit_entries(0, 10)).unwrap();
    assert_eq!(entries, [b"kept"]);
}

#[test]
fn a_second_store_on_the_same_file_is_refused_until_the_first_is_closed() {
    let bench = Bench::new();
    is_unavailable(Store::open(&bench.path));
    let Bench { store, path, _home } = bench;
    let clone = store.clone();
    drop(store);
    is_unavailable(Store::open(&path));
    drop(clone);
    Store::open(&path).unwrap();
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let Bench { store, path, _home } = Bench::new();
    drop(store);
    let version = |connection: &Connection| -> i64 {
        let sql = "SELECT user_version FROM pragma_user_version";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let newer = {
        let connection = Connection::open(&path).unwrap();
        let newer = version(&connection) + 1;
        connection
            .pragma_update(None, "user_version", newer)
            .unwrap();
        newer
    };
    is_unavailable(Store::open(&path));
    assert_eq!(version(&Connection::open(&path).unwrap()), newer);
}

#[test]
fn the_database_and_all_that_is_beside_it_are_for_its_owner_only() {
    let bench = Bench::new();
    bench.append("secret", keep).unwrap();
    let mut names = Vec::new();
    for file in fs::read_dir(bench.path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
        names.push(file.file_name().into_string().unwrap());
    }
    names.sort();
    let all = ["", "-shm", "-wal", ".lock"].map(|end| format!("custodian.db{end}"));
    assert_eq!(names, all);
}

#[track_caller]
fn is_unavailable<T: std::fmt::Debug>(result: Result<T, Error>) {
    let store = |error: &Error| {
        matches!(
            error,
            Error::Unavailable {
                part: Part::Store,
                ..
            }
        )
    };
    assert!(result.as_ref().is_err_and(store), "{result:?}");
}
