//! The admins who accept a restore without the log: they prove who they are by tokens that the backup knows, and get new
//! ones.

use std::collections::BTreeSet;

use super::Unproven;
use crate::{
    custodian::{
        Custodian, approval::all_independent, audit::Event, bearer::BearerToken, tokens::Lifetime,
    },
    error::{Error, Source},
    id::{Id, Subject},
    policy::{Action, Role},
    store::{PrincipalState, TokenRow, TokenState},
};

/// An admin whom the backup knows.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The human.
    pub subject: Subject,
    principal: Id,
}

impl Custodian {
    /// Whose tokens these are, and that they may decide together: two people at least, each an admin by a token that opens
    /// now, and each independent of every other.
    ///
    /// # Errors
    /// [`Unproven`] says of whom it is not so; [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn accept(&self, given: &[(Subject, BearerToken)]) -> Result<Vec<Admin>, Source> {
        let mut admins = Vec::new();
        for (subject, token) in given {
            let refused = |why: &str| Unproven(format!("{subject}: {why}"));
            let found = self.bearer(token)?.map(|bearer| bearer.principal);
            let found = found.ok_or_else(|| {
                refused("this token opens nothing by the backup: it is unknown there, revoked or expired")
            })?;
            if found.subject != *subject {
                return Err(refused("this is another person's token").into());
            }
            if !found.roles.contains(&Role::Admin) {
                return Err(refused("this is no admin's token").into());
            }
            admins.push(Admin {
                subject: found.subject,
                principal: found.id,
            });
        }
        let people: BTreeSet<_> = admins.iter().map(|admin| admin.subject.clone()).collect();
        if people.len() < 2 || people.len() < admins.len() {
            return Err(Unproven::of(
                "it takes two admins who are two people, each by one token: one alone cannot accept that the time since the \
                 backup is lost",
            )
            .into());
        }
        let people: Vec<_> = people.into_iter().collect();
        let judged = self.store.read(|view| all_independent(view, &people));
        match judged {
            Err(Error::TwoPerson(why)) => Err(Unproven::of(why).into()),
            judged => {
                judged?;
                Ok(admins)
            }
        }
    }

    /// Lets these tokens open the door for their admins.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn readmit(&self, admins: &[(Admin, BearerToken)]) -> Result<(), Error> {
        let until = self.expiry(Lifetime::Default);
        for (admin, token) in admins {
            let (principal, sha256) = (admin.principal.clone(), token.sha256());
            self.alone(Action::TokenCreate, move |tx, now| {
                let row = TokenRow::issued(None, TokenState::Active, now, until);
                tx.insert_token(&principal, &row, &sha256)?;
                let event =
                    Event::done(format!("{principal}/{}", row.id)).with("status", row.state.name());
                Ok(((), event))
            })?;
        }
        Ok(())
    }

    /// The admins who could sign in by a token now.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn admins_with_a_token(&self) -> Result<Vec<String>, Error> {
        let now = self.clock.now();
        self.store.read(|view| {
            let mut able = BTreeSet::new();
            for admin in view.admins()? {
                let Some(live) = view.principal(&admin.principal.id)? else {
                    continue;
                };
                let active = live.state == PrincipalState::Active;
                let tokens = view.tokens_of(&live.principal.id)?;
                if active && tokens.iter().any(|token| token.opens(now)) {
                    able.insert(live.principal.subject.to_string());
                }
            }
            Ok(able.into_iter().collect())
        })
    }
}
