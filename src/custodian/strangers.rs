//! Requests without a valid token: counted per source and minute, one audit entry each (api.md section 12).

use std::{
    collections::HashMap,
    mem,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::{Custodian, audit};
use crate::{error::Error, log::Outcome};

/// Sources told apart within a minute; beyond it they are counted together.
const SOURCES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    counts: HashMap<Option<IpAddr>, Count>,
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
        self.log_strangers(self.clock.now(), false)?;
        let mut minute = self.minute();
        let known = minute.counts.len() < SOURCES || minute.counts.contains_key(&source);
        let count = minute.counts.entry(source.filter(|_| known)).or_default();
        let counter = if limited {
            &mut count.limited
        } else {
            &mut count.refused
        };
        *counter = counter.saturating_add(1);
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
            for (source, count) in entries {
                let source = source.map(|source| source.to_string());
                let event = audit::Event::refused(source, Outcome::Refused, "unauthenticated")
                    .with("requests", count.refused)
                    .with("rate_limited", count.limited);
                audit::append(tx, now, "sign_in", None, &event)?;
            }
            Ok(())
        });
        if logged.is_err() {
            self.count_again(over);
        }
        logged
    }

    fn count_again(&self, over: HashMap<Option<IpAddr>, Count>) {
        let mut minute = self.minute();
        for (source, count) in over {
            let sum = minute.counts.entry(source).or_default();
            sum.refused = sum.refused.saturating_add(count.refused);
            sum.limited = sum.limited.saturating_add(count.limited);
        }
    }

    fn take_minute(&self, now: Timestamp, all: bool) -> HashMap<Option<IpAddr>, Count> {
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
