//! Whether the service can do its work: a background look at each part, and the snapshot that answers show.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::Custodian;
use crate::{error::Error, kek::Level};

/// A snapshot older than this says nothing any more.
const STALE: Duration = Duration::from_secs(10);

/// What the last look found; `None` until the first.
#[derive(Debug, Default)]
pub(super) struct Health {
    last: Mutex<Option<Look>>,
    closing: AtomicBool,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    checks: Checks,
    at: Instant,
}

/// Which parts are well.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Checks {
    /// The KEK wraps and unwraps.
    pub kek: bool,
    /// It has made half of the encryptions that are safe, and was not rotated yet.
    pub rotation_due: bool,
    /// The database reads and writes.
    pub store: bool,
    /// The audit log is what was signed, takes entries, and the clock has not gone back.
    pub audit: bool,
}

impl Checks {
    /// Whether all are.
    #[must_use]
    pub fn ready(self) -> bool {
        self.kek && self.store && self.audit
    }
}

impl Custodian {
    /// What the last look found; nothing is well if it was too long ago.
    #[must_use]
    pub fn health(&self) -> Checks {
        let look = *self.last_look();
        let open = !self.health.closing.load(Ordering::Acquire);
        let fresh = look.filter(|look| open && look.at.elapsed() < STALE);
        let checks = fresh.map_or_else(Checks::default, |look| look.checks);
        let writes = !self.store.is_stalled();
        Checks {
            // They may have gone down since.
            kek: checks.kek && self.kek.condition().state().level != Level::Down,
            store: checks.store && writes,
            audit: checks.audit && writes,
            ..checks
        }
    }

    /// Whether the disk does not come back: who waits for it may wait for ever.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.store.is_stalled()
    }

    /// Looks at each part and keeps what it finds; says so in the log when that changes.
    pub fn look(&self) {
        let kek = well("kek", self.kek.probe());
        if !kek {
            self.opened.forget_all();
        }
        // What is not written is written in the next turn.
        well("audit", self.log_kek_changes());
        let store = well("store", self.store.check());
        let newest = self.store.read(|view| view.last_audited());
        let checks = Checks {
            kek,
            rotation_due: self.kek_rotation_is_due().unwrap_or_default(),
            store,
            // An entry that cannot be written is one that is not there.
            audit: store
                && well("audit", newest.map(drop))
                && self.audit_log.is_well()
                && !self.clock.jumped_back(),
        };
        if self.health() != checks {
            tracing::info!(
                kek,
                store,
                audit = checks.audit,
                ready = checks.ready(),
                "readiness changed"
            );
        }
        let look = Look {
            checks,
            at: Instant::now(),
        };
        *self.last_look() = Some(look);
    }

    /// Says from now on that nothing is ready: the service is going down.
    pub fn close_doors(&self) {
        self.health.closing.store(true, Ordering::Release);
    }

    /// Whether the service is going down: long work stops where it can go on later.
    pub(super) fn is_closing(&self) -> bool {
        self.health.closing.load(Ordering::Acquire)
    }

    fn last_look(&self) -> MutexGuard<'_, Option<Look>> {
        self.health
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn well(part: &'static str, check: Result<(), Error>) -> bool {
    if let Err(error) = &check {
        tracing::debug!(part, error = error as &dyn std::error::Error, "not well");
    }
    check.is_ok()
}
