//! A restore without the log of the time since, which two admins accept: what anybody had in hands is worth nothing after
//! it, since nobody knows what of it was taken away.

use jiff::Timestamp;

use super::{entry::Said, overrides, renewal::ROLLBACK, since::Effect};
use crate::{
    custodian::Custodian,
    error::Error,
    policy::CustodianState,
    store::{Moment, Tx},
    words::Binding,
};

/// Numbers of KEK and DEK versions that no version gets: those that may have been given since the backup.
pub const SKIPPED: u32 = 1000;

/// What was shut.
#[derive(Clone, Debug, Default)]
pub struct Shut {
    /// Tokens that opened or might have come to open.
    pub tokens: usize,
    /// Principals whose client certificate is bound no more.
    pub certificates: Vec<String>,
    /// Overrides that were open.
    pub overrides: Vec<String>,
    /// Custodians that were not revoked; only where the signatures of the time since could be used again.
    pub custodians: Vec<String>,
}

impl Custodian {
    /// Shuts everything that opened something.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn shut_all(&self) -> Result<Shut, Error> {
        let (now, binding) = (self.clock.now(), self.rules.overrides.binding);
        self.store
            .transact(move |tx| shut(tx, now, binding == Binding::Aegis))
    }
}

/// An earlier restore of that kind, in the log since the backup.
pub(super) fn shut_again(tx: &Tx<'_>, said: &Said) -> Result<Effect, Error> {
    if said.text("how") != Some(ROLLBACK) {
        return Ok(Effect::None);
    }
    shut(tx, said.at, said.flag("custodians_revoked"))?;
    Ok(Effect::Again)
}

fn shut(tx: &Tx<'_>, now: Timestamp, custodians: bool) -> Result<Shut, Error> {
    let overrides = overrides::withdraw_all(tx, now)?;
    Ok(Shut {
        tokens: tx.revoke_all_tokens()?,
        certificates: tx.unbind_certificates()?,
        overrides: overrides.iter().map(ToString::to_string).collect(),
        custodians: match custodians {
            true => revoke_all(tx, now)?,
            false => Vec::new(),
        },
    })
}

/// What custodians sign binds no single override here, and which hashes are spent is not known any more: so no signature of
/// before is by a key that counts.
fn revoke_all(tx: &Tx<'_>, now: Timestamp) -> Result<Vec<String>, Error> {
    let mut revoked = Vec::new();
    for mut row in tx.live_custodians()? {
        row.state = CustodianState::Revoked;
        row.history.push(Moment {
            at: now,
            event: "revoked".to_owned(),
            by: "restore".to_owned(),
            reason: Some(
                "restored without the log: spent signatures are not known any more".to_owned(),
            ),
        });
        tx.set_custodian(&row)?;
        revoked.push(format!("{} ({})", row.identity.name, row.identity.subject));
    }
    Ok(revoked)
}
