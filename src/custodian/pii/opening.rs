//! The DEKs that one request decrypts with: each blob names its own.

use std::{
    cell::RefCell,
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use super::{
    super::{
        Caller, Custodian,
        envelope::{InUse, Used},
    },
    Otherwise, blob,
    rework::{Text, Wish},
    text,
};
use crate::{
    crypto::{blob::DekBlob, hybrid::Opener},
    error::Error,
    id::{DekName, DekVersion},
    json::Member,
    policy,
};

/// DEKs in use by one request.
pub(super) struct Opening<'a> {
    custodian: &'a Custodian,
    who: &'a Caller,
    /// `None` is one that is not there, or not for this caller.
    deks: RefCell<BTreeMap<DekName, Option<InUse<'a>>>>,
}

/// A blob and what opens it.
pub(super) struct Sealed {
    blob: DekBlob,
    opener: Arc<Opener>,
}

impl<'a> Opening<'a> {
    pub(super) fn begin(custodian: &'a Custodian, who: &'a Caller) -> Self {
        Self {
            custodian,
            who,
            deks: RefCell::default(),
        }
    }

    /// What is to become of a value.
    pub(super) fn open_or_keep(
        &self,
        member: &Member<'_>,
        not_encrypted: Otherwise,
    ) -> Result<Wish<Sealed>, Error> {
        let Some(blob) = blob(member.value) else {
            return match not_encrypted {
                Otherwise::Keep if begins_like_a_blob(member.value) => Err(NOT_WHOLE),
                Otherwise::Keep => Ok(Wish::Keep),
                Otherwise::Refuse => Err(NOT_ENCRYPTED),
            };
        };
        let opener = self.opener(&blob.name, &blob.version)?;
        Ok(Wish::Change(Sealed { blob, opener }))
    }

    /// The versions that were used.
    pub(super) fn used(&self) -> Used {
        let deks = self.deks.borrow();
        deks.values().flatten().flat_map(InUse::used).collect()
    }

    /// The DEKs that were used, for the audit log.
    pub(super) fn object(&self) -> Option<String> {
        let deks = self.deks.borrow();
        let known = deks.iter().filter(|(_, dek)| dek.is_some());
        let names: Vec<_> = known.map(|(name, _)| name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn opener(&self, name: &DekName, version: &DekVersion) -> Result<Arc<Opener>, Error> {
        let mut deks = self.deks.borrow_mut();
        let dek = match deks.entry(name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.granted(name)?),
        };
        dek.as_ref().ok_or(NOT_GRANTED)?.opener(version)
    }

    fn granted(&self, name: &DekName) -> Result<Option<InUse<'a>>, Error> {
        let granted = policy::use_dek(&self.who.principal, name);
        match granted.and_then(|()| self.custodian.in_use(name)) {
            Err(Error::NotFound(_)) => Ok(None),
            dek => dek.map(Some),
        }
    }
}

/// Opens a value; the field's name is its label.
pub(super) fn open(member: &Member<'_>, sealed: &Sealed) -> Result<Text, Error> {
    let blob = &sealed.blob;
    let info = DekBlob::info(&blob.name, &blob.version, member.name.as_bytes());
    Text::plain(&sealed.opener.open(&info, &blob.payload)?)
}

fn begins_like_a_blob(value: &str) -> bool {
    text(value).is_some_and(|text| text.starts_with("cst1:"))
}

const NOT_WHOLE: Error = Error::Corrupt(
    "this value begins like a blob and is no whole one: it was changed, or name in `fields` those that are encrypted",
);
const NOT_ENCRYPTED: Error = Error::Corrupt(
    "this value is not a whole blob; name those that are in `fields`, or ask for `\"not_encrypted\":\"keep\"`",
);
/// A value that was changed may name any DEK: the same for one that is not there and one outside the grants.
const NOT_GRANTED: Error =
    Error::Corrupt("no DEK among your grants encrypted this value, or it was changed");
