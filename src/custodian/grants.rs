//! What a principal may use and speak for: changed by one admin, put in force by another (api.md section 2).

use super::{
    Caller, Custodian, Quorum,
    approval::{independent, live},
    audit::Event,
    guard::Shut,
    principals::{PrincipalView, shown},
};
use crate::{error::Error, id::Id, policy::Grants};

impl Custodian {
    /// Changes what a principal may use; with a quorum of two it waits for another admin.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::Unavailable`].
    pub fn change_grants(
        &self,
        who: &Caller,
        id: &Id,
        grants: Grants,
    ) -> Result<PrincipalView, Error> {
        grants.check()?;
        let (id, by, quorum) = (
            id.clone(),
            who.principal.subject.clone(),
            self.rules.admin_quorum,
        );
        let whose = id.clone();
        let shown = self.change(who, move |tx, _| {
            live(tx, &id)?;
            match quorum {
                Quorum::One => tx.set_grants(&id, &grants)?,
                Quorum::Two => tx.propose_grants(&id, &grants, &by)?,
            }
            let event = Event::done(id.to_string())
                .with_grants(grants)
                .with("in_force", quorum == Quorum::One);
            Ok((shown(tx, live(tx, &id)?)?, event))
        })?;
        if quorum == Quorum::One {
            self.guards.wait(who.guard, &Shut::Principal(&whose));
        }
        Ok(shown)
    }

    /// Puts a proposed change of grants in force, if it is still the one that the approver saw.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TwoPerson`], [`Error::Conflict`] if `seen` is not what is proposed,
    /// [`Error::Unavailable`].
    pub fn approve_grants(
        &self,
        who: &Caller,
        id: &Id,
        seen: Grants,
    ) -> Result<PrincipalView, Error> {
        let (whose, id, approver) = (id, id.clone(), who.clone());
        let shown = self.change(who, move |tx, _| {
            let proposed = live(tx, &id)?.pending_grants;
            let (grants, by) = proposed.ok_or(Error::Conflict(
                "no change of this principal's grants waits for an approval",
            ))?;
            independent(tx, &approver, Some(&by))?;
            if grants != seen {
                return Err(Error::Conflict(
                    "other grants are proposed than the ones you sent; look at pending_grants again",
                ));
            }
            tx.set_grants(&id, &grants)?;
            let event = Event::done(id.to_string()).with_grants(grants);
            Ok((shown(tx, live(tx, &id)?)?, event))
        })?;
        self.guards.wait(who.guard, &Shut::Principal(whose));
        Ok(shown)
    }
}
