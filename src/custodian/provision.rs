//! The first principals of an empty store: all or none, before anyone can call.

use super::{Custodian, audit, bearer::BearerToken, tokens::Lifetime};
use crate::{
    error::Error,
    id::{Id, Subject},
    policy::{Grants, Principal, Role, Roles, separate},
    store::{NewPrincipal, PrincipalState, TokenRow, TokenState},
};

/// One of the first principals.
#[derive(Debug)]
pub struct First {
    /// Its name.
    pub name: String,
    /// The human or service behind it.
    pub subject: Subject,
    /// What it may be.
    pub role: Role,
    /// Which DEKs it may use.
    pub grants: Grants,
    /// Its token, already in the hands of its owner.
    pub token: BearerToken,
}

impl Custodian {
    /// Whether there was ever a principal.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn is_provisioned(&self) -> Result<bool, Error> {
        self.store.read(|view| view.is_provisioned())
    }

    /// Adds the first principals, each of which nobody created.
    ///
    /// # Errors
    /// [`Error::TwoPerson`] if one person's roles collide, [`Error::Exists`], [`Error::Unavailable`].
    pub fn provision(&self, firsts: Vec<First>) -> Result<(), Error> {
        let (now, expires_at) = (self.clock.now(), self.expiry(Lifetime::Default));
        self.store.transact(move |tx| {
            for first in firsts {
                let mut union = tx.roles_of(&first.subject)?;
                union.insert(first.role);
                separate(&union)?;
                let new = first_principal(&first, now);
                tx.insert_principal(&new)?;
                let token = TokenRow::issued(None, TokenState::Active, now, expires_at);
                tx.insert_token(&new.principal.id, &token, &first.token.sha256())?;
                let event = audit::Event::done(new.principal.id.to_string())
                    .with("subject", first.subject.as_str())
                    .with("roles", serde_json::json!(new.principal.roles));
                audit::append(tx, now, "principal.provision", None, &event)?;
            }
            Ok(())
        })
    }
}

fn first_principal(first: &First, now: jiff::Timestamp) -> NewPrincipal {
    let id = Id::random();
    NewPrincipal {
        principal: Principal {
            name: first.name.clone(),
            subject: first.subject.clone(),
            roles: Roles::from([first.role]),
            grants: first.grants.clone(),
            wrap_scope: id.to_string(),
            custodian: None,
            id,
        },
        client_cert: None,
        state: PrincipalState::Active,
        created_by: None,
        created_at: now,
    }
}
