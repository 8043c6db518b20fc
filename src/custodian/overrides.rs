//! Overrides: seen, withdrawn, and set back when a signature counts no more (api.md section 8).

use std::{borrow::Cow, iter, time::Duration};

use jiff::Timestamp;

use super::{
    Caller, Custodian, Rules,
    audit::Event,
    override_record::Record,
    override_view::{OverrideView, shown},
    page::{self, Page, Wanted},
};
use crate::{
    error::Error,
    id::Id,
    policy::{OverrideEvent, OverrideStatus, Role},
    store::{Closing, OverrideRow, SignatureRow, Sought, Tx},
    words::Binding,
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

/// Which overrides a caller wants to see.
#[derive(Clone, Debug, Default)]
pub struct OverrideFilter {
    /// In which status.
    pub status: Option<OverrideStatus>,
    /// About which proposal.
    pub proposal_id: Option<String>,
}

impl Custodian {
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
