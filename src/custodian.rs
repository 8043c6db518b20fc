//! What the service does: one verb or noun a file, each the same shape: policy, key holder, one transaction.
//!
//! Blocking, and without HTTP, SQL or PKCS#11: those are the floors above and below.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    crypto::scheme::{Network, Scheme},
    duration::Period,
    error::Error,
    id::DekName,
    kek::{KekKeeper, KeyHolder, NoteKeeper, TokenSigner},
    policy::{Action, Principal},
    store::{Bearer, Credential, ReplyKey, Store},
};

mod approval;
pub mod audit;
pub mod audit_log;
pub mod backup;
pub mod bearer;
pub mod capabilities;
pub mod certificates;
pub mod clock;
mod countersigning;
mod crew;
mod current_kek;
pub mod custodians;
pub mod dek_versions;
pub mod deks;
pub mod deks_in_use;
pub mod encryptions;
pub mod enrolment;
pub mod envelope;
mod expiry;
pub mod figures;
pub mod grants;
pub mod guard;
pub mod health;
pub mod items;
pub mod jobs;
pub mod kek_state;
pub mod kek_versions;
pub mod keyring;
pub mod once;
mod opened;
mod override_record;
pub mod override_requests;
pub mod override_signatures;
pub mod override_view;
pub mod overrides;
pub mod page;
mod patrol;
pub mod pii;
pub mod principals;
pub mod provision;
pub mod restore;
pub mod rewrapping;
pub mod rotation;
pub mod signing;
pub mod signing_keys;
pub mod strangers;
pub mod tend;
pub mod tokens;
pub mod tools;
pub mod wrap;

pub use audit_log::LogTerms;
pub use clock::Clock;
pub use encryptions::Encryptions;
pub use guard::GuardId;
pub use overrides::Terms;
pub use pii::Fields;

/// The service without its transport.
#[derive(Debug)]
pub struct Custodian {
    kek: Arc<dyn KekKeeper>,
    signer: Arc<dyn TokenSigner>,
    notes: Arc<dyn NoteKeeper>,
    store: Store,
    clock: Arc<Clock>,
    rules: Rules,
    audit_log: audit_log::AuditLog,
    gathered: figures::Gathered,
    health: health::Health,
    strangers: strangers::Strangers,
    guards: guard::Guards,
    opened: opened::Opened,
    patrol: patrol::Patrol,
    reserved: encryptions::Reserved,
    current_kek: current_kek::CurrentKek,
    logged: kek_state::Logged,
    /// Held while KEK versions are made and adopted, so that nobody adopts what is no more so.
    kek_turn: Mutex<()>,
    rewrapping: rewrapping::Rewrapping,
    crew: crew::Crew,
    running: Mutex<HashSet<ReplyKey>>,
    /// Held by a rotation that was overtaken, so that it is not overtaken for ever.
    overtaken: Mutex<()>,
}

/// What an operator decides and the verbs obey.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Admins that a change of people or grants needs.
    pub admin_quorum: Quorum,
    /// How long a token lives unless another time is asked for.
    pub token_lifetime: Period,
    /// How long an opened DEK is kept; zero asks the token for each use.
    pub dek_cache: Duration,
    /// How long a DEK version that is to be destroyed can still be saved.
    pub destroy_delay: Duration,
    /// When a key has encrypted enough.
    pub encryptions: Encryptions,
    /// Who rotates a KEK that has.
    pub kek_rotation: KekRotation,
    /// The name of this service: bound into what custodians sign.
    pub instance: Cow<'static, str>,
    /// The signature schemes with which a custodian can be enrolled.
    pub schemes: Cow<'static, [Scheme]>,
    /// Whose addresses `bip322-simple` takes.
    pub network: Network,
    /// What overrides are subject to.
    pub overrides: Terms,
    /// The names of fields whose values are personal.
    pub pii_fields: pii::Fields,
    /// What the audit log is subject to.
    pub log: LogTerms,
}

/// How many admins it takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Quorum {
    /// One admin alone: `dev` only.
    One,
    /// One proposes, another approves.
    Two,
}

/// Who rotates a KEK that has made half of the encryptions that are safe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KekRotation {
    /// An operator: until then readiness says that it is due.
    ByHand,
    /// The service itself.
    ByItself,
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
    /// The guard that this request holds, if it came over the network.
    pub guard: Option<GuardId>,
    by: Credential,
    recorded: Arc<AtomicBool>,
    about: Arc<OnceLock<String>>,
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
            guard: None,
            by: bearer.by,
            recorded: Arc::default(),
            about: Arc::default(),
        }
    }

    /// What the request turned out to be about, where its path does not say it.
    #[must_use]
    pub fn about(&self) -> Option<&str> {
        self.about.get().map(String::as_str)
    }

    fn is_about(&self, what: String) {
        self.about.get_or_init(|| what);
    }

    /// Whether this request's audit entry is on disk.
    #[must_use]
    pub fn recorded(&self) -> bool {
        self.recorded.load(Ordering::Acquire)
    }
}

impl Custodian {
    /// Joins the parts. Nothing can be asked of it before [`Custodian::adopt_keyring`].
    pub fn new(kek: Arc<dyn KeyHolder>, store: Store, clock: Clock, rules: Rules) -> Self {
        Self {
            signer: kek.clone(),
            notes: kek.clone(),
            kek,
            store,
            clock: Arc::new(clock),
            opened: opened::Opened::new(rules.dek_cache),
            rules,
            audit_log: audit_log::AuditLog::default(),
            gathered: figures::Gathered::default(),
            health: health::Health::default(),
            strangers: strangers::Strangers::default(),
            guards: guard::Guards::default(),
            patrol: patrol::Patrol::default(),
            reserved: encryptions::Reserved::default(),
            current_kek: current_kek::CurrentKek::default(),
            logged: kek_state::Logged::default(),
            kek_turn: Mutex::default(),
            rewrapping: rewrapping::Rewrapping::default(),
            crew: crew::Crew::default(),
            running: Mutex::default(),
            overtaken: Mutex::default(),
        }
    }

    /// Forgets open keys, folds the write-ahead log in and leaves the token: the last thing before the end.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; nothing that was answered is lost by it.
    pub fn close(&self) -> Result<(), Error> {
        self.opened.forget_all();
        let logged = self.log_kek_changes();
        let folded = self.store.fold();
        self.kek.close();
        folded.and(logged)
    }
}
