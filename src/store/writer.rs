//! The one thread that writes. Whatever waits when it comes round shares one commit, each in a savepoint
//! of its own: many requests, one fsync, and a refusal of one undoes nothing of another.

use std::{
    cell::Cell,
    iter,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use super::{
    RowKey, Tx, View, condition::Condition, connection::fold, files::Files, shape, traces::erase,
    trouble::Trouble,
};
use crate::{error::Error, figures};

/// Jobs that may wait; beyond it callers wait for a place.
const QUEUE: usize = 1024;
/// Jobs that share one commit at most.
const GROUP: usize = 256;

/// How long a commit may take before the disk is taken to be stalled.
const COMMIT: Duration = Duration::from_secs(5);
/// The same of a chore, which takes longer the more there is.
const CHORE: Duration = Duration::from_mins(1);
/// The same of a look at all of the file.
const LOOK: Duration = Duration::from_hours(1);

/// What the thread is asked to do.
enum Job {
    /// Outside any transaction of others.
    Tidy(Chore, Sender<Result<(), Error>>),
    Work(Work),
}

/// What keeps the files clean.
#[derive(Clone, Copy)]
pub(super) enum Chore {
    /// Erase the traces of what was destroyed, if there are any.
    Erase,
    /// The same, and empty the write-ahead log in any case.
    Fold,
    /// Look whether a damaged file is.
    Look,
}

/// Does the work inside the savepoint; answers whether to keep it, and how to tell the caller.
type Work = Box<dyn FnOnce(&Tx<'_>) -> Done + Send>;

/// Tells the caller how the commit ended.
type Tell = Box<dyn FnOnce(Result<(), Trouble>)>;

const COMMITTING: &str = "committing to the database";

struct Done {
    keep: bool,
    tell: Tell,
}

#[derive(Debug)]
pub(super) struct Writer {
    condition: Arc<Condition>,
    jobs: Option<Sender<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        files: Files,
        condition: Arc<Condition>,
        row_key: RowKey,
        log_closed: Arc<AtomicBool>,
    ) -> Result<Self, Error> {
        let (jobs, queue) = bounded(QUEUE);
        let thread = thread::Builder::new().name("store-writer".to_owned());
        let desk = Desk {
            connection,
            files,
            condition: condition.clone(),
            row_key,
            log_closed,
            // What was destroyed just before a crash may still stand somewhere.
            traces: Cell::new(true),
        };
        if let Err(error) = desk.tidy(Chore::Erase) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "it will be tried again"
            );
        }
        let thread = thread.spawn(move || desk.serve(&queue));
        let thread = thread.map_err(|error| Error::store("starting the writer", error))?;
        Ok(Self {
            condition,
            jobs: Some(jobs),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// None at all: whatever is asked of it fails.
    pub(super) fn nobody(condition: Arc<Condition>) -> Self {
        Self {
            condition,
            jobs: None,
            thread: Mutex::default(),
        }
    }

    pub(super) fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = bounded(1);
        let work: Work = Box::new(move |tx| {
            let result = run(work, tx);
            Done {
                keep: result.is_ok(),
                tell: Box::new(move |committed| {
                    let failed = |trouble| Err(Error::store(COMMITTING, trouble));
                    let _caller_may_be_gone =
                        reply.send(committed.map_or_else(failed, |()| result));
                }),
            }
        });
        self.ask(Job::Work(work), &answer)
    }

    pub(super) fn tidy(&self, chore: Chore) -> Result<(), Error> {
        let (reply, answer) = bounded(1);
        self.ask(Job::Tidy(chore, reply), &answer)
    }

    /// Looks whether a file that was found damaged is; nothing else is asked of it meanwhile.
    pub(super) fn look(&self) -> Result<(), Error> {
        let (reply, answer) = bounded(1);
        self.send(Job::Tidy(Chore::Look, reply), &answer)
    }

    /// Jobs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.jobs.as_ref().map_or(0, Sender::len)
    }

    fn ask<T>(&self, job: Job, answer: &Receiver<Result<T, Error>>) -> Result<T, Error> {
        self.condition.takes_work()?;
        self.send(job, answer)
    }

    fn send<T>(&self, job: Job, answer: &Receiver<Result<T, Error>>) -> Result<T, Error> {
        let gone = || {
            Error::store(
                "writing to the database",
                "the writer has stopped, or could not begin a transaction: see the log",
            )
        };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's writer ended in a panic");
        }
    }
}

/// A panic in one caller's work must not end the writing of all others.
fn run<T>(work: impl FnOnce(&Tx<'_>) -> Result<T, Error>, tx: &Tx<'_>) -> Result<T, Error> {
    let panicked = |_| Err(Error::internal("a transaction panicked"));
    catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(panicked)
}

/// What the thread works with.
struct Desk {
    connection: Connection,
    files: Files,
    condition: Arc<Condition>,
    row_key: RowKey,
    log_closed: Arc<AtomicBool>,
    /// Whether something was destroyed whose traces may not be gone yet.
    traces: Cell<bool>,
}

impl Desk {
    fn serve(&self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut chores = Vec::new();
            let jobs = iter::once(first).chain(queue.try_iter()).take(GROUP);
            let group = jobs.filter_map(|job| match job {
                Job::Work(work) => Some(work),
                Job::Tidy(chore, reply) => {
                    chores.push((chore, reply));
                    None
                }
            });
            self.condition.step(COMMIT, || self.commit(group));
            for (chore, reply) in chores {
                let _caller_may_be_gone = reply.send(self.see_to(chore));
            }
        }
        if let Err(error) = fold(&self.connection) {
            tracing::warn!(error = &error as &dyn std::error::Error, "at the end");
        }
    }

    fn see_to(&self, chore: Chore) -> Result<(), Error> {
        let done = match chore {
            Chore::Look => self.look(),
            Chore::Erase | Chore::Fold => self.condition.step(CHORE, || self.tidy(chore)),
        };
        done.inspect_err(|error| self.condition.heed(error))
    }

    fn look(&self) -> Result<(), Error> {
        let since = Instant::now();
        let there = self.files.are_there();
        let found = there.and_then(|()| {
            let look = || shape::look_at_all(&self.connection);
            self.condition.step(LOOK, look)
        });
        self.condition.looked(&found, since.elapsed());
        found
    }

    /// One erasure serves all who wait for it: whatever they destroyed was committed before.
    fn tidy(&self, chore: Chore) -> Result<(), Error> {
        if self.traces.get() {
            erase(&self.connection)?;
            self.traces.set(false);
            return Ok(());
        }
        match chore {
            Chore::Erase | Chore::Look => Ok(()),
            Chore::Fold => fold(&self.connection),
        }
    }

    fn commit(&self, mut group: impl Iterator<Item = Work>) {
        let Some(first) = group.next() else { return };
        let mut told = Vec::new();
        let since = Instant::now();
        let committed = self.commit_all(iter::once(first).chain(group), &mut told);
        metrics::histogram!(figures::COMMIT_SECONDS).record(since.elapsed());
        metrics::histogram!(figures::COMMIT_CHANGES).record(figures::length(told.len()));
        metrics::counter!(figures::COMMITS).increment(1);
        metrics::counter!(figures::COMMITS_FAILED).increment(u64::from(committed.is_err()));
        if committed.is_err() {
            let _none_open = self.connection.execute_batch("ROLLBACK");
        }
        self.condition.learn(&committed);
        for tell in told {
            tell(
                committed
                    .as_ref()
                    .map_or_else(|error| Err(Trouble::of(error)), |_| Ok(())),
            );
        }
    }

    /// Answers whether anything was written.
    fn commit_all(
        &self,
        mut all: impl Iterator<Item = Work>,
        told: &mut Vec<Tell>,
    ) -> Result<bool, Error> {
        self.files.are_there()?;
        let begun = self.connection.execute_batch("BEGIN IMMEDIATE");
        let worked = begun.and_then(|()| {
            all.try_fold(
                false,
                |wrote, work| Ok(self.savepoint(work, told)? || wrote),
            )
        });
        let committed = worked.and_then(|wrote| {
            let committed = self.connection.execute_batch("COMMIT");
            committed.map(|()| wrote)
        });
        let wrote = committed.map_err(|error| self.condition.failed(COMMITTING, error))?;
        // What is in a file without a name is not on disk.
        self.files.are_there().map(|()| wrote)
    }

    /// Answers whether anything of it stays.
    fn savepoint(&self, work: Work, told: &mut Vec<Tell>) -> rusqlite::Result<bool> {
        let connection = &self.connection;
        let before = connection.total_changes();
        connection.prepare_cached("SAVEPOINT job")?.execute([])?;
        let done = work(&Tx {
            view: View {
                connection,
                condition: &self.condition,
                row_key: self.row_key.get(),
            },
            traces: &self.traces,
            log_closed: &self.log_closed,
        });
        told.push(done.tell);
        let wrote = done.keep && connection.total_changes() > before;
        if !done.keep {
            connection.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        connection
            .prepare_cached("RELEASE job")?
            .execute([])
            .map(|_| wrote)
    }
}
