//! Owns a key holder's condition: what is wrong at present, the level that comes of it, and each change of level until
//! it is written down. Asks nobody: whoever works with the key holder says here what it met.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use super::state::{Cause, Change, Figures, Level, State};

/// Changes told one by one within a [`MINUTE`]; more are counted, and told as one when it is over.
const TOLD: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// Changes kept for whoever writes them down.
const KEPT: usize = 64;
/// What was proven longer ago says nothing of now. Under the two seconds in which an outage must be felt, and well over
/// the second between two looks.
const FRESH: Duration = Duration::from_millis(1750);

/// A key holder's condition.
#[derive(Debug)]
pub struct Condition {
    began: Instant,
    /// Microseconds from `began` to the last proof, plus one; 0 before the first.
    proven: AtomicU64,
    /// Whether it must prove itself again and again.
    asked: bool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    lost: Option<Cause>,
    /// It is open, and does not come back from the round trip.
    stalled: bool,
    ailments: BTreeSet<(Cause, String)>,
    figures: Figures,
    state: State,
    number: u64,
    changes: VecDeque<Change>,
    told: (Instant, u32),
}

impl Condition {
    /// Of a token: up, and to prove it all the time.
    #[must_use]
    pub fn of_token() -> Self {
        Self::new(true)
    }

    /// Of a key holder that needs no proof.
    #[must_use]
    pub fn always_up() -> Self {
        Self::new(false)
    }

    fn new(asked: bool) -> Self {
        let began = Instant::now();
        let state = State {
            level: Level::Up,
            cause: None,
            since: began,
        };
        let inner = Inner {
            lost: None,
            stalled: false,
            ailments: BTreeSet::new(),
            figures: Figures::default(),
            state,
            number: 0,
            changes: VecDeque::new(),
            told: (began, 0),
        };
        Self {
            began,
            proven: AtomicU64::new(0),
            asked,
            inner: Mutex::new(inner),
        }
    }

    /// What it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().state
    }

    /// What happened since the start.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let inner = self.lock();
        Figures {
            changes: inner.number,
            ..inner.figures
        }
    }

    /// Whether it did its work a moment ago, and is not down since.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        if !self.asked {
            return true;
        }
        let proven = self.proven.load(SeqCst).checked_sub(1);
        let proven = proven.map(|after| self.began + Duration::from_micros(after));
        proven.is_some_and(|at| at.elapsed() < FRESH) && self.state().level != Level::Down
    }

    /// The changes that came after the one of that number and are still kept, oldest first.
    #[must_use]
    pub fn changes(&self, after: u64) -> Vec<Change> {
        let mut inner = self.lock();
        inner.tell_the_rest();
        let later = inner.changes.iter().filter(|one| one.number > after);
        later.copied().collect()
    }

    /// It did what was asked of it.
    pub(super) fn prove(&self) {
        let after = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.proven.fetch_max(after.saturating_add(1), SeqCst);
    }

    /// Its round trip came to an end, and well.
    pub(super) fn answered(&self) {
        self.prove();
        self.settle(&"its round trip succeeded", |inner| inner.stalled = false);
    }

    /// Its round trip did not come to an end in time.
    pub(super) fn stalled(&self, because: &dyn fmt::Debug) {
        self.settle(because, |inner| inner.stalled = true);
    }

    /// Whether its last round trip did not come to an end in time.
    pub(super) fn is_stalled(&self) -> bool {
        self.lock().stalled
    }

    /// It is not open, and could not be opened.
    pub(super) fn lost(&self, cause: Cause, because: &dyn fmt::Debug) {
        self.settle(because, |inner| inner.lost = Some(cause));
    }

    /// It is open again, with all its keys.
    pub(super) fn found(&self) {
        self.prove();
        self.settle(&"it is open", |inner| {
            inner.lost = None;
            inner.stalled = false;
        });
    }

    /// It was tried to open it again.
    pub(super) fn reopening(&self) {
        let mut inner = self.lock();
        inner.figures.reopenings = inner.figures.reopenings.saturating_add(1);
    }

    /// A call was given up that had not come back.
    pub(super) fn call_is_stuck(&self) {
        self.proven.store(0, SeqCst);
        self.settle(&"a call has not come back", |inner| {
            inner.figures.stuck_calls = inner.figures.stuck_calls.saturating_add(1);
            inner.figures.stuck_now = inner.figures.stuck_now.saturating_add(1);
        });
    }

    /// A call that was given up has come back.
    pub(super) fn call_is_back(&self) {
        self.settle(&"a call has come back", |inner| {
            inner.figures.stuck_now = inner.figures.stuck_now.saturating_sub(1);
        });
    }

    /// Something of it cannot be used, though the rest can.
    pub(super) fn ails(&self, cause: Cause, what: &str, because: &dyn fmt::Debug) {
        let what = what.to_owned();
        self.settle(because, |inner| {
            inner.ailments.insert((cause, what));
        });
    }

    /// That can be used again.
    pub(super) fn is_cured(&self, cause: Cause, what: &str) {
        // Daily work says so again and again.
        if self.lock().ailments.is_empty() {
            return;
        }
        let ailment = (cause, what.to_owned());
        self.settle(&"it can be used again", |inner| {
            inner.ailments.remove(&ailment);
        });
    }

    /// Forgets what could not be used: an operator says that it was mended.
    pub(super) fn forget_ailments(&self) {
        self.settle(&"an operator asked", |inner| inner.ailments.clear());
    }

    fn settle(&self, because: &dyn fmt::Debug, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        change(&mut inner);
        inner.settle(because);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What all that is wrong amounts to.
    fn level(&self) -> (Level, Option<Cause>) {
        let stalled = self.stalled.then_some(Cause::NoAnswer);
        if let Some(cause) = self.lost.or(stalled) {
            return (Level::Down, Some(cause));
        }
        let stuck = (self.figures.stuck_now > 0).then_some(Cause::CallsStuck);
        let ailment = self.ailments.first().map(|(cause, _)| *cause);
        match ailment.or(stuck) {
            Some(cause) => (Level::Degraded, Some(cause)),
            None => (Level::Up, None),
        }
    }

    fn settle(&mut self, because: &dyn fmt::Debug) {
        let (before, (level, cause)) = (self.state, self.level());
        if level == before.level {
            if cause != before.cause && self.may_tell() {
                let (level, cause) = (level.name(), cause.map(Cause::word));
                tracing::warn!(
                    level,
                    cause,
                    ?because,
                    "the token's level has another cause"
                );
            }
            self.state.cause = cause;
            return;
        }
        let since = Instant::now();
        self.state = State {
            level,
            cause,
            since,
        };
        if level == Level::Down {
            self.figures.outages = self.figures.outages.saturating_add(1);
        }
        self.number = self.number.saturating_add(1);
        if self.may_tell() {
            self.tell(cause.or(before.cause), before.since, because);
        }
    }

    /// Tells what the changes came to that were only counted.
    fn tell_the_rest(&mut self) {
        let told = self.changes.back().map_or(0, |change| change.number);
        if told < self.number && self.may_tell() {
            let before = self.changes.back().map_or(self.state.since, |one| one.at);
            self.tell(self.state.cause, before, &"it changed too often to tell");
        }
    }

    fn tell(&mut self, cause: Option<Cause>, before: Instant, because: &dyn fmt::Debug) {
        say(self.state.level, cause, because);
        if self.changes.len() == KEPT {
            self.changes.pop_front();
        }
        self.changes.push_back(Change {
            number: self.number,
            level: self.state.level,
            cause,
            at: self.state.since,
            before,
        });
    }

    /// Whether there is room for one more this minute.
    fn may_tell(&mut self) -> bool {
        if self.told.0.elapsed() >= MINUTE {
            self.told = (Instant::now(), 0);
        }
        self.told.1 = self.told.1.saturating_add(1);
        self.told.1 <= TOLD
    }
}

fn say(level: Level, cause: Option<Cause>, because: &dyn fmt::Debug) {
    let word = cause.map(Cause::word);
    let todo = cause.map(Cause::todo);
    match level {
        Level::Degraded => tracing::warn!(cause = word, ?because, todo, "the token is degraded"),
        Level::Down => tracing::warn!(cause = word, ?because, todo, "the token is down"),
        Level::Up => tracing::info!(after = word, "the token is up"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Condition, KEPT, TOLD};
    use crate::kek::state::{Cause, Level};

    fn levels(condition: &Condition) -> Vec<(Level, Option<Cause>)> {
        let changes = condition.changes(0).into_iter();
        changes.map(|one| (one.level, one.cause)).collect()
    }

    #[test]
    fn each_change_of_level_is_told_once_whatever_else_is_said_meanwhile() {
        let condition = Condition::of_token();
        for cause in [Cause::TokenMissing, Cause::TokenMissing, Cause::PinRefused] {
            condition.lost(cause, &"");
            condition.stalled(&"");
        }
        assert_eq!(condition.state().cause, Some(Cause::PinRefused));
        condition.found();
        condition.answered();
        let down = (Level::Down, Some(Cause::TokenMissing));
        let up = (Level::Up, Some(Cause::PinRefused));
        assert_eq!(levels(&condition), [down, up]);
        assert_eq!(condition.figures().outages, 1);
        assert_eq!(condition.changes(1).len(), 1);
        assert!(condition.changes(2).is_empty());
    }

    #[test]
    fn it_is_degraded_until_all_that_ails_it_is_cured_and_every_call_is_back() {
        let condition = Condition::of_token();
        condition.call_is_stuck();
        condition.ails(Cause::SigningKeyUnusable, "a", &"");
        condition.ails(Cause::SigningKeyUnusable, "b", &"");
        condition.is_cured(Cause::SigningKeyUnusable, "a");
        condition.call_is_back();
        assert_eq!(condition.state().level, Level::Degraded);
        assert_eq!(condition.state().cause, Some(Cause::SigningKeyUnusable));
        condition.is_cured(Cause::SigningKeyUnusable, "b");
        assert_eq!(condition.state().level, Level::Up);
        assert_eq!(condition.figures().stuck_calls, 1);
        assert_eq!(levels(&condition).len(), 2);
    }

    #[test]
    fn what_changes_too_often_is_counted_and_not_told_one_by_one() {
        let condition = Condition::of_token();
        for _ in 0..1000 {
            condition.lost(Cause::TokenMissing, &"");
            condition.found();
        }
        condition.lost(Cause::KekMissing, &"");
        let told = condition.changes(0);
        assert_eq!(told.len(), TOLD as usize);
        assert_eq!(condition.figures().outages, 1001);
        // A minute later.
        condition.lock().told.0 -= Duration::from_secs(60);
        let rest = condition.changes(told.last().unwrap().number);
        assert_eq!(rest.len(), 1);
        assert_eq!((rest[0].number, rest[0].level), (2001, Level::Down));
        assert_eq!(condition.changes(2001).len(), 0);
    }

    #[test]
    fn no_more_changes_are_kept_than_that() {
        let condition = Condition::of_token();
        for _ in 0..KEPT {
            condition.lock().told.1 = 0;
            condition.lost(Cause::TokenMissing, &"");
            condition.found();
        }
        assert_eq!(condition.changes(0).len(), KEPT);
    }

    #[test]
    fn a_token_is_proven_by_its_work_until_it_is_lost() {
        let condition = Condition::of_token();
        assert!(!condition.is_proven());
        condition.prove();
        assert!(condition.is_proven());
        condition.lost(Cause::TokenMissing, &"");
        assert!(!condition.is_proven());
        assert!(Condition::always_up().is_proven());
    }
}
