//! How the database is: whether the disk comes back, whether the last commit failed, and whether its file is damaged.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::ErrorCode;

use crate::error::Error;

/// How long an idle disk is left alone before something is written to see whether it takes it.
const IDLE: Duration = Duration::from_secs(3);

const WRITING: &str = "writing to the database";

/// What writer and readers know of it.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// Until when the writer's present step is given.
    until: Mutex<Option<Instant>>,
    /// How the last commit failed, if it did.
    failing: Mutex<Option<String>>,
    /// When something was written last to see whether the disk takes it.
    tried: Mutex<Option<Instant>>,
    /// SQLite found the file damaged. What is written into it now may be lost, so nothing is, until the end.
    damaged: AtomicBool,
}

impl Condition {
    /// One step of the writer, which is to take no longer than `patience`.
    pub(super) fn step<T>(&self, patience: Duration, work: impl FnOnce() -> T) -> T {
        *lock(&self.until) = Some(Instant::now() + patience);
        let done = work();
        *lock(&self.until) = None;
        done
    }

    /// Whether the writer's present step takes too long.
    pub(super) fn is_stalled(&self) -> bool {
        lock(&self.until).is_some_and(|until| until <= Instant::now())
    }

    /// Keeps how a commit ended; says in the log what is wrong when that changes.
    pub(super) fn learn(&self, ended: &Result<(), Error>) {
        let now = ended.as_ref().err().map(full_text);
        let mut failing = lock(&self.failing);
        match &now {
            Some(why) if now != *failing => {
                tracing::error!(why, "nothing can be written to the database");
            }
            None if failing.is_some() => tracing::info!("the database is written to again"),
            Some(_) | None => {}
        }
        *failing = now;
    }

    /// Whether something is to be written to see whether the disk takes it: while commits fail, and after some time.
    pub(super) fn is_to_be_tried(&self) -> bool {
        let mut tried = lock(&self.tried);
        let due = lock(&self.failing).is_some() || tried.is_none_or(|at| at.elapsed() >= IDLE);
        if due {
            *tried = Some(Instant::now());
        }
        due
    }

    /// An error of SQLite on its way up.
    pub(super) fn failed(&self, what: &'static str, error: rusqlite::Error) -> Error {
        let error = Error::store(what, error);
        self.heed(&error);
        error
    }

    /// Notes that the file is damaged, if that is what the error says.
    pub(super) fn heed(&self, error: &Error) {
        let damaged = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase].map(Some);
        let cause = std::error::Error::source(error);
        let sqlite = cause.and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
        if !damaged.contains(&sqlite.and_then(rusqlite::Error::sqlite_error_code)) {
            return;
        }
        if !self.damaged.swap(true, Ordering::AcqRel) {
            let why = full_text(error);
            tracing::error!(
                why,
                "the database file is damaged: nothing is written any more; restore it from a backup and start again"
            );
        }
    }

    /// Whether it makes sense to ask the writer for anything.
    pub(super) fn takes_work(&self) -> Result<(), Error> {
        if self.damaged.load(Ordering::Acquire) {
            let why = "its file is damaged: restore it from a backup, then start again";
            return Err(Error::store(WRITING, why));
        }
        match self.is_stalled() {
            true => Err(Error::store(WRITING, "the disk does not come back")),
            false => Ok(()),
        }
    }
}

/// With all causes, which the error itself leaves to its sources.
fn full_text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use rusqlite::{Error as Sqlite, ffi};

    use super::Condition;
    use crate::error::Error;

    #[test]
    fn a_step_that_takes_too_long_is_a_stall_until_it_ends() {
        let condition = Condition::default();
        condition.step(Duration::from_mins(1), || assert!(!condition.is_stalled()));
        condition.step(Duration::ZERO, || {
            assert!(condition.takes_work().is_err());
        });
        assert!(condition.takes_work().is_ok());
    }

    #[test]
    fn a_damaged_file_is_written_to_no_more_and_a_full_disk_is() {
        let condition = Condition::default();
        let sqlite = |code| Sqlite::SqliteFailure(ffi::Error::new(code), None);
        drop(condition.failed("a test", sqlite(ffi::SQLITE_FULL)));
        assert!(condition.takes_work().is_ok());
        drop(condition.failed("a test", sqlite(ffi::SQLITE_CORRUPT_INDEX)));
        assert!(condition.takes_work().is_err());
    }

    #[test]
    fn an_idle_disk_is_tried_now_and_then_and_a_failing_one_each_time() {
        let condition = Condition::default();
        assert!(condition.is_to_be_tried());
        assert!(!condition.is_to_be_tried());
        condition.learn(&Err(Error::store("a test", "no")));
        assert!(condition.is_to_be_tried());
        assert!(condition.is_to_be_tried());
        condition.learn(&Ok(()));
        assert!(!condition.is_to_be_tried());
        thread::sleep(super::IDLE);
        assert!(condition.is_to_be_tried());
    }
}
