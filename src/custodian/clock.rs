//! Time, which never runs backwards: the later of the system's clock and the last time that was seen.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

/// A jump back of more than this makes the service not ready.
const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

/// Where verbs get the time from; in whole microseconds.
pub struct Clock {
    source: Box<dyn Fn() -> Timestamp + Send + Sync>,
    floor: AtomicI64,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn system() -> Self {
        Self::from(Timestamp::now)
    }

    /// A clock that `source` drives.
    pub fn from(source: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            source: Box::new(source),
            floor: AtomicI64::new(i64::MIN),
        }
    }

    /// Now, never earlier than any time answered or raised to before.
    pub fn now(&self) -> Timestamp {
        let given = (self.source)();
        let before = self
            .floor
            .fetch_max(given.as_microsecond(), Ordering::AcqRel);
        Timestamp::from_microsecond(before.max(given.as_microsecond())).unwrap_or(given)
    }

    /// `period` from now.
    pub fn after(&self, period: Duration) -> Timestamp {
        self.now().saturating_add(period).unwrap_or(Timestamp::MAX)
    }

    /// `period` ago.
    pub fn before(&self, period: Duration) -> Timestamp {
        self.now().saturating_sub(period).unwrap_or(Timestamp::MIN)
    }

    /// Never answers a time before `seen` again.
    pub fn raise(&self, seen: Timestamp) {
        self.floor
            .fetch_max(seen.as_microsecond(), Ordering::AcqRel);
    }

    /// Whether the source is more than five minutes behind what was seen.
    pub fn jumped_back(&self) -> bool {
        let given = (self.source)();
        self.now().duration_since(given) > TOLERATED
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Clock")
    }
}

/// Not every RFC 3339 reader takes any number of digits: Python's takes three or six until 3.11.
pub(super) fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use jiff::Timestamp;

    use super::Clock;

    #[test]
    fn time_stands_still_while_the_source_runs_backwards() {
        let seconds = Arc::new(AtomicI64::new(1_000_000));
        let source = Arc::clone(&seconds);
        let clock =
            Clock::from(move || Timestamp::from_second(source.load(Ordering::SeqCst)).unwrap());
        let first = clock.now();
        seconds.store(999_000, Ordering::SeqCst);
        assert_eq!(clock.now(), first);
        assert!(clock.jumped_back());
        seconds.store(1_000_001, Ordering::SeqCst);
        assert!(clock.now() > first);
        assert!(!clock.jumped_back());
    }
}
