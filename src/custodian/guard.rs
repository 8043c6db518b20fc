//! Guards: each request holds one from before it signs in until its answer is handed over, so that whoever shuts a
//! DEK, a token or a principal can wait until no answer that used it is still to be sent (api.md section 7).
//!
//! A request is waited for once it relies on what it saw: reading does at once; what is audited does when it is written
//! down, since that transaction looks again.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::Custodian;
use crate::{
    id::{DekName, Id},
    policy::Action,
    store::{Bearer, Credential},
};

/// How long a change waits for callers that read their answers slowly; then these are cut off.
const PATIENCE: Duration = Duration::from_secs(3);

/// The number of a request that is on its way.
pub type GuardId = u64;

/// Requests on their way.
#[derive(Debug, Default)]
pub(super) struct Guards {
    held: Mutex<Held>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    next: GuardId,
    requests: HashMap<GuardId, Request>,
}

#[derive(Debug)]
struct Request {
    uses: Uses,
    /// Its answer relies on what it saw.
    relies: bool,
    /// It has done its own work and waits for others: nobody waits for it, or two would for each other. Its answer is
    /// void like any other that comes too late.
    waits: bool,
    void: Arc<AtomicBool>,
}

/// What a request's answer depends on.
#[derive(Debug)]
pub struct Uses {
    /// The caller, and its token unless it showed a certificate; `None` while it signs in.
    pub caller: Option<(Id, Option<Id>)>,
    /// What the caller wants.
    pub action: Action,
    /// The DEKs that it uses: the one that its path names, or those that its body turned out to.
    pub deks: BTreeSet<DekName>,
}

/// What was shut.
#[derive(Debug)]
pub(super) enum Shut<'a> {
    /// A version of this DEK, or who may use it.
    Dek(&'a DekName),
    /// Every token of this principal, or what it may use.
    Principal(&'a Id),
    /// This token.
    Token(&'a Id),
}

/// Held by one request; dropped once its answer is handed over.
#[derive(Debug)]
pub struct Guard {
    id: GuardId,
    void: Arc<AtomicBool>,
    custodian: Arc<Custodian>,
}

impl Guard {
    /// Begins a request, before anything is looked up for it.
    #[must_use]
    pub fn begin(custodian: Arc<Custodian>, uses: Uses) -> Self {
        let void = Arc::<AtomicBool>::default();
        let mut held = custodian.guards.held();
        let id = held.next;
        held.next = id.wrapping_add(1);
        let request = Request {
            relies: !uses.action.audited(),
            uses,
            waits: false,
            void: void.clone(),
        };
        held.requests.insert(id, request);
        drop(held);
        Self {
            id,
            void,
            custodian,
        }
    }

    /// Notes who signed in.
    pub fn signed_in(&self, bearer: &Bearer) {
        if let Some(request) = self.custodian.guards.held().requests.get_mut(&self.id) {
            let token = match &bearer.by {
                Credential::Certificate(_) => None,
                Credential::Token(id, _) => Some(id.clone()),
            };
            request.uses.caller = Some((bearer.principal.id.clone(), token));
        }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> GuardId {
        self.id
    }

    /// Whether what the answer used was shut and nobody waits for it any more: then no more of it may be sent.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.void.load(Ordering::Acquire)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.custodian.guards.held().requests.remove(&self.id);
        self.custodian.guards.released.notify_all();
    }
}

impl Guards {
    /// From now on the request relies on what it is about to see for the last time: these DEKs among it.
    pub(super) fn rely<'a>(&self, own: Option<GuardId>, deks: impl Iterator<Item = &'a DekName>) {
        let mut held = self.held();
        if let Some(request) = own.and_then(|own| held.requests.get_mut(&own)) {
            request.relies = true;
            request.uses.deks.extend(deks.cloned());
        }
    }

    /// Waits until every request that may have used what was just shut has handed its answer over; voids the
    /// answers of callers that take too long. To be called after the change is on disk: what begins later sees it.
    pub(super) fn wait(&self, own: Option<GuardId>, shut: &Shut<'_>) {
        let until = Instant::now() + PATIENCE;
        let mut held = self.held();
        if let Some(request) = own.and_then(|own| held.requests.get_mut(&own)) {
            request.waits = true;
            self.released.notify_all();
        }
        let relies = |(id, request): (&GuardId, &Request)| {
            (Some(*id) != own && request.relies && request.uses.hurt_by(shut)).then_some(*id)
        };
        let awaited: BTreeSet<_> = held.requests.iter().filter_map(relies).collect();
        // Asked anew each time: who was signing in may turn out to be somebody else.
        let hurt = |request: &&Request| request.uses.hurt_by(shut);
        let left = |held: &Held| {
            let mut left = awaited.iter().filter_map(|id| held.requests.get(id));
            left.any(|request| !request.waits && hurt(&request))
        };
        while left(&held) {
            let patience = until.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                break;
            }
            let waited = self.released.wait_timeout(held, patience);
            held = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let late = awaited.iter().filter_map(|id| held.requests.get(id));
        for request in late.filter(hurt) {
            request.void.store(true, Ordering::Release);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Uses {
    fn hurt_by(&self, shut: &Shut<'_>) -> bool {
        match shut {
            Shut::Dek(name) => self.action.uses_dek() && self.deks.contains(*name),
            Shut::Principal(id) => self.caller.as_ref().is_none_or(|(own, _)| own == *id),
            Shut::Token(id) => self
                .caller
                .as_ref()
                .is_none_or(|(_, own)| own.as_ref() == Some(*id)),
        }
    }
}
