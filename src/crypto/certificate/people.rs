//! The two custodians: what they signed, whether they are the pinned ones, and that they are two people.

use super::{
    fault::Fault,
    known::{Known, Signer},
};
use crate::{
    crypto::{messages::MESSAGE_BYTES, pinned::Custodian, scheme::PublicKey},
    words::{Network, Scheme},
};

/// Every form by which the key of each signer is known, in the order of the signers.
pub(super) type Keys = Vec<Vec<String>>;

/// Checks that each signature is over `m` by its key, and that the key is the pinned custodian's where some are pinned.
pub(super) fn signed(
    known: &Known<'_>,
    m: &[u8; MESSAGE_BYTES],
    pinned: Option<&[Custodian]>,
) -> Result<Keys, Fault> {
    let checked = known.signers.iter().map(|signer| {
        let is_pinned = pinned.is_none_or(|pinned| pin_of(signer, pinned).is_some());
        let key = is_pinned.then(|| verified(signer, m)).flatten();
        key.ok_or(Fault::CustodianSignatureInvalid)
    });
    checked.collect()
}

/// The pinned custodian that signed, if all that the statement says of it is so.
pub(super) fn pin_of<'a>(signer: &Signer<'_>, pinned: &'a [Custodian]) -> Option<&'a Custodian> {
    let entry = signer.entry;
    pinned.iter().find(|custodian| {
        custodian.id == entry.custodian_id
            && custodian.lead == signer.lead
            && custodian.subject.eq_ignore_ascii_case(&entry.subject)
            && custodian.scheme == entry.scheme
            && custodian.public_key == entry.public_key
    })
}

/// Checks that both roles signed, by two people with two keys, and that neither of them asked for it.
pub(super) fn two_people(known: &Known<'_>, keys: &Keys) -> Result<(), Fault> {
    let ([one, other], [key, other_key]) = (&*known.signers, &**keys) else {
        return Err(Fault::TwoPersonRule);
    };
    let approval = &known.statement.predicate.approval;
    let asked = |signer: &Signer<'_>| {
        same(&signer.entry.subject, &approval.requested_by)
            || approval
                .on_behalf_of
                .as_ref()
                .is_some_and(|human| same(&signer.entry.subject, human))
    };
    let two = one.lead != other.lead
        && one.entry.custodian_id != other.entry.custodian_id
        && !same(&one.entry.subject, &other.entry.subject)
        && !key.iter().any(|form| other_key.contains(form));
    if !two || asked(one) || asked(other) {
        return Err(Fault::TwoPersonRule);
    }
    Ok(())
}

/// Subjects are compared in lower case.
fn same(subject: &str, other: &str) -> bool {
    subject.eq_ignore_ascii_case(other)
}

/// The forms of the key that made the signature over `m`, if it did.
fn verified(signer: &Signer<'_>, m: &[u8; MESSAGE_BYTES]) -> Option<Vec<String>> {
    let scheme = Scheme::named(&signer.entry.scheme)?;
    let key = read(scheme, &signer.entry.public_key)?;
    let shown = key.verify(m, &signer.entry.signature).ok()?;
    let mut forms = key.components();
    forms.extend(shown.components);
    Some(forms)
}

/// An address says itself of which network it is: the service that enrolled it took its own network's only.
fn read(scheme: Scheme, text: &str) -> Option<PublicKey> {
    let mut networks = Network::ALL.iter();
    let key = networks.find_map(|network| scheme.public_key(text, *network).ok())?;
    (key.text() == text).then_some(key)
}
