//! Signatures of custodians on overrides; one that is void stays on record.

use jiff::Timestamp;
use rusqlite::{Row, ToSql};

use super::{Tx, View, rows, sealed::Table};
use crate::{error::Error, id::Id, words::Lead};

/// One signature.
#[derive(Clone, Debug)]
pub struct SignatureRow {
    /// The override that it is on.
    pub override_id: Id,
    /// Whose it is.
    pub custodian_id: Id,
    /// In which role.
    pub lead: Lead,
    /// As its scheme writes it.
    pub signature: String,
    /// When it was taken.
    pub signed_at: Timestamp,
    /// Whether it counts: not if its custodian was suspended or revoked before the override was approved.
    pub valid: bool,
}

const TABLE: Table = "override_signatures";
const READING: &str = "reading signatures";

impl View<'_> {
    /// All signatures on an override, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn signatures(&self, override_id: &Id) -> Result<Vec<SignatureRow>, Error> {
        let rest = "WHERE override_id = ?1 ORDER BY seq";
        self.many(READING, TABLE, rest, [override_id.as_str()], signature)
    }

    /// The signatures of a custodian that count, on overrides that are open as far as is written down.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn open_signatures(&self, custodian_id: &Id) -> Result<Vec<SignatureRow>, Error> {
        let rest = "WHERE custodian_id = ?1 AND state = 'valid' AND override_id IN
            (SELECT id FROM overrides WHERE state IN ('pending', 'partial')) ORDER BY seq";
        self.many(READING, TABLE, rest, [custodian_id.as_str()], signature)
    }
}

impl Tx<'_> {
    /// Adds a signature.
    ///
    /// # Errors
    /// [`Error::Conflict`] if that role has signed; [`Error::Unavailable`].
    pub fn insert_signature(&self, new: &SignatureRow) -> Result<(), Error> {
        let seq = self.next_seq("SELECT coalesce(max(seq), 0) + 1 FROM override_signatures")?;
        self.insert(
            "adding a signature",
            TABLE,
            &[
                ("seq", &seq),
                ("override_id", &new.override_id.as_str()),
                ("lead", &new.lead.name()),
                ("custodian_id", &new.custodian_id.as_str()),
                ("signature", &new.signature),
                ("state", &"valid"),
                ("signed_at", &new.signed_at.as_microsecond()),
            ],
            Error::Conflict("this override has a signature of your role already"),
        )
    }

    /// Makes a signature count no more.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn void_signature(&self, row: &SignatureRow) -> Result<(), Error> {
        let set: [(&str, &dyn ToSql); 1] = [("state", &"void")];
        let whose = "WHERE override_id = ?1 AND custodian_id = ?2 AND state = 'valid'";
        let given = (row.override_id.as_str(), row.custodian_id.as_str());
        let changed = self.alter("voiding a signature", TABLE, whose, given, &set)?;
        rows::only(changed, rows::TAMPERED)
    }
}

fn signature(row: &Row<'_>) -> Result<SignatureRow, Error> {
    let (lead, state) = (
        rows::plain::<String>(row, "lead")?,
        rows::plain::<String>(row, "state")?,
    );
    Ok(SignatureRow {
        override_id: rows::name(row, "override_id")?,
        custodian_id: rows::name(row, "custodian_id")?,
        lead: Lead::named(&lead).ok_or(rows::TAMPERED)?,
        signature: rows::plain(row, "signature")?,
        signed_at: rows::time(row, "signed_at")?,
        valid: state == "valid",
    })
}
