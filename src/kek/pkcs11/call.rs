//! Owns what happens around a call into the token: deadline, and after a failure the round trip, the reopening
//! and the one repetition that decide between a bad record and a sick token.

use std::{
    collections::BTreeMap,
    error::Error as _,
    sync::{Arc, TryLockError},
    time::{Duration, Instant},
};

use cryptoki::session::Session;

use super::{
    Pkcs11Kek,
    fault::{self, Fault},
    keys::Keys,
    pool::Pool,
    pulse::Beat,
    record::Record,
    token::Live,
};
use crate::{
    error::Error,
    kek::{Cause, Trouble},
    secret::Secret,
};

/// A token whose round trip did not come back, and has not been tried again for so long, is looked after by nobody.
const UNWATCHED: Duration = Duration::from_secs(2);

type Opened = Result<Secret<32>, Error>;
type Answers = BTreeMap<usize, Opened>;

/// A record that has no answer yet, and its place in the batch.
type Waiting = (usize, Arc<Record>);

/// What was found, or done, after a failure.
#[derive(Clone, Copy)]
enum Mended {
    /// The token does its work: the failure was not its own.
    Alive,
    /// It was lost and is being opened again.
    Reopening,
    /// Nothing more is to be tried.
    Hopeless,
}

impl Pkcs11Kek {
    /// Runs `work` in a thread of the pool until it succeeds, or a repetition is pointless.
    pub(super) fn call<T: Send + 'static>(
        &self,
        what: &'static str,
        deadline: Instant,
        work: impl Fn(&Arc<Live>) -> Result<T, Fault> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        self.call_in(&self.pool, what, deadline, work)
    }

    /// Runs `work` in a thread of that pool until it succeeds, or a repetition is pointless.
    pub(super) fn call_in<T: Send + 'static>(
        &self,
        pool: &Pool,
        what: &'static str,
        deadline: Instant,
        work: impl Fn(&Arc<Live>) -> Result<T, Fault> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        self.admit(deadline)?;
        let mut reopened = false;
        loop {
            let live = self.shared.live(deadline)?;
            let generation = live.generation;
            let job = work.clone();
            let fault = match pool.run(deadline, move || job(&live))? {
                Ok(value) => return Ok(value),
                Err(Fault::Final(error)) => return Err(error),
                Err(fault) => fault,
            };
            let sick = matches!(fault, Fault::Sick(_)).then_some(&fault);
            match self.mend(generation, sick, deadline, &mut reopened) {
                Mended::Reopening => {}
                // Another call had it opened again meanwhile: this one failed in what is gone.
                Mended::Alive
                    if !reopened && self.shared.live(deadline)?.generation != generation =>
                {
                    reopened = true;
                }
                Mended::Alive | Mended::Hopeless => return Err(fault.into_error(what)),
            }
        }
    }

    /// Makes something in a session that may write, if it is not there: never beside one that has not come back, which may
    /// yet make it too.
    pub(super) fn make<T: Send + 'static>(
        &self,
        what: &'static str,
        make: impl Fn(&Session) -> Result<T, Fault> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        let making = Arc::clone(&self.making);
        self.call(what, self.slow_deadline(), move |live| {
            let alone = making.try_lock();
            if matches!(alone, Err(TryLockError::WouldBlock)) {
                let why = "an earlier one has not come back";
                return Err(Error::kek(what, Trouble::new(Cause::NoAnswer, why)).into());
            }
            live.write(&make)
        })
    }

    /// Refuses at once while the round trip does not come back. Whoever looks after the token tries it again; if nobody
    /// does, a call does.
    fn admit(&self, deadline: Instant) -> Result<(), Error> {
        let stalled = self.shared.condition().is_stalled();
        if !stalled || (self.pulse.is_due(UNWATCHED) && self.beat(deadline)? == Beat::Alive) {
            return Ok(());
        }
        let why = "it does not come back from its round trip";
        Err(Error::kek(
            "asking the token",
            Trouble::new(Cause::NoAnswer, why),
        ))
    }

    /// A round trip that starts from now on, shared with other callers.
    pub(super) fn beat(&self, deadline: Instant) -> Result<Beat, Error> {
        self.pulse.check(deadline, || {
            let live = self.shared.live(deadline)?;
            let (generation, turn) = (live.generation, self.next_turn());
            let ample = deadline >= Instant::now() + self.deadline / 2;
            let trip = move || {
                let keys = live.keys()?;
                live.work(|session| {
                    keys.inspect(session, turn)?;
                    keys.round_trip(session)
                })
            };
            match self.pool.run(deadline, trip) {
                Ok(Ok(())) => {
                    self.shared.condition().answered();
                    Ok(Beat::Alive)
                }
                Ok(Err(fault)) => {
                    self.shared.lose(generation, &fault);
                    Ok(Beat::Dead)
                }
                Err(error) => {
                    // Little time says little.
                    if ample {
                        self.shared.condition().stalled(&error);
                    }
                    Err(error)
                }
            }
        })
    }

    /// Opens every record; failures share one round trip and are then tried once more.
    pub(super) fn open_all(&self, records: Vec<Result<Record, Error>>) -> Vec<Opened> {
        let deadline = self.deadline();
        let mut answers = Answers::new();
        let mut waiting = Vec::new();
        for (place, record) in records.into_iter().enumerate() {
            match record {
                Ok(record) => waiting.push((place, Arc::new(record))),
                Err(error) => drop(answers.insert(place, Err(error))),
            }
        }
        if let Err(error) = self.admit(deadline) {
            let places = std::mem::take(&mut waiting).into_iter();
            refuse_all(places.map(|(place, _)| place), error, &mut answers);
        }
        let (mut reopened, mut alive) = (false, false);
        while !waiting.is_empty() {
            let (generation, failed) = self.pass(waiting, deadline, &mut answers);
            let sick = failed
                .iter()
                .map(|(_, fault)| fault)
                .find(|fault| matches!(fault, Fault::Sick(_)));
            let mended = if failed.is_empty() || (alive && sick.is_none()) {
                Mended::Hopeless
            } else {
                alive = false;
                self.mend(generation, sick, deadline, &mut reopened)
            };
            waiting = match mended {
                Mended::Hopeless => settle(failed, alive, &mut answers),
                Mended::Alive | Mended::Reopening => {
                    failed.into_iter().map(|(one, _)| one).collect()
                }
            };
            alive = matches!(mended, Mended::Alive);
        }
        answers.into_values().collect()
    }

    /// Tries each once, spread over the threads; answers what failed but is not decided.
    fn pass(
        &self,
        mut waiting: Vec<Waiting>,
        deadline: Instant,
        answers: &mut Answers,
    ) -> (u64, Vec<(Waiting, Fault)>) {
        let live = match self.shared.live(deadline) {
            Ok(live) => live,
            Err(error) => {
                refuse_all(waiting.iter().map(|(place, _)| *place), error, answers);
                return (0, Vec::new());
            }
        };
        let generation = live.generation;
        let share = waiting.len().div_ceil(self.pool.size());
        let mut jobs = Vec::new();
        while !waiting.is_empty() {
            let rest = waiting.split_off(share.min(waiting.len()));
            let part = std::mem::replace(&mut waiting, rest);
            let places: Vec<usize> = part.iter().map(|(place, _)| *place).collect();
            let live = Arc::clone(&live);
            jobs.push((
                places,
                self.pool
                    .submit(deadline, move || open_each(&live, part, deadline)),
            ));
        }
        drop(live);
        let mut failed = Vec::new();
        for (places, job) in jobs {
            match job.and_then(|job| job.wait(deadline)) {
                Ok(results) => {
                    if results.iter().any(|(_, opened)| opened.is_ok()) {
                        self.shared.condition().prove();
                    }
                    sort(results, answers, &mut failed);
                }
                Err(error) => refuse_all(places.into_iter(), error, answers),
            }
        }
        (generation, failed)
    }

    /// Finds out, and sets going, what can be done after a failure in `generation`.
    fn mend(
        &self,
        generation: u64,
        sick: Option<&Fault>,
        deadline: Instant,
        reopened: &mut bool,
    ) -> Mended {
        let beat = match sick {
            Some(fault) => {
                self.shared.lose(generation, fault);
                Ok(Beat::Dead)
            }
            // Before the first adoption there is no key to ask.
            None if self.shared.ring().is_none() => {
                self.shared
                    .lose(generation, &"a call failed before a KEK was adopted");
                Ok(Beat::Dead)
            }
            None => self.beat(deadline),
        };
        match beat {
            Ok(Beat::Alive) => Mended::Alive,
            Ok(Beat::Dead) if !*reopened => {
                *reopened = true;
                Mended::Reopening
            }
            Ok(Beat::Dead) | Err(_) => Mended::Hopeless,
        }
    }
}

fn open_each(
    live: &Live,
    part: Vec<Waiting>,
    deadline: Instant,
) -> Vec<(Waiting, Result<Secret<32>, Fault>)> {
    let keys = live.keys();
    let open = |record: &Record, keys: &Keys| {
        if Instant::now() >= deadline {
            return Err(late());
        }
        live.work(|session| record.open(session, keys))
    };
    let open = |(place, record): Waiting| {
        let opened = match &keys {
            Ok(keys) => open(&record, keys),
            Err(_) => Err(Error::kek("using the KEK", "no KEK is adopted").into()),
        };
        ((place, record), opened)
    };
    part.into_iter().map(open).collect()
}

fn late() -> Fault {
    Error::kek("opening wrapped secrets", "the deadline passed").into()
}

fn sort(
    results: Vec<(Waiting, Result<Secret<32>, Fault>)>,
    answers: &mut Answers,
    failed: &mut Vec<(Waiting, Fault)>,
) {
    for (waiting, result) in results {
        match result {
            Ok(secret) => drop(answers.insert(waiting.0, Ok(secret))),
            Err(Fault::Final(error)) => drop(answers.insert(waiting.0, Err(error))),
            Err(fault) => failed.push((waiting, fault)),
        }
    }
}

/// The last word on what failed: a record that the token refused before and after proving itself is corrupt.
fn settle(failed: Vec<(Waiting, Fault)>, alive: bool, answers: &mut Answers) -> Vec<Waiting> {
    for ((place, _), fault) in failed {
        let error = match fault {
            Fault::Doubt(_) if alive => {
                Error::Corrupt("the wrapped secret, its context or its key is not the same")
            }
            Fault::Sick(_) | Fault::Doubt(_) | Fault::Trouble(_) | Fault::Final(_) => {
                fault.into_error("opening a wrapped secret")
            }
        };
        answers.insert(place, Err(error));
    }
    Vec::new()
}

fn refuse_all(places: impl Iterator<Item = usize>, error: Error, answers: &mut Answers) {
    let cause = fault::cause(&error);
    let because = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    for place in places {
        let trouble = Trouble::new(cause, because.clone());
        answers.insert(place, Err(Error::kek("opening wrapped secrets", trouble)));
    }
}
