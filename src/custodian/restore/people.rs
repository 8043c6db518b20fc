//! Principals, their grants and their tokens since the backup.

use super::{
    entry::{STRANGE, Said},
    since::Effect,
};
use crate::{
    error::Error,
    id::Id,
    policy::Grants,
    store::{PrincipalState, TokenState, Tx},
};

/// A principal that was made since: nobody knows the hash of its token any more.
pub(super) fn made(said: &Said) -> Effect {
    let (name, subject) = (said.text("name"), said.text("subject"));
    let subject = subject.unwrap_or_default();
    Effect::Given(format!("{} ({subject})", name.unwrap_or(subject)))
}

pub(super) fn approved(tx: &Tx<'_>, said: &Said) -> Result<Effect, Error> {
    let row = tx.principal(&said.object()?)?;
    let waits = row.filter(|row| row.state == PrincipalState::Pending);
    Ok(waits.map_or(Effect::None, |row| Effect::Given(row.principal.name)))
}

pub(super) fn deleted(tx: &Tx<'_>, said: &Said) -> Result<Effect, Error> {
    let id = said.object()?;
    if tx.principal(&id)?.is_none() {
        return Ok(Effect::None);
    }
    tx.delete_principal(&id)?;
    tx.revoke_tokens_of(&id)?;
    Ok(Effect::Again)
}

/// A change of grants: the whole list is set if it came into force; what was only proposed is to be proposed again.
pub(super) fn granted(tx: &Tx<'_>, said: &Said, in_force: bool) -> Result<Effect, Error> {
    let id: Id = said.object()?;
    let Some(row) = tx.principal(&id)? else {
        return Ok(Effect::None);
    };
    if !in_force {
        tx.drop_proposed_grants(&id)?;
        return Ok(Effect::Given(row.principal.name));
    }
    let grants = Grants {
        deks: said.must_list("deks")?,
        servers: said.texts("servers")?.unwrap_or_default(),
    };
    tx.set_grants(&id, &grants)?;
    Ok(Effect::Again)
}

/// A token that was made or approved since.
pub(super) fn issued(tx: &Tx<'_>, said: &Said) -> Result<Effect, Error> {
    let (principal, token) = token(said)?;
    let Some(owner) = tx.principal(&principal)? else {
        return Ok(Effect::None);
    };
    let known = tx.tokens_of(&principal)?.into_iter();
    let mut known = known.filter(|row| row.id == token && row.state != TokenState::Pending);
    Ok(match known.next() {
        Some(_) => Effect::None,
        None => Effect::Given(format!("{} of {}", token, owner.principal.name)),
    })
}

pub(super) fn revoked(tx: &Tx<'_>, said: &Said) -> Result<Effect, Error> {
    let (principal, id) = token(said)?;
    let known = tx.tokens_of(&principal)?.into_iter();
    let mut known = known.filter(|row| row.id == id);
    if known.next().is_none() {
        return Ok(Effect::None);
    }
    tx.revoke_token(&id)?;
    Ok(Effect::Again)
}

/// A token's object is `{principal}/{token}`.
fn token(said: &Said) -> Result<(Id, Id), Error> {
    let (principal, token) = said.what().split_once('/').ok_or(STRANGE)?;
    let principal = principal.parse().map_err(|_| STRANGE)?;
    Ok((principal, token.parse().map_err(|_| STRANGE)?))
}
