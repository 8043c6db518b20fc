//! The service's own signing keys (formats.md section 4): one purpose each, made once, in the token where it can.

use base64ct::{Base64, Encoding};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Custodian, audit::Event};
use crate::{
    crypto::{aes_gcm, ed25519, ml_dsa::ParameterSet::MlDsa65, pinned::key_id},
    error::Error,
    kek::{Context, Purpose},
    policy::Action,
    secret::Secret,
    store::{MadeKey, SigningKeyRow},
    words::{KeyAlgorithm, KeyLocation, KeyPurpose},
};

/// Every key that there is to be. An override has two, so that a certificate outlasts the break of either algorithm.
pub(super) const KEYS: [(KeyPurpose, KeyAlgorithm); 4] = [
    (KeyPurpose::Checkpoint, KeyAlgorithm::Ed25519),
    (KeyPurpose::Override, KeyAlgorithm::Ed25519),
    (KeyPurpose::Override, KeyAlgorithm::MlDsa65),
    (KeyPurpose::Schema, KeyAlgorithm::Ed25519),
];

/// Why this build cannot sign what a purpose takes; `None` if it can.
pub(super) fn missing(purpose: KeyPurpose) -> Option<&'static str> {
    let mut of = KEYS.iter().filter(|(of, _)| *of == purpose);
    of.find_map(|(_, algorithm)| algorithm.missing())
}

/// Whether this build makes both signatures of a certificate: with one alone there is none.
///
/// # Errors
/// [`Error::Conflict`] says what to build.
pub(super) fn countersignable() -> Result<(), Error> {
    missing(KeyPurpose::Override).map_or(Ok(()), |why| Err(Error::Conflict(why)))
}

/// A signing key as the API shows it: verifiers pin it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SigningKeyView {
    /// The algorithm, and the first 16 hex digits of SHA-256 over the public key.
    key_id: String,
    purpose: KeyPurpose,
    algorithm: KeyAlgorithm,
    /// Raw, in standard base64: 32 bytes of `ed25519`, 1,952 of `ml-dsa-65`.
    public_key: String,
    /// `active`.
    state: &'static str,
    location: KeyLocation,
    /// Of `checkpoint` only: the key as verifiers of signed notes take it, under the log's origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    vkey: Option<String>,
}

impl Custodian {
    /// Makes the keys that there are not yet, and finishes those whose making was interrupted. One that this build
    /// cannot make stays announced: the first start of a build that can makes it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if token or store do not answer; [`Error::Conflict`] if a key of that id is in the token
    /// but not as it must be.
    pub fn make_signing_keys(&self) -> Result<(), Error> {
        let rows = match self.store.read(|view| view.signing_keys()) {
            Err(Error::Corrupt(why)) => {
                // Whoever changed a row must not get a new key for it: without it nothing is signed.
                tracing::error!(why, "the signing keys are damaged, so none is made");
                return Ok(());
            }
            rows => rows?,
        };
        let rows = match rows.len() {
            0 => self.announce_signing_keys()?,
            _ => rows,
        };
        if rows.len() < KEYS.len() {
            // All were announced at once, so one was taken out: a new one would make old certificates worthless.
            tracing::error!(
                "a signing key is missing, and none is made in its place; restore the database"
            );
        }
        let mut unmade = rows.into_iter().filter(|row| row.made.is_none());
        unmade.try_for_each(|row| match row.algorithm.missing() {
            None => self.finish_signing_key(row),
            Some(why) => {
                tracing::warn!(key = reference(&row), why, "a signing key is not made");
                Ok(())
            }
        })
    }

    /// Every key that signs.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub fn signing_keys(&self) -> Result<Vec<SigningKeyView>, Error> {
        let rows = self.store.read(|view| view.signing_keys())?;
        let vkey = self.note_key()?.map(|key| key.vkey());
        let shown = |row: SigningKeyRow| {
            let vkey = vkey
                .clone()
                .filter(|_| row.purpose == KeyPurpose::Checkpoint);
            shown(row, vkey)
        };
        Ok(rows.into_iter().filter_map(shown).collect())
    }

    /// Writes down which keys there are to be: all or none.
    fn announce_signing_keys(&self) -> Result<Vec<SigningKeyRow>, Error> {
        let (signs, created_at) = (self.signer.signs()?, self.clock.now());
        let row = |(purpose, algorithm)| SigningKeyRow {
            purpose,
            algorithm,
            location: match algorithm {
                KeyAlgorithm::Ed25519 if signs => KeyLocation::Token,
                KeyAlgorithm::Ed25519 | KeyAlgorithm::MlDsa65 => KeyLocation::Wrapped,
            },
            made: None,
            created_at,
        };
        let rows = KEYS.map(row).to_vec();
        let announced = rows.clone();
        self.store.transact(move |tx| {
            announced
                .iter()
                .try_for_each(|row| tx.announce_signing_key(row))
        })?;
        Ok(rows)
    }

    fn finish_signing_key(&self, row: SigningKeyRow) -> Result<(), Error> {
        let made = match (row.location, row.algorithm) {
            (KeyLocation::Token, KeyAlgorithm::Ed25519) => MadeKey {
                public_key: self.signer.create_signing_key(&token_id(&row))?.into(),
                wrapped: None,
            },
            (KeyLocation::Token, KeyAlgorithm::MlDsa65) => {
                return Err(Error::internal("no token makes ML-DSA keys here"));
            }
            (KeyLocation::Wrapped, _) => self.wrapped_key(&row)?,
        };
        self.alone(Action::SigningKeyCreate, move |tx, _| {
            if let Some(wrapped) = &made.wrapped {
                let again = Error::Conflict("the KEK was rotated meanwhile; start again");
                tx.may_keep(&wrapped.kek, again)?;
            }
            tx.activate_signing_key(&row, &made)?;
            let event = Event::done(reference(&row))
                .with("key_id", key_id(row.algorithm, &made.public_key))
                .with("location", row.location.name());
            Ok(((), event))
        })
    }

    fn wrapped_key(&self, row: &SigningKeyRow) -> Result<MadeKey, Error> {
        let reference = reference(row);
        let context = context(row, &reference);
        let seed = Secret::fill(|bytes| aes_gcm::random(bytes))?;
        let wrapped = self.wrap_secret(&seed, &context)?;
        // Of the seed as it comes back, so that what will sign is what is shown.
        let seed = self.kek.unwrap(&wrapped, &context)?;
        let public_key = match row.algorithm {
            KeyAlgorithm::Ed25519 => ed25519::public_key(seed.expose()).into(),
            KeyAlgorithm::MlDsa65 => MlDsa65.public_key(seed.expose())?,
        };
        Ok(MadeKey {
            public_key,
            wrapped: Some(wrapped),
        })
    }
}

/// For example `override/ml-dsa-65`.
pub(super) fn reference(row: &SigningKeyRow) -> String {
    format!("{}/{}", row.purpose.name(), row.algorithm.name())
}

/// The CKA_ID in the token, for example `signing/override/ed25519`.
pub(super) fn token_id(row: &SigningKeyRow) -> String {
    format!("signing/{}", reference(row))
}

/// What a wrapped seed is and where it belongs.
pub(super) fn context<'a>(row: &SigningKeyRow, reference: &'a str) -> Context<'a> {
    Context {
        purpose: Purpose::Signing,
        reference,
        algorithm: row.algorithm.name(),
    }
}

/// `None` of a key that is not made yet.
fn shown(row: SigningKeyRow, vkey: Option<String>) -> Option<SigningKeyView> {
    let made = row.made?;
    Some(SigningKeyView {
        key_id: key_id(row.algorithm, &made.public_key),
        purpose: row.purpose,
        algorithm: row.algorithm,
        public_key: Base64::encode_string(&made.public_key),
        state: "active",
        location: row.location,
        vkey,
    })
}
