//! Overrides: requested by an application, seen, withdrawn, expired (api.md section 8).

use std::{borrow::Cow, collections::BTreeSet, iter, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Caller, Custodian, Rules,
    audit::Event,
    once::{self, Made, Once},
    override_record::Record,
    override_view::{OverrideView, shown},
    page::{self, Page, Wanted},
};
use crate::{
    crypto::messages::{Asked, Bound},
    duration::Period,
    error::Error,
    id::{Id, Subject},
    policy::{OverrideEvent, OverrideStatus, Role},
    store::{Closing, OverrideRow, Request, SignatureRow, Sought, Tx},
    texts,
    words::{Binding, Environment, Gate},
};

/// What an operator decides about overrides.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What custodians' signatures bind.
    pub binding: Binding,
    /// The longest that an override may stay open, and what it gets unless it asks for less.
    pub longest: Duration,
    /// Whether each request must name the human behind it.
    pub require_on_behalf_of: bool,
    /// The version of the governance policy that certificates name.
    pub policy_version: Cow<'static, str>,
}

/// An override is open at least so long.
const SHORTEST: Duration = Duration::from_secs(60);

/// What an application asks for.
#[derive(Clone, Debug)]
pub struct NewOverride {
    /// What it is about: 1 to 256 characters.
    pub proposal_id: String,
    /// Why: 1 to 4,096 characters.
    pub justification: String,
    /// The gates that failed, each once.
    pub failed_gates: Vec<Gate>,
    /// Where it may run.
    pub environment: Environment,
    /// How long it stays open; `None` is as long as the terms allow.
    pub expires_in: Option<Period>,
    /// The human behind the request.
    pub on_behalf_of: Option<Subject>,
}

/// Which overrides a caller wants to see.
#[derive(Clone, Debug, Default)]
pub struct OverrideFilter {
    /// In which status.
    pub status: Option<OverrideStatus>,
    /// About which proposal.
    pub proposal_id: Option<String>,
}

/// How a custodian rejected an override.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rejected<'a> {
    pub(super) custodian_id: &'a str,
    pub(super) reason: &'a str,
    pub(super) signature: &'a str,
}

impl Custodian {
    /// Requests an override.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotOverridable`] for the gate `complexity`, [`Error::Exists`] for a question that
    /// was asked before, [`Error::Unavailable`].
    pub fn request_override(
        &self,
        who: &Caller,
        new: NewOverride,
        once: Option<&Once>,
    ) -> Result<Made<OverrideView>, Error> {
        self.once(who, once, || {
            let open = self.open_for(new.expires_in)?;
            let asked = self.checked(&new)?;
            let (terms, by) = (self.rules.clone(), who.principal.subject.clone());
            let once = once.cloned();
            self.change(who, move |tx, now| {
                let request = Asking {
                    asked,
                    environment: new.environment,
                    requested_by: by,
                    on_behalf_of: new.on_behalf_of,
                    instance: terms.instance.to_string(),
                    binding: terms.overrides.binding,
                    created_at: now,
                    expires_at: whole_second(now.saturating_add(open).unwrap_or(now)),
                };
                let request = request.hashed()?;
                tx.insert_override(&request)?;
                let event = requested(&request);
                let view = shown(&Record::of(tx, &request.id)?, &terms.schemes, now)?;
                once::keep(once.as_ref(), tx, now, view.location(), &view)?;
                Ok((view, event))
            })
        })
    }

    /// One override, if the caller may know of it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub fn override_of(&self, who: &Caller, id: &Id) -> Result<OverrideView, Error> {
        let now = self.clock.now();
        let read = || self.store.read(|view| Record::of(view, id));
        let record = read()?;
        sees(who, &record.row)?;
        let record = match self.settle(iter::once(&record), now) {
            true => read()?,
            false => record,
        };
        shown(&record, &self.rules.schemes, now)
    }

    /// A page of the overrides that the caller may know of, in the order of their requests.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor of another list; [`Error::Unavailable`].
    pub fn overrides(
        &self,
        who: &Caller,
        filter: OverrideFilter,
        wanted: &Wanted,
    ) -> Result<Page<OverrideView>, Error> {
        let after = wanted.after().map(str::parse).transpose();
        let after = after.map_err(|_| page::NOT_OURS)?.unwrap_or(0);
        let sought = Sought {
            status: filter.status,
            proposal_id: filter.proposal_id,
            requested_by: (!sees_all(who)).then(|| who.principal.subject.clone()),
            now: self.clock.now(),
        };
        let read = || {
            self.store.read(|view| {
                let rows = view.overrides_after(&sought, after, wanted.rows())?;
                let page = wanted.page(rows, |row| row.seq.to_string());
                let records = page.items.into_iter().map(|row| Record::with(view, row));
                Ok(Page {
                    items: records.collect::<Result<Vec<_>, Error>>()?,
                    next_cursor: page.next_cursor,
                })
            })
        };
        let page = read()?;
        let page = match self.settle(page.items.iter(), sought.now) {
            true => read()?,
            false => page,
        };
        let show = |record: &Record| shown(record, &self.rules.schemes, sought.now);
        Ok(Page {
            items: page.items.iter().map(show).collect::<Result<_, _>>()?,
            next_cursor: page.next_cursor,
        })
    }

    /// Withdraws an override: by its requester.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`], [`Error::Expired`], [`Error::Unavailable`].
    pub fn withdraw_override(&self, who: &Caller, id: &Id) -> Result<OverrideView, Error> {
        let (id, caller, schemes) = (id.clone(), who.clone(), self.rules.schemes.clone());
        self.change(who, move |tx, now| {
            let record = Record::of(tx, &id)?;
            sees(&caller, &record.row)?;
            if record.row.request.requested_by != caller.principal.subject {
                return Err(Error::Denied(
                    "only its requester can withdraw an override; a custodian can reject it",
                ));
            }
            record.go(tx, &OverrideEvent::Withdraw, now, Closing::default())?;
            let view = shown(&Record::of(tx, &id)?, &schemes, now)?;
            Ok((view, Event::done(id.to_string())))
        })
    }

    fn open_for(&self, asked: Option<Period>) -> Result<Duration, Error> {
        let longest = self.rules.overrides.longest;
        let open = asked.map_or(longest, Period::duration);
        match (SHORTEST..=longest).contains(&open) {
            true => Ok(open),
            false => Err(Error::Invalid(
                "expires_in is a duration such as 30m, from 1m to what this service allows (24h by default)",
            )),
        }
    }

    fn checked(&self, new: &NewOverride) -> Result<Asked, Error> {
        const JUSTIFICATION: &str = "justification has 1 to 4,096 characters and is not blank; of control characters \
             only tab and line feed";
        let gates: BTreeSet<_> = new.failed_gates.iter().copied().collect();
        if gates.is_empty() || gates.len() < new.failed_gates.len() {
            return Err(Error::Invalid(
                "failed_gates has each failed gate once, and at least one",
            ));
        }
        let justification = texts::prose(new.justification.clone(), JUSTIFICATION)?;
        let proposal_id = texts::proposal(new.proposal_id.clone())?;
        if self.rules.overrides.require_on_behalf_of && new.on_behalf_of.is_none() {
            return Err(Error::Invalid(
                "on_behalf_of names the human behind the request; this service requires it",
            ));
        }
        if gates.contains(&Gate::Complexity) {
            return Err(Error::NotOverridable(
                "the gate complexity cannot be overridden by anyone; make the change simpler",
            ));
        }
        Ok(Asked::new(proposal_id, justification, gates))
    }
}

/// Not every RFC 3339 reader takes any number of digits: Python's takes three or six until 3.11.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Whoever was faster has closed it, or it is no more to be approved: that is as good.
pub(super) fn overtaken(done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(Error::BadSignature(_) | Error::Conflict(_)) => Ok(()),
        done => done,
    }
}

pub(super) const NO_OVERRIDE: Error =
    Error::NotFound("there is no override of that id that you may see");

fn sees_all(who: &Caller) -> bool {
    let roles = &who.principal.roles;
    roles.contains(&Role::Auditor) || roles.contains(&Role::Custodian)
}

/// An application sees its own overrides; whoever audits or signs sees all.
pub(super) fn sees(who: &Caller, row: &OverrideRow) -> Result<(), Error> {
    match sees_all(who) || row.request.requested_by == who.principal.subject {
        true => Ok(()),
        false => Err(NO_OVERRIDE),
    }
}

/// Voids what a custodian signed and is not approved; answers the overrides that it sets back.
pub(super) fn void(tx: &Tx<'_>, custodian: &Id, now: Timestamp) -> Result<Vec<Id>, Error> {
    let mut set_back = Vec::new();
    for signature in tx.open_signatures(custodian)? {
        if void_one(tx, &signature, now)? {
            set_back.push(signature.override_id);
        }
    }
    Ok(set_back)
}

/// Voids signatures on an override that are by a scheme or a network which is configured no more: their roles are open
/// again.
pub(super) fn distrust(
    tx: &Tx<'_>,
    rules: &Rules,
    id: &Id,
    now: Timestamp,
) -> Result<Record, Error> {
    let record = Record::of(tx, id)?;
    for (signature, who) in record.valid() {
        if rules.key(&who.identity).is_err() {
            void_one(tx, signature, now)?;
        }
    }
    Record::of(tx, id)
}

/// Answers whether the override was still open: what is over stays as it was, whether that is written down or not.
fn void_one(tx: &Tx<'_>, signature: &SignatureRow, now: Timestamp) -> Result<bool, Error> {
    let record = Record::of(tx, &signature.override_id)?;
    let (standing, custodian) = (record.standing(), &signature.custodian_id);
    let open = standing.status_at(now).is_open();
    if open {
        let to = standing.after(&OverrideEvent::Void { custodian }, now)?;
        tx.void_signature(signature)?;
        tx.move_override(&record.row, to, &Closing::default())?;
    }
    Ok(open)
}

/// A request whose hashes are still to be made.
struct Asking {
    asked: Asked,
    environment: Environment,
    requested_by: Subject,
    on_behalf_of: Option<Subject>,
    instance: String,
    binding: Binding,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Asking {
    fn hashed(self) -> Result<Request, Error> {
        let id = Id::random();
        let message_hash = self.asked.message_hash()?;
        let signing_hash = match self.binding {
            Binding::Aegis => message_hash,
            Binding::Bound => Bound {
                environment: self.environment,
                expires_at: &self.expires_at.to_string(),
                instance: &self.instance,
                message_hash: &hex::encode(message_hash),
                on_behalf_of: self.on_behalf_of.as_ref().map(Subject::as_str),
                override_id: id.as_str(),
                requested_by: self.requested_by.as_str(),
            }
            .signing_hash()?,
        };
        Ok(Request {
            id,
            asked: self.asked,
            environment: self.environment,
            requested_by: self.requested_by,
            on_behalf_of: self.on_behalf_of,
            instance: self.instance,
            binding: self.binding,
            message_hash,
            signing_hash,
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

fn requested(request: &Request) -> Event {
    let gates: Vec<_> = request
        .asked
        .failed_gates
        .iter()
        .map(|gate| gate.name())
        .collect();
    Event::done(request.id.to_string())
        .with("proposal_id", request.asked.proposal_id.as_str())
        .with("failed_gates", gates)
        .with("environment", request.environment.name())
        .with(
            "on_behalf_of",
            request.on_behalf_of.as_ref().map(Subject::as_str),
        )
        .with("message_hash", hex::encode(request.message_hash))
        .with("signing_hash", hex::encode(request.signing_hash))
        .with("expires_at", request.expires_at.to_string())
}
