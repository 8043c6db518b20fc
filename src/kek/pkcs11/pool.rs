//! Owns the threads that enter the vendor's library, and the deadline around each call: a library that hangs
//! costs its thread, never the caller. Knows nothing of tokens.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
    },
    thread,
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
    queue: Sender<Job>,
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
        });
        for _ in 0..size {
            Crew::hire(&crew).map_err(|error| Error::kek("starting the token's threads", error))?;
        }
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
            waiting: self.queue.len(),
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
        let sent = self.queue.send_deadline(job, deadline);
        sent.map_err(|_| refuse("its queue was full until the deadline"))?;
        Ok(Pending {
            answer,
            state,
            crew: Arc::clone(&self.crew),
        })
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
        thread.spawn(move || own.serve()).map(drop)
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
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        thread,
        time::{Duration, Instant},
    };

    use crossbeam_channel::bounded;

    use super::{Pool, Stuck};

    fn start(size: usize) -> Pool {
        Pool::start(size, "a-test", Arc::new(|_| {})).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_stuck_call_is_answered_at_its_deadline_and_its_thread_is_replaced() {
        let pool = start(1);
        let (release, stuck) = bounded::<()>(0);
        let before = Instant::now();
        assert!(pool.run(soon(), move || stuck.recv()).is_err());
        assert!(before.elapsed() < Duration::from_secs(2));
        assert_eq!(pool.run(later(), || 7).unwrap(), 7);
        assert_eq!(pool.crew.lost.load(SeqCst), 1);
        drop(release);
        while pool.crew.lost.load(SeqCst) > 0 {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(pool.run(later(), || 8).unwrap(), 8);
    }

    #[test]
    fn beyond_the_most_stuck_threads_calls_are_refused_at_once_until_one_returns() {
        let pool = start(1);
        let (release, stuck) = bounded::<()>(0);
        for _ in 0..2 {
            let stuck = stuck.clone();
            assert!(pool.run(soon(), move || stuck.recv()).is_err());
        }
        let before = Instant::now();
        assert!(pool.run(later(), || ()).is_err());
        assert!(before.elapsed() < Duration::from_secs(2));
        drop(release);
        while pool.run(later(), || ()).is_err() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn the_threads_that_are_left_try_again_though_the_stuck_ones_never_return() {
        let pool = start(1);
        let (_release, stuck) = bounded::<()>(0);
        for _ in 0..2 {
            let stuck = stuck.clone();
            assert!(pool.run(soon(), move || stuck.recv()).is_err());
        }
        assert!(pool.run(later(), || ()).is_err());
        thread::sleep(super::REFUSAL);
        for _ in 0..3 {
            pool.run(later(), || ()).unwrap();
        }
        assert_eq!(pool.crew.lost.load(SeqCst), 2);
    }

    #[test]
    fn a_job_that_did_not_start_before_its_deadline_never_runs() {
        let pool = start(1);
        let (release, busy) = bounded::<()>(0);
        let first = pool.submit(later(), move || busy.recv()).unwrap();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let late = pool.run(soon(), move || counted.fetch_add(1, SeqCst));
        assert!(late.is_err());
        drop(release);
        let _ended = first.wait(later()).unwrap();
        pool.run(later(), || ()).unwrap();
        assert_eq!(runs.load(SeqCst), 0);
    }

    #[test]
    fn a_thread_outlives_a_job_that_panics() {
        let pool = start(1);
        assert!(pool.run(later(), || panic!("on purpose")).is_err());
        assert_eq!(pool.run(later(), || 7).unwrap(), 7);
    }
    #[test]
    fn every_call_that_is_given_up_is_counted_until_it_comes_back() {
        let stuck = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&stuck);
        let witness = move |what| match what {
            Stuck::GivenUp => drop(counted.fetch_add(1, SeqCst)),
            Stuck::Back => drop(counted.fetch_sub(1, SeqCst)),
        };
        let pool = Pool::start(1, "a-test", Arc::new(witness)).unwrap();
        let (release, held) = bounded::<()>(0);
        for number in 1..=3 {
            // Once two are lost, those that are left are tried again only after a while.
            thread::sleep(super::REFUSAL * u32::from(number == 3));
            let held = held.clone();
            assert!(pool.run(soon(), move || held.recv()).is_err());
            assert_eq!(stuck.load(SeqCst), number);
        }
        drop(release);
        while stuck.load(SeqCst) > 0 {
            thread::sleep(Duration::from_millis(1));
        }
        while pool.run(later(), || ()).is_err() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
