//! Custodians since the backup: who was suspended or revoked is so again, and no revoked key comes back.

use super::{
    entry::{STRANGE, Said},
    since::{CustodianSince, Effect, Since},
};
use crate::{
    crypto::scheme::Scheme,
    custodian::overrides::void,
    error::Error,
    id::Id,
    policy::CustodianState,
    store::{CustodianRow, Identity, Moment, Tx},
    words::Lead,
};

/// One that was enrolled since: it is to be enrolled again.
pub(super) fn enrolled(said: &Said, since: &mut Since) -> Result<Effect, Error> {
    let id: Id = said.object()?;
    let identity = Identity {
        id: id.clone(),
        name: said.must("name")?.to_owned(),
        subject: said.must("subject")?.parse().map_err(|_| STRANGE)?,
        lead: Lead::named(said.must("role")?).ok_or(STRANGE)?,
        scheme: Scheme::named(said.must("scheme")?).ok_or(STRANGE)?,
        public_key: said.must("public_key")?.to_owned(),
        fingerprint: said.must("fingerprint")?.to_owned(),
    };
    let what = format!("{} ({}, {id})", identity.name, identity.subject);
    let by = said.by().unwrap_or_default().to_owned();
    let known = CustodianSince {
        enrolled: Some((identity, said.at, by)),
        key_forms: said.must_list("key_forms")?,
        activated_at: None,
    };
    since.custodians.insert(id, known);
    Ok(Effect::Given(what))
}

/// One that proved its key or was approved since; what it was then is kept for the case of its end.
pub(super) fn advanced(said: &Said, since: &mut Since) -> Result<Effect, Error> {
    let known = since.custodians.entry(said.object()?).or_default();
    let key_forms = said.texts("key_forms")?;
    known.key_forms.extend(key_forms.into_iter().flatten());
    if said.text("status") != Some(CustodianState::Active.name()) {
        return Ok(Effect::None);
    }
    known.activated_at.get_or_insert(said.at);
    Ok(Effect::Given(said.what().to_owned()))
}

/// One that was suspended or revoked since.
pub(super) fn ended(
    tx: &Tx<'_>,
    said: &Said,
    since: &Since,
    to: CustodianState,
) -> Result<Effect, Error> {
    let id: Id = said.object()?;
    let nothing = CustodianSince::default();
    let known = since.custodians.get(&id).unwrap_or(&nothing);
    match tx.custodian(&id)? {
        Some(row) if row.state == CustodianState::Revoked => Ok(Effect::None),
        Some(row) => {
            end(tx, row, said, known, to)?;
            Ok(Effect::Again)
        }
        None if to == CustodianState::Revoked => tombstone(tx, said, known),
        None => Ok(Effect::None),
    }
}

fn end(
    tx: &Tx<'_>,
    mut row: CustodianRow,
    said: &Said,
    known: &CustodianSince,
    to: CustodianState,
) -> Result<(), Error> {
    let id = row.identity.id.clone();
    void(tx, &id, said.at)?;
    row.activated_at = row.activated_at.or(known.activated_at);
    row.proven_at = row.proven_at.or(known.activated_at);
    row.state = to;
    // A key that never could sign binds nobody.
    match row.activated_at {
        Some(_) => claim(tx, &id, &known.key_forms)?,
        None if to == CustodianState::Revoked => tx.release_components(&id)?,
        None => {}
    }
    row.history.push(moment(said, to.name()));
    tx.set_custodian(&row)
}

/// The place of one that came and went since: its key stays spent.
fn tombstone(tx: &Tx<'_>, said: &Said, known: &CustodianSince) -> Result<Effect, Error> {
    let (Some((identity, at, by)), Some(activated_at)) = (&known.enrolled, known.activated_at)
    else {
        return Ok(Effect::None);
    };
    let enrolled = Moment {
        at: *at,
        event: "enrolled".to_owned(),
        by: by.clone(),
        reason: None,
    };
    tx.insert_custodian(&CustodianRow {
        seq: 0, // the store counts
        identity: identity.clone(),
        state: CustodianState::Revoked,
        challenge: [0; 32],
        challenge_until: *at,
        failures: 0,
        proven_at: Some(activated_at),
        proposed_by: by.clone(),
        approved_by: None,
        created_at: *at,
        activated_at: Some(activated_at),
        history: vec![enrolled, moment(said, CustodianState::Revoked.name())],
    })?;
    claim(tx, &identity.id, &known.key_forms)?;
    Ok(Effect::Again)
}

/// A form that is another's is spent already.
fn claim(tx: &Tx<'_>, id: &Id, forms: &[String]) -> Result<(), Error> {
    for form in forms {
        match tx.claim_components(id, std::slice::from_ref(form)) {
            Ok(()) | Err(Error::Exists(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn moment(said: &Said, event: &str) -> Moment {
    Moment {
        at: said.at,
        event: event.to_owned(),
        by: said.by().unwrap_or_default().to_owned(),
        reason: said.text("reason").map(str::to_owned),
    }
}
