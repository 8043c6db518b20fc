//! KEK versions since the backup. Their keys are in the token, and clients hold blobs under them: so they come back as the
//! log says, and only those that no operator has put out of use open anything.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    Unproven,
    entry::Said,
    since::{Effect, KekSince, Since},
};
use crate::{
    custodian::Custodian,
    error::{Error, Source},
    id::KekVersion,
    policy::KekState,
    store::KekRow,
};

/// Who asked, where nobody knows.
const NOBODY: &str = "unknown";

/// What happened to one; its row follows once its records were moved.
pub(super) fn changed(said: &Said, since: &mut Since, to: KekState) -> Result<Effect, Error> {
    let known = since.keks.entry(said.object()?).or_default();
    match to {
        KekState::Creating => return Ok(Effect::None),
        KekState::Enabled => {
            known.made_at.get_or_insert(said.at);
        }
        KekState::Retired => {
            known.retired_at.get_or_insert(said.at);
            known.state.get_or_insert(to);
        }
        KekState::Destroyed | KekState::Destroying => known.state = Some(to),
    }
    Ok(Effect::Again)
}

/// One that an operator wants destroyed; written by the service itself, it says that this was done.
pub(super) fn destruction(said: &Said, since: &mut Since) -> Result<Effect, Error> {
    let Some(by) = said.by() else {
        return changed(said, since, KekState::Destroyed);
    };
    let known = since.keks.entry(said.object()?).or_default();
    known.destroy_by.get_or_insert_with(|| by.to_owned());
    Ok(Effect::Given(said.what().to_owned()))
}

/// One that was taken into use again: it is to be restored again.
pub(super) fn restored(said: &Said) -> Effect {
    Effect::Given(said.what().to_owned())
}

impl Custodian {
    /// Takes in the versions that were made since, and ends those that were destroyed.
    ///
    /// # Errors
    /// [`Unproven`] if a version has no key in the token and the log does not say why; those of store and token.
    pub fn take_in_keks(&self, since: &Since) -> Result<(), Source> {
        let there = self.kek.versions()?;
        for (version, known) in &since.keks {
            let rows = self.kek_versions()?;
            match rows.into_iter().find(|row| row.version == *version) {
                Some(row) => self.bring_up_to_date(row, known, &there)?,
                None => self.take_in(version, known, &there)?,
            }
        }
        for row in self.kek_versions()? {
            if row.state == KekState::Enabled && !there.contains(&row.version) {
                return Err(lost(&row.version).into());
            }
        }
        Ok(())
    }

    /// Puts those out of use that were retired since: nothing is under them any more.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn retire_again(&self, since: &Since) -> Result<(), Error> {
        for mut row in self.kek_versions()? {
            let known = since.keks.get(&row.version);
            let retired = known.filter(|known| known.state == Some(KekState::Retired));
            let Some(known) = retired.filter(|_| row.state == KekState::Enabled) else {
                continue;
            };
            row.state = KekState::Retired;
            row.retired_at = known.retired_at;
            self.store.transact(move |tx| tx.set_kek_state(&row))?;
        }
        Ok(())
    }

    /// Takes in every version that the token has and the database does not know, and ends those whose key is gone: for a
    /// restore without the log. Answers the first, then the second, then those whose number is another's.
    ///
    /// # Errors
    /// Those of store and token.
    pub fn take_in_unknown_keks(&self, by: &str) -> Result<[Vec<KekVersion>; 3], Error> {
        let (there, now) = (self.kek.versions()?, self.clock.now());
        let mut done = [const { Vec::new() }; 3];
        let [taken, ended, left] = &mut done;
        for row in self.kek_versions()? {
            if row.state == KekState::Enabled && !there.contains(&row.version) {
                ended.push(row.version.clone());
                self.end_kek(row, Some(now), Some(by.to_owned()), KekState::Destroyed)?;
            }
        }
        for version in there {
            let rows = self.kek_versions()?;
            if rows.iter().any(|row| row.version == version) {
                continue;
            }
            if rows.iter().any(|row| row.number == version.number()) {
                left.push(version);
                continue;
            }
            let row = self.found_kek(&version, now)?;
            self.store.transact(move |tx| tx.insert_kek(&row))?;
            taken.push(version);
        }
        Ok(done)
    }

    /// A number that no version had yet, as far as log, database and token know.
    pub(super) fn free_kek_number(&self, since: &Since, skip: u32) -> Result<u32, Error> {
        let rows = self.kek_versions()?.into_iter().map(|row| row.number);
        let there = self
            .kek
            .versions()?
            .into_iter()
            .chain(since.keks.keys().cloned());
        let last = rows.chain(there.map(|version| version.number())).max();
        let next = last.unwrap_or_default().checked_add(skip);
        let next = next.and_then(|last| last.checked_add(1));
        next.ok_or(Error::internal(
            "there are no more numbers for KEK versions",
        ))
    }

    fn bring_up_to_date(
        &self,
        row: KekRow,
        known: &KekSince,
        there: &BTreeSet<KekVersion>,
    ) -> Result<(), Source> {
        if let (KekState::Creating, Some(_), true) =
            (row.state, known.made_at, there.contains(&row.version))
        {
            let canary = self.kek.canary(&row.version)?;
            self.store
                .transact(move |tx| tx.enable_kek(&row, &canary, 0))?;
            return Ok(());
        }
        match known.state {
            Some(state @ (KekState::Destroying | KekState::Destroyed)) => {
                let by = known.destroy_by.clone().or_else(|| row.destroy_by.clone());
                Ok(self.end_kek(row, known.retired_at, by, state)?)
            }
            Some(KekState::Creating | KekState::Enabled | KekState::Retired) | None => Ok(()),
        }
    }

    fn take_in(
        &self,
        version: &KekVersion,
        known: &KekSince,
        there: &BTreeSet<KekVersion>,
    ) -> Result<(), Source> {
        let Some(made_at) = known.made_at else {
            return Ok(()); // announced only: its number is spent, and nothing else
        };
        let ended = known.state.filter(|state| state.opens().is_err());
        let row = match (there.contains(version), ended) {
            (true, None | Some(KekState::Retired)) => self.found_kek(version, made_at)?,
            (_, Some(state)) => KekRow {
                number: version.number(),
                version: version.clone(),
                state,
                canary: Some(Vec::new()),
                reserved: 0,
                created_at: made_at,
                retired_at: Some(known.retired_at.unwrap_or(made_at)),
                destroy_by: destroyer(state, known.destroy_by.clone()),
            },
            (false, None) => return Err(lost(version).into()),
        };
        Ok(self.store.transact(move |tx| tx.insert_kek(&row))?)
    }

    /// A version as the token has it, enabled. It never wraps again, so that how often it did need not be known.
    fn found_kek(&self, version: &KekVersion, at: Timestamp) -> Result<KekRow, Error> {
        Ok(KekRow {
            number: version.number(),
            version: version.clone(),
            state: KekState::Enabled,
            canary: Some(self.kek.canary(version)?),
            reserved: 0,
            created_at: at,
            retired_at: None,
            destroy_by: None,
        })
    }

    fn end_kek(
        &self,
        mut row: KekRow,
        retired_at: Option<Timestamp>,
        by: Option<String>,
        state: KekState,
    ) -> Result<(), Error> {
        row.retired_at = row.retired_at.or(retired_at).or(Some(row.created_at));
        row.destroy_by = destroyer(state, by);
        row.state = state;
        self.store.transact(move |tx| tx.set_kek_state(&row))
    }
}

fn destroyer(state: KekState, by: Option<String>) -> Option<String> {
    match state {
        KekState::Destroyed | KekState::Destroying => by.or_else(|| Some(NOBODY.to_owned())),
        KekState::Creating | KekState::Enabled | KekState::Retired => by,
    }
}

fn lost(version: &KekVersion) -> Unproven {
    Unproven::of(format!(
        "{version} is in use, and its key is not in the token: this is another token, or somebody deleted the key. Put the \
         token's own backup in its place, then restore again"
    ))
}
