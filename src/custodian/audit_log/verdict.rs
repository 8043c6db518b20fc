//! The whole log read again: `POST /v1/audit/verify`, and a slice of it each turn.

use std::{
    mem,
    sync::PoisonError,
    time::{Duration, Instant},
};

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Finding,
    opening::{self, Signed},
    walk::{CHUNK, Walk},
};
use crate::{
    custodian::Custodian,
    error::{Error, Part},
    log::Fault,
    store::{CheckpointRow, View},
};

/// How long one turn looks at the whole log: a tenth of the time between two.
const SLICE: Duration = Duration::from_millis(50);
/// Entries between two looks at the time.
const STEP: usize = 250;

/// What the whole log was found to be.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Verdict {
    /// Whether it is what was logged and what was signed.
    valid: bool,
    /// Entries that were read.
    size: u64,
    /// The root of the tree over them, hex.
    root: String,
    /// The word for what is wrong.
    #[schema(value_type = Option<String>)]
    error: Option<Fault>,
    /// What the word means.
    meaning: Option<&'static str>,
    /// The first entry that is wrong, where that is known.
    entry: Option<u64>,
}

impl Verdict {
    /// How many entries were read, and what is wrong with them.
    #[must_use]
    pub fn outcome(&self) -> (u64, Option<&'static str>) {
        (self.size, self.meaning)
    }
}

impl Custodian {
    /// Reads every entry again, against the tree, the newest checkpoint, the one in the token and the one in memory.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store does not answer.
    pub fn verify_log(&self) -> Result<Verdict, Error> {
        let mut walk = Walk::default();
        let finding = self.read_again(&mut walk)?;
        if let Some(finding) = finding {
            self.break_log(finding);
        }
        // What is found now says more than what was found first, which may be gone again.
        let finding = finding.or(self.audit_log.state().broken);
        Ok(Verdict {
            valid: finding.is_none(),
            size: walk.edge().size(),
            root: hex::encode(walk.edge().root()?),
            error: finding.map(|finding| finding.fault),
            meaning: finding.map(|finding| finding.fault.meaning()),
            entry: finding.and_then(|finding| finding.entry),
        })
    }

    /// Looks at the next entries, from the first one again after the last.
    pub(super) fn look_at_slice(&self) -> Result<(), Error> {
        let (mut round, newest) = {
            let mut state = self.audit_log.state();
            let whole = state.broken.is_none();
            let Some(newest) = state.newest.clone().filter(|_| whole) else {
                return Ok(());
            };
            (mem::take(&mut state.round), newest)
        };
        let looked = self.store.read(|view| round.go_on(view, &newest));
        let looked = self.found(looked);
        if let Ok(Some(Some(finding))) = &looked {
            self.break_log(*finding);
        }
        self.audit_log.state().round = round;
        looked.map(drop)
    }

    pub(super) fn read_again(&self, walk: &mut Walk) -> Result<Option<Finding>, Error> {
        match self.signed_now()? {
            Ok(signed) => self.read_against(walk, &signed),
            Err(finding) => Ok(Some(finding)),
        }
    }

    /// Reads every entry against the tree and the newest checkpoint that the database itself has; answers what is wrong.
    pub(in crate::custodian) fn read_alone(&self) -> Result<Option<Finding>, Error> {
        match self.signed(None)? {
            Ok(signed) => self.read_against(&mut Walk::default(), &signed),
            Err(finding) => Ok(Some(finding)),
        }
    }

    pub(super) fn read_against(
        &self,
        walk: &mut Walk,
        signed: &Signed,
    ) -> Result<Option<Finding>, Error> {
        let size = self.store.read(|view| view.log_end())?;
        let mut marks: Vec<_> = signed
            .in_token
            .iter()
            .map(|known| (known.size, known.root, Fault::Forked))
            .chain([(signed.row.size, signed.row.root, Fault::TreeChanged)])
            .filter(|(at, ..)| *at <= size)
            .collect();
        marks.sort_unstable_by_key(|(at, ..)| *at);
        for (at, root, fault) in marks {
            if let Some(finding) = self.walk_to(walk, at)? {
                return Ok(Some(finding));
            }
            if walk.edge().root()? != root {
                return Ok(Some(Finding::of(fault)));
            }
        }
        if let Some(finding) = self.walk_to(walk, size)? {
            return Ok(Some(finding));
        }
        let end = self.store.read(|view| opening::long_enough(view, signed))?;
        Ok(end.err())
    }

    fn walk_to(&self, walk: &mut Walk, until: u64) -> Result<Option<Finding>, Error> {
        while walk.edge().size() < until {
            if self.is_closing() {
                return Err(closing());
            }
            let walked = self.store.read(|view| walk.go_on(view, until, CHUNK));
            let finding = match walked {
                Err(Error::Corrupt(_)) => Some(Finding::of(Fault::TreeChanged)),
                walked => walked?,
            };
            if finding.is_some() {
                return Ok(finding);
            }
        }
        Ok(None)
    }

    /// What was signed; without the token, what the database and this process know.
    fn signed_now(&self) -> Result<Result<Signed, Finding>, Error> {
        // A token that is away says nothing, and what this process knows is as new.
        let notes = self.notes.notes().ok();
        let one = self.audit_log.signing.lock();
        let _one = one.unwrap_or_else(PoisonError::into_inner);
        let signed = self.signed(notes)?;
        let newest = self.audit_log.state().newest.clone();
        Ok(match (signed, newest) {
            (Ok(signed), Some(newest)) if signed.row != newest => {
                Err(Finding::of(Fault::CheckpointMissing))
            }
            (signed, _) => signed,
        })
    }
}

/// A look at the whole log, a slice each turn, against the checkpoint that was the newest when it began.
#[derive(Debug, Default)]
pub(super) struct Round {
    walk: Walk,
    until: Option<CheckpointRow>,
}

impl Round {
    fn go_on(&mut self, view: &View<'_>, newest: &CheckpointRow) -> Result<Option<Finding>, Error> {
        let until = self.until.get_or_insert_with(|| newest.clone());
        let begun = Instant::now();
        while self.walk.edge().size() < until.size && begun.elapsed() < SLICE {
            if let Some(finding) = self.walk.go_on(view, until.size, STEP)? {
                return Ok(Some(finding));
            }
        }
        if self.walk.edge().size() < until.size {
            return Ok(None);
        }
        let same = self.walk.edge().root()? == until.root;
        *self = Self::default();
        Ok((!same).then_some(Finding::of(Fault::TreeChanged)))
    }
}

fn closing() -> Error {
    Error::Unavailable {
        part: Part::Audit,
        what: "verifying the audit log",
        source: Some("the service is going down".into()),
    }
}
