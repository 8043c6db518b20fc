//! The audit log as a transparency log (formats.md section 8): checkpoints of it, signed within a second; and whether
//! it still is what was signed. Once it is not, it takes no more entries, so the service uses no key: what there is
//! stays as it was found.

use std::{
    borrow::Cow,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{Custodian, figures::age};
use crate::{
    crypto::{
        checkpoint::Checkpoint,
        merkle::{self, Frontier},
    },
    error::Error,
    figures,
    kek::{Cause, Level},
    log::Fault,
    store::{CheckpointRow, View},
    words::{KeyAlgorithm, KeyPurpose},
};

pub mod finding;
mod opening;
pub mod proofs;
pub mod stopped;
pub mod verdict;
mod walk;

pub use finding::Finding;
pub use verdict::Verdict;

use verdict::Round;
use walk::{CHUNK, Walk};

/// How long a token with stuck calls is left alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is logged and not signed for longer makes the log unwell.
const LATE: Duration = Duration::from_secs(60);

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
    /// Held while the newest checkpoint is replaced.
    signing: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// What is wrong with it, for good.
    broken: Option<Finding>,
    /// The newest checkpoint; `None` before the log was opened.
    newest: Option<CheckpointRow>,
    /// The tree's edge as far as the log was looked at: at the newest checkpoint or after it.
    edge: Frontier,
    /// The farthest end of the log that was seen.
    seen: u64,
    /// Since when something is logged and not signed.
    unsigned: Option<Instant>,
    /// When a token with stuck calls was asked last.
    asked: Option<Instant>,
    /// What size the token's copy has, and when it was made.
    noted: Option<(u64, Instant)>,
    /// How far the look at the whole log is.
    round: Round,
}

impl AuditLog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing was found wrong with it, and what is logged gets signed.
    pub(super) fn is_well(&self) -> bool {
        let state = self.state();
        let late = state.unsigned.is_some_and(|since| since.elapsed() > LATE);
        state.broken.is_none() && !late
    }

    /// Shows how long it is, how much of it is signed, and whether it is whole.
    pub(super) fn show_figures(&self, now: Timestamp) {
        let state = self.state();
        let newest = state.newest.as_ref();
        let unsigned = state.seen.saturating_sub(newest.map_or(0, |one| one.size));
        let waits = state
            .unsigned
            .map_or(Duration::ZERO, |since| since.elapsed());
        let age = newest.map_or(Duration::ZERO, |one| age(one.made_at, now));
        metrics::gauge!(figures::AUDIT_ENTRIES).set(figures::number(state.seen));
        metrics::gauge!(figures::AUDIT_UNSIGNED).set(figures::number(unsigned));
        metrics::gauge!(figures::AUDIT_UNSIGNED_SECONDS).set(waits);
        metrics::gauge!(figures::AUDIT_CHECKPOINT_AGE).set(age);
        metrics::gauge!(figures::AUDIT_BROKEN).set(figures::flag(state.broken.is_some()));
    }
}

impl State {
    /// What the token is to keep, if it is time to.
    fn due_note(&self, every: Duration, at_once: bool) -> Option<CheckpointRow> {
        let newest = self.newest.as_ref().filter(|newest| newest.size > 0)?;
        let (size, at) = match self.noted {
            None => return Some(newest.clone()),
            Some(noted) => noted,
        };
        let due = size < newest.size && (at_once || at.elapsed() >= every);
        due.then(|| newest.clone())
    }
}

impl Custodian {
    /// One turn: looks at what was logged, signs it, and looks at some of the rest.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; nothing is lost by it, a later turn does it.
    pub fn tend_log(&self) -> Result<(), Error> {
        self.look_at_news()?;
        let signed = match self.may_ask_token() {
            true => self
                .sign_what_is_known()
                .and_then(|()| self.keep_note(false)),
            false => Ok(()),
        };
        let looked = self.look_at_slice();
        signed.and(looked)
    }

    /// Signs all that was logged, and puts that checkpoint into the token: at the end.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn sign_log(&self) -> Result<(), Error> {
        while self.look_at_news()? {}
        self.sign_what_is_known()?;
        self.keep_note(true)
    }

    /// Signs all of a log of which the token keeps another past, and answers the note that is to be kept there instead;
    /// `None` if there is nothing to sign or no key to sign by.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Corrupt`] if the log is not what was signed.
    pub fn sign_apart(&self) -> Result<Option<String>, Error> {
        self.open_log_against(None)?;
        while self.look_at_news()? {}
        self.sign_what_is_known()?;
        let state = self.audit_log.state();
        match &state.newest {
            Some(newest) if state.broken.is_none() => {
                Ok((newest.size > 0).then(|| newest.note.clone()))
            }
            _ => Err(Error::Corrupt("the log is not what was signed")),
        }
    }

    /// Whether the token is asked in this turn. One that is down is opened again by others; one in which calls are stuck
    /// has no use for two more each second.
    fn may_ask_token(&self) -> bool {
        let token = self.kek.condition().state();
        match (token.level, token.cause) {
            (Level::Down, _) => false,
            (Level::Degraded, Some(Cause::CallsStuck)) => {
                let mut state = self.audit_log.state();
                let recent = state.asked.is_some_and(|at| at.elapsed() < PATIENCE);
                if !recent {
                    state.asked = Some(Instant::now());
                }
                !recent
            }
            (Level::Degraded | Level::Up, _) => true,
        }
    }

    /// Looks at the next of what was logged since the last look, and that the log still ends where it was written down to
    /// end and begins with what was signed; answers whether there is more.
    fn look_at_news(&self) -> Result<bool, Error> {
        let (newest, edge, seen) = {
            let state = self.audit_log.state();
            match &state.newest {
                Some(newest) if state.broken.is_none() => {
                    (newest.clone(), state.edge.clone(), state.seen)
                }
                _ => return Ok(false),
            }
        };
        let looked = self.store.read(|view| {
            let end = match end(view, seen)? {
                Ok(end) => end,
                Err(finding) => return Ok(Err(finding)),
            };
            if merkle::root(newest.size, view)? != newest.root {
                return Ok(Err(Finding::of(Fault::TreeChanged)));
            }
            let mut walk = Walk::from(edge);
            let finding = walk.go_on(view, end, CHUNK)?;
            Ok(finding.map_or(Ok((walk.into_edge(), end)), Err))
        });
        match self.found(looked)? {
            None => Ok(false),
            Some(Err(finding)) => {
                self.break_log(finding);
                Ok(false)
            }
            Some(Ok((edge, end))) => Ok(self.audit_log.state().learn(edge, end)),
        }
    }

    /// Signs a checkpoint of what was looked at, unless there is one.
    fn sign_what_is_known(&self) -> Result<(), Error> {
        let one = self.audit_log.signing.lock();
        let _one = one.unwrap_or_else(PoisonError::into_inner);
        let (edge, in_token) = {
            let state = self.audit_log.state();
            match &state.newest {
                Some(newest) if state.broken.is_none() && newest.size < state.edge.size() => {
                    (state.edge.clone(), newest.in_token)
                }
                _ => return Ok(()),
            }
        };
        let Some(note) = self.sign_tree(&edge)? else {
            return Ok(());
        };
        self.keep_newest(CheckpointRow {
            size: edge.size(),
            root: edge.root()?,
            note,
            in_token,
            made_at: self.clock.now(),
        })
    }

    /// A note of the tree that has this edge; `None` before there is a key to sign by.
    fn sign_tree(&self, edge: &Frontier) -> Result<Option<String>, Error> {
        let Some(key) = self.note_key()? else {
            return Ok(None);
        };
        let checkpoint = Checkpoint {
            origin: self.rules.log.origin.to_string(),
            size: edge.size(),
            root: edge.root()?,
        };
        let note = key.sign(&checkpoint, |text| {
            let signed = self.sign_with(KeyPurpose::Checkpoint, KeyAlgorithm::Ed25519, text);
            Ok(signed?.signature)
        });
        note.map(Some)
    }

    fn keep_newest(&self, newest: CheckpointRow) -> Result<(), Error> {
        let row = newest.clone();
        self.store.transact(move |tx| tx.replace_checkpoint(&row))?;
        let mut state = self.audit_log.state();
        state.newest = Some(newest);
        let seen = state.seen;
        state.count_unsigned(seen);
        Ok(())
    }

    /// Puts the newest checkpoint into the token, if it is time to.
    fn keep_note(&self, at_once: bool) -> Result<(), Error> {
        let every = self.rules.log.note_every;
        let due = self.audit_log.state().due_note(every, at_once);
        let Some(newest) = due else { return Ok(()) };
        let kept = self.notes.keep_note(newest.note.as_bytes())?;
        self.audit_log.state().noted = Some((newest.size, Instant::now()));
        if !kept || newest.in_token {
            return Ok(());
        }
        let one = self.audit_log.signing.lock();
        let _one = one.unwrap_or_else(PoisonError::into_inner);
        let newest = self.audit_log.state().newest.clone();
        let noted = newest.map(|newest| CheckpointRow {
            in_token: true,
            ..newest
        });
        noted.map_or(Ok(()), |noted| self.keep_newest(noted))
    }
}

impl State {
    /// Keeps what a look found; answers whether there is more to look at.
    fn learn(&mut self, edge: Frontier, end: u64) -> bool {
        let more = edge.size() < end;
        self.edge = edge;
        self.seen = end;
        self.count_unsigned(end);
        more
    }

    fn count_unsigned(&mut self, end: u64) {
        let signed = self.newest.as_ref().map_or(0, |newest| newest.size);
        self.unsigned = match end > signed {
            true => self.unsigned.or_else(|| Some(Instant::now())),
            false => None,
        };
    }
}

/// Where the log ends, if that is where it was written down to end, no earlier than was `seen`, and its tree with it.
fn end(view: &View<'_>, seen: u64) -> Result<Result<u64, Finding>, Error> {
    let head = match view.log_head() {
        Ok(Some(head)) => head,
        Ok(None) | Err(Error::Corrupt(_)) => return Ok(Err(Finding::of(Fault::LengthMissing))),
        Err(error) => return Err(error),
    };
    let end = view.log_end()?;
    if end < head.max(seen) {
        return Ok(Err(Finding::at(end, Fault::TailCut)));
    }
    if end > head {
        return Ok(Err(Finding::at(head, Fault::EntryInserted)));
    }
    if view.tree_end()? > merkle::count(end)? {
        return Ok(Err(Finding::of(Fault::TreeChanged)));
    }
    Ok(Ok(end))
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
