//! Principals and their grants: proposed by one admin, approved by another (api.md sections 2 and 4).

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Caller, Custodian, Quorum,
    approval::{independent, live, other_admins, quorum_stays},
    audit::Event,
    bearer::BearerToken,
    guard::Shut,
    once::{self, Made, Once, ShownOnce},
    page::{self, Page, Wanted},
    tokens::{Lifetime, TokenView},
};
use crate::{
    error::Error,
    id::{Id, Subject},
    policy::{self, CustodianState, Grants, Principal, Role, Roles},
    store::{NewPrincipal, PrincipalRow, PrincipalState, TokenRow, TokenState, Tx, View},
};

/// What an admin asks for; a field that is missing is refused only after separation of duties was checked.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Unique among live principals: 1 to 128 characters in Unicode NFC, none of them a control character.
    pub name: Option<String>,
    /// The human or service behind it.
    pub subject: Option<Subject>,
    /// What it may be.
    pub roles: Roles,
    /// Which DEKs it may use.
    pub grants: Grants,
    /// Absent: the new principal's own id.
    pub wrap_scope: Option<String>,
    /// How long its first token lives.
    pub lifetime: Lifetime,
    /// SHA-256 of its TLS client certificate, lower-case hex.
    pub client_cert: Option<String>,
    /// Which custodian record it is bound to.
    pub custodian_id: Option<Id>,
}

/// A principal as admins see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PrincipalView {
    #[schema(value_type = String)]
    id: Id,
    name: String,
    #[schema(value_type = String)]
    subject: Subject,
    #[schema(value_type = Vec<Role>)]
    roles: Roles,
    grants: Grants,
    wrap_scope: String,
    /// `active`, or `pending` until another admin approves.
    status: &'static str,
    /// The subject that proposed it; null for the first principals.
    created_by: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_cert_sha256: Option<String>,
    /// The custodian that it acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    custodian_id: Option<Id>,
    /// Grants that wait for another admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_grants: Option<Grants>,
    /// The subject that proposed them.
    #[serde(skip_serializing_if = "Option::is_none")]
    grants_proposed_by: Option<String>,
    tokens: Vec<TokenView>,
}

/// A principal and the token that is shown once.
#[derive(Debug)]
pub struct Welcome {
    /// The principal.
    pub view: WelcomeView,
    /// Its first token.
    pub token: BearerToken,
}

/// A new principal as its proposer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct WelcomeView {
    #[serde(flatten)]
    principal: PrincipalView,
    /// When its first token ends; null is never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl WelcomeView {
    /// Its path.
    #[must_use]
    pub fn location(&self) -> String {
        location(&self.principal.id)
    }
}

impl Custodian {
    /// Makes a principal with its first token.
    ///
    /// # Errors
    /// [`Error::TwoPerson`], [`Error::Invalid`], [`Error::Exists`], [`Error::Unavailable`].
    pub fn create_principal(
        &self,
        who: &Caller,
        proposal: Proposal,
        once: Option<&Once>,
    ) -> Result<Made<Welcome>, Error> {
        self.once(who, once, || {
            self.make_principal(who, proposal, once.cloned())
        })
    }

    /// One principal with its tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub fn principal(&self, id: &Id) -> Result<PrincipalView, Error> {
        self.store.read(|view| shown(view, live(view, id)?))
    }

    /// A page of the live principals in the order of their creation.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor of another list; [`Error::Unavailable`].
    pub fn principals(&self, wanted: &Wanted) -> Result<Page<PrincipalView>, Error> {
        let after = wanted
            .after()
            .map(str::parse)
            .transpose()
            .map_err(|_| page::NOT_OURS)?;
        self.store.read(|view| {
            let rows = view.principals_after(after.unwrap_or(0), wanted.rows())?;
            let page = wanted.page(rows, |row| row.seq.to_string());
            let items = page.items.into_iter().map(|row| shown(view, row));
            Ok(Page {
                items: items.collect::<Result<_, _>>()?,
                next_cursor: page.next_cursor,
            })
        })
    }

    /// Deletes a principal; its tokens die with it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for one of the last two admins; [`Error::Unavailable`].
    pub fn delete_principal(&self, who: &Caller, id: &Id) -> Result<(), Error> {
        let (id, quorum) = (id.clone(), self.rules.admin_quorum);
        let gone = id.clone();
        self.change(who, move |tx, now| {
            let row = live(tx, &id)?;
            if row.principal.roles.contains(&Role::Admin) {
                quorum_stays(tx, &other_admins(tx, &id, now)?, quorum)?;
            }
            tx.delete_principal(&id)?;
            tx.revoke_tokens_of(&id)?;
            let event = Event::done(id.to_string()).with("subject", row.principal.subject.as_str());
            Ok(((), event))
        })?;
        self.guards.wait(who.guard, &Shut::Principal(&gone));
        Ok(())
    }

    /// Lets a pending principal sign in.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TwoPerson`], [`Error::Conflict`] unless it is pending, [`Error::Unavailable`].
    pub fn approve_principal(&self, who: &Caller, id: &Id) -> Result<PrincipalView, Error> {
        let (id, approver) = (id.clone(), who.clone());
        self.change(who, move |tx, now| {
            let row = live(tx, &id)?;
            if row.state != PrincipalState::Pending {
                return Err(Error::Conflict(
                    "this principal is not waiting for an approval",
                ));
            }
            independent(tx, &approver, row.created_by.as_deref())?;
            tx.activate_principal(&id, now)?;
            Ok((shown(tx, live(tx, &id)?)?, Event::done(id.to_string())))
        })
    }

    fn make_principal(
        &self,
        who: &Caller,
        proposal: Proposal,
        once: Option<Once>,
    ) -> Result<Welcome, Error> {
        let token = BearerToken::fresh()?;
        let (sha256, by) = (token.sha256(), who.principal.subject.clone());
        let expires_at = self.expiry(proposal.lifetime);
        let state = self.first_state(&proposal.roles);
        let view = self.change(who, move |tx, now| {
            separate(tx, &proposal)?;
            let new = new_principal(proposal, state, &by, now)?;
            bound(tx, &new.principal)?;
            let token = TokenRow::issued(Some(&by), TokenState::Active, now, expires_at);
            let view = welcome(tx, &new, &token, &sha256)?;
            let kept = ShownOnce::without(&view);
            once::keep(once.as_ref(), tx, now, view.location(), &kept)?;
            Ok((view, proposed(&new)))
        })?;
        Ok(Welcome { view, token })
    }

    fn first_state(&self, roles: &Roles) -> PrincipalState {
        match self.rules.admin_quorum {
            Quorum::Two if policy::needs_approval(roles) => PrincipalState::Pending,
            Quorum::One | Quorum::Two => PrincipalState::Active,
        }
    }
}

/// The path of a principal.
#[must_use]
pub fn location(id: &Id) -> String {
    format!("/v1/admin/principals/{id}")
}

fn welcome(
    tx: &Tx<'_>,
    new: &NewPrincipal,
    token: &TokenRow,
    sha256: &[u8; 32],
) -> Result<WelcomeView, Error> {
    tx.insert_principal(new)?;
    tx.insert_token(&new.principal.id, token, sha256)?;
    Ok(WelcomeView {
        principal: shown(tx, live(tx, &new.principal.id)?)?,
        expires_at: token.expires_at,
    })
}

/// All that an auditor must see of what was proposed.
fn proposed(new: &NewPrincipal) -> Event {
    let who = &new.principal;
    Event::done(who.id.to_string())
        .with("name", who.name.as_str())
        .with("subject", who.subject.as_str())
        .with("roles", serde_json::json!(who.roles))
        .with_grants(who.grants.clone())
        .with("wrap_scope", who.wrap_scope.as_str())
        .with("custodian_id", who.custodian.as_ref().map(Id::as_str))
        .with("client_cert_sha256", new.client_cert.clone())
        .with("status", new.state.name())
}

fn separate(tx: &Tx<'_>, proposal: &Proposal) -> Result<(), Error> {
    let mut union = match &proposal.subject {
        Some(subject) => tx.roles_of(subject)?,
        None => Roles::new(),
    };
    union.extend(&proposal.roles);
    if let Some(subject) = &proposal.subject
        && tx
            .live_custodians()?
            .iter()
            .any(|row| row.identity.subject == *subject)
    {
        union.insert(Role::Custodian);
    }
    policy::separate(&union)
}

/// Whether a principal that acts for a custodian is that very person.
fn bound(tx: &Tx<'_>, new: &Principal) -> Result<(), Error> {
    let Some(id) = &new.custodian else {
        return Ok(());
    };
    let row = tx.custodian(id)?;
    let row = row
        .filter(|row| row.state != CustodianState::Revoked)
        .ok_or(Error::Invalid(
            "custodian_id names no custodian that is enrolled and not revoked",
        ))?;
    if row.identity.subject != new.subject {
        return Err(Error::Invalid(
            "the subject of a principal with the role custodian is that of its custodian",
        ));
    }
    match tx.principal_of(id)? {
        None => Ok(()),
        Some(_) => Err(Error::Exists(
            "another principal acts for this custodian already; delete that one first, or give it another token",
        )),
    }
}

fn new_principal(
    proposal: Proposal,
    state: PrincipalState,
    by: &Subject,
    now: Timestamp,
) -> Result<NewPrincipal, Error> {
    proposal.grants.check()?;
    if proposal.custodian_id.is_some() != proposal.roles.contains(&Role::Custodian) {
        return Err(Error::Invalid(
            "the role custodian and a custodian_id go together: enrol the custodian first",
        ));
    }
    if proposal.roles.is_empty() {
        return Err(Error::Invalid("roles has at least one role"));
    }
    let id = Id::random();
    let name = proposal
        .name
        .ok_or(Error::Invalid("missing field `name`"))?;
    let subject = proposal
        .subject
        .ok_or(Error::Invalid("missing field `subject`"))?;
    Ok(NewPrincipal {
        principal: Principal {
            wrap_scope: proposal.wrap_scope.unwrap_or_else(|| id.to_string()),
            id,
            name,
            subject,
            roles: proposal.roles,
            grants: proposal.grants,
            custodian: proposal.custodian_id,
        },
        client_cert: proposal.client_cert,
        state,
        created_by: Some(by.to_string()),
        created_at: now,
    })
}

pub(super) fn shown(view: &View<'_>, row: PrincipalRow) -> Result<PrincipalView, Error> {
    let tokens = view.tokens_of(&row.principal.id)?;
    let (pending_grants, grants_proposed_by) = row.pending_grants.unzip();
    Ok(PrincipalView {
        tokens: tokens.into_iter().map(TokenView::from).collect(),
        id: row.principal.id,
        name: row.principal.name,
        subject: row.principal.subject,
        roles: row.principal.roles,
        grants: row.principal.grants,
        wrap_scope: row.principal.wrap_scope,
        status: row.state.name(),
        created_by: row.created_by,
        created_at: row.created_at,
        client_cert_sha256: row.client_cert,
        custodian_id: row.principal.custodian,
        pending_grants,
        grants_proposed_by,
    })
}
