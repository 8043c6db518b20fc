//! Who may approve what another proposed, and the live principal that it is about.

use super::Caller;
use crate::{
    error::Error,
    id::Id,
    policy,
    store::{PrincipalRow, Tx, View},
};

/// The principal of that id, if it is not deleted.
pub(super) fn live(view: &View<'_>, id: &Id) -> Result<PrincipalRow, Error> {
    let none = Error::NotFound("there is no principal of that id");
    view.principal(id)?.ok_or(none)
}

/// Whether `approver` is independent of whoever proposed.
pub(super) fn independent(
    tx: &Tx<'_>,
    approver: &Caller,
    proposer: Option<&str>,
) -> Result<(), Error> {
    let nobody = Error::TwoPerson("nobody proposed this, so nobody can approve it");
    let proposer = tx.hands_of(proposer.ok_or(nobody)?)?;
    policy::approve(
        &proposer,
        &tx.hands_of(approver.principal.subject.as_str())?,
    )
}
