//! The folder of `custodian dev`: one process at a time, and a first start that is whole or begun again.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{config::DATABASE, error::Source, private_file};

/// There while the first start has not finished: until then nobody was told of anything in the folder.
const UNFINISHED: &str = "unfinished";

/// What holds a KEK.
const KEKS: [&str; 2] = ["softhsm", "software-kek"];

/// A data folder that no other process has open.
#[derive(Debug)]
pub struct Folder {
    /// Absolute.
    pub path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens the folder, made private if it is not there. What an interrupted first start left is removed.
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
        if self.is_first_start() {
            tracing::debug!("a first start that has not finished is begun again");
            return Ok(self.clear()?);
        }
        if self.path.join(DATABASE).exists() {
            return Ok(());
        }
        if KEKS.iter().any(|kek| self.path.join(kek).exists()) {
            return Err("the data folder has a KEK and no database: put custodian.db back, or name an empty folder".into());
        }
        Ok(private_file::write(&self.path.join(UNFINISHED), b"")?)
    }

    fn clear(&self) -> io::Result<()> {
        for kek in KEKS {
            gone(fs::remove_dir_all(self.path.join(kek)))?;
        }
        for companion in ["", "-wal", "-shm"] {
            gone(fs::remove_file(
                self.path.join(format!("{DATABASE}{companion}")),
            ))?;
        }
        Ok(())
    }
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
