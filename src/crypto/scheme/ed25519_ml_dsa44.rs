//! `ed25519+ml-dsa-44`, opt-in: RFC 8032 and ML-DSA-44 (FIPS 204) over the message; both must hold.
//!
//! Key and signature are the Ed25519 part, then the ML-DSA part. What strangers send is verified by the `ml-dsa` crate,
//! which is Rust; without its AVX2 code the C of `pqcrypto-mldsa` has no speed to offer for that.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use super::{Shown, decode, ed25519::component};
use crate::{
    crypto::{ed25519, messages::MESSAGE_BYTES, ml_dsa::ParameterSet::MlDsa44},
    error::Error,
};

/// Bytes of a public key.
const PUBLIC_KEY_BYTES: usize = ed25519::PUBLIC_KEY_BYTES + MlDsa44.public_key_bytes();

/// Bytes of a signature.
const SIGNATURE_BYTES: usize = ed25519::SIGNATURE_BYTES + MlDsa44.signature_bytes();

#[derive(Debug)]
pub(super) struct Key {
    text: String,
    point: [u8; ed25519::PUBLIC_KEY_BYTES],
    lattice: Vec<u8>,
}

impl Key {
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let bytes = decode::<PUBLIC_KEY_BYTES>(
            text,
            "an ed25519+ml-dsa-44 key is 1344 bytes, 32 and 1312: 1792 characters of standard base64",
        );
        let bytes = bytes.map_err(Error::Invalid)?;
        let (point, lattice) = bytes.split_first_chunk().ok_or(SHORT)?;
        ed25519::check_key(point)?;
        MlDsa44.check_key(lattice)?;
        Ok(Self {
            text: text.to_owned(),
            point: *point,
            lattice: lattice.to_vec(),
        })
    }
}

const SHORT: Error = Error::Internal {
    what: "an ed25519+ml-dsa-44 value is shorter than its first part",
    source: None,
};

impl super::Key for Key {
    fn text(&self) -> &str {
        &self.text
    }

    fn bytes(&self) -> Vec<u8> {
        [&self.point, self.lattice.as_slice()].concat()
    }

    fn components(&self) -> Vec<String> {
        let lattice = hex::encode(Sha256::digest(&self.lattice));
        vec![component(&self.point), format!("ml-dsa-44:{lattice}")]
    }

    fn verify(&self, m: &[u8; MESSAGE_BYTES], signature: &str) -> Result<Shown, Error> {
        let signature = decode::<SIGNATURE_BYTES>(
            signature,
            "an ed25519+ml-dsa-44 signature is 2484 bytes, 64 and 2420: 3312 characters of standard base64",
        );
        let signature = signature.map_err(Error::BadSignature)?;
        let (first, second) = signature.split_first_chunk().ok_or(SHORT)?;
        ed25519::verify(&self.point, m, first)?;
        MlDsa44.verify(&self.lattice, m, second)?;
        Ok(Shown::default())
    }
}

pub(super) fn public_key(secret: &[u8]) -> Result<String, Error> {
    let (first, second) = seeds(secret)?;
    let lattice = MlDsa44.public_key(second)?;
    let bytes = [&ed25519::public_key(first), lattice.as_slice()].concat();
    Ok(Base64::encode_string(&bytes))
}

pub(super) fn sign(secret: &[u8], m: &[u8; MESSAGE_BYTES]) -> Result<String, Error> {
    let (first, second) = seeds(secret)?;
    let lattice = MlDsa44.sign(second, m)?;
    let bytes = [&ed25519::sign(first, m), lattice.as_slice()].concat();
    Ok(Base64::encode_string(&bytes))
}

/// The RFC 8032 seed, then the FIPS 204 seed.
fn seeds(secret: &[u8]) -> Result<(&[u8; 32], &[u8; 32]), Error> {
    let wrong = Error::Invalid("a secret of ed25519+ml-dsa-44 is 64 bytes, two seeds");
    let seeds = secret.split_first_chunk().and_then(|(first, rest)| {
        let second = rest.try_into().ok()?;
        Some((first, second))
    });
    seeds.ok_or(wrong)
}
