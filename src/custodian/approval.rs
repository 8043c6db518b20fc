//! Who may approve what another proposed, and the live principal that it is about.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Caller, Quorum};
use crate::{
    error::Error,
    id::{Id, Subject},
    policy::{self, Role},
    store::{PrincipalRow, PrincipalState, Tx, View},
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
    let proposer = proposer.ok_or(nobody)?;
    let hands = Hands::read(tx, &[Role::Admin])?;
    policy::approve(
        &hands.of(proposer),
        &hands.of(approver.principal.subject.as_str()),
    )
}

/// Whether `approver` is an operator independent of the one who asked: nobody may ever have held a token of both, nor
/// made the one who did.
pub(super) fn independent_operator(
    tx: &Tx<'_>,
    approver: &Caller,
    asked: &str,
) -> Result<(), Error> {
    let hands = Hands::read(tx, &[Role::Admin, Role::Operator])?;
    let approver = hands.of(approver.principal.subject.as_str());
    let approved = policy::approve(&hands.of(asked), &approver);
    approved.map_err(|_| {
        Error::TwoPerson(
            "an independent operator must approve: another person than the one who asked, and neither created by, or \
             given a token by, the other or the same admin",
        )
    })
}

/// Whether each of these admins is independent of every other one.
pub(super) fn all_independent(view: &View<'_>, admins: &[Subject]) -> Result<(), Error> {
    let all = Hands::read(view, &[Role::Admin])?;
    let hands: Vec<_> = admins.iter().map(|one| all.of(one.as_str())).collect();
    let mut pairs = hands.iter().enumerate().flat_map(|(at, one)| {
        let others = hands.iter().skip(at + 1);
        others.map(move |other| policy::approve(one, other))
    });
    pairs.try_for_each(|pair| pair)
}

/// Whether that person is an operator now.
pub(super) fn is_operator(tx: &Tx<'_>, subject: &str) -> Result<bool, Error> {
    let holders = tx.holders(&[Role::Operator])?;
    let mut active = holders
        .iter()
        .filter(|holder| holder.state == PrincipalState::Active);
    Ok(active.any(|holder| holder.principal.subject.as_str() == subject))
}

/// Who gave whom a principal with such a role that came into force, or a token of one. Deleted ones count too.
struct Hands(Vec<(String, String)>);

impl Hands {
    fn read(view: &View<'_>, roles: &[Role]) -> Result<Self, Error> {
        let mut given = Vec::new();
        let holders = view.holders(roles)?.into_iter();
        for holder in holders.filter(|holder| holder.activated_at.is_some()) {
            let tokens = view.tokens_of(&holder.principal.id)?.into_iter();
            let in_force = tokens.filter(|token| token.activated_at.is_some());
            let givers = in_force.filter_map(|token| token.issued_by);
            let taker = holder.principal.subject.as_str();
            let to_taker = |giver| (taker.to_owned(), giver);
            given.extend(holder.created_by.into_iter().chain(givers).map(to_taker));
        }
        Ok(Self(given))
    }

    /// Everyone who may ever have held such a token of this person: the person, whoever gave it one, and whoever
    /// did so for those.
    fn of(&self, subject: &str) -> BTreeSet<String> {
        let mut hands = BTreeSet::from([subject.to_owned()]);
        let mut asked = vec![subject];
        while let Some(taker) = asked.pop() {
            let givers = self.0.iter().filter(|(to, _)| to == taker);
            asked
                .extend(givers.filter_map(|(_, giver)| {
                    hands.insert(giver.clone()).then_some(giver.as_str())
                }));
        }
        hands
    }
}

/// The people who can sign in as an admin at `now` without this principal.
pub(super) fn other_admins(
    tx: &Tx<'_>,
    id: &Id,
    now: Timestamp,
) -> Result<BTreeSet<String>, Error> {
    let active =
        |admin: &PrincipalRow| admin.state == PrincipalState::Active && admin.principal.id != *id;
    let mut others = BTreeSet::new();
    for admin in tx.admins()?.into_iter().filter(active) {
        let mut tokens = tx.tokens_of(&admin.principal.id)?.into_iter();
        if tokens.any(|token| token.opens(now)) {
            others.insert(admin.principal.subject.to_string());
        }
    }
    Ok(others)
}

/// Whether these admins could still decide together, once another is gone: two people, and where it takes two, two
/// who may approve each other.
pub(super) fn quorum_stays(
    tx: &Tx<'_>,
    admins: &BTreeSet<String>,
    quorum: Quorum,
) -> Result<(), Error> {
    if admins.len() < 2 {
        return Err(Error::Conflict(
            "the last two admins cannot be deleted; make another one first",
        ));
    }
    if quorum == Quorum::One {
        return Ok(());
    }
    let all = Hands::read(tx, &[Role::Admin])?;
    let hands: Vec<_> = admins.iter().map(|admin| all.of(admin)).collect();
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
