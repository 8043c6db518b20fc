//! Overrides since the backup: what is final stays final, and no question is asked, or signature taken, a second time.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;

use super::{
    entry::{STRANGE, Said},
    since::{Effect, Since},
};
use crate::{
    crypto::messages::Asked,
    custodian::Rules,
    error::Error,
    id::{Id, Subject},
    policy::OverrideStatus,
    store::{Closing, Request, Sought, Tx},
    words::{Binding, Environment, Gate},
};

/// Overrides that are read at once.
const PAGE: usize = 256;

/// One that was requested since. Its justification is not in the log, so nobody can sign it any more; its place keeps its
/// hash spent, and says how it ended.
pub(super) fn requested(
    tx: &Tx<'_>,
    said: &Said,
    since: &mut Since,
    rules: &Rules,
) -> Result<Effect, Error> {
    let id: Id = said.object()?;
    let gates = said.must_list("failed_gates")?;
    let gates: Option<BTreeSet<Gate>> = gates.iter().map(|gate| Gate::named(gate)).collect();
    let proposal = said.must("proposal_id")?.to_owned();
    let what = format!("{id} (about {proposal})");
    let on_behalf_of = said.text("on_behalf_of").map(str::parse::<Subject>);
    tx.insert_override(&Request {
        id: id.clone(),
        asked: Asked::new(proposal, String::new(), gates.ok_or(STRANGE)?),
        environment: Environment::named(said.must("environment")?).ok_or(STRANGE)?,
        requested_by: said.by().unwrap_or_default().parse().map_err(|_| STRANGE)?,
        on_behalf_of: on_behalf_of.transpose().map_err(|_| STRANGE)?,
        instance: rules.instance.to_string(),
        binding: Binding::named(said.must("binding")?).ok_or(STRANGE)?,
        message_hash: hash(said, "message_hash")?,
        signing_hash: hash(said, "signing_hash")?,
        created_at: said.at,
        expires_at: said.time("expires_at")?,
    })?;
    since.asked.insert(id);
    Ok(Effect::Given(what))
}

/// One that became final since. Of an approval the certificate, of a rejection the signature is lost.
pub(super) fn closed(tx: &Tx<'_>, said: &Said, to: OverrideStatus) -> Result<Effect, Error> {
    let row = tx.override_of(&said.object()?)?.ok_or(STRANGE)?;
    if !row.status.is_open() {
        return Ok(Effect::None);
    }
    let rejection = || {
        json!({
            "custodian_id": said.text("custodian_id"),
            "reason": said.text("reason"),
            "signature": null,
        })
    };
    let closing = Closing {
        at: Some(said.at),
        rejection: (to == OverrideStatus::Rejected).then(|| rejection().to_string()),
        certificate: None,
    };
    tx.move_override(&row, to, &closing)?;
    Ok(Effect::Again)
}

/// Withdraws those of which the question is lost and nobody said how they ended.
pub(super) fn withdraw_lost(tx: &Tx<'_>, since: &Since, now: Timestamp) -> Result<(), Error> {
    since.asked.iter().try_for_each(|id| withdraw(tx, id, now))
}

/// Withdraws every one that is open; answers which.
pub(super) fn withdraw_all(tx: &Tx<'_>, now: Timestamp) -> Result<Vec<Id>, Error> {
    let sought = Sought {
        status: None,
        proposal_id: None,
        requested_by: None,
        now,
    };
    let (mut open, mut after) = (Vec::new(), 0);
    loop {
        let rows = tx.overrides_after(&sought, after, PAGE)?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        let still = rows.into_iter().filter(|row| row.status.is_open());
        open.extend(still.map(|row| row.request.id));
    }
    open.iter().try_for_each(|id| withdraw(tx, id, now))?;
    Ok(open)
}

fn withdraw(tx: &Tx<'_>, id: &Id, now: Timestamp) -> Result<(), Error> {
    let closing = Closing {
        at: Some(now),
        ..Closing::default()
    };
    match tx.override_of(id)?.filter(|row| row.status.is_open()) {
        Some(row) => tx.move_override(&row, OverrideStatus::Withdrawn, &closing),
        None => Ok(()),
    }
}

fn hash(said: &Said, name: &str) -> Result<[u8; 32], Error> {
    let mut hash = [0; 32];
    hex::decode_to_slice(said.must(name)?, &mut hash).map_err(|_| STRANGE)?;
    Ok(hash)
}
