//! Why the database does not do its work, as far as an operator can do something about it, and what.

use std::{error::Error as StdError, io, io::ErrorKind};

use rusqlite::{ErrorCode, ffi};

use crate::error::{Error, Part, Source};

/// Why.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// The file is not as it was written.
    #[error("its file is damaged: restore it from a backup, then start again")]
    Damaged,
    /// The service may not read or write it.
    #[error(
        "let the service's user read and write the data folder and the files in it, then start again"
    )]
    Denied,
    /// There is no room.
    #[error("the disk is full: make room on it")]
    Full,
    /// A newer version made it.
    #[error("a newer version made it: start that version, or restore a backup of this one")]
    Newer,
    /// Nothing can be written to the disk.
    #[error("the disk is read-only: mount it for writing, then start again")]
    ReadOnly,
    /// Nobody can say from here.
    #[error("see the log")]
    Unknown,
}

/// A cause with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{trouble}")]
struct Explained {
    trouble: Trouble,
    #[source]
    source: Source,
}

impl Trouble {
    /// The reason of an error of the database, by its causes.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        if !matches!(
            error,
            Error::Unavailable {
                part: Part::Audit | Part::Store,
                ..
            }
        ) {
            return Self::Unknown;
        }
        let mut cause = StdError::source(error);
        while let Some(next) = cause {
            if let Some(trouble) = Self::said_by(next) {
                return trouble;
            }
            cause = next.source();
        }
        Self::Unknown
    }

    /// Whether a later start finds it as it is now, unless somebody does something about it.
    #[must_use]
    pub fn lasts(self) -> bool {
        match self {
            Self::Damaged | Self::Denied | Self::Newer | Self::ReadOnly => true,
            Self::Full | Self::Unknown => false,
        }
    }

    /// The same error, and what to do about it.
    #[must_use]
    pub fn explain(error: Error) -> Error {
        match (Self::of(&error), error) {
            (Self::Unknown, error) => error,
            (
                trouble,
                Error::Unavailable {
                    part,
                    what,
                    source: Some(source),
                },
            ) if !source.is::<Self>() && !source.is::<Explained>() => Error::Unavailable {
                part,
                what,
                source: Some(Explained { trouble, source }.into()),
            },
            (_, error) => error,
        }
    }

    fn said_by(cause: &(dyn StdError + 'static)) -> Option<Self> {
        if let Some(explained) = cause.downcast_ref::<Explained>() {
            return Some(explained.trouble);
        }
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return Self::of_system(error.kind());
        }
        if let Some(rusqlite_migration::Error::MigrationDefinition(_)) = cause.downcast_ref() {
            return Some(Self::Newer);
        }
        if let Some(rusqlite::Error::SqliteFailure(failure, said)) = cause.downcast_ref() {
            let format = |said: &String| said.starts_with("unsupported file format");
            return match said.as_ref().is_some_and(format) {
                true => Some(Self::Damaged),
                false => Self::of_sqlite(*failure),
            };
        }
        cause.downcast_ref().copied()
    }

    fn of_system(kind: ErrorKind) -> Option<Self> {
        if kind == ErrorKind::PermissionDenied {
            return Some(Self::Denied);
        }
        if kind == ErrorKind::ReadOnlyFilesystem {
            return Some(Self::ReadOnly);
        }
        let full = [ErrorKind::QuotaExceeded, ErrorKind::StorageFull];
        full.contains(&kind).then_some(Self::Full)
    }

    fn of_sqlite(failure: ffi::Error) -> Option<Self> {
        // What it could not make larger.
        if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE {
            return Some(Self::Full);
        }
        let known = [
            (ErrorCode::CannotOpen, Self::Denied),
            (ErrorCode::DatabaseCorrupt, Self::Damaged),
            (ErrorCode::DiskFull, Self::Full),
            (ErrorCode::NotADatabase, Self::Damaged),
            (ErrorCode::PermissionDenied, Self::Denied),
            (ErrorCode::ReadOnly, Self::Denied),
        ];
        let known = known.into_iter().find(|(code, _)| *code == failure.code);
        known.map(|(_, trouble)| trouble)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rusqlite::{Error as Sqlite, ffi};

    use super::Trouble;
    use crate::error::Error;

    fn sqlite(code: i32) -> Error {
        Error::store("a test", Sqlite::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn what_is_wrong_with_a_token_is_not_the_databases() {
        let denied = Error::kek("a test", io::Error::from_raw_os_error(13));
        assert_eq!(Trouble::of(&denied), Trouble::Unknown);
    }

    #[test]
    fn each_cause_says_whether_it_lasts_and_what_to_do() {
        let system = |number| Error::store("a test", io::Error::from_raw_os_error(number));
        for (error, trouble, lasts) in [
            (system(13), Trouble::Denied, true),
            (system(28), Trouble::Full, false),
            (system(30), Trouble::ReadOnly, true),
            (system(122), Trouble::Full, false),
            (system(5), Trouble::Unknown, false),
            (sqlite(ffi::SQLITE_FULL), Trouble::Full, false),
            (sqlite(ffi::SQLITE_IOERR_SHMSIZE), Trouble::Full, false),
            (sqlite(ffi::SQLITE_IOERR), Trouble::Unknown, false),
            (sqlite(ffi::SQLITE_CORRUPT_INDEX), Trouble::Damaged, true),
            (sqlite(ffi::SQLITE_NOTADB), Trouble::Damaged, true),
            (sqlite(ffi::SQLITE_CANTOPEN), Trouble::Denied, true),
        ] {
            assert_eq!(Trouble::of(&error), trouble, "{error:?}");
            assert_eq!(trouble.lasts(), lasts, "{error:?}");
            assert_eq!(Trouble::of(&Trouble::explain(error)), trouble);
        }
    }
}
