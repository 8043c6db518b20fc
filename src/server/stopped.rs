//! The audit log of a service that does not run, for an export: read where it lies, and nothing is changed.

use std::{
    fs::{File, TryLockError},
    sync::Arc,
};

use super::{assemble_on, assemble_with, init, restore};
use crate::{
    config::Config,
    custodian::Custodian,
    error::{Error, Source},
    kek::KeyHolder,
    store::Store,
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
        let store = Store::open_at_rest(&config.database())?;
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

/// How many entries the log has up to the newest change that somebody made, in a database that is about to be replaced;
/// 0 if there is none, or it does not open: that may be why it is replaced.
pub(super) fn changed_until(config: &Config, kek: Arc<dyn KeyHolder>) -> u64 {
    if !config.database().exists() || restore::finished(config).is_err() {
        return 0;
    }
    let store = Store::open_at_rest(&config.database());
    let known = store.and_then(|store| assemble_with(kek, store, config).changed_until());
    known.unwrap_or_else(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(
            error,
            "the database that is to be replaced does not open: nobody asks what it knows"
        );
        0
    })
}

const RUNS: &str = "another process has the database open: if it is the service, ask it for its log, by the same command without --config \
     (CUSTODIAN_URL and CUSTODIAN_TOKEN_FILE), or stop it first";

/// Whether a process has the database, most likely the service.
pub(super) fn is_held(config: &Config) -> bool {
    let lock = File::open(format!("{}.lock", config.database().display()));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
