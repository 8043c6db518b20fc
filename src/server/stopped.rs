//! The audit log of a service that does not run, for an export: read where it lies, and nothing is changed.

use std::{
    fs::{File, TryLockError},
    sync::Arc,
};

use super::{assemble_on, assemble_with, init, restore};
use crate::{
    config::Config,
    custodian::Custodian,
    error::{Error, Part, Source},
    kek::{Cause, KeyHolder, Trouble},
    store::{Lock, Store},
};

/// Entries that are in memory at once.
const CHUNK: usize = 1000;

/// A log that is whole.
#[derive(Debug)]
pub struct StoppedLog {
    custodian: Custodian,
    note: String,
}

impl StoppedLog {
    /// Opens the service as configured, and reads all of its log.
    ///
    /// # Errors
    /// A [`Finding`](crate::custodian::audit_log::Finding) if the log is not what was signed; else which part is in the way
    /// and what to do.
    pub fn open(config: &Config) -> Result<Self, Source> {
        init::permitted(config)?;
        restore::finished(config)?;
        init::finished(config)?;
        if is_held(config) {
            return Err(RUNS.into());
        }
        let lock = Arc::new(Lock::take(&config.database())?);
        let store = Store::open_at_rest(&config.database(), lock)?;
        let custodian = assemble_on(store, config)?;
        let note = custodian.sign_stopped_log()?;
        Ok(Self { custodian, note })
    }

    /// The checkpoint over all of it.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Some entries from number `from` on, in the bytes that were logged.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn entries(&self, from: u64) -> Result<Vec<Vec<u8>>, Error> {
        Ok(self.custodian.audit_entries(from, CHUNK)?.entries)
    }
}

/// Number and bytes of the newest entry about a change that somebody made, in a database that is about to be replaced;
/// none if there is none, or if it does not open for good: that may be why it is replaced.
///
/// # Errors
/// [`Error::Unavailable`] if the token does not answer at present.
pub(super) fn newest_change(
    config: &Config,
    kek: Arc<dyn KeyHolder>,
    lock: Arc<Lock>,
) -> Result<Option<(u64, Vec<u8>)>, Error> {
    if !config.database().exists() || restore::finished(config).is_err() {
        return Ok(None);
    }
    let store = Store::open_at_rest(&config.database(), lock);
    match store.and_then(|store| assemble_with(kek, store, config).newest_change()) {
        Err(error) if is_for_now(&error) => Err(error),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "the database that is to be replaced does not open: nobody asks what it knows"
            );
            Ok(None)
        }
        known => known,
    }
}

fn is_for_now(error: &Error) -> bool {
    let lasts = Trouble::cause_of(error).is_some_and(Cause::needs_operator);
    let part = matches!(error, Error::Unavailable { part, .. } if *part == Part::Kek);
    part && !lasts
}

const RUNS: &str = "another process has the database open: if it is the service, ask it for its log, by the same command without --config \
     (CUSTODIAN_URL and CUSTODIAN_TOKEN_FILE), or stop it first";

/// Whether a process has the database, most likely the service.
pub(super) fn is_held(config: &Config) -> bool {
    let lock = File::open(format!("{}.lock", config.database().display()));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
