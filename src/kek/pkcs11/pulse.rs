//! Owns the shared round trip: callers that failed before it started share its result, and at most one starts in
//! 100 ms, so that bad records cannot stall the token. Knows nothing of tokens.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    error::Error,
    kek::{Cause, Trouble},
};

const INTERVAL: Duration = Duration::from_millis(100);

/// What a round trip found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Beat {
    /// The token does its work.
    Alive,
    /// It does not; the supervisor knows.
    Dead,
}

/// A single flight of round trips.
#[derive(Default)]
pub(super) struct Pulse {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    started: u64,
    running: bool,
    last_start: Option<Instant>,
    /// The newest round trip that came to a result.
    result: Option<(u64, Beat)>,
}

impl Pulse {
    /// The result of a round trip that starts after this call; `trip` is run for it, or another caller's is.
    /// One that comes to no result (its caller's deadline passed) is shared with nobody.
    pub(super) fn check(
        &self,
        deadline: Instant,
        trip: impl FnOnce() -> Result<Beat, Error>,
    ) -> Result<Beat, Error> {
        let mut state = self.lock();
        let wanted = state.started.saturating_add(1);
        loop {
            if let Some((number, beat)) = state.result
                && number >= wanted
            {
                return Ok(beat);
            }
            let now = Instant::now();
            let start = state.next_start(now);
            if start.is_some_and(|start| start <= now) {
                break;
            }
            let until = start.map_or(deadline, |start| start.min(deadline));
            let Some(pause) = until
                .checked_duration_since(now)
                .filter(|pause| !pause.is_zero())
            else {
                return Err(Error::kek(
                    "asking the token",
                    Trouble::new(Cause::NoAnswer, "the deadline passed before a round trip"),
                ));
            };
            let woken = self.changed.wait_timeout(state, pause);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.lead(state, trip)
    }

    /// Whether none runs and the last one began longer ago than that.
    pub(super) fn is_due(&self, after: Duration) -> bool {
        let state = self.lock();
        let recent = state.last_start.is_some_and(|last| last.elapsed() <= after);
        !state.running && !recent
    }

    fn lead(
        &self,
        mut state: MutexGuard<'_, State>,
        trip: impl FnOnce() -> Result<Beat, Error>,
    ) -> Result<Beat, Error> {
        state.started = state.started.saturating_add(1);
        state.running = true;
        state.last_start = Some(Instant::now());
        let number = state.started;
        drop(state);
        let result = trip();
        let mut state = self.lock();
        state.running = false;
        if let Ok(beat) = result {
            state.result = Some((number, beat));
        }
        drop(state);
        self.changed.notify_all();
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When the next may start; `None` while one runs.
    fn next_start(&self, now: Instant) -> Option<Instant> {
        let earliest = self.last_start.and_then(|last| last.checked_add(INTERVAL));
        (!self.running).then(|| earliest.unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        thread,
        time::{Duration, Instant},
    };

    use super::{Beat, Pulse};
    use crate::error::Error;

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn callers_that_failed_before_it_started_share_one_round_trip() {
        let (pulse, trips) = (Pulse::default(), AtomicUsize::new(0));
        let trip = || {
            trips.fetch_add(1, SeqCst);
            thread::sleep(Duration::from_millis(50));
            Ok(Beat::Alive)
        };
        thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| assert_eq!(pulse.check(later(), trip).unwrap(), Beat::Alive));
            }
        });
        // The first caller's own, and one for all who came while it ran; more only if threads start late.
        assert!(trips.load(SeqCst) < 8, "{trips:?}");
    }

    #[test]
    fn at_most_one_round_trip_starts_in_100_ms() {
        let pulse = Pulse::default();
        let before = Instant::now();
        for _ in 0..3 {
            pulse.check(later(), || Ok(Beat::Alive)).unwrap();
        }
        assert!(before.elapsed() >= Duration::from_millis(200));
    }

    #[test]
    fn a_round_trip_without_a_result_is_not_shared() {
        let pulse = Pulse::default();
        let stalled = pulse.check(later(), || Err(Error::kek("asking the token", "late")));
        assert!(stalled.is_err());
        assert_eq!(pulse.check(later(), || Ok(Beat::Dead)).unwrap(), Beat::Dead);
    }

    #[test]
    fn a_caller_waits_no_longer_than_its_deadline() {
        let pulse = Pulse::default();
        pulse.check(later(), || Ok(Beat::Alive)).unwrap();
        pulse.lock().last_start = Some(later());
        let soon = Instant::now() + Duration::from_millis(10);
        assert!(pulse.check(soon, || Ok(Beat::Alive)).is_err());
    }
}
