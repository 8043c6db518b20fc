//! The audit log as a transparency log (formats.md section 8): checkpoints of it, signed within a second; and whether
//! it still is what was signed. Once it is not, it takes no more entries, so the service uses no key: what there is
//! stays as it was found.

use std::{
    borrow::Cow,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::Custodian;
use crate::{
    crypto::{
        checkpoint::Checkpoint,
        merkle::{self, Frontier},
    },
    error::Error,
    kek::Level,
    log::Fault,
    store::CheckpointRow,
    words::{KeyAlgorithm, KeyPurpose},
};

pub mod finding;
mod opening;
pub mod proofs;
pub mod verdict;
mod walk;

pub use finding::Finding;
pub use verdict::Verdict;

use walk::Walk;

/// Entries of the whole log that one turn looks at: some milliseconds' work, and ten million within an hour and a half.
const SLICE: usize = 1000;

/// How long a degraded token is left alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the audit log is subject to.
#[derive(Clone, Debug)]
pub struct LogTerms {
    /// The log's name in its checkpoints.
    pub origin: Cow<'static, str>,
    /// Whether anyone may read checkpoint and hash tiles, as witnesses do.
    pub public_tiles: bool,
    /// How often at most the token's copy of the checkpoint is made anew: memory of real tokens wears out.
    pub note_every: Duration,
}

/// What is known of the log.
#[derive(Debug, Default)]
pub(super) struct AuditLog {
    state: Mutex<State>,
    /// Held while the whole log is read for somebody.
    verifying: Mutex<()>,
    /// Held while a checkpoint is made: the turn makes them, and the end.
    signing: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// What is wrong with it, for good.
    broken: Option<Finding>,
    /// The newest checkpoint that was verified or signed here, and the tree's edge there.
    newest: Option<Newest>,
    /// When the token was asked last.
    asked: Option<Instant>,
    /// What size the token's copy has, and when it was made.
    noted: Option<(u64, Instant)>,
    /// How far the look at the whole log is.
    round: Walk,
}

#[derive(Clone, Debug)]
struct Newest {
    row: CheckpointRow,
    edge: Frontier,
}

impl AuditLog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing was found wrong with it.
    pub(super) fn is_whole(&self) -> bool {
        self.state().broken.is_none()
    }
}

impl State {
    /// What the token is to keep, if it is time to.
    fn due_note(&self, every: Duration, at_once: bool) -> Option<Newest> {
        let newest = self.newest.as_ref().filter(|newest| newest.row.size > 0)?;
        let (size, at) = match self.noted {
            None => return Some(newest.clone()),
            Some(noted) => noted,
        };
        let due = size < newest.row.size && (at_once || at.elapsed() >= every);
        due.then(|| newest.clone())
    }
}

impl Custodian {
    /// One turn: signs what was logged since the last, after looking at it, and looks at some of the rest.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; nothing is lost by it, a later turn does it.
    pub fn tend_log(&self) -> Result<(), Error> {
        let signed = match self.may_ask_token() {
            true => self.sign_log(false),
            false => Ok(()),
        };
        let looked = self.look_at_slice();
        signed.and(looked)
    }

    /// Whether the token is asked in this turn. One that is out of order has no use for two calls a second more, each of
    /// which may get stuck in it; one that is down is opened again by others.
    fn may_ask_token(&self) -> bool {
        let patience = match self.kek.condition().state().level {
            Level::Up => Duration::ZERO,
            Level::Degraded => PATIENCE,
            Level::Down => return false,
        };
        let mut state = self.audit_log.state();
        let recent = state.asked.is_some_and(|at| at.elapsed() < patience);
        if !recent {
            state.asked = Some(Instant::now());
        }
        !recent
    }

    /// Signs a checkpoint of all that was logged, unless there is one; `at_end` the token gets it in any case.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn sign_log(&self, at_end: bool) -> Result<(), Error> {
        let one = self.audit_log.signing.lock();
        let _one = one.unwrap_or_else(PoisonError::into_inner);
        let before = self.audit_log.state().newest.clone();
        let Some(before) = before.filter(|_| self.audit_log.is_whole()) else {
            return Ok(());
        };
        let ends = self.store.read(|view| {
            let end = view.log_end()?;
            Ok((end, merkle::count(end)?, view.tree_end()?))
        });
        let Some((end, hashes, tree)) = self.found(ends)? else {
            return Ok(());
        };
        if tree > hashes {
            self.break_log(Finding::at(end, Fault::TailCut));
            return Ok(());
        }
        show(end, before.row.size);
        if end != before.row.size {
            let Some(edge) = self.look_at_news(&before, end)? else {
                return Ok(());
            };
            self.sign_edge(&before.row, edge)?;
            show(end, end);
        }
        self.keep_note(at_end)
    }

    /// Looks at what was logged since `before`, and that the tree before is still the one that was signed.
    fn look_at_news(&self, before: &Newest, end: u64) -> Result<Option<Frontier>, Error> {
        let row = &before.row;
        let looked = self.store.read(|view| {
            if end < row.size {
                return Ok(Err(Finding::at(end, Fault::TailCut)));
            }
            if merkle::root(row.size, view)? != row.root {
                return Ok(Err(Finding::of(Fault::TreeChanged)));
            }
            let mut walk = Walk::from(before.edge.clone());
            let finding = walk.go_to(view, end)?;
            Ok(finding.map_or_else(|| Ok(walk.into_edge()), Err))
        });
        match self.found(looked)? {
            None => Ok(None),
            Some(Ok(edge)) => Ok(Some(edge)),
            Some(Err(finding)) => {
                self.break_log(finding);
                Ok(None)
            }
        }
    }

    fn sign_edge(&self, before: &CheckpointRow, edge: Frontier) -> Result<(), Error> {
        let Some(key) = self.note_key()? else {
            return Ok(());
        };
        let checkpoint = Checkpoint {
            origin: self.rules.log.origin.to_string(),
            size: edge.size(),
            root: edge.root()?,
        };
        let note = key.sign(&checkpoint, |text| {
            let signed = self.sign_with(KeyPurpose::Checkpoint, KeyAlgorithm::Ed25519, text);
            Ok(signed?.signature)
        })?;
        let row = CheckpointRow {
            size: checkpoint.size,
            root: checkpoint.root,
            note,
            in_token: before.in_token,
            made_at: self.clock.now(),
        };
        self.keep_newest(Newest { row, edge })
    }

    fn keep_newest(&self, newest: Newest) -> Result<(), Error> {
        let row = newest.row.clone();
        self.store.transact(move |tx| tx.replace_checkpoint(&row))?;
        self.audit_log.state().newest = Some(newest);
        Ok(())
    }

    /// Puts the newest checkpoint into the token, if it is time to.
    fn keep_note(&self, at_once: bool) -> Result<(), Error> {
        let every = self.rules.log.note_every;
        let due = self.audit_log.state().due_note(every, at_once);
        let Some(mut newest) = due else { return Ok(()) };
        let kept = self.notes.keep_note(newest.row.note.as_bytes())?;
        self.audit_log.state().noted = Some((newest.row.size, Instant::now()));
        if kept && !newest.row.in_token {
            newest.row.in_token = true;
            self.keep_newest(newest)?;
        }
        Ok(())
    }
}

/// The checkpoint of the empty log, to which everything holds: so one that is missing later was taken out.
pub(super) fn nothing_signed(at: Timestamp) -> Result<CheckpointRow, Error> {
    Ok(CheckpointRow {
        size: 0,
        root: Frontier::default().root()?,
        note: String::new(),
        in_token: false,
        made_at: at,
    })
}

fn show(end: u64, signed: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let figure = |number: u64| number as f64;
    metrics::gauge!("custodian_audit_entries").set(figure(end));
    metrics::gauge!("custodian_audit_unsigned_entries").set(figure(end.saturating_sub(signed)));
}
