//! The service's own signing keys: announced, then made. Those in the token are known here by their public key only.

use jiff::Timestamp;
use rusqlite::Row;

use super::{Tx, View, row_key::wrapped, rows, sealed::Table};
use crate::{
    crypto::wrapped::WrappedSecret,
    error::Error,
    words::{KeyAlgorithm, KeyLocation, KeyPurpose},
};

/// One signing key.
#[derive(Clone, Debug)]
pub struct SigningKeyRow {
    /// What it serves.
    pub purpose: KeyPurpose,
    /// What it signs by; with the purpose unique.
    pub algorithm: KeyAlgorithm,
    /// Where it is, or is to be.
    pub location: KeyLocation,
    /// What it is; `None` while it is being created.
    pub made: Option<MadeKey>,
    /// When it was announced.
    pub created_at: Timestamp,
}

/// A signing key that was made.
#[derive(Clone, Debug)]
pub struct MadeKey {
    /// Raw: 32 bytes of Ed25519, 1,952 of ML-DSA-65.
    pub public_key: Vec<u8>,
    /// The seed under the KEK; `None` of one that is in the token.
    pub wrapped: Option<WrappedSecret>,
}

const TABLE: Table = "signing_keys";
const READING: &str = "reading the signing keys";
const OF: &str = "WHERE purpose = ?1 AND algorithm = ?2";

impl View<'_> {
    /// Every key, by purpose and algorithm.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn signing_keys(&self) -> Result<Vec<SigningKeyRow>, Error> {
        self.many(READING, TABLE, "ORDER BY purpose, algorithm", [], key)
    }

    /// The key of a purpose and algorithm.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn signing_key(
        &self,
        purpose: KeyPurpose,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<SigningKeyRow>, Error> {
        self.one(READING, TABLE, OF, (purpose.name(), algorithm.name()), key)
    }
}

impl Tx<'_> {
    /// Writes down that this key is about to be made.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Corrupt`] if it is there.
    pub fn announce_signing_key(&self, key: &SigningKeyRow) -> Result<(), Error> {
        self.insert(
            "announcing a signing key",
            TABLE,
            &[
                ("purpose", &key.purpose.name()),
                ("algorithm", &key.algorithm.name()),
                ("state", &"creating"),
                ("location", &key.location.name()),
                ("created_at", &key.created_at.as_microsecond()),
            ],
            rows::TAMPERED,
        )
    }

    /// Writes down that a key that was announced was made.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`]; [`Error::Conflict`] unless it is being created.
    pub fn activate_signing_key(
        &self,
        announced: &SigningKeyRow,
        made: &MadeKey,
    ) -> Result<(), Error> {
        let whose = "WHERE purpose = ?1 AND algorithm = ?2 AND state = 'creating'";
        let given = (announced.purpose.name(), announced.algorithm.name());
        let wrapped = made.wrapped.as_ref();
        let changed = self.alter(
            "activating a signing key",
            TABLE,
            whose,
            given,
            &[
                ("state", &"active"),
                ("public_key", &made.public_key),
                ("kek", &wrapped.map(|wrapped| wrapped.kek.as_str())),
                (
                    "mechanism",
                    &wrapped.map(|wrapped| wrapped.mechanism.name()),
                ),
                ("nonce", &wrapped.map(|wrapped| &wrapped.nonce)),
                ("sealed", &wrapped.map(|wrapped| &wrapped.sealed)),
            ],
        )?;
        rows::only(
            changed,
            Error::Conflict("this signing key is not being created"),
        )
    }
}

pub(super) fn key(row: &Row<'_>) -> Result<SigningKeyRow, Error> {
    let location = word(row, "location", KeyLocation::named)?;
    let made = match rows::plain::<String>(row, "state")?.as_str() {
        "active" => Some(made(row, location)?),
        "creating" => None,
        _ => return Err(rows::TAMPERED),
    };
    Ok(SigningKeyRow {
        purpose: word(row, "purpose", KeyPurpose::named)?,
        algorithm: word(row, "algorithm", KeyAlgorithm::named)?,
        location,
        made,
        created_at: rows::time(row, "created_at")?,
    })
}

fn made(row: &Row<'_>, location: KeyLocation) -> Result<MadeKey, Error> {
    let is_wrapped = match location {
        KeyLocation::Token => false,
        KeyLocation::Wrapped => true,
    };
    Ok(MadeKey {
        public_key: rows::plain(row, "public_key")?,
        wrapped: is_wrapped.then(|| wrapped(row)).transpose()?,
    })
}

fn word<T>(row: &Row<'_>, column: &str, named: fn(&str) -> Option<T>) -> Result<T, Error> {
    named(&rows::plain::<String>(row, column)?).ok_or(rows::TAMPERED)
}
