//! An override as it stands: its row, its signatures, and whose they are.

use jiff::Timestamp;

use super::overrides::NO_OVERRIDE;
use crate::{
    error::Error,
    id::Id,
    policy::{OverrideEvent, OverrideStatus, Standing},
    store::{Closing, CustodianRow, OverrideRow, SignatureRow, Tx, View},
};

/// An override with its signatures and whose they are.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) row: OverrideRow,
    pub(super) signatures: Vec<(SignatureRow, CustodianRow)>,
}

impl Record {
    pub(super) fn of(view: &View<'_>, id: &Id) -> Result<Self, Error> {
        Self::with(view, view.override_of(id)?.ok_or(NO_OVERRIDE)?)
    }

    pub(super) fn with(view: &View<'_>, row: OverrideRow) -> Result<Self, Error> {
        let owned = |signature: SignatureRow| {
            let custodian = view.custodian(&signature.custodian_id)?;
            Ok((signature, custodian.ok_or(LOST)?))
        };
        let signatures = view.signatures(&row.request.id)?.into_iter().map(owned);
        let signatures = signatures.collect::<Result<_, Error>>()?;
        let record = Self { row, signatures };
        match record.is_whole() {
            true => Ok(record),
            false => Err(NOT_WHOLE),
        }
    }

    /// Whether it has as many signatures as its status says: a row that was taken out is missed.
    fn is_whole(&self) -> bool {
        let count = self.valid().count();
        match self.row.status {
            // Of one that was approved after the backup of a restore, certificate and signatures are lost.
            OverrideStatus::Approved => count == 2 || self.row.certificate.is_none(),
            OverrideStatus::Partial => (1..=2).contains(&count),
            OverrideStatus::Pending => count == 0,
            OverrideStatus::Expired | OverrideStatus::Rejected | OverrideStatus::Withdrawn => true,
        }
    }

    /// Those that count.
    pub(super) fn valid(&self) -> impl Iterator<Item = &(SignatureRow, CustodianRow)> {
        self.signatures.iter().filter(|(row, _)| row.valid)
    }

    pub(super) fn standing(&self) -> Standing {
        let request = &self.row.request;
        Standing {
            status: self.row.status,
            expires_at: request.expires_at,
            requested_by: request.requested_by.clone(),
            on_behalf_of: request.on_behalf_of.clone(),
            signers: self.valid().map(|(_, who)| who.signer()).collect(),
        }
    }

    /// Moves the override on as the rules say, and closes it if it is final then.
    pub(super) fn go(
        &self,
        tx: &Tx<'_>,
        event: &OverrideEvent<'_>,
        now: Timestamp,
        closing: Closing,
    ) -> Result<OverrideStatus, Error> {
        let to = self.standing().after(event, now)?;
        let at = closing.at.or((!to.is_open()).then_some(now));
        tx.move_override(&self.row, to, &Closing { at, ..closing })?;
        Ok(to)
    }
}

const NOT_WHOLE: Error = Error::Corrupt(
    "an override has not the signatures that its status says; restore the database from a backup",
);
const LOST: Error =
    Error::Corrupt("a signature has lost its custodian; restore the database from a backup");
