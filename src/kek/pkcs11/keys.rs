//! Owns the KEK objects in the token: how they are made, found, and verified to be what they must be.

use std::collections::HashMap;

use cryptoki::{
    error::Error as Pkcs11Error,
    mechanism::Mechanism,
    object::{Attribute, KeyType, ObjectClass, ObjectHandle},
    session::Session,
    types::Ulong,
};

use super::{
    attributes::{Rule, Rules},
    fault::Fault,
    strategy::{Strategy, opens_canary},
};
use crate::{
    error::Error,
    id::KekVersion,
    kek::{Cause, Keyring, Trouble},
};

const KEY_BYTES: u64 = 32;

/// The handles of a whole ring, verified, and how they seal; good for one generation of the token only.
pub(super) struct Keys {
    current: KekVersion,
    keys: HashMap<KekVersion, Key>,
    strategy: Strategy,
}

struct Key {
    handle: ObjectHandle,
    canary: Option<Vec<u8>>,
}

impl Keys {
    /// Finds and verifies every version of `ring` and opens its canary.
    pub(super) fn load(session: &Session, ring: &Keyring) -> Result<Self, Fault> {
        let mut keys = HashMap::new();
        for entry in &ring.versions {
            let handle = find_whole(session, &entry.version)?;
            let canary = entry.canary.clone();
            keys.insert(entry.version.clone(), Key { handle, canary });
        }
        let current = ring.current.clone();
        let sealing = keys.get(&current);
        let missing = "the current version is not in the ring";
        let sealing = sealing.ok_or_else(|| refuse(Cause::KekMissing, missing))?;
        let strategy = Strategy::find(session, sealing.handle)?;
        let keys = Self {
            current,
            keys,
            strategy,
        };
        keys.round_trip(session)?;
        Ok(keys)
    }

    /// How the current version seals.
    pub(super) fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// The version that wraps, with its key.
    pub(super) fn current(&self) -> Option<(&KekVersion, ObjectHandle)> {
        let key = self.keys.get(&self.current)?;
        Some((&self.current, key.handle))
    }

    pub(super) fn handle(&self, version: &KekVersion) -> Option<ObjectHandle> {
        self.keys.get(version).map(|key| key.handle)
    }

    /// Verifies one version, another each time that `turn` is one more: that its key was found once does not keep others
    /// from being put beside it, nor its attributes from being changed below the token's own rules.
    pub(super) fn inspect(&self, session: &Session, turn: usize) -> Result<(), Fault> {
        let versions = self.keys.len().max(1);
        let mut keys = self.keys.iter().skip(turn % versions);
        let Some((version, key)) = keys.next() else {
            return Ok(());
        };
        match find_whole(session, version)? == key.handle {
            true => Ok(()),
            // Opened again, it is taken only if it is the same key.
            false => {
                let why = "another key has its name";
                Err(Fault::Sick(Trouble::new(Cause::KekExchanged, why).into()))
            }
        }
    }

    /// Opens the canary of every version on the token objects, the current one first, and seals one where that is what a
    /// version does: that a session still answers proves nothing.
    ///
    /// Where the token chooses the IV, each round trip spends one of the 2^32 random nonces of the current key. They are
    /// not counted, and need not be: it rotates at 2^31 that are, and at one a second the other half lasts 68 years (at
    /// ten, which is the most that failing calls can cause, almost seven).
    pub(super) fn round_trip(&self, session: &Session) -> Result<(), Fault> {
        let is_current = |entry: &(&KekVersion, &Key)| *entry.0 == self.current;
        let (first, others): (Vec<_>, Vec<_>) = self.keys.iter().partition(is_current);
        let mut ordered = first.into_iter().chain(others);
        ordered.try_for_each(|(version, key)| self.check(session, version, key))
    }

    fn check(&self, session: &Session, version: &KekVersion, key: &Key) -> Result<(), Fault> {
        let seals =
            *version == self.current || self.strategy.has_constant_canary() || key.canary.is_none();
        let fresh = seals.then(|| self.seal_and_open(session, key.handle));
        let fresh = fresh.transpose()?;
        let Some(canary) = &key.canary else {
            return Ok(());
        };
        if fresh.as_ref() == Some(canary) {
            let constant = self.strategy.has_constant_canary();
            let again = || refuse(Cause::TokenFailed, SAME_IV);
            return constant.then_some(()).ok_or_else(again);
        }
        let why = "its canary was made by another key";
        let own = is_own(session, key.handle, canary)?;
        own.then_some(())
            .ok_or_else(|| refuse(Cause::KekExchanged, why))
    }

    fn seal_and_open(&self, session: &Session, key: ObjectHandle) -> Result<Vec<u8>, Fault> {
        let fresh = self.strategy.canary(session, key)?;
        let opens = opens_canary(session, key, &fresh)?;
        let fresh = opens.then_some(fresh);
        let why = "it does not open what it sealed";
        fresh.ok_or_else(|| refuse(Cause::KekExchanged, why))
    }
}

const SAME_IV: &str = "the token chose an IV that it had chosen before";

/// Seals the canary of `version`.
pub(super) fn canary(session: &Session, version: &KekVersion) -> Result<Vec<u8>, Fault> {
    let key = find_whole(session, version)?;
    Strategy::find(session, key)?.canary(session, key)
}

/// Whether the key of `version` made that canary.
pub(super) fn made_canary(
    session: &Session,
    version: &KekVersion,
    canary: &[u8],
) -> Result<bool, Fault> {
    let key = find_whole(session, version)?;
    // A token that seals with it refuses to open for one reason only.
    Strategy::find(session, key)?;
    is_own(session, key, canary)
}

/// Whether a key that does its work opens that canary.
fn is_own(session: &Session, key: ObjectHandle, canary: &[u8]) -> Result<bool, Fault> {
    match opens_canary(session, key, canary) {
        Err(Fault::Doubt(_)) => Ok(false),
        opened => opened,
    }
}

/// The one key of `version`, verified. None, or more than one, is refused; none is ever made here.
pub(super) fn find_whole(session: &Session, version: &KekVersion) -> Result<ObjectHandle, Fault> {
    let found = find(session, version)?;
    let key = match found.as_slice() {
        // A token that is gone, or out of which we were logged out, shows no objects either: look once more, afresh.
        [] => {
            let why = "no key of that version is in the token";
            return Err(Fault::Sick(Trouble::new(Cause::KekMissing, why).into()));
        }
        [key] => *key,
        [_, _, ..] => {
            let why = "two keys of that version are in the token";
            return Err(refuse(Cause::KekDoubled, why));
        }
    };
    match A_KEK.weakness(session, key)? {
        Some(attribute) => Err(refuse(Cause::KekWeak, attribute)),
        None => Ok(key),
    }
}

/// Makes the key of `version`, unless it is there and whole.
pub(super) fn create(session: &Session, version: &KekVersion) -> Result<(), Fault> {
    if find(session, version)?.is_empty() {
        session.generate_key(&Mechanism::AesKeyGen, &template(version))?;
    }
    let found = find(session, version)?;
    let [key] = found.as_slice() else {
        let why = "not exactly one key of that version is in the token";
        return Err(Error::Conflict(why).into());
    };
    match A_KEK.weakness(session, *key)? {
        Some(attribute) => Err(Error::Conflict(attribute).into()),
        None => Ok(()),
    }
}

/// Makes an AES-256 key that is gone with its session, to try the token with.
pub(super) fn make_passing(session: &Session) -> Result<ObjectHandle, Pkcs11Error> {
    let template = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::ValueLen(KEY_BYTES.into()),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
    ];
    session.generate_key(&Mechanism::AesKeyGen, &template)
}

/// Every key of `version`.
pub(super) fn find(
    session: &Session,
    version: &KekVersion,
) -> Result<Vec<ObjectHandle>, Pkcs11Error> {
    session.find_objects(&[
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::Id(version.as_str().into()),
    ])
}

fn template(version: &KekVersion) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::ValueLen(KEY_BYTES.into()),
        Attribute::Id(version.as_str().into()),
        Attribute::Label(version.as_str().into()),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        // SoftHSM gives an AES key these two unless they are set.
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Derive(false),
        // Nobody with the PIN can give it CKA_WRAP later; true would only serve session copies, of which we make none.
        Attribute::Modifiable(false),
    ]
}

/// What a KEK must be.
const A_KEK: Rules = Rules {
    must: &MUST,
    where_known: &WHERE_KNOWN,
};

static MUST: [Rule; 9] = [
    (
        Attribute::Class(ObjectClass::SECRET_KEY),
        "the key's CKA_CLASS is not CKO_SECRET_KEY",
    ),
    (
        Attribute::KeyType(KeyType::AES),
        "the key's CKA_KEY_TYPE is not CKK_AES",
    ),
    (Attribute::Token(true), "the key's CKA_TOKEN is not true"),
    (
        Attribute::Private(true),
        "the key's CKA_PRIVATE is not true",
    ),
    (
        Attribute::Sensitive(true),
        "the key's CKA_SENSITIVE is not true",
    ),
    (
        Attribute::Extractable(false),
        "the key's CKA_EXTRACTABLE is not false",
    ),
    (
        Attribute::Encrypt(true),
        "the key's CKA_ENCRYPT is not true",
    ),
    (
        Attribute::Decrypt(true),
        "the key's CKA_DECRYPT is not true",
    ),
    (
        Attribute::ValueLen(Ulong::new(KEY_BYTES)),
        "the key's CKA_VALUE_LEN is not 32",
    ),
];
static WHERE_KNOWN: [Rule; 8] = [
    (Attribute::Wrap(false), "the key's CKA_WRAP is not false"),
    (
        Attribute::Unwrap(false),
        "the key's CKA_UNWRAP is not false",
    ),
    (Attribute::Sign(false), "the key's CKA_SIGN is not false"),
    (
        Attribute::Verify(false),
        "the key's CKA_VERIFY is not false",
    ),
    (
        Attribute::Derive(false),
        "the key's CKA_DERIVE is not false",
    ),
    (
        Attribute::AlwaysSensitive(true),
        "the key's CKA_ALWAYS_SENSITIVE is not true",
    ),
    (
        Attribute::NeverExtractable(true),
        "the key's CKA_NEVER_EXTRACTABLE is not true",
    ),
    (
        Attribute::Modifiable(false),
        "the key's CKA_MODIFIABLE is not false",
    ),
];

fn refuse(cause: Cause, why: &'static str) -> Fault {
    Error::kek("checking the KEK in the token", Trouble::new(cause, why)).into()
}
