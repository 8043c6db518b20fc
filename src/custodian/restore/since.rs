//! What the log says of the time since the backup, as far as it is needed later.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    id::{DekName, Id, KekVersion},
    policy::{Action, KekState},
    store::Identity,
};

/// What was learnt from the entries since the backup.
#[derive(Debug, Default)]
pub struct Since {
    /// How many took something away, and did so again: by action.
    pub applied: BTreeMap<&'static str, u64>,
    /// What gave something, which is not given again: by action.
    pub not_given: BTreeMap<&'static str, Vec<String>>,
    pub(super) keks: BTreeMap<KekVersion, KekSince>,
    /// DEKs whose newest version, made since, was disabled.
    pub(super) shut: BTreeSet<DekName>,
    pub(super) custodians: BTreeMap<Id, CustodianSince>,
    /// Overrides that were requested since.
    pub(super) asked: BTreeSet<Id>,
}

/// What one entry was.
#[derive(Debug)]
pub(super) enum Effect {
    /// It took something away, and did so again.
    Again,
    /// It gave this, which is not given again.
    Given(String),
    /// Nothing that a restore has to do with.
    None,
}

/// A KEK version since the backup.
#[derive(Debug, Default)]
pub(super) struct KekSince {
    pub(super) made_at: Option<Timestamp>,
    /// Retired, being destroyed or destroyed.
    pub(super) state: Option<KekState>,
    pub(super) retired_at: Option<Timestamp>,
    /// The subject that asked for its destruction first.
    pub(super) destroy_by: Option<String>,
}

/// A custodian since the backup.
#[derive(Debug, Default)]
pub(super) struct CustodianSince {
    /// Of one that the backup does not know: who it is, when and by whom it was enrolled.
    pub(super) enrolled: Option<(Identity, Timestamp, String)>,
    /// Every form by which its key could come back.
    pub(super) key_forms: Vec<String>,
    pub(super) activated_at: Option<Timestamp>,
}

impl Since {
    pub(super) fn note(&mut self, action: Action, effect: Effect) {
        match effect {
            Effect::Again => *self.applied.entry(action.name()).or_default() += 1,
            Effect::Given(what) => self.not_given.entry(action.name()).or_default().push(what),
            Effect::None => {}
        }
    }
}
