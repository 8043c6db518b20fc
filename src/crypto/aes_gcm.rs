//! AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces, over the `aes-gcm` crate.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};

use crate::{
    error::{Error, Source},
    secret::{Plaintext, Secret},
};

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;

const DAMAGED: Error = Error::Corrupt("what was sealed, its context or its key is not the same");

/// Seals under a fresh random nonce and answers `nonce || ciphertext || tag`.
///
/// # Errors
/// [`Error::Internal`] if the system gives no random bytes.
pub fn seal(key: &[u8; 32], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    let mut nonce = [0; NONCE_BYTES];
    random(&mut nonce)?;
    let mut sealed = nonce.to_vec();
    sealed.extend(seal_with_nonce(key, &nonce, aad, plaintext)?);
    Ok(sealed)
}

/// Opens what [`seal`] made.
///
/// # Errors
/// [`Error::Corrupt`] if anything differs.
pub fn open(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Plaintext, Error> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(DAMAGED)?;
    open_with_nonce(key, nonce, aad, ciphertext)
}

/// Seals under a nonce that the caller answers for; answers `ciphertext || tag`.
///
/// # Errors
/// [`Error::Internal`] beyond the mechanism's 2^36 - 32 bytes.
pub fn seal_with_nonce(
    key: &[u8; 32],
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, Error> {
    let payload = Payload {
        msg: plaintext,
        aad,
    };
    cipher(key)
        .encrypt(nonce.into(), payload)
        .map_err(|_| Error::internal("the plaintext is longer than AES-GCM can seal"))
}

/// Opens what [`seal_with_nonce`] made.
///
/// # Errors
/// [`Error::Corrupt`] if anything differs.
pub fn open_with_nonce(
    key: &[u8; 32],
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Plaintext, Error> {
    let payload = Payload { msg: sealed, aad };
    let opened = cipher(key).decrypt(nonce.into(), payload);
    opened.map(Plaintext::new).map_err(|_| DAMAGED)
}

/// A fresh random 256-bit key.
///
/// # Errors
/// [`Error::Internal`] if the system gives no random bytes.
pub fn fresh_key() -> Result<Secret<32>, Error> {
    Secret::fill(|bytes| random(bytes))
}

/// Fills `bytes` from the system's random number generator.
///
/// # Errors
/// [`Error::Internal`] if it does not answer.
pub fn random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes).map_err(|error| Error::Internal {
        what: "asking the system for random bytes",
        source: Some(Source::from(error)),
    })
}

fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

#[cfg(test)]
mod tests {
    use super::{fresh_key, open, seal};

    #[test]
    fn what_was_sealed_opens_and_a_flipped_bit_anywhere_does_not() {
        let secret = fresh_key().unwrap();
        let key = secret.expose();
        let sealed = seal(key, b"aad", b"payload").unwrap();
        assert_eq!(open(key, b"aad", &sealed).unwrap().expose(), b"payload");
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(open(key, b"aad", &damaged).is_err(), "byte {at}");
        }
        assert!(open(key, b"AAD", &sealed).is_err());
        assert!(open(fresh_key().unwrap().expose(), b"aad", &sealed).is_err());
    }

    #[test]
    fn a_cut_blob_is_refused() {
        let secret = fresh_key().unwrap();
        let key = secret.expose();
        let sealed = seal(key, b"", b"payload").unwrap();
        for length in 0..sealed.len() {
            assert!(open(key, b"", &sealed[..length]).is_err(), "{length}");
        }
    }
}
