//! Appends the entries that a backup lacks, byte for byte, and does again what they took away, in their order.

use std::io::BufRead;

use super::{
    Export, Hear, Unproven, council, deks,
    entry::{STRANGE, Said},
    export::Lines,
    keks, overrides, people, rollback,
    since::{Effect, Since},
};
use crate::{
    crypto::merkle,
    custodian::{Custodian, Rules},
    error::{Error, Source},
    policy::{Action, CustodianState, KekState, OverrideStatus},
    store::{CheckpointRow, Tx},
};

/// The making of the first admins, which is no action of a caller.
pub(super) const PROVISION: &str = "principal.provision";

/// Entries that share one transaction.
const BATCH: usize = 500;

impl Custodian {
    /// Brings a backup to where an export ends, which was judged before.
    ///
    /// # Errors
    /// [`Unproven`] if the file changed meanwhile; [`Error::Corrupt`] if an entry cannot be understood; those of the store.
    pub fn follow_export(
        &self,
        from: impl BufRead,
        export: &Export,
        hear: Hear<'_>,
    ) -> Result<Since, Source> {
        let mut lines = Lines::of(from);
        for _ in 0..=export.known {
            lines.next()?; // the first line, and the entries that are there
        }
        let (mut since, mut place) = (Since::default(), export.known);
        while place < export.size {
            let mut batch = Vec::with_capacity(BATCH);
            while batch.len() < BATCH && place < export.size {
                batch.push(lines.next()?.ok_or_else(changed)?);
                place += 1;
            }
            since = self.append_all(batch, since)?;
            hear(
                "entries re-applied",
                place - export.known,
                export.size - export.known,
            );
        }
        let root = |size| self.store.read(|view| merkle::root(size, view));
        if root(export.size)? != export.root {
            return Err(changed().into());
        }
        self.raise_clock()?;
        self.end_replay(since, export.clone())
    }

    fn append_all(&self, batch: Vec<Vec<u8>>, mut since: Since) -> Result<Since, Error> {
        let rules = self.rules.clone();
        self.store.transact(move |tx| {
            for entry in batch {
                let said = Said::read(&entry)?;
                tx.copy_entry(said.at, &entry)?;
                if said.is_done() {
                    apply(tx, &said, &mut since, &rules)?;
                }
            }
            Ok(since)
        })
    }

    fn end_replay(&self, since: Since, export: Export) -> Result<Since, Source> {
        let now = self.clock.now();
        Ok(self.store.transact(move |tx| {
            overrides::withdraw_lost(tx, &since, now)?;
            let before = tx.checkpoint()?.is_some_and(|row| row.in_token);
            tx.replace_checkpoint(&CheckpointRow {
                size: export.size,
                root: export.root,
                note: export.note,
                in_token: before || export.in_token,
                made_at: now,
            })?;
            Ok(since)
        })?)
    }
}

fn changed() -> Unproven {
    Unproven::of("the export was changed while it was read: give one that nobody writes to")
}

/// Whoever adds an action says here what a restore makes of it.
fn apply(tx: &Tx<'_>, said: &Said, since: &mut Since, rules: &Rules) -> Result<(), Error> {
    let Some(action) = Action::named(&said.action) else {
        // The first admins, which an initialised service has.
        return match said.action.as_str() {
            PROVISION => Ok(()),
            _ => Err(STRANGE),
        };
    };
    let effect = match action {
        Action::CustodianActivate | Action::CustodianApprove => council::advanced(said, since)?,
        Action::CustodianEnrol => council::enrolled(said, since)?,
        Action::CustodianReinstate => Effect::Given(said.what().to_owned()),
        Action::CustodianRevoke => council::ended(tx, said, since, CustodianState::Revoked)?,
        Action::CustodianSuspend => council::ended(tx, said, since, CustodianState::Suspended)?,
        Action::DekCancelDestroy => deks::saved(tx, said)?,
        Action::DekCreate => deks::created(tx, said)?,
        Action::DekDestroy => deks::destroyed(tx, said)?,
        Action::DekDisable => deks::disabled(tx, said, since)?,
        Action::DekEnable => deks::enabled(tx, said)?,
        Action::DekRotate => deks::rotated(tx, said, since)?,
        Action::GrantsApprove => people::granted(tx, said, true)?,
        Action::GrantsChange => people::granted(tx, said, said.flag("in_force"))?,
        Action::KekCreate => keks::changed(said, since, KekState::Enabled)?,
        Action::KekDestroy => keks::destruction(said, since)?,
        Action::KekDestroyApprove => keks::changed(said, since, KekState::Destroying)?,
        Action::KekRestore => keks::restored(said),
        Action::KekRetire => keks::changed(said, since, KekState::Retired)?,
        Action::KekRotate => keks::changed(said, since, KekState::Creating)?,
        Action::OverrideApprove => overrides::closed(tx, said, OverrideStatus::Approved)?,
        Action::OverrideExpire => overrides::closed(tx, said, OverrideStatus::Expired)?,
        Action::OverrideReject => overrides::closed(tx, said, OverrideStatus::Rejected)?,
        Action::OverrideRequest => overrides::requested(tx, said, since, rules)?,
        Action::OverrideSign => Effect::Given(said.what().to_owned()),
        Action::OverrideWithdraw => overrides::closed(tx, said, OverrideStatus::Withdrawn)?,
        Action::PrincipalApprove => people::approved(tx, said)?,
        Action::PrincipalCreate => people::made(said),
        Action::PrincipalDelete => people::deleted(tx, said)?,
        Action::Restored => rollback::shut_again(tx, said)?,
        Action::TokenApprove | Action::TokenCreate => people::issued(tx, said)?,
        Action::TokenRevoke => people::revoked(tx, said)?,
        Action::AuditRead
        | Action::AuditTreeRead
        | Action::AuditVerify
        | Action::BackupMake
        | Action::CapabilitiesRead
        | Action::CustodianRead
        | Action::DekDataKey
        | Action::DekDecrypt
        | Action::DekEncrypt
        | Action::DekPublicKey
        | Action::DekRead
        | Action::DekRewrap
        | Action::JobRead
        | Action::KekDegraded
        | Action::KekDown
        | Action::KekRead
        | Action::KekReconnect
        | Action::KekRewrap
        | Action::KekRewrapRecords
        | Action::KekUnwrap
        | Action::KekUp
        | Action::KekWrap
        | Action::MetricsRead
        | Action::OverrideRead
        | Action::OverrideVerify
        | Action::PiiDecrypt
        | Action::PiiEncrypt
        | Action::PrincipalRead
        | Action::SigningKeyCreate
        | Action::ToolsSign
        | Action::ToolsVerify => Effect::None,
    };
    since.note(action, effect);
    Ok(())
}
