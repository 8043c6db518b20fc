//! The export of the log by which a backup is brought up to date: judged by the backup's own key before anything of it is
//! believed; it must begin with the backup's log, and be the newest as far as the token knows.

use std::io::{BufRead, Read};

use super::{Hear, Unproven};
use crate::{
    crypto::{
        checkpoint::{self, Checkpoint},
        merkle::Hash,
        pinned::LogKey,
    },
    custodian::Custodian,
    error::Source,
    log::{
        Fault, LONGEST,
        export::{Head, Judge, Verdict},
    },
};

/// Entries of the backup that are in memory at once.
const CHUNK: usize = 1000;

/// Lines between two words about how far it is.
const OFTEN: u64 = 1000;

const JUDGING: &str = "entries judged";

/// An export that was believed.
#[derive(Clone, Debug)]
pub struct Export {
    /// How many entries it has.
    pub size: u64,
    /// How many of them the backup has.
    pub known: u64,
    /// Whether the token could tell that it is the newest.
    pub in_token: bool,
    pub(super) root: Hash,
    pub(super) note: String,
}

impl Custodian {
    /// Judges an export: that the service signed it, that the backup's log is its beginning, byte for byte, and that the
    /// token has seen nothing newer.
    ///
    /// # Errors
    /// [`Unproven`]; those of store, token and file.
    pub fn judge_export(&self, from: impl BufRead, hear: Hear<'_>) -> Result<Export, Source> {
        let known = self.store.read(|view| view.log_end())?;
        let kept = self.kept_checkpoints()?;
        let in_token = !kept.is_empty();
        let was_kept = self.store.read(|view| view.checkpoint())?;
        if !in_token && was_kept.is_some_and(|row| row.in_token) {
            return Err(emptied().into());
        }
        let key = self.note_key()?.ok_or_else(no_key)?;
        let keys = [LogKey {
            id: "the backup's".to_owned(),
            note: key,
            revoked: false,
        }];
        let mut lines = Lines::of(from);
        let first = lines.next()?.unwrap_or_default();
        let newest = kept.iter().map(|one| one.size).max().unwrap_or_default();
        let mut judge = Judge::begin(&first, &keys, kept, self.clock.now())?;
        let claimed = Head::read(&first).ok();
        let claimed = claimed.and_then(|head| checkpoint::claimed(&head.checkpoint).ok());
        let claimed = claimed.map_or(known, |one| one.size);
        let mut ours = Ours::default();
        let mut place = 0;
        while let Some(line) = lines.next()? {
            if place < known && ours.entry(self, place)? != line {
                return Err(other_past(place).into());
            }
            judge.entry(&line)?;
            place += 1;
            if place % OFTEN == 0 {
                hear(JUDGING, place, claimed.max(place));
            }
        }
        let verdict = judge.end()?;
        believed(&verdict, known, newest)?;
        let head = Head::read(&first)
            .map_err(Fault::sentence)
            .map_err(Unproven)?;
        let signed = checkpoint::claimed(&head.checkpoint);
        let signed = signed.map_err(|_| Unproven(Fault::CheckpointMalformed.sentence()))?;
        Ok(Export {
            size: signed.size,
            known,
            root: signed.root,
            note: head.checkpoint,
            in_token,
        })
    }

    /// The checkpoints that the token keeps, by the log's own key.
    fn kept_checkpoints(&self) -> Result<Vec<Checkpoint>, Source> {
        let key = self.note_key()?;
        let mut kept = Vec::new();
        for note in self.notes.notes()? {
            let text = str::from_utf8(&note).unwrap_or_default();
            let opened = key.as_ref().and_then(|key| key.open(text).ok());
            let foreign = || {
                Unproven::of(
                    "the token keeps a checkpoint of another log: it is another service's token, or the configured \
                     audit.origin is not the one under which this log was signed",
                )
            };
            kept.push(opened.ok_or_else(foreign)?);
        }
        Ok(kept)
    }
}

fn believed(verdict: &Verdict, known: u64, newest: u64) -> Result<(), Unproven> {
    let size = verdict.entries;
    match verdict.error {
        None if size < known => Err(Unproven(format!(
            "the export ends with entry {size} and the backup has {known}: it is older than the backup. Give the newest export"
        ))),
        None => Ok(()),
        Some(Fault::RolledBack) => Err(Unproven(format!(
            "this export is not the newest: it has {size} entries, and the token has seen {newest}. Give the newest one; if \
             there is none, two admins can restore without it by --accept-rollback"
        ))),
        Some(Fault::Forked) => Err(Unproven::of(
            "the export contradicts the checkpoint that the token keeps: it is not the log of this service any more. Find out \
             who changed which; two admins can restore without it by --accept-rollback",
        )),
        Some(fault) => Err(Unproven(format!(
            "the export is not believed: {}",
            fault.sentence()
        ))),
    }
}

fn other_past(place: u64) -> Unproven {
    Unproven(format!(
        "entry {place} of the export is not the backup's: backup and export are not of one service, or one of them was changed"
    ))
}

fn emptied() -> Unproven {
    Unproven::of(
        "the token no longer keeps the checkpoint that was put into it, so nobody can tell whether the export is the newest: \
         put the right token in its place, or have two admins restore by --accept-rollback",
    )
}

fn no_key() -> Unproven {
    Unproven::of("the backup has no key by which checkpoints are signed: take a newer one")
}

/// The backup's own entries, some at a time.
#[derive(Default)]
struct Ours {
    first: u64,
    entries: Vec<Vec<u8>>,
}

impl Ours {
    fn entry(&mut self, of: &Custodian, place: u64) -> Result<&[u8], Source> {
        let at = usize::try_from(place.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if at >= self.entries.len() {
            self.entries = of.store.read(|view| view.audit_entries(place, CHUNK))?;
            self.first = place;
        }
        let at = usize::try_from(place.saturating_sub(self.first)).unwrap_or(usize::MAX);
        Ok(self.entries.get(at).map_or(&[], Vec::as_slice))
    }
}

/// The lines of an export, none longer than an entry can be.
pub(super) struct Lines<R>(R);

impl<R: BufRead> Lines<R> {
    pub(super) fn of(from: R) -> Self {
        Self(from)
    }

    /// Without what ends it; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Source> {
        let most = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(2);
        let mut line = Vec::new();
        if (&mut self.0).take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.pop_if(|last| *last == b'\n').is_none() && line.len() > LONGEST {
            return Err(Unproven(format!(
                "the export is not believed: {}",
                Fault::EntryMalformed.sentence()
            ))
            .into());
        }
        Ok(Some(line))
    }
}
