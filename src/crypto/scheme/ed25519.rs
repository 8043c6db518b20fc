//! `ed25519`, the legacy fallback: RFC 8032 over the message.

use base64ct::{Base64, Encoding};

use super::{Shown, decode, signing_key::seed};
use crate::{
    crypto::{
        ed25519::{self, PUBLIC_KEY_BYTES, SIGNATURE_BYTES},
        messages::MESSAGE_BYTES,
    },
    error::Error,
};

#[derive(Debug)]
pub(super) struct Key {
    text: String,
    point: [u8; PUBLIC_KEY_BYTES],
}

impl Key {
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let point = decode(
            text,
            "an ed25519 key is 32 bytes: 44 characters of standard base64",
        )
        .map_err(Error::Invalid)?;
        ed25519::check_key(&point)?;
        let text = text.to_owned();
        Ok(Self { text, point })
    }
}

impl super::Key for Key {
    fn text(&self) -> &str {
        &self.text
    }

    fn bytes(&self) -> Vec<u8> {
        self.point.to_vec()
    }

    fn components(&self) -> Vec<String> {
        vec![component(&self.point)]
    }

    fn verify(&self, m: &[u8; MESSAGE_BYTES], signature: &str) -> Result<Shown, Error> {
        let signature = decode::<SIGNATURE_BYTES>(
            signature,
            "an ed25519 signature is 64 bytes: 88 characters of standard base64",
        );
        let signature = signature.map_err(Error::BadSignature)?;
        ed25519::verify(&self.point, m, &signature)?;
        Ok(Shown::default())
    }
}

/// An Ed25519 key as a component, here and in the hybrid.
pub(super) fn component(point: &[u8; PUBLIC_KEY_BYTES]) -> String {
    format!("ed25519:{}", hex::encode(point))
}

pub(super) fn public_key(secret: &[u8]) -> Result<String, Error> {
    Ok(Base64::encode_string(&ed25519::public_key(seed(secret)?)))
}

pub(super) fn sign(secret: &[u8], m: &[u8; MESSAGE_BYTES]) -> Result<String, Error> {
    Ok(Base64::encode_string(&ed25519::sign(seed(secret)?, m)))
}
