//! What the service does by itself when its time has come: rotates keys, destroys versions, forgets open keys, looks for
//! damage.

use jiff::Timestamp;

use super::{
    Custodian,
    audit::Event,
    deks::{By, overtaken},
};
use crate::{
    error::{Error, Part},
    id::DekName,
    kek::Level,
    policy::{Action, DekState},
    store::{DekRow, VersionRow},
};

impl Custodian {
    /// Does all that is due now. What fails is logged and tried again the next time; the rest goes on. Nothing is due
    /// while the audit log takes no entries.
    pub fn tend(&self) {
        self.opened.sweep();
        if self.store.is_log_closed() {
            return;
        }
        let done = [
            ("tending the KEK", self.tend_kek()),
            ("rotating DEKs", self.rotate_due_deks()),
            ("destroying DEK versions", self.destroy_due_versions()),
            ("closing expired overrides", self.expire_overrides()),
            ("countersigning overrides", self.approve_due_overrides()),
            ("erasing what was destroyed", self.store.erase_traces()),
            ("looking over the stored rows", self.patrol()),
            ("looking at a damaged file again", self.store.look_again()),
        ];
        for (what, error) in done
            .into_iter()
            .filter_map(|(what, done)| Some((what, done.err()?)))
        {
            let known = self.is_known_to_be_down(&error);
            let error = &error as &dyn std::error::Error;
            match known {
                true => tracing::debug!(what, error, "not done for a reason that was said"),
                false => tracing::error!(what, error, "not done; it will be tried again"),
            }
        }
    }

    /// Whether the log has said already why: each second it would say so again.
    fn is_known_to_be_down(&self, error: &Error) -> bool {
        let Error::Unavailable { part, .. } = error else {
            return false;
        };
        match part {
            Part::Audit | Part::Store => self.store.is_damaged(),
            Part::Kek => self.kek.condition().state().level == Level::Down,
        }
    }

    fn tend_kek(&self) -> Result<(), Error> {
        self.settle_keks()?;
        self.delete_destroyed_keks()?;
        self.rotate_due_kek()
    }

    fn rotate_due_deks(&self) -> Result<(), Error> {
        let (now, uses) = (self.clock.now(), self.rules.encryptions.rotate_at);
        let due = self.store.read(|view| view.deks_to_rotate(now, uses))?;
        each(due, |dek| self.rotate_due(&dek, now, uses))
    }

    fn rotate_due(&self, dek: &DekRow, now: Timestamp, uses: u64) -> Result<(), Error> {
        let newest = self.store.read(|view| view.newest_version(dek))?;
        let due = dek.rotate_at.is_some_and(|at| at <= now) || newest.reserved >= uses;
        // An operator who disabled the version that encrypts wants nothing encrypted; and what this build cannot make
        // waits for one that can.
        if !due || newest.state != DekState::Enabled || dek.algorithm.missing().is_some() {
            return Ok(());
        }
        match self.make_next_version(By::Itself, dek, None) {
            // An operator was faster.
            Err(error) if overtaken(&error) => Ok(()),
            made => made.map(drop),
        }
    }

    fn destroy_due_versions(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let due = self.store.read(|view| view.versions_to_destroy(now))?;
        each(due, |(name, row)| self.destroy_due(name, row))
    }

    fn destroy_due(&self, name: DekName, due: VersionRow) -> Result<(), Error> {
        let destroyed = self.alone(Action::DekDestroy, move |tx, now| {
            let row = tx.dek_version(&name, &due.version)?;
            let still = row.is_some_and(|row| row.destroy_at.is_some_and(|at| at <= now));
            if !still {
                return Err(Error::Conflict("it was saved at the last moment"));
            }
            tx.destroy_version(&name, &due.version)?;
            let event = Event::done(name.reference(&due.version)).with("state", "destroyed");
            Ok(((), event))
        });
        match destroyed {
            Err(Error::Conflict(_)) => Ok(()),
            done => done,
        }
    }
}

/// Does all that is due, though some of it fails; answers the first failure.
pub(super) fn each<T>(
    due: Vec<Result<T, Error>>,
    work: impl Fn(T) -> Result<(), Error>,
) -> Result<(), Error> {
    let done = due.into_iter().map(|one| one.and_then(&work));
    done.fold(Ok(()), Result::and)
}
