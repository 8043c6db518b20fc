//! What a backup must prove before anything is done with it: every key, every row, the whole log, every wrapped secret.

use super::{Hear, Unproven};
use crate::{
    crypto::merkle,
    custodian::{
        Custodian,
        rewrapping::{context, reference},
    },
    error::{Error, Source},
    id::KekVersion,
    policy::KekState,
    store::{Stretch, Trouble},
};

/// DEK versions that are read at once, and secrets that the token opens at once.
const BATCH: usize = 256;
const AT_ONCE: usize = 16;

/// A backup whose rows can be read.
#[derive(Debug)]
pub struct Opened {
    /// Entries of its log.
    pub log_size: u64,
    /// The root of its tree, hex.
    pub log_root: String,
    /// Versions that were in use and whose key the token has no more: the log must say why.
    pub absent: Vec<KekVersion>,
}

impl Custodian {
    /// Adopts the KEK versions of a backup as far as the token has them, and opens its rows. Nothing is made or written.
    ///
    /// # Errors
    /// [`Unproven`] if the token has not the key under which they are; [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn open_backup(&self) -> Result<Opened, Source> {
        let rows = self.kek_versions()?;
        let there = self.kek.versions()?;
        let in_use = rows.iter().filter(|row| row.state == KekState::Enabled);
        let (ring, absent): (Vec<_>, Vec<_>) = in_use
            .cloned()
            .partition(|row| there.contains(&row.version));
        let wrapped = self.store.read(|view| view.row_key())?.ok_or(NO_ROW_KEY)?;
        if !ring.iter().any(|row| row.version == wrapped.kek) {
            return Err(Unproven(format!(
                "the token has no key {}, under which this backup is: it is another service's token, or the key was destroyed \
                 since. Give a newer backup, or put the right token in its place",
                wrapped.kek
            ))
            .into());
        }
        self.adopt(&ring)?;
        self.open_rows(&wrapped)?;
        if self.kek_versions()? != rows {
            return Err(Error::internal("the KEK versions changed while they were adopted").into());
        }
        self.raise_clock()?;
        let (log_size, root) = self.store.read(|view| {
            let size = view.log_end()?;
            Ok((size, merkle::root(size, view)?))
        })?;
        Ok(Opened {
            log_size,
            log_root: hex::encode(root),
            absent: absent.into_iter().map(|row| row.version).collect(),
        })
    }

    /// Verifies every row of every table.
    ///
    /// # Errors
    /// [`Unproven`] names the first damaged row; [`Error::Unavailable`].
    pub fn prove_rows(&self, hear: Hear<'_>) -> Result<(), Source> {
        match self.first_damaged(hear) {
            Ok(None) => Ok(()),
            Ok(Some((table, row))) => Err(damaged(table, row).into()),
            Err(error) if Trouble::of(&error) == Trouble::Damaged => Err(Unproven::of(
                "the database in the backup is damaged: take another backup",
            )
            .into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the whole log against its tree and its checkpoint.
    ///
    /// # Errors
    /// [`Unproven`]; [`Error::Unavailable`].
    pub fn prove_log(&self) -> Result<(), Source> {
        match self.read_alone()? {
            None => Ok(()),
            Some(finding) => {
                let why = finding.fault.meaning();
                Err(Unproven(format!("the backup's log is not as it was signed: {why}")).into())
            }
        }
    }

    /// Opens every secret that a KEK version wraps.
    ///
    /// # Errors
    /// [`Unproven`] names the first that does not open; [`Error::Unavailable`].
    pub fn prove_secrets(&self, hear: Hear<'_>) -> Result<u64, Source> {
        let nobody = KekVersion::new(u32::MAX, self.clock.now());
        let all = self.store.read(|view| view.records_elsewhere(&nobody))?;
        let others = self.store.read(|view| view.others_elsewhere(&nobody))?;
        let mut opened = self.open_each(&others)?;
        let mut next = Some(i64::MIN);
        while let Some(after) = next {
            let read = |kek| {
                self.store
                    .read(|view| view.deks_elsewhere(kek, after, BATCH))
            };
            let stretch = read(&nobody)?;
            opened += self.open_each(&stretch)?;
            hear("secrets opened", opened, all);
            next = stretch.to;
        }
        match opened == all {
            true => Ok(opened),
            false => Err(Unproven(format!("{opened} of {all} wrapped secrets were found")).into()),
        }
    }

    fn open_each(&self, stretch: &Stretch) -> Result<u64, Source> {
        if let Some((table, row)) = stretch.damaged.first() {
            return Err(damaged(table, *row).into());
        }
        let mut count = 0;
        for records in stretch.records.chunks(AT_ONCE) {
            let references: Vec<_> = records.iter().map(|one| reference(&one.place)).collect();
            let wrapped = records.iter().zip(&references);
            let wrapped: Vec<_> = wrapped
                .map(|(one, reference)| (&one.wrapped, context(&one.place, reference)))
                .collect();
            for (opened, reference) in self.kek.unwrap_each(&wrapped).into_iter().zip(&references) {
                match opened {
                    Ok(_) => count += 1,
                    Err(Error::Corrupt(_)) => return Err(does_not_open(reference).into()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(count)
    }
}

const NO_ROW_KEY: Error =
    Error::Corrupt("the backup has lost the key of its rows: take another backup");

fn damaged(table: &str, row: i64) -> Unproven {
    Unproven(format!(
        "row {row} of {table} in the backup is not as it was written: take another backup"
    ))
}

fn does_not_open(reference: &str) -> Unproven {
    let reference = if reference.is_empty() {
        "the row key"
    } else {
        reference
    };
    Unproven(format!(
        "the wrapped secret of {reference} in the backup does not open: its KEK version is not in this token, or the record was \
         changed. Take another backup, or put the right token in its place"
    ))
}
