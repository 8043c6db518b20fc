//! Figures for Prometheus beside those that each part counts itself: what is in memory is shown at each scrape, what
//! the database knows is gathered now and then in the background.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::Custodian;
use crate::{
    error::Error,
    figures::{self, flag, length, number},
    kek::{Cause, Level},
    policy::{CustodianState, DekState, KekState, OverrideStatus, Role},
    store::{JobState, View},
    words::Lead,
};

/// A token that ends within this is soon to be replaced.
const EXPIRING: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// A DEK is rotated by itself within seconds; one that is not after so long is overdue.
const OVERDUE: Duration = Duration::from_secs(60);

/// When the figures of the database were gathered last; `None` before the first time.
#[derive(Debug, Default)]
pub(super) struct Gathered(Mutex<Option<Instant>>);

impl Custodian {
    /// Shows what is in memory: asks neither the token nor the database.
    pub fn show_figures(&self) {
        let health = self.health();
        let parts = [health.kek, health.store, health.audit];
        for (part, well) in ["kek", "store", "audit"].into_iter().zip(parts) {
            metrics::gauge!(figures::UP, "part" => part).set(flag(well));
        }
        metrics::gauge!(figures::READY).set(flag(health.ready()));
        metrics::gauge!(figures::KEK_ROTATION_DUE).set(flag(health.rotation_due));
        metrics::gauge!(figures::CLOCK_BACK).set(flag(self.clock.jumped_back()));
        metrics::gauge!(figures::STORE_QUEUE).set(length(self.store.waiting()));
        metrics::gauge!(figures::STORE_STALLED).set(flag(self.store.is_stalled()));
        let gathered = *self
            .gathered
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = gathered {
            metrics::gauge!(figures::FIGURES_AGE).set(at.elapsed());
        }
        self.audit_log.show_figures(self.clock.now());
        self.show_token();
    }

    fn show_token(&self) {
        let condition = self.kek.condition();
        let (state, counted) = (condition.state(), condition.figures());
        for one in Level::ALL {
            metrics::gauge!(figures::TOKEN_STATE, "state" => one.name())
                .set(flag(one == state.level));
        }
        for one in Cause::ALL {
            metrics::gauge!(figures::TOKEN_TROUBLE, "cause" => one.word())
                .set(flag(Some(one) == state.cause));
        }
        metrics::counter!(figures::TOKEN_CHANGES).absolute(counted.changes);
        metrics::counter!(figures::TOKEN_OUTAGES).absolute(counted.outages);
        metrics::counter!(figures::TOKEN_REOPENINGS).absolute(counted.reopenings);
        metrics::counter!(figures::TOKEN_STUCK_CALLS).absolute(counted.stuck_calls);
        metrics::gauge!(figures::TOKEN_STUCK_NOW).set(number(counted.stuck_now));
        for load in self.kek.loads() {
            for (figure, count) in [
                (figures::TOKEN_THREADS, load.threads),
                (figures::TOKEN_THREADS_BUSY, load.busy),
                (figures::TOKEN_THREADS_REPLACED, load.replaced),
                (figures::TOKEN_QUEUE, load.waiting),
            ] {
                metrics::gauge!(figure, "pool" => load.pool).set(length(count));
            }
        }
    }

    /// Gathers what the database and its disk say. What fails keeps nothing else from being gathered.
    ///
    /// # Errors
    /// The first failure: [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn gather_figures(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let gathered = [
            self.gather_space(),
            self.gather_kek(now),
            self.store.read(rotation),
            self.gather_deks(now),
            self.store.read(|view| signing_keys(view, now)),
            self.store.read(|view| people(view, now)),
        ];
        gathered.into_iter().fold(Ok(()), Result::and)?;
        *self
            .gathered
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    fn gather_space(&self) -> Result<(), Error> {
        let space = self.store.space()?;
        metrics::gauge!(figures::DATABASE_BYTES).set(number(space.database));
        metrics::gauge!(figures::WAL_BYTES).set(number(space.wal));
        metrics::gauge!(figures::DISK_FREE).set(number(space.free));
        metrics::gauge!(figures::DISK_BYTES).set(number(space.total));
        Ok(())
    }

    fn gather_kek(&self, now: Timestamp) -> Result<(), Error> {
        let all = self.kek_versions()?;
        for state in KekState::ALL {
            let count = all.iter().filter(|row| row.state == state).count();
            metrics::gauge!(figures::KEK_VERSIONS, "state" => state.name()).set(length(count));
        }
        if let Some(current) = all.iter().rfind(|row| row.state == KekState::Enabled) {
            metrics::gauge!(figures::KEK_AGE).set(age(current.created_at, now));
            metrics::gauge!(figures::KEK_USED).set(self.used(current.reserved));
        }
        Ok(())
    }

    fn gather_deks(&self, now: Timestamp) -> Result<(), Error> {
        let (totals, first) = self
            .store
            .read(|view| Ok((view.dek_totals()?, view.first_deks(figures::DEKS)?)))?;
        let oldest = totals.oldest.map_or(Duration::ZERO, |made| age(made, now));
        metrics::gauge!(figures::DEK_COUNT).set(number(totals.count));
        metrics::gauge!(figures::DEK_OLDEST).set(oldest);
        metrics::gauge!(figures::DEK_MOST_USED).set(self.used(totals.reserved));
        for dek in first {
            let name = dek.name.as_str().to_owned();
            metrics::gauge!(figures::DEK_AGE, "dek" => name.clone()).set(age(dek.created_at, now));
            metrics::gauge!(figures::DEK_USED, "dek" => name).set(self.used(dek.reserved));
        }
        let then = now.saturating_sub(OVERDUE).unwrap_or(now);
        self.store.read(|view| {
            metrics::gauge!(figures::DEKS_OVERDUE).set(number(view.deks_overdue(then)?));
            let counts = view.versions_by_state()?;
            for state in DekState::ALL {
                let count = of(&counts, state.name());
                metrics::gauge!(figures::DEK_VERSIONS, "state" => state.name()).set(count);
            }
            Ok(())
        })
    }

    /// Which part of the encryptions after which a key refuses is reserved.
    fn used(&self, reserved: u64) -> f64 {
        number(reserved) / number(self.rules.encryptions.refuse_at.max(1))
    }
}

fn rotation(view: &View<'_>) -> Result<(), Error> {
    let job = view.newest_job()?;
    for state in JobState::ALL {
        let is_it = job.as_ref().is_some_and(|job| job.state == state);
        metrics::gauge!(figures::ROTATION_STATE, "state" => state.name()).set(flag(is_it));
    }
    let (total, moved, unmoved) = job.map_or((0, 0, 0), |job| (job.total, job.moved, job.unmoved));
    metrics::gauge!(figures::ROTATION_RECORDS).set(number(total));
    metrics::gauge!(figures::ROTATION_MOVED).set(number(moved));
    metrics::gauge!(figures::ROTATION_UNMOVED).set(number(unmoved));
    Ok(())
}

fn signing_keys(view: &View<'_>, now: Timestamp) -> Result<(), Error> {
    for key in view.signing_keys()? {
        let (purpose, algorithm) = (key.purpose.name(), key.algorithm.name());
        metrics::gauge!(figures::SIGNING_KEY_AGE, "purpose" => purpose, "algorithm" => algorithm)
            .set(age(key.created_at, now));
    }
    Ok(())
}

fn people(view: &View<'_>, now: Timestamp) -> Result<(), Error> {
    let roles = view.principals_by_role()?;
    for role in Role::ALL {
        metrics::gauge!(figures::PRINCIPALS, "role" => role.name()).set(of(&roles, role.name()));
    }
    let until = now.saturating_add(EXPIRING).unwrap_or(Timestamp::MAX);
    let expiring = number(view.principals_expiring(now, until)?);
    metrics::gauge!(figures::TOKENS_EXPIRING).set(expiring);
    let custodians = view.custodians_by_state()?;
    for lead in Lead::ALL {
        for state in CustodianState::ALL {
            let (lead, state) = (lead.name(), state.name());
            metrics::gauge!(figures::CUSTODIANS, "lead" => lead, "state" => state)
                .set(of(&custodians, &format!("{lead}/{state}")));
        }
    }
    let overrides = view.open_overrides()?;
    for status in OverrideStatus::ALL.into_iter().filter(|one| one.is_open()) {
        metrics::gauge!(figures::OVERRIDES_OPEN, "status" => status.name())
            .set(of(&overrides, status.name()));
    }
    Ok(())
}

fn of(counts: &[(String, u64)], word: &str) -> f64 {
    let found = counts.iter().find(|(name, _)| name == word);
    number(found.map_or(0, |(_, count)| *count))
}

/// How long ago that was.
pub(super) fn age(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}
