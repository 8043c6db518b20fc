//! Owns the threads that enter the vendor's library, and the deadline around each call: a library that hangs
//! costs its thread, never the caller. Knows nothing of tokens.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    error::Error,
    figures,
    kek::{Cause, Load, Trouble},
};

/// Jobs that may wait for each thread.
const QUEUE_PER_THREAD: usize = 256;
/// Stuck threads that are replaced, for each thread of the pool.
const LOST_PER_THREAD: usize = 2;
/// With so many lost, calls are refused at once for this long after each that got stuck; then the threads that
/// are left try again, since those lost may never come back though the token does.
const REFUSAL: Duration = Duration::from_secs(1);
/// How long the end of a pool waits for its threads.
const FAREWELL: Duration = Duration::from_secs(1);

const QUEUED: u8 = 0;
const RUNNING: u8 = 1;
const DONE: u8 = 2;
/// Given up while queued: never runs.
const ABANDONED: u8 = 3;
/// Given up while running: its thread was replaced and ends when it comes back.
const LOST: u8 = 4;
/// Given up while running, and its thread not replaced, since too many were.
const STUCK: u8 = 5;

/// What happens to calls that are given up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stuck {
    /// One that was given up has come back.
    Back,
    /// One was given up that had not come back.
    GivenUp,
}

/// Is told what becomes of calls that are given up.
pub(super) type Witness = Arc<dyn Fn(Stuck) + Send + Sync>;

struct Job {
    state: Arc<AtomicU8>,
    since: Instant,
    work: Box<dyn FnOnce() + Send>,
}

/// A fixed number of threads with a bounded queue.
pub(super) struct Pool {
    /// `None` once it ends.
    queue: Option<Sender<Job>>,
    crew: Arc<Crew>,
}

struct Crew {
    jobs: Receiver<Job>,
    name: &'static str,
    size: usize,
    witness: Witness,
    busy: AtomicUsize,
    lost: AtomicUsize,
    refuse_until: Mutex<Option<Instant>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A job's answer, to be waited for.
pub(super) struct Pending<T> {
    answer: Receiver<T>,
    state: Arc<AtomicU8>,
    crew: Arc<Crew>,
}

impl Pool {
    /// Starts `size` threads of that name, at least one.
    pub(super) fn start(size: usize, name: &'static str, witness: Witness) -> Result<Self, Error> {
        let size = size.max(1);
        let (queue, jobs) = bounded(size.saturating_mul(QUEUE_PER_THREAD));
        let crew = Arc::new(Crew {
            jobs,
            name,
            size,
            witness,
            busy: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            refuse_until: Mutex::new(None),
            threads: Mutex::default(),
        });
        for _ in 0..size {
            Crew::hire(&crew).map_err(|error| Error::kek("starting the token's threads", error))?;
        }
        let queue = Some(queue);
        Ok(Self { queue, crew })
    }

    pub(super) fn size(&self) -> usize {
        self.crew.size
    }

    /// How busy it is.
    pub(super) fn load(&self) -> Load {
        Load {
            pool: self.crew.name,
            threads: self.crew.size,
            busy: self.crew.busy.load(SeqCst),
            replaced: self.crew.lost.load(SeqCst),
            waiting: self.queue.as_ref().map_or(0, Sender::len),
        }
    }

    /// Hands `work` to a thread and waits for its answer until `deadline`.
    pub(super) fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.submit(deadline, work)?.wait(deadline)
    }

    /// Hands `work` to a thread.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Pending<T>, Error> {
        if self.crew.is_refusing() {
            return Err(refuse("too many earlier calls are stuck in the library"));
        }
        let (reply, answer) = bounded(1);
        let state = Arc::new(AtomicU8::new(QUEUED));
        let job = Job {
            state: Arc::clone(&state),
            since: Instant::now(),
            // Nobody may be waiting any longer: then the answer, and a secret in it, is dropped here.
            work: Box::new(move || drop(reply.send(work()))),
        };
        let queue = self.queue.as_ref().ok_or_else(|| refuse("it is closed"))?;
        let sent = queue.send_deadline(job, deadline);
        sent.map_err(|_| refuse("its queue was full until the deadline"))?;
        Ok(Pending {
            answer,
            state,
            crew: Arc::clone(&self.crew),
        })
    }
}

/// The library frees what it keeps for a thread when that ends, and all of it when the process does: not at once.
impl Drop for Pool {
    fn drop(&mut self) {
        self.queue = None;
        let patience = Instant::now() + FAREWELL;
        while !self.crew.has_gone() && Instant::now() < patience {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl<T> Pending<T> {
    /// Waits until `deadline`; afterwards the job never starts, or its thread counts as stuck.
    pub(super) fn wait(self, deadline: Instant) -> Result<T, Error> {
        if let Ok(answer) = self.answer.recv_deadline(deadline) {
            return Ok(answer);
        }
        self.crew.give_up(&self.state);
        refuse_late(self.answer.try_recv().ok())
    }
}

fn refuse_late<T>(answer: Option<T>) -> Result<T, Error> {
    answer.ok_or_else(|| refuse("it did not answer before the deadline"))
}

impl Crew {
    fn most_lost(&self) -> usize {
        self.size.saturating_mul(LOST_PER_THREAD)
    }

    fn is_refusing(&self) -> bool {
        let until = *self.lock();
        self.lost.load(SeqCst) >= self.most_lost()
            && until.is_some_and(|until| Instant::now() < until)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.refuse_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn hire(crew: &Arc<Self>) -> std::io::Result<()> {
        let own = Arc::clone(crew);
        let thread = thread::Builder::new().name(crew.name.to_owned());
        let thread = thread.spawn(move || own.serve())?;
        crew.threads().push(thread);
        Ok(())
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every thread has ended, with all that the library does then.
    fn has_gone(&self) -> bool {
        let mut threads = self.threads();
        let all = mem::take(&mut *threads).into_iter();
        let (ended, left): (Vec<_>, Vec<_>) = all.partition(JoinHandle::is_finished);
        *threads = left;
        // A job that panics does not end its thread.
        ended.into_iter().for_each(|thread| drop(thread.join()));
        threads.is_empty()
    }

    fn serve(&self) {
        for job in &self.jobs {
            if !turn(&job.state, QUEUED, RUNNING) {
                continue;
            }
            metrics::histogram!(figures::TOKEN_QUEUE_SECONDS, "pool" => self.name)
                .record(job.since.elapsed());
            self.busy.fetch_add(1, SeqCst);
            let survived = catch_unwind(AssertUnwindSafe(job.work)).is_ok();
            self.busy.fetch_sub(1, SeqCst);
            if !survived {
                tracing::error!("a call into the PKCS#11 module panicked");
            }
            if turn(&job.state, RUNNING, DONE) {
                continue;
            }
            (self.witness)(Stuck::Back);
            if turn(&job.state, LOST, DONE) {
                self.lost.fetch_sub(1, SeqCst);
                return;
            }
        }
    }

    fn give_up(self: &Arc<Self>, state: &AtomicU8) {
        *self.lock() = Instant::now().checked_add(REFUSAL);
        if turn(state, QUEUED, ABANDONED) {
            return;
        }
        let one_more = |lost: usize| (lost < self.most_lost()).then(|| lost.saturating_add(1));
        let replaced = self.lost.fetch_update(SeqCst, SeqCst, one_more).is_ok();
        // Told first: it may come back at once.
        (self.witness)(Stuck::GivenUp);
        if !turn(state, RUNNING, if replaced { LOST } else { STUCK }) {
            (self.witness)(Stuck::Back);
            self.lost.fetch_sub(usize::from(replaced), SeqCst);
            return;
        }
        tracing::debug!(
            lost = self.lost.load(SeqCst),
            replaced,
            "a call into the token is stuck"
        );
        if !replaced {
            return;
        }
        if let Err(error) = Self::hire(self) {
            tracing::error!(%error, "the stuck thread could not be replaced");
        }
    }
}

fn turn(state: &AtomicU8, from: u8, to: u8) -> bool {
    state.compare_exchange(from, to, SeqCst, SeqCst).is_ok()
}

fn refuse(why: &'static str) -> Error {
    Error::kek("asking the token", Trouble::new(Cause::NoAnswer, why))
}

#[cfg(test)]
mod tests;
