//! Owns what is done with a KEK object beside its daily use: its attributes shown, the object deleted.

use std::collections::BTreeSet;

use cryptoki::{
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::Session,
};

use super::{
    fault::Fault,
    keys::{find, find_whole},
};
use crate::{error::Error, id::KekVersion, kek::Attributes};

const READING: &str = "reading a KEK's attributes";
const DELETING: &str = "deleting a KEK";

/// What the token says of the one key of `version`. A key that is missing makes no token sick: nothing is used.
pub(super) fn attributes(session: &Session, version: &KekVersion) -> Result<Attributes, Fault> {
    let found = find(session, version)?;
    let [key] = found.as_slice() else {
        let why = "not exactly one key of that version is in the token";
        return Err(Error::kek(READING, why).into());
    };
    let flag = |set: Attribute| flag(session, *key, &set);
    Ok(Attributes {
        sensitive: flag(Attribute::Sensitive(true))?,
        extractable: flag(Attribute::Extractable(true))?,
        always_sensitive: flag(Attribute::AlwaysSensitive(true))?,
        never_extractable: flag(Attribute::NeverExtractable(true))?,
    })
}

/// Whether an attribute is `set`; `None` of one that the token does not know.
fn flag(session: &Session, key: ObjectHandle, set: &Attribute) -> Result<Option<bool>, Fault> {
    let read = session.get_attributes(key, &[set.attribute_type()])?;
    Ok(read.first().map(|value| value == set))
}

/// The names of all keys that are named as a KEK version is.
pub(super) fn versions(session: &Session) -> Result<BTreeSet<KekVersion>, Fault> {
    let mut names = BTreeSet::new();
    for key in session.find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY)])? {
        let id = session.get_attributes(key, &[AttributeType::Id])?.pop();
        if let Some(Attribute::Id(id)) = id
            && let Some(name) = str::from_utf8(&id).ok().and_then(|id| id.parse().ok())
        {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Deletes every key of `version`, and sees that none is left. The key of `current` must be in sight before and after:
/// a session that is logged out sees no keys either.
pub(super) fn delete(
    session: &Session,
    version: &KekVersion,
    current: &KekVersion,
) -> Result<(), Fault> {
    if version == current {
        return Err(Error::kek(DELETING, "it is the key that wraps").into());
    }
    find_whole(session, current)?;
    for key in find(session, version)? {
        let id = session.get_attributes(key, &[AttributeType::Id])?;
        if id != [Attribute::Id(version.as_str().into())] {
            return Err(Error::kek(DELETING, "the token found a key of another id").into());
        }
        session.destroy_object(key)?;
    }
    let left = find(session, version)?;
    find_whole(session, current)?;
    match left.as_slice() {
        [] => Ok(()),
        [..] => Err(Error::kek(DELETING, "the token still has it").into()),
    }
}
