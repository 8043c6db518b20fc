//! One process at a time has a database: a lock on a file beside it, which stays when the database is replaced.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::error::Error;

/// Held as long as it lives; gone with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// That of the database at `path`, be there one or not.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if another process has it.
    pub fn take(path: &Path) -> Result<Self, Error> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(PathBuf::from(beside));
        let file = file.map_err(|error| Error::store("opening the database's lock file", error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::store(
                "locking the database",
                "another process has it open: stop that one first",
            )),
            Err(TryLockError::Error(error)) => Err(Error::store("locking the database", error)),
        }
    }
}
