//! The folder of `custodian dev`: one process at a time, and a first start that is whole or begun again.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{config::DATABASE, error::Source, private_file, store::Store};

/// There while the first start has not finished: until then nobody was told of anything in the folder.
pub(super) const UNFINISHED: &str = "unfinished";

/// What holds a KEK.
const KEKS: [&str; 2] = ["softhsm", "software-kek"];

/// What is there as soon as a KEK may be.
pub(super) const KEK_SIGNS: [&str; 2] = ["softhsm/pin", "software-kek"];

/// A data folder that no other process has open.
#[derive(Debug)]
pub struct Folder {
    /// Absolute.
    pub path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens the folder, made private if it is not there. What an interrupted first start left is put aside.
    ///
    /// # Errors
    /// If another process has it open, if it cannot be made, or if its database is gone while a KEK is there.
    pub fn open(data_dir: &Path) -> Result<Self, Source> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)?;
        let path = fs::canonicalize(data_dir)?;
        let folder = Self {
            _lock: lock(&path.join("dev.lock"))?,
            path,
        };
        folder.begin()?;
        Ok(folder)
    }

    /// Whether the first start is under way: only then is a token made.
    #[must_use]
    pub fn is_first_start(&self) -> bool {
        self.path.join(UNFINISHED).exists()
    }

    /// The first start has finished: from now on nothing here is ever made anew.
    ///
    /// # Errors
    /// If that cannot be written down.
    pub fn finish(&self) -> io::Result<()> {
        gone(fs::remove_file(self.path.join(UNFINISHED)))?;
        File::open(&self.path)?.sync_all()
    }

    fn begin(&self) -> Result<(), Source> {
        let database = self.path.join(DATABASE);
        if !self.is_first_start() {
            return match (database.exists(), self.has_kek()) {
                (true, _) => Ok(()),
                (false, true) => Err("the data folder has a KEK and no database: put custodian.db back, or name an empty folder".into()),
                (false, false) => Ok(private_file::write(&self.path.join(UNFINISHED), b"")?),
            };
        }
        if database.exists() && has_principals(&database) {
            return Ok(self.finish()?);
        }
        if database.exists() || self.has_kek() {
            self.put_aside()?;
        }
        Ok(())
    }

    fn has_kek(&self) -> bool {
        KEK_SIGNS.iter().any(|sign| self.path.join(sign).exists())
    }

    /// Nothing is ever deleted: it might be a copy that somebody put there.
    fn put_aside(&self) -> io::Result<()> {
        let mut places = (1..).map(|number: u32| self.path.join(format!("left-over-{number}")));
        let place = places.find(|place| !place.exists());
        let place = place.ok_or(ErrorKind::StorageFull)?;
        DirBuilder::new().mode(0o700).create(&place)?;
        let database = ["", "-wal", "-shm"].map(|companion| format!("{DATABASE}{companion}"));
        for name in KEKS.map(str::to_owned).iter().chain(&database) {
            gone(fs::rename(self.path.join(name), place.join(name)))?;
        }
        tracing::warn!(place = %place.display(), "an earlier first start did not finish; what it left is put aside");
        Ok(())
    }
}

/// Whether the first start came as far as its last transaction.
fn has_principals(database: &Path) -> bool {
    let store = Store::open(database);
    let found = store.and_then(|store| store.read(|view| view.is_provisioned()));
    found.unwrap_or(false)
}

fn lock(path: &Path) -> Result<File, Source> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err("another process has this data folder open: stop that one first, or name another folder".into())
        }
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// What is not there need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
