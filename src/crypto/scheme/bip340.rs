//! `bip340`, the default: BIP-340 over the tagged hash of the message.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use super::{Shown, decode, secp256k1, signing_key::seed};
use crate::{
    crypto::{
        bip340::{self, PUBLIC_KEY_BYTES, SIGNATURE_BYTES},
        messages::MESSAGE_BYTES,
    },
    error::Error,
};

/// By which BIP-322 tells messages from transactions.
const TAG: &str = "BIP0322-signed-message";

/// The bytes that BIP-340 signs: the tagged hash of its section "Design".
pub(super) fn message(m: &[u8; MESSAGE_BYTES]) -> [u8; 32] {
    let tag = Sha256::digest(TAG);
    let hash = Sha256::new_with_prefix(tag).chain_update(tag);
    hash.chain_update(m).finalize().into()
}

#[derive(Debug)]
pub(super) struct Key {
    text: String,
    x: [u8; PUBLIC_KEY_BYTES],
}

impl Key {
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let x = decode(
            text,
            "a bip340 key is 32 bytes: 44 characters of standard base64",
        )
        .map_err(Error::Invalid)?;
        bip340::check_key(&x)?;
        let text = text.to_owned();
        Ok(Self { text, x })
    }
}

impl super::Key for Key {
    fn text(&self) -> &str {
        &self.text
    }

    fn bytes(&self) -> Vec<u8> {
        self.x.to_vec()
    }

    fn components(&self) -> Vec<String> {
        secp256k1::components(&self.x)
    }

    fn verify(&self, m: &[u8; MESSAGE_BYTES], signature: &str) -> Result<Shown, Error> {
        let signature = decode::<SIGNATURE_BYTES>(
            signature,
            "a bip340 signature is 64 bytes: 88 characters of standard base64",
        );
        let signature = signature.map_err(Error::BadSignature)?;
        bip340::verify(&self.x, &message(m), &signature)?;
        Ok(Shown::default())
    }
}

pub(super) fn public_key(secret: &[u8]) -> Result<String, Error> {
    Ok(Base64::encode_string(&bip340::public_key(seed(secret)?)?))
}

pub(super) fn sign(secret: &[u8], m: &[u8; MESSAGE_BYTES]) -> Result<String, Error> {
    let signature = bip340::sign(seed(secret)?, &message(m))?;
    Ok(Base64::encode_string(&signature))
}
