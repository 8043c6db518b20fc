//! How the database is: whether the disk comes back, whether the last commit failed, and whether its file is damaged.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::trouble::Trouble;
use crate::error::Error;

/// How long an idle disk is left alone before something is written to see whether it takes it.
const IDLE: Duration = Duration::from_secs(3);

/// How long a damaged file is left alone before it is looked at again, and how much longer than that look took.
const REST: Duration = Duration::from_secs(3);
const RESTS: u32 = 100;

/// Bytes of which a disk that was full must have more before it is said to be well.
const ROOM: u64 = 256 * 1024;

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
    /// A commit found no room, and there was not much room since.
    full: AtomicBool,
    /// SQLite found the file damaged. What is written into it now may be lost, so nothing is, until all of it was found
    /// to be in order.
    damaged: AtomicBool,
    /// Until when a damaged file is left alone.
    resting: Mutex<Option<Instant>>,
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

    /// Keeps how a commit ended, and whether it wrote anything; says in the log what is wrong when that changes. That
    /// nothing was to be written says nothing of the disk.
    pub(super) fn learn(&self, ended: &Result<bool, Error>) {
        if matches!(ended, Ok(false)) {
            return;
        }
        let trouble = ended.as_ref().err().map(Trouble::of);
        if trouble == Some(Trouble::Full) {
            self.full.store(true, Ordering::Release);
        }
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

    /// Whether a disk that was full, of which so much is free now, has room again. A small write may find some where a
    /// larger one does not.
    pub(super) fn has_room(&self, free: impl FnOnce() -> Result<u64, Error>) -> Result<(), Error> {
        if !self.full.load(Ordering::Acquire) {
            return Ok(());
        }
        if free()? < ROOM {
            return Err(Error::store(WRITING, Trouble::Full));
        }
        self.full.store(false, Ordering::Release);
        Ok(())
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
        if Trouble::of(error) != Trouble::Damaged {
            return;
        }
        if !self.damaged.swap(true, Ordering::AcqRel) {
            *lock(&self.resting) = Some(Instant::now() + REST);
            let why = full_text(error);
            tracing::error!(
                why,
                "the database file is damaged, or the disk cannot read it: nothing is written any more; if it does not go \
                 on by itself, restore it from a backup and start again"
            );
        }
    }

    /// Whether the file is damaged, as far as is known.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// Whether it is time to look whether a damaged file is.
    pub(super) fn is_to_be_looked_at(&self) -> bool {
        self.is_damaged() && lock(&self.resting).is_none_or(|until| until <= Instant::now())
    }

    /// Keeps what a look at all of a damaged file found, and how long that took.
    pub(super) fn looked(&self, found: &Result<(), Error>, took: Duration) {
        *lock(&self.resting) = Some(Instant::now() + REST.max(took * RESTS));
        if found.is_ok() && self.damaged.swap(false, Ordering::AcqRel) {
            tracing::warn!(
                "all of the database file can be read and is in order: it is written to again"
            );
        }
    }

    /// Whether it makes sense to ask the writer for anything.
    pub(super) fn takes_work(&self) -> Result<(), Error> {
        if self.is_damaged() {
            return Err(Error::store(WRITING, Trouble::Damaged));
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
    fn a_damaged_file_is_looked_at_again_after_a_rest_and_taken_back_if_it_is_in_order() {
        let condition = Condition::default();
        assert!(!condition.is_to_be_looked_at());
        let corrupt = Sqlite::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), None);
        let damaged = Err(condition.failed("a test", corrupt));
        assert!(!condition.is_to_be_looked_at());
        condition.looked(&damaged, Duration::ZERO);
        assert!(condition.is_damaged() && !condition.is_to_be_looked_at());
        thread::sleep(super::REST);
        assert!(condition.is_to_be_looked_at());
        condition.looked(&Ok(()), Duration::ZERO);
        assert!(condition.takes_work().is_ok() && !condition.is_to_be_looked_at());
    }

    #[test]
    fn a_disk_that_was_full_is_well_once_there_is_more_room_than_for_a_small_write() {
        let condition = Condition::default();
        condition.has_room(|| Ok(0)).unwrap();
        let full = Sqlite::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None);
        condition.learn(&Err(Error::store("a test", full)));
        condition.learn(&Ok(true));
        assert!(condition.has_room(|| Ok(super::ROOM - 1)).is_err());
        condition.has_room(|| Ok(super::ROOM)).unwrap();
        condition.has_room(|| Ok(0)).unwrap();
    }

    #[test]
    fn a_commit_that_wrote_nothing_says_nothing_of_the_disk() {
        let condition = Condition::default();
        assert!(condition.is_to_be_tried());
        condition.learn(&Err(Error::store("a test", "no")));
        condition.learn(&Ok(false));
        assert!(condition.is_to_be_tried());
        condition.learn(&Ok(true));
        assert!(!condition.is_to_be_tried());
    }

    #[test]
    fn an_idle_disk_is_tried_now_and_then_and_a_failing_one_each_time() {
        let condition = Condition::default();
        assert!(condition.is_to_be_tried());
        assert!(!condition.is_to_be_tried());
        condition.learn(&Err(Error::store("a test", "no")));
        assert!(condition.is_to_be_tried());
        assert!(condition.is_to_be_tried());
        condition.learn(&Ok(true));
        assert!(!condition.is_to_be_tried());
        thread::sleep(super::IDLE);
        assert!(condition.is_to_be_tried());
    }
}
