//! DEKs since the backup. The secret of a version that was made since is lost with the database: its place says so, so
//! that what it encrypted answers that it is destroyed, and its number is never another's.

use jiff::Timestamp;

use super::{
    entry::{STRANGE, Said},
    since::{Effect, Since},
};
use crate::{
    algorithm::Algorithm,
    custodian::deks::rotate_at,
    error::Error,
    id::DekVersion,
    policy::DekState,
    store::{DekRow, Tx, VersionRow},
};

/// A DEK that was made since.
pub(super) fn created(tx: &Tx<'_>, said: &Said) -> Result<Effect, Error> {
    let (name, version) = said.dek()?;
    let period = said.integer("rotation_period_seconds");
    tx.insert_dek(&DekRow {
        name: name.clone(),
        algorithm: Algorithm::named(said.must("algorithm")?).ok_or(STRANGE)?,
        rotation_period: period,
        newest: version.number(),
        rotate_at: rotate_at(period, said.at),
        created_at: said.at,
    })?;
    tx.insert_version(&name, &lost(version, said.at))?;
    Ok(Effect::Given(said.what().to_owned()))
}

/// A version that was made since.
pub(super) fn rotated(tx: &Tx<'_>, said: &Said, since: &mut Since) -> Result<Effect, Error> {
    let (name, version) = said.dek()?;
    let dek = tx.dek(&name)?.ok_or(STRANGE)?;
    let until = rotate_at(dek.rotation_period, said.at);
    tx.advance_dek(&dek, version.number(), until)?;
    tx.insert_version(&name, &lost(version, said.at))?;
    match said.text("state") == Some(DekState::Disabled.name()) {
        true => since.shut.insert(name),
        false => since.shut.remove(&name),
    };
    Ok(Effect::Given(said.what().to_owned()))
}

pub(super) fn disabled(tx: &Tx<'_>, said: &Said, since: &mut Since) -> Result<Effect, Error> {
    let (name, version) = said.dek()?;
    let row = tx.dek_version(&name, &version)?.ok_or(STRANGE)?;
    if row.state.changeable().is_ok() {
        tx.set_version_enabled(&name, &version, false)?;
    }
    let newest = tx.dek(&name)?.ok_or(STRANGE)?.newest;
    if row.state == DekState::Destroyed && row.number == newest {
        since.shut.insert(name);
    }
    Ok(Effect::Again)
}

pub(super) fn enabled(tx: &Tx<'_>, said: &Said) -> Result<Effect, Error> {
    let (name, version) = said.dek()?;
    let row = tx.dek_version(&name, &version)?.ok_or(STRANGE)?;
    Ok(match row.state {
        DekState::Disabled => Effect::Given(said.what().to_owned()),
        DekState::Destroyed | DekState::Enabled | DekState::PendingDestruction => Effect::None,
    })
}

/// Destroyed, or to be destroyed at the time that the log says.
pub(super) fn destroyed(tx: &Tx<'_>, said: &Said) -> Result<Effect, Error> {
    let (name, version) = said.dek()?;
    let row = tx.dek_version(&name, &version)?.ok_or(STRANGE)?;
    if row.state == DekState::Destroyed {
        return Ok(Effect::None);
    }
    match said.must("state")? == DekState::Destroyed.name() {
        true => tx.destroy_version(&name, &version)?,
        false => tx.set_version_destroy_at(&name, &version, Some(said.time("destroy_at")?))?,
    }
    Ok(Effect::Again)
}

/// Saved: it would be destroyed for ever otherwise.
pub(super) fn saved(tx: &Tx<'_>, said: &Said) -> Result<Effect, Error> {
    let (name, version) = said.dek()?;
    let row = tx.dek_version(&name, &version)?.ok_or(STRANGE)?;
    if row.state != DekState::PendingDestruction {
        return Ok(Effect::None);
    }
    tx.set_version_destroy_at(&name, &version, None)?;
    Ok(Effect::Again)
}

fn lost(version: DekVersion, at: Timestamp) -> VersionRow {
    VersionRow {
        number: version.number(),
        version,
        state: DekState::Destroyed,
        destroy_at: None,
        wrapped: None,
        public_key: None,
        reserved: 0,
        created_at: at,
    }
}
