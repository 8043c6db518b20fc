//! Who may approve what another proposed, and the live principal that it is about.

use super::{Caller, Quorum};
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

/// Whether these admins could still decide together, once another is gone: two people, and where it takes two, two
/// who may approve each other.
pub(super) fn quorum_stays(tx: &Tx<'_>, admins: &[String], quorum: Quorum) -> Result<(), Error> {
    if admins.len() < 2 {
        return Err(Error::Conflict(
            "the last two admins cannot be deleted; make another one first",
        ));
    }
    if quorum == Quorum::One {
        return Ok(());
    }
    let hands = admins.iter().map(|admin| tx.hands_of(admin));
    let hands: Vec<_> = hands.collect::<Result<_, _>>()?;
    let mut pairs = hands.iter().enumerate().flat_map(|(at, one)| {
        let others = hands.iter().skip(at + 1);
        others.map(move |other| policy::approve(one, other))
    });
    match pairs.any(|pair| pair.is_ok()) {
        true => Ok(()),
        false => Err(Error::Conflict(
            "no two admins who may approve each other would be left; make an independent one first",
        )),
    }
}
