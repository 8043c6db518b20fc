//! The states of DEK versions: disabled, enabled, destroyed after a delay, saved before it is over (api.md section 7).

use jiff::Timestamp;

use super::{
    Caller, Custodian,
    audit::Event,
    deks::{VersionView, version_shown},
    guard::Shut,
};
use crate::{
    error::Error,
    id::{DekName, DekVersion},
    policy,
    store::{Tx, VersionRow},
};

impl Custodian {
    /// Lets a version be used no more until it is enabled; once more is no error. When it returns, no answer that
    /// used the version is sent any more.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Destroyed`]; [`Error::Unavailable`].
    pub fn disable_version(
        &self,
        who: &Caller,
        name: &DekName,
        version: &DekVersion,
    ) -> Result<VersionView, Error> {
        let shown = self.change_version(who, name, version, |tx, of, _| {
            of.row.state.changeable()?;
            tx.set_version_enabled(of.name, &of.row.version, false)
        })?;
        self.guards.wait(who.guard, &Shut::Dek(name));
        Ok(shown)
    }

    /// Lets a version be used again; once more is no error.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Destroyed`]; [`Error::Unavailable`].
    pub fn enable_version(
        &self,
        who: &Caller,
        name: &DekName,
        version: &DekVersion,
    ) -> Result<VersionView, Error> {
        self.change_version(who, name, version, |tx, of, _| {
            of.row.state.changeable()?;
            tx.set_version_enabled(of.name, &of.row.version, true)
        })
    }

    /// Destroys a version for ever: at once without a delay, else when that is over. When it returns, no answer that
    /// used the version is sent any more.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for the version that encrypts; [`Error::Destroyed`];
    /// [`Error::Unavailable`].
    pub fn destroy_version(
        &self,
        who: &Caller,
        name: &DekName,
        version: &DekVersion,
    ) -> Result<VersionView, Error> {
        let delay = self.rules.destroy_delay;
        let shown = self.change_version(who, name, version, move |tx, of, now| {
            of.row.state.changeable()?;
            if of.row.number == of.newest {
                return Err(Error::Conflict(
                    "this is the version that encrypts; rotate the DEK first, then destroy this one",
                ));
            }
            if delay.is_zero() {
                return tx.destroy_version(of.name, &of.row.version);
            }
            let at = now.saturating_add(delay).unwrap_or(Timestamp::MAX);
            tx.set_version_destroy_at(of.name, &of.row.version, Some(at))
        })?;
        self.guards.wait(who.guard, &Shut::Dek(name));
        if delay.is_zero() {
            self.store.erase_traces()?;
        }
        Ok(shown)
    }

    /// Saves a version that is to be destroyed: it is again what it was before.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it was not to be destroyed; [`Error::Destroyed`] if it is too late;
    /// [`Error::Unavailable`].
    pub fn cancel_destroy(
        &self,
        who: &Caller,
        name: &DekName,
        version: &DekVersion,
    ) -> Result<VersionView, Error> {
        self.change_version(who, name, version, |tx, of, now| {
            of.row.state.savable()?;
            if of.row.destroy_at.is_some_and(|at| at <= now) {
                return Err(Error::Destroyed(
                    "the time to save this DEK version is over",
                ));
            }
            tx.set_version_destroy_at(of.name, &of.row.version, None)
        })
    }

    fn change_version(
        &self,
        who: &Caller,
        name: &DekName,
        version: &DekVersion,
        change: impl FnOnce(&Tx<'_>, &Of<'_>, Timestamp) -> Result<(), Error> + Send + 'static,
    ) -> Result<VersionView, Error> {
        let (dek, version) = (name.clone(), version.clone());
        let changed = self.change(who, move |tx, now| {
            let name = dek;
            let dek = tx.dek(&name)?.ok_or(policy::NO_DEK)?;
            let read = || tx.dek_version(&name, &version)?.ok_or(policy::NO_VERSION);
            let of = Of {
                name: &name,
                newest: dek.newest,
                row: read()?,
            };
            change(tx, &of, now)?;
            let shown = version_shown(read()?);
            let event = Event::done(name.reference(&version)).with("state", shown.state());
            let event = match shown.destroy_at() {
                Some(at) => event.with("destroy_at", at.to_string()),
                None => event,
            };
            Ok((shown, event))
        });
        self.opened.forget(name.as_str());
        changed
    }
}

/// A version that is to be changed.
struct Of<'a> {
    name: &'a DekName,
    newest: u32,
    row: VersionRow,
}
