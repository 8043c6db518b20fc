//! KEK versions: made in the token, written down in the store, adopted at start; and the row key, which the first of
//! them wraps, and without which nothing of the store is read.

use std::{collections::HashMap, sync::PoisonError};

use super::{Custodian, audit::Event, audit_log};
use crate::{
    crypto::aes_gcm,
    error::Error,
    id::KekVersion,
    kek::{Context, Keyring, Purpose, RingEntry, WrappedSecret},
    policy::{Action, KekState},
    store::KekRow,
};

/// What the row key is and serves.
pub(super) const ROW_KEY: Context<'static> = Context {
    purpose: Purpose::Rows,
    reference: "",
    algorithm: "hmac-sha256",
};

impl Custodian {
    /// Makes the first KEK version and the row key, if there is none; finishes them if that was interrupted.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if token or store do not answer.
    pub fn make_first_kek(&self) -> Result<(), Error> {
        if self.kek_versions()?.is_empty() {
            let now = self.clock.now();
            let version = KekVersion::new(1, now);
            self.store
                .transact(move |tx| tx.announce_kek(&version, now))?;
        }
        let rows = self.kek_versions()?;
        let enabled = rows.iter().any(|row| row.canary.is_some());
        match rows.into_iter().next() {
            Some(first) if !enabled => self.finish_first_kek(first),
            _ => Ok(()),
        }
    }

    /// Finds every KEK version in the token, uses the newest from now on, and opens the store's rows.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if one is missing, not as it must be, or not the key that it was; [`Error::Corrupt`]
    /// if the database is not as it was written.
    pub fn adopt_keyring(&self) -> Result<(), Error> {
        self.adopt_as_written()?;
        if self.store.is_log_closed() {
            return Ok(());
        }
        self.settle_keks()?;
        if let Err(error) = self.delete_destroyed_keks() {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a KEK is not deleted yet; it will be tried again");
        }
        Ok(())
    }

    /// What [`Custodian::adopt_keyring`] does before it changes anything: for a look at a service that is not to serve.
    ///
    /// # Errors
    /// Those of [`Custodian::adopt_keyring`].
    pub fn adopt_as_written(&self) -> Result<(), Error> {
        self.adopt_and_open_rows()?;
        self.open_log()
    }

    /// The same without a look at the log.
    pub(super) fn adopt_and_open_rows(&self) -> Result<(), Error> {
        let rows = self.kek_versions()?;
        self.adopt(&rows)?;
        let wrapped = self.store.read(|view| view.row_key())?;
        self.open_rows(&wrapped.ok_or(Error::Corrupt(
            "the database has lost the key of its rows; restore it from a backup",
        ))?)?;
        // What was adopted on the word of its canaries must be what was written.
        if self.kek_versions()? != rows {
            return Err(Error::internal(
                "the KEK versions changed while they were adopted",
            ));
        }
        self.raise_clock()
    }

    /// Opens the store's rows, unless they are open.
    pub(super) fn open_rows(&self, row_key: &WrappedSecret) -> Result<(), Error> {
        match self.store.is_unlocked() {
            true => Ok(()),
            false => self.store.unlock(&self.kek.unwrap(row_key, &ROW_KEY)?),
        }
    }

    /// Never answers a time before the newest audit entry's. If that is damaged the service starts, says that its
    /// audit log is not well, and uses no key.
    pub(super) fn raise_clock(&self) -> Result<(), Error> {
        match self.store.read(|view| view.last_audited()) {
            Ok(last) => last.into_iter().for_each(|last| self.clock.raise(last)),
            Err(Error::Corrupt(_)) => tracing::error!("the newest audit entry is damaged"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Makes in the token what was announced, be it by a service that was killed, and adopts what is in use now.
    pub(super) fn settle_keks(&self) -> Result<(), Error> {
        let _turn = self.kek_turn.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = self.kek_versions()?;
        let announced = rows.iter().filter(|row| row.state == KekState::Creating);
        let made = announced.map(|row| self.finish_kek(row));
        let made = made.fold(Ok(()), Result::and);
        let rows = self.kek_versions()?;
        let ring: Vec<_> = enabled(&rows).map(|row| row.version.clone()).collect();
        let settled = self.current_kek.uses(&ring);
        self.current_kek.shut(closed(&rows), settled);
        match settled {
            true => made,
            false => made.and(self.adopt(&rows)),
        }
    }

    pub(super) fn adopt(&self, rows: &[KekRow]) -> Result<(), Error> {
        let versions: Vec<_> = enabled(rows).filter_map(ring_entry).collect();
        let names: Vec<_> = versions.iter().map(|entry| entry.version.clone()).collect();
        let Some(newest) = names.last().cloned() else {
            return Err(Error::kek(
                "adopting the KEK",
                "the database knows no KEK version: it is empty, or not of a service that `custodian init` made; restore a backup",
            ));
        };
        let ring = Keyring {
            current: newest.clone(),
            versions,
        };
        // Wraps go on while the keys are found; they wait only for the change itself.
        self.kek.prepare(&ring)?;
        self.current_kek.change(newest, || self.kek.adopt(ring))?;
        self.current_kek.used(names);
        self.current_kek.shut(closed(rows), true);
        Ok(())
    }

    fn finish_first_kek(&self, row: KekRow) -> Result<(), Error> {
        self.kek.create(&row.version)?;
        let canary = self.kek.canary(&row.version)?;
        let made = KekRow {
            state: KekState::Enabled,
            canary: Some(canary.clone()),
            ..row.clone()
        };
        self.adopt(&[made])?;
        let row_key = aes_gcm::fresh_key()?;
        let wrapped = self.kek.wrap(&row_key, &ROW_KEY)?;
        self.store.unlock(&row_key)?;
        let nothing_signed = audit_log::nothing_signed(row.created_at)?;
        self.alone(Action::KekCreate, move |tx, _| {
            // The row key is its first encryption.
            tx.enable_kek(&row, &canary, 1)?;
            tx.insert_row_key(&wrapped)?;
            tx.begin_log()?;
            tx.replace_checkpoint(&nothing_signed)?;
            Ok(((), Event::done(row.version.to_string())))
        })
    }

    fn finish_kek(&self, row: &KekRow) -> Result<(), Error> {
        self.kek.create(&row.version)?;
        let canary = self.kek.canary(&row.version)?;
        let row = row.clone();
        self.alone(Action::KekCreate, move |tx, _| {
            tx.enable_kek(&row, &canary, 0)?;
            let job = tx.running_job()?.filter(|job| job.kek == row.version);
            let event = Event::done(row.version.to_string());
            let event = match job {
                Some(job) => event.with("job", job.id.as_str()),
                None => event,
            };
            Ok(((), event))
        })
    }

    pub(super) fn kek_versions(&self) -> Result<Vec<KekRow>, Error> {
        self.store.read(|view| view.kek_versions())
    }
}

fn enabled(rows: &[KekRow]) -> impl Iterator<Item = &KekRow> {
    rows.iter().filter(|row| row.state == KekState::Enabled)
}

/// The versions that open nothing any more.
fn closed(rows: &[KekRow]) -> HashMap<KekVersion, KekState> {
    let closed = rows.iter().filter(|row| row.state.opens().is_err());
    closed.map(|row| (row.version.clone(), row.state)).collect()
}

fn ring_entry(row: &KekRow) -> Option<RingEntry> {
    Some(RingEntry {
        version: row.version.clone(),
        canary: Some(row.canary.clone()?),
    })
}
