//! Writes the audit log: each change with its entry in one transaction, each use of a key before its answer.

use std::{iter, sync::atomic::Ordering};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Caller, Custodian, envelope::Used};
use crate::{
    error::{Error, Part},
    log::{Actor, Entry, Outcome},
    policy::{self, Action, Grants},
    store::Tx,
};

/// What an entry says beyond who, when and for what.
#[derive(Clone, Debug)]
pub struct Event {
    object: Option<String>,
    outcome: Outcome,
    detail: Map<String, Value>,
}

/// A part of the log.
#[derive(Debug)]
pub struct Excerpt {
    /// The entries' bytes, exactly as they were logged.
    pub entries: Vec<Vec<u8>>,
    /// How many entries the whole log has.
    pub size: u64,
}

impl Event {
    /// Something was done to `object`.
    pub fn done(object: impl Into<Option<String>>) -> Self {
        Self {
            object: object.into(),
            outcome: Outcome::Ok,
            detail: Map::new(),
        }
    }

    /// A request ended with a problem of this `code`.
    #[must_use]
    pub fn refused(object: Option<String>, outcome: Outcome, code: &'static str) -> Self {
        let event = Self {
            object,
            outcome,
            detail: Map::new(),
        };
        event.with("code", code)
    }

    /// Adds what a principal was granted.
    #[must_use]
    pub(super) fn with_grants(self, grants: Grants) -> Self {
        let event = self.with("deks", grants.deks);
        match grants.servers.is_empty() {
            true => event,
            false => event.with("servers", grants.servers),
        }
    }

    /// Adds a detail. Never a secret, a plaintext or a token.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }
}

impl Custodian {
    /// Changes the store and writes down what was changed, both or neither.
    pub(super) fn change<T: Send + 'static>(
        &self,
        who: &Caller,
        work: impl FnOnce(&Tx<'_>, Timestamp) -> Result<(T, Event), Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (caller, clock) = (who.clone(), self.clock.clone());
        self.guards.rely(who.guard, iter::empty());
        let changed = self.store.transact(move |tx| {
            // Of the writer, so that whoever is later in its order is not earlier in time.
            let now = clock.now();
            caller.still_may(tx, now, &Used::new())?;
            let (value, event) = work(tx, now)?;
            append(tx, now, caller.action.name(), Some(&caller), &event)?;
            Ok(value)
        })?;
        who.recorded.store(true, Ordering::Release);
        Ok(changed)
    }

    /// Changes the store without anyone having asked, and writes that down.
    pub(super) fn alone<T: Send + 'static>(
        &self,
        action: Action,
        work: impl FnOnce(&Tx<'_>, Timestamp) -> Result<(T, Event), Error> + Send + 'static,
    ) -> Result<T, Error> {
        let clock = self.clock.clone();
        self.store.transact(move |tx| {
            let now = clock.now();
            let (value, event) = work(tx, now)?;
            append(tx, now, action.name(), None, &event)?;
            Ok(value)
        })
    }

    /// Writes down a use of keys; answers when it is on disk. Whoever was shut out meanwhile, and what used a DEK
    /// version that was, is refused instead.
    pub(super) fn record_use(&self, who: &Caller, event: Event, used: Used) -> Result<(), Error> {
        let caller = who.clone();
        self.guards.rely(who.guard, used.iter().map(|(dek, _)| dek));
        self.write_down(who, move |tx, now| {
            caller.still_may(tx, now, &used)?;
            still_usable(tx, &used)?;
            append(tx, now, caller.action.name(), Some(&caller), &event)
        })
    }

    /// Writes down that tools of an MCP server were signed; answers when it is on disk. Whoever was shut out
    /// meanwhile, or speaks for the server no more, is refused instead.
    pub(super) fn record_signing(
        &self,
        who: &Caller,
        event: Event,
        server: String,
    ) -> Result<(), Error> {
        let caller = who.clone();
        self.guards.rely(who.guard, iter::empty());
        self.write_down(who, move |tx, now| {
            policy::speak_for(&caller.still_may(tx, now, &Used::new())?, &server)?;
            append(tx, now, caller.action.name(), Some(&caller), &event)
        })
    }

    /// Writes down a refusal; answers when it is on disk.
    ///
    /// # Errors
    /// [`Error::Unavailable`] of [`Part::Audit`]: then there is no answer to give either.
    pub fn record_refusal(&self, who: &Caller, event: Event) -> Result<(), Error> {
        let caller = who.clone();
        self.write_down(who, move |tx, now| {
            append(tx, now, caller.action.name(), Some(&caller), &event)
        })
    }

    fn write_down(
        &self,
        who: &Caller,
        write: impl FnOnce(&Tx<'_>, Timestamp) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let clock = self.clock.clone();
        let written = self.store.transact(move |tx| write(tx, clock.now()));
        written.map_err(unwritten)?;
        who.recorded.store(true, Ordering::Release);
        Ok(())
    }

    /// Entries from number `from` on, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn audit_entries(&self, from: u64, limit: usize) -> Result<Excerpt, Error> {
        self.store.read(|view| {
            Ok(Excerpt {
                entries: view.audit_entries(from, limit)?,
                size: view.audit_size()?,
            })
        })
    }
}

/// A store that does not answer is, for a use of a key, an audit log that does not.
fn unwritten(error: Error) -> Error {
    let Error::Unavailable { source, .. } = error else {
        return error;
    };
    Error::Unavailable {
        part: Part::Audit,
        what: "writing an audit entry",
        source,
    }
}

/// Whether each version that a request used may still be used when that is written down.
fn still_usable(tx: &Tx<'_>, used: &Used) -> Result<(), Error> {
    used.iter().try_for_each(|(dek, version)| {
        let row = tx.dek_version(dek, version)?;
        row.ok_or(policy::NO_VERSION)?.state.usable()
    })
}

/// Appends one entry in the transaction of what it is about.
pub(super) fn append(
    tx: &Tx<'_>,
    now: Timestamp,
    action: &str,
    who: Option<&Caller>,
    event: &Event,
) -> Result<(), Error> {
    tx.append_entry(now, |index, at| {
        let entry = Entry {
            action,
            actor: who.map(|who| Actor {
                id: &who.principal.id,
                subject: &who.principal.subject,
            }),
            at,
            detail: &event.detail,
            index,
            object: event.object.as_deref(),
            outcome: event.outcome,
            request_id: who.map(|who| &*who.request_id),
        };
        entry.bytes()
    })
}
