//! Requests without a valid token, and those of principals at their limit: counted per source or principal and minute,
//! one audit entry each (api.md section 12).

use std::{
    collections::HashMap,
    mem,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::{Custodian, audit};
use crate::{error::Error, id::Id, log::Outcome};

/// Sources and principals told apart within a minute; beyond it they are counted together.
const SOURCES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    counts: Counts,
}

type Counts = HashMap<Whose, Count>;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Whose {
    Principal(Option<Id>),
    Source(Option<IpAddr>),
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    refused: u32,
    limited: u32,
}

impl Custodian {
    /// Counts a request that was answered 401, or 429 if `limited`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the minute before cannot be logged.
    pub fn count_stranger(&self, source: Option<IpAddr>, limited: bool) -> Result<(), Error> {
        let one = Count {
            refused: u32::from(!limited),
            limited: u32::from(limited),
        };
        self.count(Whose::Source(source), one)
    }

    /// Counts a request of a principal at its limit: it was answered 429.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the minute before cannot be logged.
    pub fn count_limited(&self, principal: Id) -> Result<(), Error> {
        let (refused, limited) = (0, 1);
        self.count(
            Whose::Principal(Some(principal)),
            Count { refused, limited },
        )
    }

    fn count(&self, whose: Whose, more: Count) -> Result<(), Error> {
        self.log_strangers(self.clock.now(), false)?;
        let mut minute = self.minute();
        let known = minute.counts.len() < SOURCES || minute.counts.contains_key(&whose);
        let whose = if known { whose } else { whose.together() };
        minute.counts.entry(whose).or_default().add(more);
        Ok(())
    }

    /// Writes an entry for each source of a minute that is over; with `all`, of this one too.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn flush_strangers(&self, all: bool) -> Result<(), Error> {
        self.log_strangers(self.clock.now(), all)
    }

    fn log_strangers(&self, now: Timestamp, all: bool) -> Result<(), Error> {
        let over = self.take_minute(now, all);
        if over.is_empty() {
            return Ok(());
        }
        let entries = over.clone();
        let logged = self.store.transact(move |tx| {
            for (whose, count) in entries {
                let (action, event) = whose.entry(count);
                audit::append(tx, now, action, None, &event)?;
            }
            Ok(())
        });
        if logged.is_err() {
            self.count_again(over);
        }
        logged
    }

    fn count_again(&self, over: Counts) {
        let mut minute = self.minute();
        for (whose, count) in over {
            minute.counts.entry(whose).or_default().add(count);
        }
    }

    fn take_minute(&self, now: Timestamp, all: bool) -> Counts {
        let number = now.as_second() / 60;
        let mut minute = self.minute();
        if minute.number == number && !all {
            return HashMap::new();
        }
        minute.number = number;
        mem::take(&mut minute.counts)
    }

    fn minute(&self) -> MutexGuard<'_, Minute> {
        let minute = self.strangers.0.lock();
        minute.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Whose {
    fn together(&self) -> Self {
        match self {
            Self::Principal(_) => Self::Principal(None),
            Self::Source(_) => Self::Source(None),
        }
    }

    fn entry(self, count: Count) -> (&'static str, audit::Event) {
        let (action, object, code) = match self {
            Self::Principal(id) => ("requests", id.map(|id| id.to_string()), "rate_limited"),
            Self::Source(source) => {
                let source = source.map(|source| source.to_string());
                ("sign_in", source, "unauthenticated")
            }
        };
        let event = audit::Event::refused(object, Outcome::Refused, code)
            .with("requests", count.refused)
            .with("rate_limited", count.limited);
        (action, event)
    }
}

impl Count {
    fn add(&mut self, more: Self) {
        self.refused = self.refused.saturating_add(more.refused);
        self.limited = self.limited.saturating_add(more.limited);
    }
}
