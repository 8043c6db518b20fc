//! The database: one SQLite file, one writer, one door for changes ([`Store::transact`]).
//!
//! Only `store` and `store/` name rusqlite. Nothing here knows HTTP, PKCS#11 or a policy.

use std::{
    cell::Cell,
    ops::Deref,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::Connection;

use crate::{
    error::Error,
    secret::{LockedSecret, Secret},
};

mod at_rest;
mod audit;
mod backup;
mod census;
mod checkpoints;
mod condition;
mod connection;
mod custodians;
mod dek_versions;
mod deks;
mod files;
mod jobs;
mod keks;
mod lock;
mod log_head;
mod overrides;
mod patrol;
mod principals;
mod readers;
mod replies;
mod row_key;
mod rows;
mod sealed;
mod shape;
mod signatures;
mod signing_keys;
mod space;
mod tokens;
mod traces;
mod tree;
mod trouble;
mod wrapped;
mod writer;

pub use audit::Logged;
pub use backup::DatabaseCopy;
pub use census::{DekFigures, DekTotals};
pub use checkpoints::CheckpointRow;
pub use connection::SCHEMA;
pub use custodians::{ALREADY, CustodianRow, Identity, Moment};
pub use dek_versions::VersionRow;
pub use deks::{DekRow, OVERTAKEN};
pub use jobs::{JobRow, JobState};
pub use keks::KekRow;
pub use lock::Lock;
pub use log_head::FindingRow;
pub use overrides::{Closing, OverrideRow, Request, Sought};
pub use patrol::{Beat, Look};
pub use principals::{NewPrincipal, PrincipalRow, PrincipalState};
pub use replies::{KeptReply, ReplyKey};
pub use signatures::SignatureRow;
pub use signing_keys::{MadeKey, SigningKeyRow};
pub use space::{Space, free};
pub use tokens::{Bearer, Credential, TokenRow, TokenState};
pub use trouble::Trouble;
pub use wrapped::{Place, Stretch, WrappedRecord};

use condition::Condition;
use files::Files;
use writer::{Chore, Writer};

/// An open database. Clones share one writer and one lock.
#[derive(Clone, Debug)]
pub struct Store {
    writer: Arc<Writer>,
    readers: Arc<readers::Readers>,
    condition: Arc<Condition>,
    row_key: RowKey,
    log_closed: Arc<AtomicBool>,
    path: Arc<Path>,
    _lock: Arc<Lock>,
}

/// The key of the rows' MACs, once it is open.
type RowKey = Arc<OnceLock<LockedSecret<32>>>;

/// What a reader sees: one snapshot of the database.
pub struct View<'a> {
    connection: &'a Connection,
    condition: &'a Condition,
    row_key: Option<&'a LockedSecret<32>>,
}

/// What a change sees and does: all of it or nothing. No method commits.
pub struct Tx<'a> {
    view: View<'a>,
    /// Whether something was destroyed whose traces may not be gone yet.
    traces: &'a Cell<bool>,
    /// Whether the audit log takes no more.
    log_closed: &'a AtomicBool,
}

impl<'a> Deref for Tx<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &View<'a> {
        &self.view
    }
}

/// Tables of few rows, most of which nobody looks over: a start believes them, or the audit log does.
const SMALL: [&str; 5] = [
    "checkpoints",
    "kek_versions",
    "log_findings",
    "log_head",
    "row_key",
];

impl Store {
    /// Opens or makes the database at `path`, migrates it, and holds an exclusive lock while it is open.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if another process has it, if it cannot be read or written, or if a newer version made it;
    /// [`Trouble::of`] says what to do about it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_files(path).map_err(Trouble::explain)
    }

    fn open_files(path: &Path) -> Result<Self, Error> {
        let lock = Lock::take(path)?;
        backup::remove_left_over(path)?;
        connection::create_private(path)?;
        let mut writing = connection::writing(path)?;
        connection::migrate(&mut writing)?;
        let mut small = SMALL.iter();
        small.try_for_each(|table| shape::look_below(&writing, table))?;
        let files = Files::of(path)?;
        let condition = Arc::<Condition>::default();
        let row_key = RowKey::default();
        let log_closed = Arc::new(AtomicBool::new(false));
        Ok(Self {
            writer: Arc::new(Writer::start(
                writing,
                files.clone(),
                condition.clone(),
                row_key.clone(),
                log_closed.clone(),
            )?),
            readers: Arc::new(readers::Readers::new(path, files, condition.clone())),
            condition,
            row_key,
            log_closed,
            path: path.into(),
            _lock: Arc::new(lock),
        })
    }

    /// Takes the key of the rows' MACs: before it, only KEK versions and that key itself can be read.
    ///
    /// # Errors
    /// [`Error::Internal`] if it has one already.
    pub fn unlock(&self, key: &Secret<32>) -> Result<(), Error> {
        let key = LockedSecret::new(key);
        if !key.is_locked() {
            tracing::warn!("the key of the rows' MACs may be swapped out: raise RLIMIT_MEMLOCK");
        }
        let twice = |_| Error::internal("the database has its row key already");
        self.row_key.set(key).map_err(twice)
    }

    /// Whether it has that key.
    #[must_use]
    pub fn is_unlocked(&self) -> bool {
        self.row_key.get().is_some()
    }

    /// Runs `work` in a transaction and answers when its outcome is on disk. Many callers share one commit.
    ///
    /// # Errors
    /// Those of `work`, after which nothing of it remains; [`Error::Unavailable`] if the commit failed.
    pub fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.writer.transact(work)
    }

    /// Runs `work` on one snapshot, beside whatever is being written.
    ///
    /// # Errors
    /// Those of `work`; [`Error::Unavailable`] if the database cannot be read.
    pub fn read<T>(&self, work: impl FnOnce(&View<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.readers.read(|connection| {
            work(&View {
                connection,
                condition: &self.condition,
                row_key: self.row_key.get(),
            })
        })
    }

    /// From now on the audit log takes no more: it is not as it was written, and stays as it was found.
    pub fn close_log(&self) {
        self.log_closed.store(true, Ordering::Release);
    }

    /// Whether the audit log takes no more.
    #[must_use]
    pub fn is_log_closed(&self) -> bool {
        self.log_closed.load(Ordering::Acquire)
    }

    /// Erases the traces of what was destroyed until now: nothing of it remains in any file. Where something was
    /// destroyed since the last time, that takes time that grows with the number of DEK versions.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if a reader is in the way for too long; the next attempt may do.
    pub fn erase_traces(&self) -> Result<(), Error> {
        self.writer.tidy(Chore::Erase)
    }

    /// Folds the write-ahead log into the database file, and first erases traces if there are any: for the end.
    ///
    /// # Errors
    /// Those of [`Store::erase_traces`].
    pub fn fold(&self) -> Result<(), Error> {
        self.writer.tidy(Chore::Fold)
    }

    /// Changes that wait for the thread that writes.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.writer.waiting()
    }

    /// What the database takes of the disk, and what is left of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the file system does not answer.
    pub fn space(&self) -> Result<Space, Error> {
        Space::of(&self.path)
    }

    /// Asks reader and writer for a sign of life; now and then the disk, too.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if one does not answer.
    pub fn check(&self) -> Result<(), Error> {
        self.read(|view| view.check())?;
        let tried = self.condition.is_to_be_tried();
        self.transact(move |tx| if tried { tx.touch() } else { tx.check() })?;
        self.condition.has_room(|| Ok(self.space()?.free))
    }

    /// Whether the file is damaged, as far as is known: nothing is written any more, unless [`Store::look_again`] finds it
    /// in order.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.condition.is_damaged()
    }

    /// Whether the disk does not come back from what is being written: who waits for it may wait for ever.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.condition.is_stalled()
    }
}

impl View<'_> {
    fn check(&self) -> Result<(), Error> {
        let sql = "SELECT 1 FROM kek_versions";
        self.query("checking the database", sql, [], |_| Ok(()))
            .map(drop)
    }
}

impl Tx<'_> {
    /// Writes what stands there already.
    fn touch(&self) -> Result<(), Error> {
        let sql = "UPDATE log_head SET id = id";
        self.change("checking the disk", sql, []).map(drop)
    }
}
