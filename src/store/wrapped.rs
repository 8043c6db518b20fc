//! Every stored secret that a KEK wraps, wherever it stands: found, counted, and moved to another KEK version.

use std::collections::{HashMap, hash_map::Entry};

use rusqlite::Row;

use super::{Tx, View, dek_versions, row_key, rows, sealed::ROW};
use crate::{
    algorithm::Algorithm,
    crypto::wrapped::WrappedSecret,
    error::Error,
    id::{DekName, DekVersion, KekVersion},
    policy::KekState,
    words::{KeyAlgorithm, KeyPurpose},
};

/// Where a wrapped secret stands.
#[derive(Clone, Debug)]
pub enum Place {
    /// It is that of a DEK version.
    Dek {
        /// The DEK's name.
        name: DekName,
        /// The version's.
        version: DekVersion,
        /// What it is for.
        algorithm: Algorithm,
    },
    /// It is the key of the rows' MACs.
    RowKey,
    /// It is the seed of a signing key.
    SigningKey {
        /// What the key serves.
        purpose: KeyPurpose,
        /// What it signs by.
        algorithm: KeyAlgorithm,
    },
}

/// A wrapped secret that is not under the version that it should be.
#[derive(Clone, Debug)]
pub struct WrappedRecord {
    /// Where it stands.
    pub place: Place,
    /// Its row: table and number.
    pub row: (&'static str, i64),
    /// The secret as it is wrapped there.
    pub wrapped: WrappedSecret,
}

/// What was found in a stretch of rows.
#[derive(Debug, Default)]
pub struct Stretch {
    /// Secrets under other versions.
    pub records: Vec<WrappedRecord>,
    /// Rows that are not as they were written: table and number.
    pub damaged: Vec<(&'static str, i64)>,
    /// How many of these say that they are under another version.
    pub stay: u64,
    /// The number of its last row; `None` if it reached the end.
    pub to: Option<i64>,
}

const READING: &str = "looking for records of other KEK versions";
const MOVING: &str = "moving a record to another KEK version";

/// Every name of a KEK version that a record bears.
const ALL: &str = "SELECT kek FROM dek_versions WHERE kek IS NOT NULL
                   UNION ALL SELECT kek FROM signing_keys WHERE kek IS NOT NULL
                   UNION ALL SELECT kek FROM row_key";

/// A row as it was found.
struct Found<T> {
    number: i64,
    /// What it wraps, if anything; `None` of a damaged one.
    whole: Option<Option<T>>,
    /// The KEK version that it names.
    kek: Option<String>,
}

impl View<'_> {
    /// How many records name each KEK version, damaged ones too.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn records_by_kek(&self) -> Result<HashMap<String, u64>, Error> {
        let sql = format!("SELECT kek, count(*) AS records FROM ({ALL}) GROUP BY kek");
        let found = self.query(READING, &sql, [], |row| {
            Ok((rows::plain(row, "kek")?, rows::count(row, "records")?))
        })?;
        Ok(found.into_iter().collect())
    }

    /// How many records name another version than `kek`, damaged ones too.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn records_elsewhere(&self, kek: &KekVersion) -> Result<u64, Error> {
        let sql = format!("SELECT count(*) AS records FROM ({ALL}) WHERE kek <> ?1");
        let found = self.query(READING, &sql, [kek.as_str()], |row| {
            rows::count(row, "records")
        })?;
        Ok(found.into_iter().sum())
    }

    /// The DEK versions among the next `limit` rows after number `after` that are not under `kek`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn deks_elsewhere(
        &self,
        kek: &KekVersion,
        after: i64,
        limit: usize,
    ) -> Result<Stretch, Error> {
        const TABLE: &str = "dek_versions";
        let sql = "SELECT rowid AS row_number, * FROM dek_versions WHERE rowid > ?1 ORDER BY rowid LIMIT ?2";
        let mut deks = HashMap::new();
        let found = self.query(READING, sql, (after, rows::at_most(limit)), |row| {
            self.found(TABLE, row, |row| {
                let version = dek_versions::version(row)?;
                let name: DekName = rows::name(row, "dek")?;
                Ok(version
                    .wrapped
                    .map(|wrapped| (name, version.version, wrapped)))
            })
        })?;
        let last = found.last().map(|found| found.number);
        let to = last.filter(|_| found.len() == limit);
        let mut stretch = Stretch::sort(TABLE, kek, found, |(name, version, wrapped)| {
            let algorithm = match deks.entry(name.clone()) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => *unknown.insert(self.algorithm(&name)?),
            };
            let place = algorithm.map(|algorithm| Place::Dek {
                name,
                version,
                algorithm,
            });
            Ok(place.map(|place| (place, wrapped)))
        })?;
        stretch.to = to;
        Ok(stretch)
    }

    /// The row key and the seeds of signing keys, as far as they are not under `kek`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn others_elsewhere(&self, kek: &KekVersion) -> Result<Stretch, Error> {
        const KEYS: &str = "signing_keys";
        let sql = "SELECT rowid AS row_number, * FROM signing_keys ORDER BY rowid";
        let keys = self.query(READING, sql, [], |row| {
            self.found(KEYS, row, |row| {
                let row = super::signing_keys::key(row)?;
                let place = Place::SigningKey {
                    purpose: row.purpose,
                    algorithm: row.algorithm,
                };
                let wrapped = row.made.and_then(|made| made.wrapped);
                Ok(wrapped.map(|wrapped| (place, wrapped)))
            })
        })?;
        let sql = "SELECT id AS row_number, * FROM row_key";
        let row_key = self.query(READING, sql, [], |row| {
            let key = row_key::wrapped(row).map(|wrapped| Some((Place::RowKey, wrapped)));
            found(row, key)
        })?;
        let mut all = Stretch::sort(KEYS, kek, keys, |key| Ok(Some(key)))?;
        let row_key = Stretch::sort("row_key", kek, row_key, |key| Ok(Some(key)))?;
        all.records.extend(row_key.records);
        all.damaged.extend(row_key.damaged);
        all.stay += row_key.stay;
        Ok(all)
    }

    fn found<T>(
        &self,
        table: &'static str,
        row: &Row<'_>,
        read: impl Fn(&Row<'_>) -> Result<Option<T>, Error>,
    ) -> Result<Found<T>, Error> {
        found(
            row,
            self.verify(READING, table, row).and_then(|()| read(row)),
        )
    }

    /// `None` if the DEK's row is damaged or gone: then nobody knows what its versions are bound to.
    fn algorithm(&self, name: &DekName) -> Result<Option<Algorithm>, Error> {
        match self.dek(name) {
            Err(Error::Corrupt(_)) => Ok(None),
            dek => Ok(dek?.map(|dek| dek.algorithm)),
        }
    }
}

impl Stretch {
    fn sort<T>(
        table: &'static str,
        kek: &KekVersion,
        found: Vec<Found<T>>,
        mut place: impl FnMut(T) -> Result<Option<(Place, WrappedSecret)>, Error>,
    ) -> Result<Self, Error> {
        let mut stretch = Self::default();
        for Found {
            number,
            whole,
            kek: named,
        } in found
        {
            let elsewhere = named.is_some_and(|named| named != kek.as_str());
            let row = (table, number);
            let placed = match whole {
                Some(None) => continue,
                Some(Some(_)) if !elsewhere => continue,
                Some(Some(whole)) => place(whole)?,
                None => None,
            };
            match placed {
                Some((place, wrapped)) => stretch.records.push(WrappedRecord {
                    place,
                    row,
                    wrapped,
                }),
                None => {
                    stretch.damaged.push(row);
                    stretch.stay += u64::from(elsewhere);
                }
            }
        }
        Ok(stretch)
    }
}

fn found<T>(row: &Row<'_>, whole: Result<Option<T>, Error>) -> Result<Found<T>, Error> {
    let whole = match whole {
        Err(Error::Corrupt(_)) => None,
        whole => Some(whole?),
    };
    Ok(Found {
        number: rows::plain(row, ROW)?,
        whole,
        kek: row.get("kek").unwrap_or_default(),
    })
}

impl Tx<'_> {
    /// Puts `new` in the place of a record's secret, unless that changed meanwhile; answers whether it did. The old
    /// wrap leaves traces until [`super::Store::erase_traces`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn rewrap(&self, record: &WrappedRecord, new: &WrappedSecret) -> Result<bool, Error> {
        let moved = match &record.place {
            Place::Dek { name, version, .. } => {
                let row = self.dek_version(name, version);
                let now = row.map(|row| row.and_then(|row| row.wrapped));
                let given = (name.as_str(), version.as_str());
                let whose = "WHERE dek = ?1 AND version = ?2";
                self.put("dek_versions", whose, given, now, record, new)
            }
            Place::RowKey => self.move_row_key(&record.wrapped, new),
            Place::SigningKey { purpose, algorithm } => {
                let row = self.signing_key(*purpose, *algorithm);
                let now = row.map(|row| row.and_then(|row| row.made?.wrapped));
                let given = (purpose.name(), algorithm.name());
                let whose = "WHERE purpose = ?1 AND algorithm = ?2";
                self.put("signing_keys", whose, given, now, record, new)
            }
        };
        match moved {
            // Damaged since it was read: the next look finds that out.
            Err(Error::Corrupt(_)) => Ok(false),
            moved => moved,
        }
    }

    fn put(
        &self,
        table: &'static str,
        whose: &str,
        given: (&str, &str),
        now: Result<Option<WrappedSecret>, Error>,
        record: &WrappedRecord,
        new: &WrappedSecret,
    ) -> Result<bool, Error> {
        if now?.as_ref() != Some(&record.wrapped) {
            return Ok(false);
        }
        let changed = self.alter(
            MOVING,
            table,
            whose,
            given,
            &[
                ("kek", &new.kek.as_str()),
                ("mechanism", &new.mechanism.name()),
                ("nonce", &new.nonce),
                ("sealed", &new.sealed),
            ],
        )?;
        Ok(changed == 1)
    }

    fn move_row_key(&self, old: &WrappedSecret, new: &WrappedSecret) -> Result<bool, Error> {
        let sql = "UPDATE row_key SET kek = ?1, mechanism = ?2, nonce = ?3, sealed = ?4
                   WHERE id = 1 AND kek = ?5 AND mechanism = ?6 AND nonce = ?7 AND sealed = ?8";
        let given = (
            new.kek.as_str(),
            new.mechanism.name(),
            &new.nonce,
            &new.sealed,
            old.kek.as_str(),
            old.mechanism.name(),
            &old.nonce,
            &old.sealed,
        );
        Ok(self.change(MOVING, sql, given)? == 1)
    }

    /// Whether a secret that was just wrapped under `kek` may be stored: under the newest version, or under one from
    /// which a running job moves all records.
    ///
    /// # Errors
    /// `otherwise` if it is to be wrapped anew; [`Error::Corrupt`], [`Error::Unavailable`].
    pub fn may_keep(&self, kek: &KekVersion, otherwise: Error) -> Result<(), Error> {
        let mut enabled = self.kek_versions()?;
        enabled.retain(|row| row.state == KekState::Enabled);
        let newest = enabled.last().is_some_and(|row| row.version == *kek);
        let known = enabled.iter().any(|row| row.version == *kek);
        match newest || known && self.running_job()?.is_some() {
            true => Ok(()),
            false => Err(otherwise),
        }
    }
}
