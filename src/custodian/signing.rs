//! Signatures by the service's own keys: each verified before it leaves, and none at all if anything is wrong.

use super::{
    Custodian,
    signing_keys::{context, reference, token_id},
};
use crate::{
    crypto::{ed25519, ml_dsa::ParameterSet::MlDsa65, pinned::key_id},
    error::Error,
    secret::Secret,
    store::SigningKeyRow,
    words::{KeyAlgorithm, KeyPurpose},
};

/// A signature and the key that made it.
#[derive(Clone, Debug)]
pub struct Signed {
    /// How `/v1/signing-keys` names the key.
    pub key_id: String,
    /// 64 bytes of Ed25519 (RFC 8032), 3,309 of ML-DSA-65 (FIPS 204).
    pub signature: Vec<u8>,
}

impl Custodian {
    /// Signs the digest of an approved override by both of its keys: Ed25519, then ML-DSA-65.
    ///
    /// # Errors
    /// Those of signing with either: then there is no signature of the other either.
    pub fn countersign(&self, digest: &[u8]) -> Result<[Signed; 2], Error> {
        let sign = |algorithm| self.sign_with(KeyPurpose::Override, algorithm, digest);
        Ok([sign(KeyAlgorithm::Ed25519)?, sign(KeyAlgorithm::MlDsa65)?])
    }

    /// Signs by the key of a purpose.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the key holder or the store does not answer, if the key is not there or not as it was
    /// written, or if the signature does not verify under its public key.
    pub(super) fn sign_with(
        &self,
        purpose: KeyPurpose,
        algorithm: KeyAlgorithm,
        message: &[u8],
    ) -> Result<Signed, Error> {
        let signed = self
            .store
            .read(|view| view.signing_key(purpose, algorithm))
            .and_then(|row| self.sign_by(&row.ok_or(NO_KEY)?, message));
        signed.map_err(|error| unusable(purpose, algorithm, error))
    }

    fn sign_by(&self, row: &SigningKeyRow, message: &[u8]) -> Result<Signed, Error> {
        let made = row.made.as_ref().ok_or(NO_KEY)?;
        let signature = match &made.wrapped {
            None => {
                let public_key = made.public_key.as_slice().try_into();
                let public_key = public_key.map_err(|_| WRONG_LENGTH)?;
                let id = token_id(row);
                match row.purpose {
                    KeyPurpose::Checkpoint => self.notes.sign_note(&id, public_key, message),
                    KeyPurpose::Override | KeyPurpose::Schema => {
                        self.signer.sign(&id, public_key, message)
                    }
                }?
                .into()
            }
            Some(wrapped) => {
                let reference = reference(row);
                let seed = self.kek.unwrap(wrapped, &context(row, &reference))?;
                sign(row.algorithm, &seed, message)?
            }
        };
        verify(row.algorithm, &made.public_key, message, &signature)?;
        Ok(Signed {
            key_id: key_id(row.algorithm, &made.public_key),
            signature,
        })
    }
}

fn sign(algorithm: KeyAlgorithm, seed: &Secret<32>, message: &[u8]) -> Result<Vec<u8>, Error> {
    match algorithm {
        KeyAlgorithm::Ed25519 => Ok(ed25519::sign(seed.expose(), message).into()),
        KeyAlgorithm::MlDsa65 => MlDsa65.sign(seed.expose(), message),
    }
}

/// ML-DSA by the implementation that did not sign.
fn verify(
    algorithm: KeyAlgorithm,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    match algorithm {
        KeyAlgorithm::Ed25519 => {
            let public_key = public_key.try_into().map_err(|_| WRONG_LENGTH)?;
            let signature = signature.try_into().map_err(|_| WRONG_LENGTH)?;
            ed25519::verify(public_key, message, signature)
        }
        KeyAlgorithm::MlDsa65 => MlDsa65.verify_second(public_key, message, signature),
    }
}

const NO_KEY: Error = Error::Corrupt("there is no signing key of that purpose");
const WRONG_LENGTH: Error =
    Error::Corrupt("a public key or a signature has not the length of its algorithm");

/// Whoever asked for a signature can do nothing about it but ask again; whoever runs the service can.
fn unusable(purpose: KeyPurpose, algorithm: KeyAlgorithm, error: Error) -> Error {
    if matches!(error, Error::Unavailable { .. }) {
        return error;
    }
    let (purpose, algorithm) = (purpose.name(), algorithm.name());
    tracing::error!(
        purpose,
        algorithm,
        error = &error as &dyn std::error::Error,
        "a signing key cannot be used"
    );
    Error::kek("signing by a key of the service", error)
}
