//! Custodians as people see them, and the end of their power: suspended, reinstated, revoked (api.md section 5).

use base64ct::{Base64, Encoding};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Caller, Custodian, Quorum, Rules,
    audit::Event,
    enrolment::{claim, may_be_custodian},
    overrides::void,
    page::{self, Page, Wanted},
};
use crate::{
    error::Error,
    id::{Id, Subject},
    policy::CustodianState,
    store::{CustodianRow, Moment, Tx, View},
    texts,
    words::Lead,
};

/// A custodian: everything about it is public but to strangers.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustodianView {
    #[schema(value_type = String, format = "uuid")]
    id: Id,
    name: String,
    #[schema(value_type = String)]
    subject: Subject,
    role: Lead,
    /// How it signs: one of `signature_schemes` in `/v1/capabilities`.
    scheme: &'static str,
    /// Base64, or a Bitcoin address for `bip322-simple`.
    public_key: String,
    /// SHA-256 of the key, lower-case hex: for people to compare.
    fingerprint: String,
    /// `pending` until the key is proven and, with a quorum of two, a second admin approves; then `active`,
    /// `suspended`, `revoked`.
    status: &'static str,
    /// The name of this service, which is part of what the challenge is signed with.
    instance: String,
    /// What is to be signed (formats.md section 3): base64 of 32 bytes, while the key is not proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    challenge_expires_at: Option<Timestamp>,
    /// When the custodian proved that it holds the key.
    #[schema(value_type = Option<String>, format = DateTime)]
    proven_at: Option<Timestamp>,
    /// The admin who enrolled it, or who wants to reinstate it.
    proposed_by: String,
    /// The admin who approved that.
    approved_by: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    activated_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// What happened to it, the oldest first.
    history: Vec<MomentView>,
}

/// Something that happened to a custodian.
#[derive(Debug, Serialize, ToSchema)]
pub struct MomentView {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    event: String,
    /// The admin who did it.
    by: String,
    /// Why, where a reason is asked for.
    reason: Option<String>,
}

impl CustodianView {
    /// Its path.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/v1/custodians/{}", self.id)
    }
}

impl Custodian {
    /// One custodian.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub fn custodian(&self, id: &Id) -> Result<CustodianView, Error> {
        let row = self.store.read(|view| enrolled(view, id))?;
        Ok(shown(row, &self.rules))
    }

    /// A page of all custodians in the order of their enrolment, revoked ones too.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor of another list; [`Error::Unavailable`].
    pub fn custodians(&self, wanted: &Wanted) -> Result<Page<CustodianView>, Error> {
        let after = wanted.after().map(str::parse).transpose();
        let after = after.map_err(|_| page::NOT_OURS)?.unwrap_or(0);
        let rows = self
            .store
            .read(|view| view.custodians_after(after, wanted.rows()))?;
        let page = wanted.page(rows, |row| row.seq.to_string());
        let items = page.items.into_iter().map(|row| shown(row, &self.rules));
        Ok(Page {
            items: items.collect(),
            next_cursor: page.next_cursor,
        })
    }

    /// Lets a custodian act no more until it is reinstated; its signatures on overrides that are not approved are void.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Conflict`], [`Error::Unavailable`].
    pub fn suspend_custodian(
        &self,
        who: &Caller,
        id: &Id,
        reason: String,
    ) -> Result<CustodianView, Error> {
        self.end(who, id, reason, "suspended", |_, row| {
            row.state.suspend(row.activated_at.is_some())?;
            row.state = CustodianState::Suspended;
            Ok(())
        })
    }

    /// Ends a custodian for ever; its signatures on overrides that are not approved are void.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Conflict`], [`Error::Unavailable`].
    pub fn revoke_custodian(
        &self,
        who: &Caller,
        id: &Id,
        reason: String,
    ) -> Result<CustodianView, Error> {
        self.end(who, id, reason, "revoked", |tx, row| {
            row.state.revoke()?;
            row.state = CustodianState::Revoked;
            // A key that never could sign binds nobody.
            match row.activated_at {
                Some(_) => Ok(()),
                None => tx.release_components(&row.identity.id),
            }
        })
    }

    /// Lets a suspended custodian act again; with a quorum of two it waits for another admin.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Conflict`], [`Error::TwoPerson`], [`Error::Exists`],
    /// [`Error::Unavailable`].
    pub fn reinstate_custodian(
        &self,
        who: &Caller,
        id: &Id,
        reason: String,
    ) -> Result<CustodianView, Error> {
        let (quorum, rules) = (self.rules.admin_quorum, self.rules.clone());
        let by = who.principal.subject.clone();
        self.alter_custodian(who, id, reason, "reinstated", move |tx, row, _| {
            row.state.reinstate()?;
            may_be_custodian(tx, &row.identity.subject)?;
            claim(tx, &row.identity, &rules)?;
            row.approved_by = (quorum == Quorum::One).then(|| by.to_string());
            row.proposed_by = by.to_string();
            row.state = CustodianState::waiting(row.proven_at.is_some(), row.approved_by.is_some());
            Ok(Vec::new())
        })
    }

    fn end(
        &self,
        who: &Caller,
        id: &Id,
        reason: String,
        event: &'static str,
        change: impl FnOnce(&Tx<'_>, &mut CustodianRow) -> Result<(), Error> + Send + 'static,
    ) -> Result<CustodianView, Error> {
        self.alter_custodian(who, id, reason, event, move |tx, row, now| {
            change(tx, row)?;
            void(tx, &row.identity.id, now)
        })
    }

    /// Changes a custodian for a reason, which stays on record; `change` answers the overrides that it set back.
    fn alter_custodian(
        &self,
        who: &Caller,
        id: &Id,
        reason: String,
        event: &'static str,
        change: impl FnOnce(&Tx<'_>, &mut CustodianRow, Timestamp) -> Result<Vec<Id>, Error>
        + Send
        + 'static,
    ) -> Result<CustodianView, Error> {
        let reason = texts::prose(reason, texts::REASON);
        let (id, by) = (id.clone(), who.principal.subject.to_string());
        let row = self.change(who, move |tx, now| {
            let mut row = enrolled(tx, &id)?;
            let reason = reason?;
            let set_back = change(tx, &mut row, now)?;
            let set_back: Vec<_> = set_back.iter().map(Id::to_string).collect();
            let audited = Event::done(id.to_string())
                .with("subject", row.identity.subject.as_str())
                .with("status", row.state.name())
                .with("reason", reason.as_str())
                .with("overrides_set_back", set_back);
            row.history.push(Moment {
                at: now,
                event: event.to_owned(),
                by,
                reason: Some(reason),
            });
            tx.set_custodian(&row)?;
            Ok((row, audited))
        })?;
        Ok(shown(row, &self.rules))
    }
}

/// The custodian of that id.
pub(super) fn enrolled(view: &View<'_>, id: &Id) -> Result<CustodianRow, Error> {
    let none = Error::NotFound("there is no custodian of that id");
    view.custodian(id)?.ok_or(none)
}

pub(super) fn shown(row: CustodianRow, rules: &Rules) -> CustodianView {
    let revoked_at = row.revoked_at();
    let who = row.identity;
    let waits = row.state == CustodianState::Pending && row.proven_at.is_none();
    CustodianView {
        id: who.id,
        name: who.name,
        subject: who.subject,
        role: who.lead,
        scheme: who.scheme.name(),
        public_key: who.public_key,
        fingerprint: who.fingerprint,
        status: row.state.name(),
        instance: rules.instance.to_string(),
        challenge: waits.then(|| Base64::encode_string(&row.challenge)),
        challenge_expires_at: waits.then_some(row.challenge_until),
        proven_at: row.proven_at,
        proposed_by: row.proposed_by,
        approved_by: row.approved_by,
        created_at: row.created_at,
        activated_at: row.activated_at,
        revoked_at,
        history: row.history.into_iter().map(MomentView::from).collect(),
    }
}

impl From<Moment> for MomentView {
    fn from(moment: Moment) -> Self {
        let Moment {
            at,
            event,
            by,
            reason,
        } = moment;
        Self {
            at,
            event,
            by,
            reason,
        }
    }
}
