//! KEK versions: made in the token, written down in the store, adopted at start.

use super::{Custodian, audit};
use crate::{
    error::Error,
    id::KekVersion,
    kek::{Keyring, RingEntry},
    store::KekRow,
};

impl Custodian {
    /// Makes the first KEK version if there is none; finishes one whose making was interrupted.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if token or store do not answer.
    pub fn make_first_kek(&self) -> Result<(), Error> {
        if self.kek_versions()?.is_empty() {
            let now = self.clock.now();
            let version = KekVersion::new(1, now);
            self.store
                .transact(move |tx| tx.announce_kek(1, &version, now))?;
        }
        let mut announced = self
            .kek_versions()?
            .into_iter()
            .filter(|row| row.canary.is_none());
        announced.try_for_each(|row| self.finish_kek(row))
    }

    /// Finds every KEK version in the token and uses the newest from now on.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if one is missing, not as it must be, or not the key that it was.
    pub fn adopt_keyring(&self) -> Result<(), Error> {
        let rows = self.kek_versions()?;
        let enabled = rows.into_iter().filter(|row| row.canary.is_some());
        let versions: Vec<_> = enabled.map(ring_entry).collect();
        let Some(current) = versions.last().map(|entry| entry.version.clone()) else {
            return Err(Error::kek(
                "adopting the KEK",
                "the store knows no KEK version: provision it first",
            ));
        };
        self.kek.adopt(Keyring { current, versions })
    }

    fn finish_kek(&self, row: KekRow) -> Result<(), Error> {
        self.kek.create(&row.version)?;
        let canary = self.kek.canary(&row.version)?;
        let now = self.clock.now();
        self.store.transact(move |tx| {
            tx.enable_kek(&row.version, &canary)?;
            let event = audit::Event::done(row.version.to_string());
            audit::append(tx, now, "kek.create", None, &event)
        })
    }

    fn kek_versions(&self) -> Result<Vec<KekRow>, Error> {
        self.store.read(|view| view.kek_versions())
    }
}

fn ring_entry(row: KekRow) -> RingEntry {
    RingEntry {
        version: row.version,
        canary: row.canary,
    }
}
