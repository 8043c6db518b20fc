//! Whether the database's files are still at their places: an open file outlives its name, and what is written into one
//! that nobody can open again is lost.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::error::Error;

/// What stands beside the file itself while it is open.
const ENDS: [&str; 3] = ["", "-wal", "-shm"];

/// The files that the connections have open: their places, devices and inodes.
#[derive(Clone, Debug)]
pub(super) struct Files([(PathBuf, (u64, u64)); 3]);

impl Files {
    /// Those of the database at `path`, once one connection has read it.
    pub(super) fn of(path: &Path) -> Result<Self, Error> {
        let file = |end| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            let path = PathBuf::from(name);
            identity(&path).map(|identity| (path, identity))
        };
        let all = || -> io::Result<_> {
            let [database, wal, shm] = ENDS.map(file);
            Ok(Self([database?, wal?, shm?]))
        };
        all().map_err(|error| Error::store("looking at the database's files", error))
    }

    /// Whether all are where they were opened.
    pub(super) fn are_there(&self) -> Result<(), Error> {
        let same = |(path, known): &(PathBuf, _)| identity(path).is_ok_and(|is| is == *known);
        match self.0.iter().all(same) {
            true => Ok(()),
            false => Err(Error::store(
                "looking at the database's files",
                "a file of the open database was removed or replaced: put that very file back, or restore a backup, then \
                 start again",
            )),
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}
