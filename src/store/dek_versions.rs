//! The versions of DEKs: every secret wrapped, none in the clear; destroyed ones without any.

use jiff::Timestamp;
use rusqlite::Row;

use super::{
    DekRow, Tx, View,
    deks::block,
    row_key::wrapped,
    rows,
    sealed::{Columns, Table},
};
use crate::{
    crypto::wrapped::WrappedSecret,
    error::Error,
    id::{DekName, DekVersion},
    policy::DekState,
};

/// One version of a DEK.
#[derive(Clone, Debug)]
pub struct VersionRow {
    /// From 1, never reused.
    pub number: u32,
    /// Its name.
    pub version: DekVersion,
    /// What may be done with it.
    pub state: DekState,
    /// When its secret is erased, if that is pending.
    pub destroy_at: Option<Timestamp>,
    /// The secret under the KEK; `None` once it is destroyed.
    pub wrapped: Option<WrappedSecret>,
    /// 1,216 bytes, of a hybrid DEK only.
    pub public_key: Option<Vec<u8>>,
    /// Encryptions that it may have made.
    pub reserved: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A version that is due, or that it is not as it was written.
type Due = Result<(DekName, VersionRow), Error>;

const TABLE: Table = "dek_versions";
const READING: &str = "reading DEK versions";
const CHANGING: &str = "changing a DEK version";
const OF: &str = "WHERE dek = ?1 AND version = ?2";

impl View<'_> {
    /// Every version of a DEK, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Corrupt`], also if the newest is missing.
    pub fn dek_versions(&self, dek: &DekRow) -> Result<Vec<VersionRow>, Error> {
        let rest = "WHERE dek = ?1 ORDER BY number";
        let all = self.many(READING, TABLE, rest, [dek.name.as_str()], version)?;
        match all.last().is_some_and(|last| last.number == dek.newest) {
            true => Ok(all),
            false => Err(LOST),
        }
    }

    /// The newest version of a DEK: the only one that encrypts.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Corrupt`], also if it is missing.
    pub fn newest_version(&self, dek: &DekRow) -> Result<VersionRow, Error> {
        let given = (dek.name.as_str(), dek.newest);
        let whose = "WHERE dek = ?1 AND number = ?2";
        let found = self.one(READING, TABLE, whose, given, version)?;
        found.ok_or(LOST)
    }

    /// One version of a DEK.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn dek_version(
        &self,
        name: &DekName,
        wanted: &DekVersion,
    ) -> Result<Option<VersionRow>, Error> {
        let given = (name.as_str(), wanted.as_str());
        self.one(READING, TABLE, OF, given, version)
    }

    /// The versions whose secret is to be erased at `now`; [`Error::Corrupt`] in the place of one that is not as it
    /// was written.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn versions_to_destroy(&self, now: Timestamp) -> Result<Vec<Due>, Error> {
        let sql = "SELECT * FROM dek_versions WHERE destroy_at IS NOT NULL AND destroy_at <= ?1";
        let due = |row: &Row<'_>| {
            self.verify(READING, TABLE, row)?;
            Ok((rows::name(row, "dek")?, version(row)?))
        };
        self.query(READING, sql, [now.as_microsecond()], |row| Ok(due(row)))
    }
}

impl Tx<'_> {
    /// Adds a version.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if one of its number or name is there; [`Error::Unavailable`].
    pub fn insert_version(&self, name: &DekName, version: &VersionRow) -> Result<(), Error> {
        let wrapped = version.wrapped.as_ref();
        let reserved = block(version.reserved, 0)?;
        let destroy_at = version.destroy_at.map(Timestamp::as_microsecond);
        // Pending destruction is the word of that column.
        let state = match version.state {
            DekState::PendingDestruction => DekState::Enabled,
            state @ (DekState::Destroyed | DekState::Disabled | DekState::Enabled) => state,
        };
        self.insert(
            "adding a DEK version",
            TABLE,
            &[
                ("dek", &name.as_str()),
                ("number", &version.number),
                ("version", &version.version.as_str()),
                ("state", &state.name()),
                ("destroy_at", &destroy_at),
                ("kek", &wrapped.map(|wrapped| wrapped.kek.as_str())),
                (
                    "mechanism",
                    &wrapped.map(|wrapped| wrapped.mechanism.name()),
                ),
                ("nonce", &wrapped.map(|wrapped| &wrapped.nonce)),
                ("sealed", &wrapped.map(|wrapped| &wrapped.sealed)),
                ("public_key", &version.public_key),
                ("reserved", &reserved),
                ("created_at", &version.created_at.as_microsecond()),
            ],
            // The DEK's own row was added or advanced just before: nobody of ours took the number.
            rows::TAMPERED,
        )
    }

    /// Enables or disables a version that is not to be destroyed.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn set_version_enabled(
        &self,
        name: &DekName,
        of: &DekVersion,
        enabled: bool,
    ) -> Result<(), Error> {
        let state = if enabled { "enabled" } else { "disabled" };
        self.set_version(name, of, &[("state", &state)])
    }

    /// Notes when a version is to be destroyed; `None` saves it.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn set_version_destroy_at(
        &self,
        name: &DekName,
        of: &DekVersion,
        at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let at = at.map(Timestamp::as_microsecond);
        self.set_version(name, of, &[("destroy_at", &at)])
    }

    /// Erases a version's secret. Its traces are gone after [`super::Store::erase_traces`].
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn destroy_version(&self, name: &DekName, of: &DekVersion) -> Result<(), Error> {
        const NONE: Option<i64> = None;
        self.traces.set(true);
        self.set_version(
            name,
            of,
            &[
                ("state", &"destroyed"),
                ("destroy_at", &NONE),
                ("kek", &NONE),
                ("mechanism", &NONE),
                ("nonce", &NONE),
                ("sealed", &NONE),
            ],
        )
    }

    /// Reserves `count` more encryptions for a version.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn reserve_version(
        &self,
        name: &DekName,
        of: &VersionRow,
        count: u64,
    ) -> Result<(), Error> {
        let reserved = block(of.reserved, count)?;
        self.set_version(name, &of.version, &[("reserved", &reserved)])
    }

    fn set_version(&self, name: &DekName, of: &DekVersion, set: &Columns<'_>) -> Result<(), Error> {
        let given = (name.as_str(), of.as_str());
        let changed = self.alter(CHANGING, TABLE, OF, given, set)?;
        rows::only(changed, LOST)
    }
}

const LOST: Error = Error::Corrupt("this DEK has lost a version; restore it from a backup");

pub(super) fn version(row: &Row<'_>) -> Result<VersionRow, Error> {
    let version: DekVersion = rows::name(row, "version")?;
    let number = rows::plain(row, "number")?;
    let destroy_at = rows::time_or_none(row, "destroy_at")?;
    let state = match (rows::plain::<String>(row, "state")?.as_str(), destroy_at) {
        ("destroyed", None) => DekState::Destroyed,
        ("enabled" | "disabled", Some(_)) => DekState::PendingDestruction,
        ("disabled", None) => DekState::Disabled,
        ("enabled", None) => DekState::Enabled,
        _ => return Err(rows::TAMPERED),
    };
    if version.number() != number {
        return Err(rows::TAMPERED);
    }
    let wrapped = (state != DekState::Destroyed).then(|| wrapped(row));
    Ok(VersionRow {
        number,
        version,
        state,
        destroy_at,
        wrapped: wrapped.transpose()?,
        public_key: rows::plain(row, "public_key")?,
        reserved: rows::count(row, "reserved")?,
        created_at: rows::time(row, "created_at")?,
    })
}
