//! The states of DEK versions: disabled, enabled, destroyed after a delay, saved before it is over (api.md section 7).

use std::sync::atomic::Ordering;

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
        self.shut_dek(who, name);
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
        self.shut_dek(who, name);
        if delay.is_zero() {
            self.erase_now()?;
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
        self.change_version(who, name, version, |tx, of, _| {
            of.row.state.savable()?;
            tx.set_version_destroy_at(of.name, &of.row.version, None)
        })
    }

    /// Erases what is left of destroyed versions, if something may be.
    pub(super) fn erase_traces(&self) -> Result<(), Error> {
        match self.traces.swap(false, Ordering::AcqRel) {
            true => self.erase_now(),
            false => Ok(()),
        }
    }

    /// Never trusts that another call erases for this one: that one may have begun before.
    fn erase_now(&self) -> Result<(), Error> {
        let erased = self.store.erase_traces();
        if erased.is_err() {
            self.traces.store(true, Ordering::Release);
        }
        erased
    }

    /// Drops what is open of a DEK and waits for the answers that used it.
    pub(super) fn shut_dek(&self, who: &Caller, name: &DekName) {
        self.opened.forget(name.as_str());
        self.guards.wait(who.guard, &Shut::Dek(name));
    }

    fn change_version(
        &self,
        who: &Caller,
        name: &DekName,
        version: &DekVersion,
        change: impl FnOnce(&Tx<'_>, &Of<'_>, Timestamp) -> Result<(), Error> + Send + 'static,
    ) -> Result<VersionView, Error> {
        let (name, version) = (name.clone(), version.clone());
        self.change(who, move |tx, now| {
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
            Ok((shown, event))
        })
    }
}

/// A version that is to be changed.
struct Of<'a> {
    name: &'a DekName,
    newest: u32,
    row: VersionRow,
}
