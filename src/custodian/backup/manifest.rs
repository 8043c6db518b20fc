//! The first part of what is sealed in a backup (docs/decisions/0018): what the rest is, and of which service and moment.

use std::io::Read;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    crypto::{canonical, merkle},
    error::Error,
    id::KekVersion,
    json,
    policy::KekState,
    store::View,
};

/// What the content begins with.
const FORMAT: &[u8] = b"aegis-custodian/backup/v1\0";

/// Longer than any manifest: a KEK version has some 60 bytes in it.
const LONGEST: u32 = 1 << 20;

/// What a backup says of itself.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The copy itself.
    pub database: Database,
    /// The name of the service.
    pub instance: String,
    /// The KEK versions that the copy knows.
    pub keks: Vec<MemberKek>,
    /// How far the audit log was.
    pub log: Log,
    /// When the copy was made.
    pub made_at: Timestamp,
    /// The version of the database's schema.
    pub schema: u32,
}

/// The database in a backup.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// How long it is.
    pub bytes: u64,
    /// Hex.
    pub sha256: String,
}

/// How far the audit log was.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The root of its tree, hex.
    pub root: String,
    /// Entries.
    pub size: u64,
}

/// A KEK version that the copy knows.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MemberKek {
    /// Its state then.
    pub state: String,
    /// Its name.
    pub version: String,
}

impl Manifest {
    /// That of a copy of what `view` sees; the copy itself is not known yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn of(view: &View<'_>, instance: String, made_at: Timestamp) -> Result<Self, Error> {
        let size = view.log_end()?;
        let member = |version: &KekVersion, state: KekState| MemberKek {
            state: state.name().to_owned(),
            version: version.to_string(),
        };
        let keks = view.kek_versions()?;
        Ok(Self {
            database: Database::default(),
            instance,
            keks: keks
                .iter()
                .map(|kek| member(&kek.version, kek.state))
                .collect(),
            log: Log {
                root: hex::encode(merkle::root(size, view)?),
                size,
            },
            made_at,
            schema: view.schema()?,
        })
    }

    /// The bytes before the database: format, length (4 bytes, the largest first), canonical JSON.
    ///
    /// # Errors
    /// [`Error::Internal`]: never.
    pub fn head(&self) -> Result<Vec<u8>, Error> {
        let text = canonical::json(self)?;
        let length = u32::try_from(text.len())
            .ok()
            .filter(|length| *length <= LONGEST);
        let length = length.ok_or(Error::internal("a manifest is longer than any can be"))?;
        Ok([FORMAT, &length.to_be_bytes(), &text].concat())
    }
}

/// Reads those bytes.
///
/// # Errors
/// [`Error::Corrupt`] if it is no backup, or not of this version.
pub fn read_head(from: &mut impl Read) -> Result<Manifest, Error> {
    const OTHER: Error = Error::Corrupt(
        "this is no whole backup of a custodian, or one of a newer version: it has no manifest that is known here",
    );
    let mut read = |bytes: &mut [u8]| from.read_exact(bytes).map_err(|_| OTHER);
    let mut format = [0; FORMAT.len()];
    read(&mut format)?;
    let mut length = [0; 4];
    read(&mut length)?;
    let length = u32::from_be_bytes(length);
    if format != *FORMAT || length > LONGEST {
        return Err(OTHER);
    }
    let mut text = vec![0; usize::try_from(length).map_err(|_| OTHER)?];
    read(&mut text)?;
    json::read(&text).map_err(|_| OTHER)
}
