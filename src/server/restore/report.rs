//! What a restore did, what is lost, and what people must do next.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Serialize;

use super::{Done, How, Order};
use crate::{custodian::backup::Manifest, id::KekVersion};

/// What was done.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The backup.
    pub backup: PathBuf,
    /// When it was made.
    pub made_at: String,
    /// The SHA-256 of the database in it, hex.
    pub database_sha256: String,
    /// `audit` or `rollback`.
    pub how: &'static str,
    /// Entries of the log in the backup, and in the restored database.
    pub log_size: [u64; 2],
    /// Where the database is kept that was there before.
    pub replaced: Option<PathBuf>,
    /// The KEK version that wraps from now on.
    pub kek: KekVersion,
    /// DEK versions that encrypt from now on.
    pub dek_versions: u64,
    /// Wrapped secrets that were moved to the new KEK version.
    pub records_moved: u64,
    /// What was taken away since the backup, and is again: how much, by action.
    pub taken_away: BTreeMap<&'static str, u64>,
    /// What was given since the backup, and is not given again: by action.
    pub not_given: BTreeMap<&'static str, Vec<String>>,
    /// What a rollback shut.
    pub shut: Option<ShutView>,
    /// Admins who can sign in by a token.
    pub admins: Vec<String>,
    /// What people must do now, in this order.
    pub next: Vec<String>,
}

/// What a rollback shut.
#[derive(Debug, Serialize)]
pub struct ShutView {
    /// Tokens.
    pub tokens: usize,
    /// Principals whose client certificate stands for nobody any more.
    pub certificates: Vec<String>,
    /// Overrides that were withdrawn.
    pub overrides: Vec<String>,
    /// Custodians that were revoked.
    pub custodians: Vec<String>,
    /// KEK versions that only the token knew.
    pub keks_found: Vec<KekVersion>,
    /// KEK versions whose key the token has no more.
    pub keks_gone: Vec<KekVersion>,
    /// KEK versions in the token whose number is another's.
    pub keks_left: Vec<KekVersion>,
}

impl Report {
    pub(super) fn new(
        order: &Order,
        manifest: Manifest,
        done: Done,
        replaced: Option<PathBuf>,
        admins: Vec<String>,
    ) -> Self {
        let [keks_found, keks_gone, keks_left] = done.found;
        let shut = done.shut.map(|shut| ShutView {
            tokens: shut.tokens,
            certificates: shut.certificates,
            overrides: shut.overrides,
            custodians: shut.custodians,
            keks_found,
            keks_gone,
            keks_left,
        });
        let mut report = Self {
            backup: order.backup.clone(),
            made_at: manifest.made_at.to_string(),
            database_sha256: manifest.database.sha256,
            how: match &order.how {
                How::Audit(_) => "audit",
                How::Rollback { .. } => "rollback",
            },
            log_size: [manifest.log.size, done.log_size],
            replaced,
            kek: done.renewed.kek,
            dek_versions: done.renewed.versions,
            records_moved: done.renewed.moved,
            taken_away: done.since.applied,
            not_given: done.since.not_given,
            shut,
            admins,
            next: Vec::new(),
        };
        report.next = report.to_do(done.newest);
        report
    }

    fn to_do(&self, newest: bool) -> Vec<String> {
        let mut next = vec!["start the service: custodian serve".to_owned()];
        if !newest {
            next.push(
                "see that the export was the newest one: the token keeps no checkpoint that could tell"
                    .to_owned(),
            );
        }
        if self.admins.len() < 2 {
            next.push(
                "fewer than two admins can sign in, since their tokens in the backup are revoked or expired: restore a newer \
                 backup if there is one"
                    .to_owned(),
            );
        }
        if !self.not_given.is_empty() {
            next.push(
                "give again what is named under `not_given`, if it is still to be given".to_owned(),
            );
        }
        if let Some(shut) = &self.shut {
            next.extend(shut.to_do(&self.made_at));
        }
        next.push("take a new backup and a new export of the audit log".to_owned());
        if let Some(replaced) = &self.replaced {
            next.push(format!(
                "remove {} once nobody needs it as evidence",
                replaced.display()
            ));
        }
        next
    }
}

impl ShutView {
    fn to_do(&self, since: &str) -> Vec<String> {
        let mut next = vec![
            "issue a token to every principal that is still to have one: all are revoked, and no client certificate stands for \
             anybody"
                .to_owned(),
            format!(
                "do again what was taken away since {since}: nobody knows any more which principals were deleted, which grants \
                 taken, which custodians suspended or revoked, which keys disabled or destroyed"
            ),
        ];
        if !self.custodians.is_empty() {
            next.push(
                "enrol every custodian anew, by a new key: with overrides.binding = \"aegis\" signatures of before could be \
                 used again"
                    .to_owned(),
            );
        }
        if !self.keks_left.is_empty() {
            next.push(
                "look at the KEK versions under `keks_left`: what clients wrapped under them does not open".to_owned(),
            );
        }
        next
    }
}
