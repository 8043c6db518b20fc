//! How the key holder is: shown, written down when it changes, and opened afresh when an operator asks.

use std::{
    sync::{Mutex, PoisonError, TryLockError},
    time::Instant,
};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Caller, Custodian, audit::Event, clock::whole_second};
use crate::{
    error::Error,
    kek::{Cause, Change, Level, State},
    policy::Action,
};

/// How the key holder is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = KekHolderState)]
pub struct KekState {
    /// `up`, `degraded` (it does its work, and somebody must look), or `down` (what needs it is refused).
    #[schema(example = "up")]
    state: &'static str,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Why it is not up: a word of docs/operations-token.md.
    #[schema(example = "token_missing")]
    cause: Option<&'static str>,
    /// What an operator does about it.
    todo: Option<&'static str>,
}

/// The number of the last change that is in the audit log.
#[derive(Debug, Default)]
pub(super) struct Logged(Mutex<u64>);

impl Custodian {
    /// How the key holder is. Asks no token.
    #[must_use]
    pub fn kek_state(&self) -> KekState {
        self.shown(self.kek.condition().state())
    }

    /// Opens the token afresh, a refused PIN presented once more, and answers how it is then.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be written down.
    pub fn reconnect(&self, who: &Caller) -> Result<KekState, Error> {
        let state = self.kek.reconnect();
        let level = state.level.name();
        let cause = state.cause.map(Cause::word);
        self.change(who, move |_, _| {
            let event = Event::done(None).with("state", level);
            Ok(((), with_cause(event, cause)))
        })?;
        Ok(self.shown(state))
    }

    /// Writes down each change of level that is not in the audit log yet.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the rest is written the next time.
    pub(super) fn log_kek_changes(&self) -> Result<(), Error> {
        let mut logged = match self.logged.0.try_lock() {
            Ok(logged) => logged,
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            // Somebody is at it.
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        for change in self.kek.condition().changes(*logged) {
            let untold = change.number.saturating_sub(*logged).saturating_sub(1);
            let event = self.event(&change, untold);
            self.alone(action(change.level), move |_, _| Ok(((), event)))?;
            *logged = change.number;
        }
        Ok(())
    }

    fn event(&self, change: &Change, untold: u64) -> Event {
        let lasted = change.at.saturating_duration_since(change.before);
        let event = Event::done(None)
            .with("since", self.time_of(change.at).to_string())
            .with("seconds_before", lasted.as_secs());
        let event = with_cause(event, change.cause.map(Cause::word));
        match untold {
            0 => event,
            untold => event.with("changes_before", untold),
        }
    }

    fn shown(&self, state: State) -> KekState {
        KekState {
            state: state.level.name(),
            since: whole_second(self.time_of(state.since)),
            cause: state.cause.map(Cause::word),
            todo: state.cause.map(Cause::todo),
        }
    }

    fn time_of(&self, instant: Instant) -> Timestamp {
        self.clock.before(instant.elapsed())
    }
}

fn with_cause(event: Event, cause: Option<&'static str>) -> Event {
    match cause {
        Some(cause) => event.with("cause", cause),
        None => event,
    }
}

const fn action(level: Level) -> Action {
    match level {
        Level::Degraded => Action::KekDegraded,
        Level::Down => Action::KekDown,
        Level::Up => Action::KekUp,
    }
}
