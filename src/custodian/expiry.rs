//! The end of an override's time: written down before anyone sees it, so that what was seen stays.

use jiff::Timestamp;

use super::{Custodian, audit::Event, override_record::Record, overrides::overtaken, tend::each};
use crate::{
    error::Error,
    id::Id,
    policy::{Action, OverrideEvent},
    store::Closing,
};

impl Custodian {
    /// Writes down that the time of overrides is over.
    pub(super) fn expire_overrides(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let due = self.store.read(|view| view.overrides_to_expire(now))?;
        each(due, |row| self.expire(row.request.id))
    }

    /// Writes down which of these are over at `now`: an approval that is on its way to the disk comes first or never.
    /// Answers whether there was one; then they are to be read again.
    pub(super) fn settle<'a>(
        &self,
        records: impl Iterator<Item = &'a Record>,
        now: Timestamp,
    ) -> bool {
        let is_over = |record: &&Record| record.standing().status_at(now) != record.row.status;
        let mut found = false;
        for record in records.filter(is_over) {
            found = true;
            if let Err(error) = self.expire(record.row.request.id.clone()) {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "an expiry is not on record yet; it will be tried again"
                );
            }
        }
        found
    }

    fn expire(&self, id: Id) -> Result<(), Error> {
        let expired = self.alone(Action::OverrideExpire, move |tx, now| {
            let record = Record::of(tx, &id)?;
            record.go(tx, &OverrideEvent::Expire, now, Closing::default())?;
            let event = Event::done(id.to_string()).with("status", "expired");
            Ok(((), event))
        });
        overtaken(expired)
    }
}
