//! Restore: a copy of the database from a backup is proven, brought up to date by the audit log, and given new keys
//! (formats.md section 8, docs/decisions/0019). All of it happens to a copy that nobody serves; what nobody can prove is
//! refused. The rule: what was taken away since the backup stays taken away, what was given since is not given.

use std::sync::Arc;

use jiff::Timestamp;

use super::Custodian;
use crate::{error::Error, kek::NoteKeeper};

mod admins;
mod council;
mod deks;
mod entry;
mod export;
mod keks;
mod newer;
mod overrides;
mod people;
mod proof;
mod renewal;
mod replay;
mod rollback;
mod since;

pub use admins::Admin;
pub use export::Export;
pub use proof::Opened;
pub use renewal::{Origin, Renewed};
pub use rollback::{SKIPPED, Shut};
pub use since::Since;

/// Hears what is being done, how much of it is done, and how much there is.
pub type Hear<'a> = &'a mut dyn FnMut(&'static str, u64, u64);

/// What cannot be proven; nothing was replaced.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unproven(pub String);

impl Unproven {
    fn of(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl Custodian {
    /// Folds the copy into one file. The token stays open: what it keeps may still have to follow.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn fold_copy(&self) -> Result<(), Error> {
        self.store.fold()
    }

    /// The time: never before the newest entry of the log.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where the newest checkpoint is kept beside the database: for when the restored one is in its place.
    #[must_use]
    pub fn note_keeper(&self) -> Arc<dyn NoteKeeper> {
        self.notes.clone()
    }
}
