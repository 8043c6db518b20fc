//! KEK versions by name and state; the keys are in the token.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Tx, View, deks::block, rows, sealed::Table};
use crate::{error::Error, id::KekVersion, policy::KekState};

/// One KEK version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KekRow {
    /// From 1, never reused.
    pub number: u32,
    /// Its name, and its token object's CKA_ID.
    pub version: KekVersion,
    /// What may be done with it.
    pub state: KekState,
    /// What tells its key from another of the same name; `None` while it is being created.
    pub canary: Option<Vec<u8>>,
    /// Encryptions that it may have made.
    pub reserved: u64,
    /// When it was announced.
    pub created_at: Timestamp,
    /// Since when it is out of use.
    pub retired_at: Option<Timestamp>,
    /// The subject that asked for its destruction, which another one must approve.
    pub destroy_by: Option<String>,
}

const TABLE: Table = "kek_versions";
const READING: &str = "reading the KEK versions";

impl View<'_> {
    /// Every version, the oldest first. Before the row key is open nobody vouches for them but their canaries.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn kek_versions(&self) -> Result<Vec<KekRow>, Error> {
        let sql = "SELECT * FROM kek_versions ORDER BY number";
        self.query(READING, sql, [], |row| {
            if self.row_key.is_some() {
                self.verify(READING, TABLE, row)?;
            }
            kek(row)
        })
    }
}

impl Tx<'_> {
    /// Writes down that this version is about to be made in the token. Only the first is announced without a MAC,
    /// since there is no row key yet: whoever else could announce one would also reset an older one's count.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn announce_kek(&self, version: &KekVersion, at: Timestamp) -> Result<(), Error> {
        const WHAT: &str = "announcing a KEK version";
        let (number, at) = (version.number(), at.as_microsecond());
        if self.row_key.is_none() {
            let sql = "INSERT INTO kek_versions (number, version, state, reserved, created_at)
                       VALUES (?1, ?2, 'creating', 0, ?3)";
            let row = (number, version.as_str(), at);
            return self.change(WHAT, sql, row).map(drop);
        }
        self.insert(
            WHAT,
            TABLE,
            &[
                ("number", &number),
                ("version", &version.as_str()),
                ("state", &"creating"),
                ("reserved", &0),
                ("created_at", &at),
            ],
            rows::TAMPERED,
        )
    }

    /// Writes down that this version was made, in place of its announcement, and `reserved` encryptions with it.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Conflict`] unless it was announced.
    pub fn enable_kek(
        &self,
        announced: &KekRow,
        canary: &[u8],
        reserved: u64,
    ) -> Result<(), Error> {
        const WHAT: &str = "enabling a KEK version";
        let sql = "DELETE FROM kek_versions WHERE version = ?1 AND state = 'creating'";
        if self.change(WHAT, sql, [announced.version.as_str()])? != 1 {
            return Err(Error::Conflict("this KEK version is not being created"));
        }
        self.insert(
            WHAT,
            TABLE,
            &[
                ("number", &announced.number),
                ("version", &announced.version.as_str()),
                ("state", &"enabled"),
                ("canary", &canary),
                ("reserved", &block(reserved, 0)?),
                ("created_at", &announced.created_at.as_microsecond()),
            ],
            rows::TAMPERED,
        )
    }

    /// Adds a version that this copy of the database has never seen, as it is.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if one of its number or name is there; [`Error::Unavailable`].
    pub fn insert_kek(&self, kek: &KekRow) -> Result<(), Error> {
        self.insert(
            "adding a KEK version",
            TABLE,
            &[
                ("number", &kek.number),
                ("version", &kek.version.as_str()),
                ("state", &kek.state.name()),
                ("canary", &kek.canary),
                ("reserved", &block(kek.reserved, 0)?),
                ("created_at", &kek.created_at.as_microsecond()),
                ("retired_at", &kek.retired_at.map(Timestamp::as_microsecond)),
                ("destroy_by", &kek.destroy_by),
            ],
            rows::TAMPERED,
        )
    }

    /// Reserves `count` more encryptions for this version.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn reserve_kek(&self, kek: &KekRow, count: u64) -> Result<(), Error> {
        let reserved = block(kek.reserved, count)?;
        let whose = "WHERE version = ?1";
        let set: [(&str, &dyn rusqlite::ToSql); 1] = [("reserved", &reserved)];
        let what = "reserving encryptions of the KEK";
        let changed = self.alter(what, TABLE, whose, [kek.version.as_str()], &set)?;
        rows::only(changed, rows::TAMPERED)
    }

    /// Writes down a version's new state, since when it is out of use, and who wants it destroyed.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn set_kek_state(&self, kek: &KekRow) -> Result<(), Error> {
        let changed = self.alter(
            "changing a KEK version",
            TABLE,
            "WHERE version = ?1",
            [kek.version.as_str()],
            &[
                ("state", &kek.state.name()),
                ("retired_at", &kek.retired_at.map(Timestamp::as_microsecond)),
                ("destroy_by", &kek.destroy_by),
            ],
        )?;
        rows::only(changed, rows::TAMPERED)
    }
}

fn kek(row: &Row<'_>) -> Result<KekRow, Error> {
    let (number, version): (_, KekVersion) =
        (rows::plain(row, "number")?, rows::name(row, "version")?);
    if version.number() != number {
        return Err(rows::TAMPERED);
    }
    let state = KekState::named(&rows::plain::<String>(row, "state")?);
    Ok(KekRow {
        number,
        version,
        state: state.ok_or(rows::TAMPERED)?,
        canary: rows::plain(row, "canary")?,
        reserved: rows::count(row, "reserved")?,
        created_at: rows::time(row, "created_at")?,
        retired_at: rows::time_or_none(row, "retired_at")?,
        destroy_by: rows::plain(row, "destroy_by")?,
    })
}
