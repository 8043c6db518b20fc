//! New keys for all: how often the old ones encrypted since the backup is known to nobody, so none encrypts again
//! (formats.md section 2).

use jiff::Timestamp;
use serde_json::json;

use super::{Hear, Since, Unproven};
use crate::{
    custodian::{
        Custodian,
        audit::{self, Event},
        deks::rotate_at,
        rewrapping::ended,
    },
    error::{Error, Source},
    id::KekVersion,
    policy::{Action, DekState},
    store::{DekRow, JobRow, JobState, Tx, VersionRow},
};

/// DEKs whose versions share one transaction.
const BATCH: usize = 64;

/// What was made.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// The KEK version that wraps from now on.
    pub kek: KekVersion,
    /// DEK versions that encrypt from now on.
    pub versions: u64,
    /// Records that were moved to the KEK version.
    pub moved: u64,
}

/// Where a restored database comes from, for the log.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Hex, of the database in the backup.
    pub database_sha256: String,
    /// Entries that it had.
    pub log_size: u64,
    /// The people who accepted that the time since is lost; empty if it is not.
    pub accepted_by: Vec<String>,
    /// Whether custodians were revoked for it.
    pub custodians_revoked: bool,
}

impl Custodian {
    /// Makes a KEK version and one of each DEK, after `skip` numbers that none gets, and moves every record.
    ///
    /// # Errors
    /// [`Unproven`] if a record cannot be moved; those of store and token.
    pub fn renew_keys(&self, since: &Since, skip: u32, hear: Hear<'_>) -> Result<Renewed, Source> {
        let number = self.free_kek_number(since, skip)?;
        self.alone(Action::KekRotate, move |tx, now| {
            supersede(tx, now)?;
            let version = KekVersion::new(number, now);
            tx.announce_kek(&version, now)?;
            let job = tx.begin_job(&version, tx.records_elsewhere(&version)?, now)?;
            Ok((
                (),
                Event::done(version.to_string()).with("job", job.id.as_str()),
            ))
        })?;
        self.settle_keks()?;
        let versions = self.renew_deks(since, skip, hear)?;
        let job = self.move_all(hear)?;
        Ok(Renewed {
            kek: job.kek,
            versions,
            moved: job.moved,
        })
    }

    /// Writes down that the service was restored: the last entry before it serves again.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn record_restore(&self, from: &Origin, renewed: &Renewed) -> Result<u64, Error> {
        let (from, renewed) = (from.clone(), renewed.clone());
        self.alone(Action::Restored, move |tx, _| {
            // Answers of before would be given again as if nothing had happened.
            tx.forget_replies(Timestamp::MAX)?;
            let size = tx.audit_size()?;
            let how = if from.accepted_by.is_empty() {
                AUDIT
            } else {
                ROLLBACK
            };
            let event = Event::done(None)
                .with("how", how)
                .with("accepted_by", json!(from.accepted_by))
                .with("database_sha256", from.database_sha256)
                .with("log_size_of_backup", from.log_size)
                .with("log_size", size)
                .with("kek", renewed.kek.to_string())
                .with("dek_versions", renewed.versions)
                .with("records_moved", renewed.moved)
                .with("custodians_revoked", from.custodians_revoked);
            Ok((size + 1, event))
        })
    }

    fn renew_deks(&self, since: &Since, skip: u32, hear: Hear<'_>) -> Result<u64, Source> {
        let all = self.store.read(|view| view.dek_totals())?.count;
        let (mut after, mut made) = (String::new(), 0);
        loop {
            let deks = self.store.read(|view| view.deks_after(&after, BATCH))?;
            let Some(last) = deks.last() else { break };
            after = last.name.to_string();
            let next = deks.iter().map(|dek| self.next_version(dek, since, skip));
            let next = next.collect::<Result<Vec<_>, _>>()?;
            made += u64::try_from(next.len()).unwrap_or_default();
            let now = self.clock.now();
            self.store.transact(move |tx| {
                let mut all = deks.iter().zip(&next);
                all.try_for_each(|(dek, version)| put(tx, dek, version, now))
            })?;
            hear("DEKs renewed", made, all);
        }
        Ok(made)
    }

    /// Disabled if its newest version is.
    fn next_version(&self, dek: &DekRow, since: &Since, skip: u32) -> Result<VersionRow, Error> {
        let newest = self.store.read(|view| view.newest_version(dek))?;
        let number = dek
            .newest
            .checked_add(skip)
            .and_then(|last| last.checked_add(1));
        let number = number.ok_or(Error::internal(
            "there are no more numbers for DEK versions",
        ))?;
        let shut = since.shut.contains(&dek.name) || newest.state == DekState::Disabled;
        let mut next = self.new_version(dek, number)?;
        if shut {
            next.state = DekState::Disabled;
        }
        Ok(next)
    }

    fn move_all(&self, hear: Hear<'_>) -> Result<JobRow, Source> {
        while self.store.read(|view| view.running_job())?.is_some() {
            if self.store.is_log_closed() {
                return Err(Error::Corrupt("the log in the copy was found wrong").into());
            }
            self.go_on(&mut |job| hear("records moved to the new KEK", job.moved, job.total))?;
        }
        let job = self.store.read(|view| view.newest_job())?;
        let job = job.ok_or(Error::internal("a job that was just begun is not there"))?;
        match job.state {
            JobState::Done => Ok(job),
            JobState::Failed | JobState::Running => Err(Unproven(format!(
                "{} records cannot be moved to the new KEK version: take another backup",
                job.unmoved
            ))
            .into()),
        }
    }
}

/// What `how` says in the log.
pub(super) const AUDIT: &str = "audit";
pub(super) const ROLLBACK: &str = "rollback";

/// Ends a job that was running when the backup was made: the next one moves all that it would have moved.
fn supersede(tx: &Tx<'_>, now: Timestamp) -> Result<(), Error> {
    let Some(mut job) = tx.running_job()? else {
        return Ok(());
    };
    job.total = job.moved;
    job.state = JobState::Done;
    job.finished_at = Some(now);
    tx.finish_job(&job)?;
    let event = ended(&job).with("superseded", true);
    audit::append(tx, now, Action::KekRewrapRecords.name(), None, &event)
}

fn put(tx: &Tx<'_>, dek: &DekRow, next: &VersionRow, now: Timestamp) -> Result<(), Error> {
    let until = rotate_at(dek.rotation_period, next.created_at);
    tx.advance_dek(dek, next.number, until)?;
    tx.insert_version(&dek.name, next)?;
    let event = Event::done(dek.name.reference(&next.version)).with("state", next.state.name());
    audit::append(tx, now, Action::DekRotate.name(), None, &event)
}
