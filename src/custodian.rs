//! What the service does: one verb or noun a file, each the same shape: policy, key holder, one transaction.
//!
//! Blocking, and without HTTP, SQL or PKCS#11: those are the floors above and below.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    duration::Period,
    error::Error,
    id::DekName,
    kek::KekKeeper,
    policy::{Action, Principal},
    store::{Bearer, ReplyKey, Store},
};

mod approval;
pub mod audit;
pub mod bearer;
pub mod capabilities;
pub mod clock;
pub mod deks;
pub mod envelope;
pub mod grants;
pub mod health;
pub mod items;
pub mod keyring;
pub mod once;
pub mod page;
pub mod principals;
pub mod provision;
pub mod strangers;
pub mod tokens;
pub mod wrap;

pub use clock::Clock;

/// The service without its transport.
#[derive(Debug)]
pub struct Custodian {
    kek: Arc<dyn KekKeeper>,
    store: Store,
    clock: Clock,
    rules: Rules,
    health: health::Health,
    strangers: strangers::Strangers,
    running: Mutex<HashSet<ReplyKey>>,
    /// Held by a rotation that was overtaken, so that it is not overtaken for ever.
    overtaken: Mutex<()>,
}

/// What an operator decides and the verbs obey.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Admins that a change of people or grants needs.
    pub admin_quorum: Quorum,
    /// How long a token lives unless another time is asked for.
    pub token_lifetime: Period,
}

/// How many admins it takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Quorum {
    /// One admin alone: `dev` only.
    One,
    /// One proposes, another approves.
    Two,
}

/// Who calls, for what, and under which request id.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub principal: Arc<Principal>,
    /// For what.
    pub action: Action,
    /// Named in every log line and audit entry of this request.
    pub request_id: Arc<str>,
    /// The DEK that the request is about, if it names one.
    pub dek: Option<DekName>,
    token: [u8; 32],
    recorded: Arc<AtomicBool>,
}

impl Caller {
    /// A caller whose request has no audit entry yet.
    #[must_use]
    pub fn new(bearer: Bearer, action: Action, dek: Option<DekName>, request_id: Arc<str>) -> Self {
        Self {
            principal: Arc::new(bearer.principal),
            action,
            request_id,
            dek,
            token: bearer.sha256,
            recorded: Arc::default(),
        }
    }

    /// Whether this request's audit entry is on disk.
    #[must_use]
    pub fn recorded(&self) -> bool {
        self.recorded.load(Ordering::Acquire)
    }
}

impl Custodian {
    /// Joins the parts. No KEK is in use before [`Custodian::adopt_keyring`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store cannot say when it was last written to.
    pub fn new(
        kek: Arc<dyn KekKeeper>,
        store: Store,
        clock: Clock,
        rules: Rules,
    ) -> Result<Self, Error> {
        if let Some(last) = store.read(|view| view.last_audited())? {
            clock.raise(last);
        }
        Ok(Self {
            kek,
            store,
            clock,
            rules,
            health: health::Health::default(),
            strangers: strangers::Strangers::default(),
            running: Mutex::default(),
            overtaken: Mutex::default(),
        })
    }
}
