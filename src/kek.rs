//! Owns the joint to the key holder: what the service asks of a KEK, whatever token holds it.
//!
//! Nothing here knows PKCS#11, a database or HTTP; each provider is one file or folder below `kek/`.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;
use utoipa::ToSchema;

use crate::{algorithm::Mechanism, error::Error, id::KekVersion, secret::Secret};

pub use crate::crypto::wrapped::{Context, Purpose, WrappedSecret};

mod condition;
mod measured;
pub mod pkcs11;
mod provider;
pub mod software;
mod state;

pub use condition::Condition;
pub use measured::Measured;
pub use provider::Provider;
pub use state::{Cause, Change, Figures, Level, Load, State, Trouble};

/// The canary's nonce (12 bytes): constant, and used with one plaintext and one AAD only.
pub(crate) const CANARY_NONCE: [u8; 12] = *b"aegis-canary";
/// The canary's AAD: no [`Context`] makes it.
pub(crate) const CANARY_AAD: &[u8] = b"aegis-custodian/canary/v1";
/// The 32 bytes that the canary seals: public.
pub(crate) const CANARY_SECRET: [u8; 32] = *b"aegis-custodian canary, 32 bytes";

/// Seals and opens 32-byte secrets; with `probe`, all that daily work asks of a KEK.
pub trait KekProvider: fmt::Debug + Send + Sync {
    /// Seals `secret` under the current KEK version.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer.
    fn wrap(&self, secret: &Secret<32>, context: &Context<'_>) -> Result<WrappedSecret, Error>;

    /// Opens what [`KekProvider::wrap`] made, under the version that it names.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the record or the context differs, [`Error::Unavailable`] if the token does not answer.
    fn unwrap(&self, wrapped: &WrappedSecret, context: &Context<'_>) -> Result<Secret<32>, Error>;

    /// Opens many, order kept; a provider may share what checking a refusal costs.
    fn unwrap_each(
        &self,
        batch: &[(&WrappedSecret, Context<'_>)],
    ) -> Vec<Result<Secret<32>, Error>> {
        let one =
            |(wrapped, context): &(&WrappedSecret, Context<'_>)| self.unwrap(wrapped, context);
        batch.iter().map(one).collect()
    }

    /// A real round trip through the token with the current KEK version.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it does not come back the same.
    fn probe(&self) -> Result<(), Error>;
}

/// The life cycle of KEK versions, apart from their daily use.
pub trait KekKeeper: KekProvider {
    /// Makes the key of `version` in the token. One that is there already and whole is taken as made,
    /// so that an interrupted creation can be repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer; [`Error::Conflict`] if a key of that name is there
    /// but not as it must be.
    fn create(&self, version: &KekVersion) -> Result<(), Error>;

    /// Finds every version of the ring, verifies its attributes and opens its canary; from then on
    /// `wrap` uses `ring.current`. Never makes a key.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if a key is missing, doubled, weaker than it must be, or not the one that made the canary.
    fn adopt(&self, ring: Keyring) -> Result<(), Error>;

    /// Does ahead what takes long in [`KekKeeper::adopt`] of the same ring; `wrap` goes on as before.
    ///
    /// # Errors
    /// Those of [`KekKeeper::adopt`].
    fn prepare(&self, _ring: &Keyring) -> Result<(), Error> {
        Ok(())
    }

    /// Seals a constant under `version`: [`KekKeeper::adopt`] opens it to tell the key from another of the same name.
    /// With a constant nonce, so always the same bytes, which spends none of the key's 2^32 nonces; only a token that
    /// chooses the nonce itself makes other bytes each time.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer.
    fn canary(&self, version: &KekVersion) -> Result<Vec<u8>, Error>;

    /// Whether the key of `version`, in the ring or not, is the one that made `canary`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer or has not exactly one such key.
    fn made_canary(&self, version: &KekVersion, canary: &[u8]) -> Result<bool, Error> {
        Ok(self.canary(version)? == canary)
    }

    /// What the token says of the key of `version`, whether it is in the ring or not.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer or has not exactly one such key.
    fn attributes(&self, version: &KekVersion) -> Result<Attributes, Error>;

    /// The name of every KEK version that has a key here, in the ring or not, whole or not.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer, or cannot tell.
    fn versions(&self) -> Result<BTreeSet<KekVersion>, Error> {
        Err(Error::kek(
            "listing the KEK versions",
            "this key holder cannot tell which it has",
        ))
    }

    /// Deletes the key of `version` for ever, and sees that it is gone. One that is gone already is deleted, so that an
    /// interrupted deletion can be repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer, or for the version that wraps.
    fn delete(&self, version: &KekVersion) -> Result<(), Error>;

    /// What `capabilities` and `doctor` say of this provider.
    fn description(&self) -> Description;

    /// How well it does its work, and what changed.
    fn condition(&self) -> &Condition;

    /// How busy its threads are; none if it has none of its own.
    fn loads(&self) -> Vec<Load> {
        Vec::new()
    }

    /// Opens the token afresh because an operator asks, and answers what came of it. It presents a PIN that was refused
    /// once more, unless that could lock it.
    fn reconnect(&self) -> State;

    /// Ends all work for good, so that the process can end: a library may not survive a call while it is unloaded.
    fn close(&self) {}
}

/// Keys that sign inside the token.
pub trait TokenSigner: fmt::Debug + Send + Sync {
    /// Whether the token makes and uses Ed25519 keys itself.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer.
    fn signs(&self) -> Result<bool, Error>;

    /// Makes the Ed25519 key (RFC 8032) of that id in the token, and answers its public key (32 bytes). One that is
    /// there already and whole is taken as made, so that an interrupted creation can be repeated.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer or holds no such keys; [`Error::Conflict`] if a key of
    /// that id is there but not as it must be.
    fn create_signing_key(&self, id: &str) -> Result<[u8; 32], Error>;

    /// Signs `message` (RFC 8032 section 5.1.6) by the key of that id, verified under `public_key`: 64 bytes. Never
    /// makes a key.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer, or if the key is missing, doubled, weaker than it must be,
    /// or not that of `public_key`.
    fn sign(&self, id: &str, public_key: &[u8; 32], message: &[u8]) -> Result<[u8; 64], Error>;
}

/// Where the newest checkpoint of the audit log is kept beside the database, which an older copy could replace.
pub trait NoteKeeper: fmt::Debug + Send + Sync {
    /// Every note that is kept: one, or none, or after a crash two.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer: one that is gone must not look like one without notes.
    fn notes(&self) -> Result<Vec<Vec<u8>>, Error>;

    /// Keeps `note` in the place of all others, at no time without any; `false` if the token can keep none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the token does not answer.
    fn keep_note(&self, note: &[u8]) -> Result<bool, Error>;

    /// Signs what is to be a note, as [`TokenSigner::sign`] does, but never at the cost of one who waits for the token:
    /// a signature that does not come back takes no thread from them.
    ///
    /// # Errors
    /// Those of [`TokenSigner::sign`].
    fn sign_note(&self, id: &str, public_key: &[u8; 32], message: &[u8])
    -> Result<[u8; 64], Error>;
}

/// All that a provider does.
pub trait KeyHolder: KekKeeper + NoteKeeper + TokenSigner {}

impl<T: KekKeeper + NoteKeeper + TokenSigner> KeyHolder for T {}

/// What a provider is, for people.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Its kind.
    pub provider: Provider,
    /// How secrets are sealed, as the token showed when a ring was adopted.
    pub mechanism: Mechanism,
    /// Whether the KEK never leaves a token.
    pub keys_in_token: bool,
}

/// What a token says of a key; `None` where it has no such attribute.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, ToSchema)]
pub struct Attributes {
    /// CKA_SENSITIVE: its value is never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitive: Option<bool>,
    /// CKA_EXTRACTABLE: it can be wrapped by another key and taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extractable: Option<bool>,
    /// CKA_ALWAYS_SENSITIVE: its value never could be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub always_sensitive: Option<bool>,
    /// CKA_NEVER_EXTRACTABLE: it never could be taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub never_extractable: Option<bool>,
}

/// The KEK versions that the store knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Keyring {
    /// The version that wraps.
    pub current: KekVersion,
    /// Every version that may still unwrap, the current one too.
    pub versions: Vec<RingEntry>,
}

/// One version of a [`Keyring`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RingEntry {
    /// Its name: also the token object's CKA_ID.
    pub version: KekVersion,
    /// What [`KekKeeper::canary`] made of it; `None` only before the first was made.
    pub canary: Option<Vec<u8>>,
}
