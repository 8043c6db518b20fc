//! Further tokens of a principal: issued, approved, revoked (api.md section 4).

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Caller, Custodian, Quorum,
    approval::{independent, live, other_admins},
    audit::Event,
    bearer::BearerToken,
    guard::Shut,
    once::{self, Made, Once, ShownOnce},
};
use crate::{
    duration::Period,
    error::Error,
    id::{Id, Subject},
    policy::Role,
    store::{PrincipalRow, PrincipalState, TokenRow, TokenState, Tx},
};

/// How long a token is to live.
#[derive(Clone, Copy, Debug)]
pub enum Lifetime {
    /// As long as the configuration says.
    Default,
    /// So long.
    For(Period),
    /// Until it is revoked: must be asked for.
    Never,
}

/// A token as admins see it: everything but the token.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenView {
    #[schema(value_type = String)]
    id: Id,
    /// `active`, `pending` until another admin approves, or `revoked`.
    status: &'static str,
    /// The subject that issued it; null for the first tokens.
    issued_by: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Null is never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A token and its view.
#[derive(Debug)]
pub struct Issued {
    /// What may be seen of it again.
    pub view: TokenView,
    /// Where it is.
    pub location: String,
    /// The token, shown once.
    pub token: BearerToken,
}

impl From<TokenRow> for TokenView {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id,
            status: row.state.name(),
            issued_by: row.issued_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

impl Custodian {
    /// Issues another token; for another's principal and a quorum of two it waits for another admin.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for a pending principal; [`Error::Unavailable`].
    pub fn issue_token(
        &self,
        who: &Caller,
        principal: &Id,
        lifetime: Lifetime,
        once: Option<&Once>,
    ) -> Result<Made<Issued>, Error> {
        self.once(who, once, || {
            self.make_token(who, principal, lifetime, once.cloned())
        })
    }

    /// Lets a pending token open the door.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TwoPerson`], [`Error::Conflict`] unless it is pending, [`Error::Unavailable`].
    pub fn approve_token(&self, who: &Caller, principal: &Id, id: &Id) -> Result<TokenView, Error> {
        let (principal, id, approver) = (principal.clone(), id.clone(), who.clone());
        self.change(who, move |tx, now| {
            live(tx, &principal)?;
            let token = token(tx, &principal, &id)?;
            if token.state != TokenState::Pending {
                return Err(Error::Conflict("this token is not waiting for an approval"));
            }
            independent(tx, &approver, token.issued_by.as_deref())?;
            tx.activate_token(&id, now)?;
            let approved = TokenRow {
                state: TokenState::Active,
                ..token
            };
            Ok((
                TokenView::from(approved),
                Event::done(format!("{principal}/{id}")),
            ))
        })
    }

    /// Revokes a token; once more is no error.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if nobody could administer the service any more;
    /// [`Error::Unavailable`].
    pub fn revoke_token(&self, who: &Caller, principal: &Id, id: &Id) -> Result<(), Error> {
        let (owner, revoked) = (principal.clone(), id.clone());
        self.change(who, move |tx, now| {
            let row = live(tx, &owner)?;
            token(tx, &owner, &revoked)?;
            tx.revoke_token(&revoked)?;
            if locked_out(tx, &row, now)? {
                return Err(Error::Conflict(
                    "this is the last token of the last admin; issue another one first",
                ));
            }
            Ok(((), Event::done(format!("{owner}/{revoked}"))))
        })?;
        self.guards.wait(who.guard, &Shut::Token(id));
        Ok(())
    }

    /// When a token issued now ends; `None` is never.
    pub(super) fn expiry(&self, lifetime: Lifetime) -> Option<Timestamp> {
        match lifetime {
            Lifetime::Default => Some(self.clock.after(self.rules.token_lifetime.duration())),
            Lifetime::For(period) => Some(self.clock.after(period.duration())),
            Lifetime::Never => None,
        }
    }

    fn make_token(
        &self,
        who: &Caller,
        principal: &Id,
        lifetime: Lifetime,
        once: Option<Once>,
    ) -> Result<Issued, Error> {
        let token = BearerToken::fresh()?;
        let (sha256, by) = (token.sha256(), who.principal.subject.clone());
        let (until, quorum) = (self.expiry(lifetime), self.rules.admin_quorum);
        let principal = principal.clone();
        let (view, location) = self.change(who, move |tx, now| {
            let state = first_state(&live(tx, &principal)?, &by, quorum)?;
            let row = TokenRow::issued(Some(&by), state, now, until);
            tx.insert_token(&principal, &row, &sha256)?;
            let event = Event::done(format!("{principal}/{}", row.id)).with("status", state.name());
            let location = format!("/v1/admin/principals/{principal}/tokens/{}", row.id);
            let view = TokenView::from(row);
            let kept = ShownOnce::without(&view);
            once::keep(once.as_ref(), tx, now, location.clone(), &kept)?;
            Ok(((view, location), event))
        })?;
        Ok(Issued {
            view,
            location,
            token,
        })
    }
}

fn first_state(of: &PrincipalRow, by: &Subject, quorum: Quorum) -> Result<TokenState, Error> {
    if of.state == PrincipalState::Pending {
        return Err(Error::Conflict(
            "this principal is waiting for an approval; it has a token already",
        ));
    }
    Ok(match quorum {
        Quorum::Two if of.principal.subject != *by => TokenState::Pending,
        Quorum::One | Quorum::Two => TokenState::Active,
    })
}

fn token(tx: &Tx<'_>, principal: &Id, id: &Id) -> Result<TokenRow, Error> {
    let tokens = tx.tokens_of(principal)?;
    let found = tokens.into_iter().find(|token| token.id == *id);
    found.ok_or(Error::NotFound("this principal has no token of that id"))
}

/// Whether an admin's last way in is gone and there is no other admin.
fn locked_out(tx: &Tx<'_>, row: &PrincipalRow, now: Timestamp) -> Result<bool, Error> {
    let way_in = tx.tokens_of(&row.principal.id)?;
    let way_in = way_in.iter().any(|token| token.opens(now));
    let admin = row.principal.roles.contains(&Role::Admin);
    Ok(admin && !way_in && other_admins(tx, &row.principal.id, now)?.is_empty())
}
