//! A copy of the whole database, made beside whatever is being written.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek},
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags, Row,
    backup::{Backup, StepResult},
};
use sha2::{Digest, Sha256};

use super::{Store, Trouble, View, connection, rows};
use crate::error::Error;

const COPYING: &str = "copying the database";

/// Pages between two looks at whether all is well: a mebibyte.
const STEP: i32 = 256;

/// What a copy leaves of the disk to the database itself: its write-ahead log grows to half of that.
const RESERVE: u64 = 8 * 1024 * 1024;

/// A copy of the database as it was at one moment. No name leads to its file any more: it goes with this.
#[derive(Debug)]
pub struct DatabaseCopy {
    /// Its file, to be read from the beginning.
    pub file: File,
    /// How long that is.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

impl Store {
    /// Copies the database as it is now; `look` sees the same moment. Writers go on meanwhile; traces of what is
    /// destroyed meanwhile are erased afterwards.
    ///
    /// # Errors
    /// Those of `look`; [`Error::Unavailable`], also if the disk has no room for a second database.
    pub fn copy<T>(
        &self,
        look: impl FnOnce(&View<'_>) -> Result<T, Error>,
    ) -> Result<(DatabaseCopy, T), Error> {
        let (place, seen) = self.readers.read(|connection| {
            // The first read sets the moment.
            let seen = look(&View {
                connection,
                row_key: self.row_key.get(),
                condition: &self.condition,
            })?;
            self.has_room_for(connection)?;
            let place = Place::beside(connection)?;
            copy_pages(connection, &place.0).map_err(failed)?;
            Ok((place, seen))
        })?;
        let copy = DatabaseCopy::of(&place.0).map_err(failed)?;
        Ok((copy, seen))
    }

    /// A copy that fills the disk would be refused at its end, and every change until then.
    fn has_room_for(&self, source: &Connection) -> Result<(), Error> {
        let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let bytes = source.query_row(sql, [], |row| row.get::<_, i64>(0));
        let bytes = u64::try_from(bytes.map_err(failed)?).unwrap_or(u64::MAX);
        match self.space()?.free >= bytes.saturating_add(RESERVE) {
            true => Ok(()),
            false => Err(Error::store(COPYING, Trouble::Full)),
        }
    }
}

impl View<'_> {
    /// Which migration made the database what it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn schema(&self) -> Result<u32, Error> {
        let sql = "SELECT user_version FROM pragma_user_version";
        let version = |row: &Row<'_>| rows::plain(row, "user_version");
        let found = self.query("reading the schema's version", sql, [], version)?;
        found.into_iter().next().ok_or(rows::TAMPERED)
    }
}

/// Removes what a process that was killed while it copied has left.
pub(super) fn remove_left_over(database: &Path) -> Result<(), Error> {
    match fs::remove_file(copy_of(database)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::store("removing an unfinished copy", error))
        }
        _ => Ok(()),
    }
}

fn copy_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".copy");
    name.into()
}

/// Where the copy is made; nothing is there any more once this is dropped.
struct Place(PathBuf);

impl Place {
    fn beside(source: &Connection) -> Result<Self, Error> {
        let database = source.path().ok_or_else(|| {
            Error::store(COPYING, "the path of the data folder is not plain text")
        })?;
        let place = Self(copy_of(Path::new(database)));
        remove_left_over(Path::new(database))?;
        connection::create_private(&place.0)?;
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, "a copy of the database is left; the next start removes it");
        }
    }
}

fn copy_pages(source: &Connection, place: &Path) -> rusqlite::Result<()> {
    let mut copy = open(place)?;
    let pages = Backup::new(source, &mut copy)?;
    loop {
        match pages.step(STEP)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // Nobody else has the copy, and the source is read from a snapshot.
            StepResult::Busy | StepResult::Locked | _ => {
                return Err(rusqlite::Error::InvalidQuery);
            }
        }
    }
}

/// The copy needs no journal: one that is not whole is thrown away.
#[expect(
    clippy::disallowed_methods,
    reason = "the copy is no database of the service"
)]
fn open(place: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(place, flags)?;
    copy.pragma_update(None, "journal_mode", "OFF")?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    Ok(copy)
}

impl DatabaseCopy {
    fn of(place: &Path) -> io::Result<Self> {
        let mut file = File::open(place)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        let mut bytes = 0;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(buffer.get(..read).unwrap_or_default());
            bytes += u64::try_from(read).unwrap_or_default();
        }
        file.rewind()?;
        Ok(Self {
            file,
            bytes,
            sha256: hash.finalize().into(),
        })
    }
}

fn failed(error: impl Into<crate::error::Source>) -> Error {
    Error::store(COPYING, error)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read, os::unix::fs::PermissionsExt, path::Path};

    use super::{Place, copy_of};
    use crate::store::Store;

    #[test]
    fn a_copy_is_whole_leaves_nothing_behind_and_is_nobody_elses() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.db");
        let store = Store::open(&path).unwrap();
        let (mut copy, ()) = store.copy(|_| Ok(())).unwrap();
        let mut content = Vec::new();
        copy.file.read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64, copy.bytes);
        assert!(content.starts_with(b"SQLite format 3\0"));
        assert!(!copy_of(&path).exists());
    }

    #[test]
    fn what_a_killed_copy_left_goes_with_the_next_start() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.db");
        fs::write(copy_of(&path), "half").unwrap();
        drop(Store::open(&path).unwrap());
        assert!(!copy_of(&path).exists());
    }

    #[test]
    fn the_copy_is_its_owners_alone_while_it_is_there() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.db");
        let store = Store::open(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let place = store.readers.read(Place::beside).unwrap();
        assert_eq!(mode(&place.0), 0o600);
        drop(place);
        assert!(!copy_of(&path).exists());
    }
}
