//! KEK versions: shown, retired and restored, and after 30 days and the word of two operators destroyed (api.md
//! section 11).

use std::{collections::HashMap, iter};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Caller, Custodian,
    approval::{independent_operator, is_operator},
    audit::Event,
    jobs::JobView,
    kek_state::KekState as HolderState,
};
use crate::{
    error::Error,
    id::KekVersion,
    kek::Attributes,
    policy::{Action, KekState, NO_KEK, destroyable_at},
    store::{KekRow, Tx},
};

/// The KEK as callers see it: never a key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KekView {
    /// Its kind of holder, for example `pkcs11`.
    provider: &'static str,
    /// How secrets are sealed.
    mechanism: &'static str,
    /// Whether it never leaves a token.
    keys_in_token: bool,
    /// How its holder is.
    state: HolderState,
    /// The version that wraps; every other only unwraps.
    #[schema(value_type = String, example = "kek-v2-20261124")]
    current: KekVersion,
    /// The oldest first.
    versions: Vec<KekVersionView>,
    /// The job that moves every record to the current version, while it runs.
    #[schema(required)]
    job: Option<JobView>,
}

/// A KEK version as callers see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct KekVersionView {
    #[schema(value_type = String, example = "kek-v1-20261123")]
    version: KekVersion,
    number: u32,
    state: KekState,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Since when it is out of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    retired_at: Option<Timestamp>,
    /// From when on its key may be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    destroyable_at: Option<Timestamp>,
    /// The subject that asked for its destruction, which an independent operator must approve.
    #[serde(skip_serializing_if = "Option::is_none")]
    destroy_requested_by: Option<String>,
    /// Encryptions that it may have made.
    encryptions: u64,
    /// Stored records that it wraps.
    records: u64,
    /// What the token says of its key; null where it was not asked, or did not answer.
    #[schema(required)]
    attributes: Option<Attributes>,
}

/// How many records each version wraps.
type Records = HashMap<String, u64>;

impl KekVersionView {
    fn of(row: KekRow, records: &Records, attributes: Option<Attributes>) -> Self {
        Self {
            records: records.get(row.version.as_str()).copied().unwrap_or(0),
            number: row.number,
            state: row.state,
            created_at: row.created_at,
            retired_at: row.retired_at,
            destroyable_at: row.retired_at.map(destroyable_at),
            destroy_requested_by: row.destroy_by,
            encryptions: row.reserved,
            attributes,
            version: row.version,
        }
    }
}

impl Custodian {
    /// The KEK and its versions, each as the token has it. If the token does not answer, the rest is still told.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn kek(&self) -> Result<KekView, Error> {
        let (rows, records, job) = self.store.read(|view| {
            let rows = view.kek_versions()?;
            Ok((rows, view.records_by_kek()?, view.running_job()?))
        })?;
        let enabled = rows.iter().rfind(|row| row.state == KekState::Enabled);
        let current = enabled.ok_or(NO_KEK)?.version.clone();
        let about = self.kek.description();
        let attributes = self.attributes(&rows);
        let versions = rows.into_iter().zip(attributes);
        Ok(KekView {
            provider: about.provider.name(),
            mechanism: about.mechanism.name(),
            keys_in_token: about.keys_in_token,
            state: self.kek_state(),
            current,
            versions: versions
                .map(|(row, attributes)| KekVersionView::of(row, &records, attributes))
                .collect(),
            job: job.map(JobView::from),
        })
    }

    /// Takes a version out of use: what it wrapped for clients is not opened any more. Once more is no error.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while it wraps, a stored record is under it, or a rotation runs;
    /// [`Error::Destroyed`]; [`Error::Unavailable`].
    pub fn retire_kek(&self, who: &Caller, version: &KekVersion) -> Result<KekVersionView, Error> {
        let shown = self.change_kek(who, version, |tx, all, mut row, now| {
            row.state.changeable()?;
            if row.state == KekState::Enabled {
                unused(tx, all, &row.version)?;
                row.state = KekState::Retired;
                row.retired_at = Some(now);
            }
            Ok(row)
        })?;
        self.adopt_change();
        Ok(shown)
    }

    /// Takes a retired version into use again, so that what it wrapped is opened. Once more is no error.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while it is being made; [`Error::Destroyed`]; [`Error::Unavailable`],
    /// also if its key is not in the token.
    pub fn restore_kek(&self, who: &Caller, version: &KekVersion) -> Result<KekVersionView, Error> {
        self.is_in_token(version)?;
        let shown = self.change_kek(who, version, |_, _, mut row, _| {
            row.state.changeable()?;
            row.state = KekState::Enabled;
            row.retired_at = None;
            row.destroy_by = None;
            Ok(row)
        })?;
        self.settle_keks()?;
        Ok(shown)
    }

    /// Asks for the deletion of a version's key, which another operator must approve. Once more is no error.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] unless it is retired for 30 days; [`Error::Destroyed`];
    /// [`Error::Unavailable`].
    pub fn destroy_kek(&self, who: &Caller, version: &KekVersion) -> Result<KekVersionView, Error> {
        let asks = who.principal.subject.to_string();
        self.change_kek(who, version, move |tx, _, mut row, now| {
            row.state.destroyable(row.retired_at, now)?;
            row.destroy_by = match row.destroy_by {
                Some(before) if is_operator(tx, &before)? => Some(before),
                Some(_) | None => Some(asks),
            };
            Ok(row)
        })
    }

    /// Approves the deletion of a version's key: it is deleted in the token for ever, at once or as soon as that answers.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] unless it is retired for 30 days and one asked who is an operator still;
    /// [`Error::TwoPerson`] unless another, independent operator did; [`Error::Destroyed`]; [`Error::Unavailable`].
    pub fn approve_kek_destruction(
        &self,
        who: &Caller,
        version: &KekVersion,
    ) -> Result<KekVersionView, Error> {
        let approver = who.clone();
        let approved = self.change_kek(who, version, move |tx, all, mut row, now| {
            row.state.destroyable(row.retired_at, now)?;
            let asked = row.destroy_by.as_deref().ok_or(Error::Conflict(
                "nobody asked for the destruction of this KEK version yet",
            ))?;
            if !is_operator(tx, asked)? {
                return Err(Error::Conflict(
                    "whoever asked for the destruction is an operator no longer; another must ask anew",
                ));
            }
            independent_operator(tx, &approver, asked)?;
            unused(tx, all, &row.version)?;
            row.state = KekState::Destroying;
            Ok(row)
        })?;
        self.adopt_change();
        if let Err(error) = self.delete_destroyed_keks() {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a KEK is not deleted yet; it will be tried again");
            return Ok(approved);
        }
        Ok(KekVersionView {
            state: KekState::Destroyed,
            ..approved
        })
    }

    /// Deletes the keys whose destruction was approved, be it before a crash.
    pub(super) fn delete_destroyed_keks(&self) -> Result<(), Error> {
        let rows = self.kek_versions()?.into_iter();
        let approved = rows.filter(|row| row.state == KekState::Destroying);
        let deleted = approved.map(|row| self.delete_kek(row));
        deleted.fold(Ok(()), Result::and)
    }

    fn delete_kek(&self, mut row: KekRow) -> Result<(), Error> {
        self.kek.delete(&row.version)?;
        let written = self.alone(Action::KekDestroy, move |tx, _| {
            let now = found(tx.kek_versions()?, &row.version)?;
            if now.state != KekState::Destroying {
                return Err(Error::Conflict("it was written down by another thread"));
            }
            row.state = KekState::Destroyed;
            tx.set_kek_state(&row)?;
            let event = Event::done(row.version.to_string()).with("state", row.state.name());
            Ok(((), event))
        });
        match written {
            Err(Error::Conflict(_)) => Ok(()),
            written => written,
        }
    }

    fn change_kek(
        &self,
        who: &Caller,
        version: &KekVersion,
        change: impl FnOnce(&Tx<'_>, &[KekRow], KekRow, Timestamp) -> Result<KekRow, Error>
        + Send
        + 'static,
    ) -> Result<KekVersionView, Error> {
        let version = version.clone();
        self.change(who, move |tx, now| {
            let all = tx.kek_versions()?;
            let row = found(all.clone(), &version)?;
            let row = change(tx, &all, row, now)?;
            tx.set_kek_state(&row)?;
            let event = Event::done(version.to_string()).with("state", row.state.name());
            let shown = KekVersionView::of(row, &tx.records_by_kek()?, None);
            Ok((shown, event))
        })
    }

    /// A version that may open nothing more is shut here at once, whenever the token learns of it.
    fn adopt_change(&self) {
        if let Err(error) = self.settle_keks() {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the token has not dropped a KEK version yet");
        }
    }

    /// Whether the key that made the version's canary is there, so that its restoration harms no other version.
    fn is_in_token(&self, version: &KekVersion) -> Result<(), Error> {
        let row = found(self.kek_versions()?, version)?;
        row.state.changeable()?;
        // A key that is missing here makes no token sick, which it would if its canary were asked for first.
        self.kek.attributes(version)?;
        let canary = row.canary.unwrap_or_default();
        match self.kek.made_canary(version, &canary)? {
            true => Ok(()),
            false => Err(Error::kek(
                "restoring a KEK version",
                "the key of its name is another one",
            )),
        }
    }

    /// Those of each version that has a key. After one that was not told no more is asked: the token may be down.
    fn attributes(&self, rows: &[KekRow]) -> Vec<Option<Attributes>> {
        let mut answers = true;
        let mut of = |row: &KekRow| match row.state {
            KekState::Creating | KekState::Destroyed | KekState::Destroying => None,
            KekState::Enabled | KekState::Retired => {
                let told = iter::once(row).filter(|_| answers);
                let told = told.map(|row| self.kek.attributes(&row.version).ok());
                let told = told.last().flatten();
                answers = told.is_some();
                told
            }
        };
        let mut newest_first: Vec<_> = rows.iter().rev().map(&mut of).collect();
        newest_first.reverse();
        newest_first
    }
}

fn found(rows: Vec<KekRow>, version: &KekVersion) -> Result<KekRow, Error> {
    let mut rows = rows.into_iter();
    rows.find(|row| row.version == *version).ok_or(NO_KEK)
}

/// Whether nothing of the service depends on the version.
fn unused(tx: &Tx<'_>, all: &[KekRow], version: &KekVersion) -> Result<(), Error> {
    let current = all.iter().rfind(|row| row.state == KekState::Enabled);
    if current.is_none_or(|current| current.version == *version) {
        return Err(Error::Conflict(
            "this is the KEK version that wraps; rotate the KEK first, then retire this one",
        ));
    }
    if tx.running_job()?.is_some() {
        return Err(Error::Conflict(
            "a rotation of the KEK is running; wait until its job is done",
        ));
    }
    if tx.records_by_kek()?.contains_key(version.as_str()) {
        return Err(Error::Conflict(
            "stored records are under this KEK version; rotate the KEK, which moves them",
        ));
    }
    Ok(())
}
