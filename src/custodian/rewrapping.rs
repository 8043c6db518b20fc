//! Moves every stored record to the current KEK version, in batches: the secrets go through the token outside any
//! transaction, then one transaction writes them where nothing changed meanwhile. All else goes on beside it.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use subtle::ConstantTimeEq;

use super::{Custodian, audit::Event, keyring::ROW_KEY};
use crate::{
    error::Error,
    kek::{Context, Purpose, WrappedSecret},
    policy::Action,
    store::{JobRow, JobState, Place, Stretch, Tx, WrappedRecord},
};

/// Rows that one transaction moves: everybody else's writes wait for it.
const BATCH: usize = 64;
/// The longest rest between two batches.
const REST: Duration = Duration::from_millis(100);
/// Secrets that the token is asked for at once, so that others get their turn.
const AT_ONCE: usize = 16;

/// A row that cannot be moved: its table and number.
type Damaged = HashSet<(&'static str, i64)>;

/// What was said of the running job.
#[derive(Debug, Default)]
pub(super) struct Rewrapping {
    waits: AtomicBool,
    named: Mutex<Damaged>,
}

/// What one pass over all rows found.
#[derive(Default)]
struct Pass {
    damaged: Damaged,
    /// Damaged rows that say that they are under another version.
    stay: u64,
    /// Records that changed while they were moved.
    changed: usize,
}

impl Custodian {
    /// Goes on with the running job, if there is one. If a part is out of order, it goes on at the next call. No key is
    /// used while the audit log takes no entries.
    pub fn rewrap_records(&self) {
        let went = self.go_on(&mut |_| ());
        let failed = went.is_err();
        let waited = self.rewrapping.waits.swap(failed, Ordering::AcqRel);
        match went {
            Err(error) if !waited => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the move to the new KEK version waits");
            }
            Ok(()) if waited => tracing::info!("the move to the new KEK version goes on"),
            Ok(()) | Err(_) => {}
        }
    }

    /// One pass of the running job; `heard` is told after each batch how far it is.
    pub(super) fn go_on(&self, heard: &mut dyn FnMut(&JobRow)) -> Result<(), Error> {
        if self.store.is_log_closed() {
            return Ok(());
        }
        let Some(mut job) = self.store.read(|view| view.running_job())? else {
            return Ok(());
        };
        self.settle_keks()?;
        if !self.current_kek.is(&job.kek) {
            return Err(Error::kek(
                "moving records to another KEK version",
                "that version is not in use",
            ));
        }
        let Some(pass) = self.pass(&mut job, heard)? else {
            return Ok(());
        };
        if pass.changed == 0 && self.finish(job, &pass)? {
            self.named().clear();
            self.store.erase_traces()?;
        }
        Ok(())
    }

    /// Looks at every row and moves it; `None` if the service is going down, or the audit log was closed meanwhile.
    fn pass(
        &self,
        job: &mut JobRow,
        heard: &mut dyn FnMut(&JobRow),
    ) -> Result<Option<Pass>, Error> {
        let mut pass = Pass::default();
        let others = self.store.read(|view| view.others_elsewhere(&job.kek))?;
        self.move_stretch(job, others, &mut pass)?;
        let mut next = Some(i64::MIN);
        while let Some(after) = next {
            if self.is_closing() || self.store.is_log_closed() {
                return Ok(None);
            }
            let begun = Instant::now();
            let read = |kek| {
                self.store
                    .read(|view| view.deks_elsewhere(kek, after, BATCH))
            };
            let stretch = read(&job.kek)?;
            next = stretch.to;
            self.move_stretch(job, stretch, &mut pass)?;
            heard(job);
            // As long as it worked: half of the token and of the database is the requests'.
            thread::sleep(begun.elapsed().min(REST));
        }
        Ok(Some(pass))
    }

    fn move_stretch(
        &self,
        job: &mut JobRow,
        stretch: Stretch,
        pass: &mut Pass,
    ) -> Result<(), Error> {
        pass.stay += stretch.stay;
        for row in stretch.damaged {
            self.is_damaged(row, pass);
        }
        let mut moves = Vec::new();
        for records in stretch.records.chunks(AT_ONCE) {
            let wrapped = self.wrap_anew(job, records)?;
            for (record, wrapped) in records.iter().zip(wrapped) {
                match wrapped {
                    Some(wrapped) => moves.push((record.clone(), wrapped)),
                    None => {
                        pass.stay += 1;
                        self.is_damaged(record.row, pass);
                    }
                }
            }
        }
        if moves.is_empty() {
            return Ok(());
        }
        let (count, before) = (moves.len(), job.clone());
        let (after, moved) = self.store.transact(move |tx| write(tx, before, &moves))?;
        *job = after;
        pass.changed += count.saturating_sub(moved);
        Ok(())
    }

    /// Opens each secret and wraps it under the job's version; `None` of one that its KEK version does not open. What
    /// was wrapped is opened again before anybody relies on it.
    fn wrap_anew(
        &self,
        job: &JobRow,
        records: &[WrappedRecord],
    ) -> Result<Vec<Option<WrappedSecret>>, Error> {
        let references: Vec<_> = records.iter().map(|one| reference(&one.place)).collect();
        let contexts = records.iter().zip(&references);
        let contexts: Vec<_> = contexts
            .map(|(one, reference)| context(&one.place, reference))
            .collect();
        let old = records.iter().map(|one| &one.wrapped);
        let old: Vec<_> = old.zip(contexts.iter().copied()).collect();
        let mut made = Vec::new();
        for (opened, context) in self.kek.unwrap_each(&old).into_iter().zip(&contexts) {
            made.push(match opened {
                Err(Error::Corrupt(_)) => None,
                opened => {
                    let secret = opened?;
                    let wrapped = self.wrap_secret(&secret, context)?;
                    Some((secret, wrapped, *context))
                }
            });
        }
        let new = made.iter().flatten();
        let new: Vec<_> = new
            .map(|(_, wrapped, context)| (wrapped, *context))
            .collect();
        let again = self.kek.unwrap_each(&new);
        for ((secret, wrapped, _), again) in made.iter().flatten().zip(again) {
            let same = bool::from(again?.expose().ct_eq(secret.expose()));
            if !same || wrapped.kek != job.kek {
                return Err(Error::kek(
                    "moving records to another KEK version",
                    "what was just wrapped does not come back the same",
                ));
            }
        }
        let made = made.into_iter();
        Ok(made.map(|one| one.map(|(_, wrapped, _)| wrapped)).collect())
    }

    /// Ends the job, unless a record came in since that is under another version; answers whether it did.
    fn finish(&self, mut job: JobRow, pass: &Pass) -> Result<bool, Error> {
        let stay = pass.stay;
        job.unmoved = pass.damaged.len() as u64;
        job.total = job.moved.saturating_add(job.unmoved);
        job.state = match job.unmoved {
            0 => JobState::Done,
            _ => JobState::Failed,
        };
        let finished = self.alone(Action::KekRewrapRecords, move |tx, now| {
            if tx.records_elsewhere(&job.kek)? > stay {
                return Err(Error::Conflict("there is more to move"));
            }
            job.finished_at = Some(now);
            tx.finish_job(&job)?;
            Ok(((), ended(&job).with("unmoved", job.unmoved)))
        });
        match finished {
            Err(Error::Conflict(_)) => Ok(false),
            finished => finished.map(|()| true),
        }
    }

    /// Said once a job.
    fn is_damaged(&self, row: (&'static str, i64), pass: &mut Pass) {
        pass.damaged.insert(row);
        if self.named().insert(row) {
            let (table, row) = row;
            tracing::error!(
                table,
                row,
                "a damaged record is not moved to the new KEK version; restore it from a backup"
            );
        }
    }

    fn named(&self) -> MutexGuard<'_, Damaged> {
        let named = self.rewrapping.named.lock();
        named.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes each new wrap where the old one still stands, and how far the job is with it.
fn write(
    tx: &Tx<'_>,
    mut job: JobRow,
    moves: &[(WrappedRecord, WrappedSecret)],
) -> Result<(JobRow, usize), Error> {
    let mut moved = 0;
    for (record, wrapped) in moves {
        moved += usize::from(tx.rewrap(record, wrapped)?);
    }
    job.moved = job.moved.saturating_add(moved as u64);
    job.total = job.total.max(job.moved);
    tx.advance_job(&job)?;
    Ok((job, moved))
}

/// What the log says of a job that has come to its end.
pub(super) fn ended(job: &JobRow) -> Event {
    Event::done(job.kek.to_string())
        .with("job", job.id.as_str())
        .with("moved", job.moved)
        .with("status", job.state.name())
}

pub(super) fn reference(place: &Place) -> String {
    match place {
        Place::Dek { name, version, .. } => name.reference(version),
        Place::RowKey => ROW_KEY.reference.to_owned(),
        Place::SigningKey { purpose, algorithm } => {
            format!("{}/{}", purpose.name(), algorithm.name())
        }
    }
}

pub(super) fn context<'a>(place: &Place, reference: &'a str) -> Context<'a> {
    match place {
        Place::Dek { algorithm, .. } => Context {
            purpose: Purpose::Dek,
            reference,
            algorithm: algorithm.name(),
        },
        Place::RowKey => ROW_KEY,
        Place::SigningKey { algorithm, .. } => Context {
            purpose: Purpose::Signing,
            reference,
            algorithm: algorithm.name(),
        },
    }
}
