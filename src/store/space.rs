//! What the database takes of the disk, and what is left of it.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use rustix::fs::statvfs;

use crate::error::Error;

/// Sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// The database file.
    pub database: u64,
    /// Its write-ahead log.
    pub wal: u64,
    /// What the file system has left for whoever is not root.
    pub free: u64,
    /// The whole file system.
    pub total: u64,
}

impl Space {
    /// That of the database at `path`.
    pub(super) fn of(path: &Path) -> Result<Self, Error> {
        let look = || -> io::Result<Self> {
            let disk = statvfs(path)?;
            let mut wal = path.as_os_str().to_owned();
            wal.push("-wal");
            Ok(Self {
                database: fs::metadata(path)?.len(),
                wal: size(Path::new(&wal))?,
                free: disk.f_bavail.saturating_mul(disk.f_frsize),
                total: disk.f_blocks.saturating_mul(disk.f_frsize),
            })
        };
        look().map_err(|error| Error::store("looking at the database's disk", error))
    }
}

/// What the file system of a folder has left for whoever is not root, bytes.
///
/// # Errors
/// [`Error::Unavailable`] if it does not answer.
pub fn free(folder: &Path) -> Result<u64, Error> {
    let disk = statvfs(folder).map_err(|error| Error::store("looking at the disk", error))?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// There may be no such file.
fn size(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        found => found.map(|file| file.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::Space;

    #[test]
    fn the_log_counts_once_it_is_there_and_the_disk_is_never_smaller_than_what_is_free() {
        let home = tempfile::TempDir::new().unwrap();
        let path = home.path().join("a.db");
        assert!(Space::of(&path).is_err());
        std::fs::write(&path, [0; 10]).unwrap();
        let space = Space::of(&path).unwrap();
        assert_eq!((space.database, space.wal), (10, 0));
        assert!(space.total >= space.free && space.free > 0);
        std::fs::write(home.path().join("a.db-wal"), [0; 7]).unwrap();
        assert_eq!(Space::of(&path).unwrap().wal, 7);
    }
}
