//! KEK versions: made in the token, written down in the store, adopted at start; and the row key, which the first of
//! them wraps, and without which nothing of the store is read.

use super::{Custodian, audit::Event, audit_log};
use crate::{
    crypto::aes_gcm,
    error::Error,
    id::KekVersion,
    kek::{Context, Keyring, Purpose, RingEntry},
    policy::Action,
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
        let rows = self.kek_versions()?;
        self.adopt(&rows)?;
        if !self.store.is_unlocked() {
            let wrapped = self.store.read(|view| view.row_key())?;
            let wrapped = wrapped.ok_or(Error::Corrupt(
                "the database has lost the key of its rows; restore it from a backup",
            ))?;
            self.store.unlock(&self.kek.unwrap(&wrapped, &ROW_KEY)?)?;
        }
        // What was adopted on the word of its canaries must be what was written.
        if self.kek_versions()? != rows {
            return Err(Error::internal(
                "the KEK versions changed while they were adopted",
            ));
        }
        self.raise_clock()?;
        self.open_log()?;
        self.finish_rotation(rows)
    }

    /// Never answers a time before the newest audit entry's. If that is damaged the service starts, says that its
    /// audit log is not well, and uses no key.
    fn raise_clock(&self) -> Result<(), Error> {
        match self.store.read(|view| view.last_audited()) {
            Ok(last) => last.into_iter().for_each(|last| self.clock.raise(last)),
            Err(Error::Corrupt(_)) => tracing::error!("the newest audit entry is damaged"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Makes the next KEK version in the token; it wraps from then on, the ones before only unwrap.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) fn rotate_kek(&self, because: &'static str) -> Result<(), Error> {
        let newest = self.kek_versions()?.pop();
        // One that was announced and not made, for example since the token went away, is made now.
        if newest.as_ref().is_none_or(|newest| newest.canary.is_some()) {
            let now = self.clock.now();
            let number = newest.map_or(0, |newest| newest.number) + 1;
            let version = KekVersion::new(number, now);
            tracing::info!(%version, because, "rotating the KEK");
            self.store
                .transact(move |tx| tx.announce_kek(&version, now))?;
        }
        self.finish_rotation(self.kek_versions()?)
    }

    /// Makes what was announced but not made, be it by a service that was killed.
    fn finish_rotation(&self, rows: Vec<KekRow>) -> Result<(), Error> {
        let mut announced = rows
            .into_iter()
            .filter(|row| row.canary.is_none())
            .peekable();
        if announced.peek().is_none() {
            return Ok(());
        }
        announced.try_for_each(|row| self.finish_kek(&row))?;
        self.adopt(&self.kek_versions()?)
    }

    pub(super) fn adopt(&self, rows: &[KekRow]) -> Result<(), Error> {
        let versions: Vec<_> = rows.iter().filter_map(ring_entry).collect();
        let Some(newest) = versions.last().map(|entry| entry.version.clone()) else {
            return Err(Error::kek(
                "adopting the KEK",
                "the store knows no KEK version: provision it first",
            ));
        };
        self.current_kek.change(newest.clone(), || {
            self.kek.adopt(Keyring {
                current: newest,
                versions,
            })
        })
    }

    fn finish_first_kek(&self, row: KekRow) -> Result<(), Error> {
        self.kek.create(&row.version)?;
        let canary = self.kek.canary(&row.version)?;
        let made = KekRow {
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
            Ok(((), Event::done(row.version.to_string())))
        })
    }

    pub(super) fn kek_versions(&self) -> Result<Vec<KekRow>, Error> {
        self.store.read(|view| view.kek_versions())
    }
}

fn ring_entry(row: &KekRow) -> Option<RingEntry> {
    Some(RingEntry {
        version: row.version.clone(),
        canary: Some(row.canary.clone()?),
    })
}
