//! Rotation of the KEK: the next version is made in the token at once, and a job moves every stored record to it
//! (api.md section 11).

use super::{
    Caller, Custodian, KekRotation,
    audit::Event,
    deks::By,
    jobs::JobView,
    once::{self, Made, Once},
};
use crate::{
    error::Error,
    id::KekVersion,
    policy::{Action, KekState, NO_KEK},
    store::Tx,
};

impl Custodian {
    /// Announces the next KEK version with the job that moves all records to it, and makes it: it wraps from then on,
    /// the ones before only unwrap. If the token goes away in between, the job waits for it.
    ///
    /// # Errors
    /// [`Error::Conflict`] while a rotation is running; [`Error::Unavailable`].
    pub fn rotate_kek(&self, who: &Caller, once: Option<&Once>) -> Result<Made<JobView>, Error> {
        self.once(who, once, || {
            self.kek.probe()?;
            self.begin_rotation(By::Caller(who), once)
        })
    }

    /// Rotates the KEK if it has encrypted enough and nobody wants to do it by hand.
    pub(super) fn rotate_due_kek(&self) -> Result<(), Error> {
        let idle = self.store.read(|view| view.running_job())?.is_none();
        let own = self.rules.kek_rotation == KekRotation::ByItself;
        if !(own && idle && self.kek_rotation_is_due()?) {
            return Ok(());
        }
        match self.begin_rotation(By::Itself, None) {
            // An operator was faster.
            Err(Error::Conflict(_)) => Ok(()),
            begun => begun.map(drop),
        }
    }

    /// Whether the current KEK version has made half of the encryptions that are safe.
    pub(super) fn kek_rotation_is_due(&self) -> Result<bool, Error> {
        let rows = self.kek_versions()?;
        let limit = self.rules.encryptions.rotate_at;
        let current = rows.iter().rfind(|row| row.state == KekState::Enabled);
        Ok(current.is_some_and(|row| row.reserved >= limit))
    }

    fn begin_rotation(&self, by: By<'_>, once: Option<&Once>) -> Result<JobView, Error> {
        let once = once.cloned();
        let work = move |tx: &Tx<'_>, now| {
            let newest = tx.kek_versions()?.pop().ok_or(NO_KEK)?;
            if newest.state == KekState::Creating || tx.running_job()?.is_some() {
                return Err(RUNNING);
            }
            let version = KekVersion::new(newest.number + 1, now);
            tx.announce_kek(&version, now)?;
            let job = tx.begin_job(&version, tx.records_elsewhere(&version)?, now)?;
            let event = Event::done(version.to_string()).with("job", job.id.as_str());
            let view = JobView::from(job);
            once::keep(once.as_ref(), tx, now, view.location(), &view)?;
            Ok((view, event))
        };
        let begun = match by {
            By::Caller(who) => self.change(who, work),
            By::Itself => self.alone(Action::KekRotate, work),
        }?;
        tracing::info!(kek = %begun.kek(), job = %begun.id(), "rotating the KEK");
        if let Err(error) = self.settle_keks() {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "the new KEK version is not in use yet; it will be tried again"
            );
        }
        Ok(begun)
    }
}

const RUNNING: Error =
    Error::Conflict("a rotation of the KEK is running; wait until its job is done");
