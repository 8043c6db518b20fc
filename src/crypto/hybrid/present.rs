//! Over the `hpke` crate.

use hpke::{
    Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable, aead::AesGcm256,
    kdf::HkdfSha256, kem::XWing, single_shot_open, single_shot_seal,
};

use super::ENCAPSULATED_BYTES;
use crate::{
    error::{Error, Source},
    secret::Plaintext,
};

const DAMAGED: Error = Error::Corrupt("what was encrypted, its context or its key is not the same");

/// The public key of a 32-byte X-Wing decapsulation seed.
///
/// # Errors
/// [`Error::Internal`] if the crate does not take the seed.
pub fn public_key(seed: &[u8; 32]) -> Result<Vec<u8>, Error> {
    Ok(XWing::sk_to_pk(&private_key(seed)?).to_bytes().to_vec())
}

/// Encrypts to a public key and answers `encapsulated key || ciphertext || tag`.
///
/// # Errors
/// [`Error::Corrupt`] if the public key is none.
pub fn seal(public_key: &[u8], info: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    let no_key = |_| Error::Corrupt("the stored public key is damaged; restore it from a backup");
    let recipient = <XWing as Kem>::PublicKey::from_bytes(public_key).map_err(no_key)?;
    let mode = OpModeS::Base;
    let sealed =
        single_shot_seal::<AesGcm256, HkdfSha256, XWing>(&mode, &recipient, info, plaintext, &[]);
    let (encapsulated, ciphertext) = sealed.map_err(broken)?;
    Ok([encapsulated.to_bytes().as_slice(), &ciphertext].concat())
}

/// Opens what [`seal`], or any HPKE library, made.
///
/// # Errors
/// [`Error::Corrupt`] if anything differs.
pub fn open(seed: &[u8; 32], info: &[u8], sealed: &[u8]) -> Result<Plaintext, Error> {
    let (encapsulated, ciphertext) = sealed.split_at_checked(ENCAPSULATED_BYTES).ok_or(DAMAGED)?;
    let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(encapsulated);
    let encapsulated = encapsulated.map_err(|_| DAMAGED)?;
    let opened = single_shot_open::<AesGcm256, HkdfSha256, XWing>(
        &OpModeR::Base,
        &private_key(seed)?,
        &encapsulated,
        info,
        ciphertext,
        &[],
    );
    opened.map(Plaintext::new).map_err(|_| DAMAGED)
}

fn private_key(seed: &[u8; 32]) -> Result<<XWing as Kem>::PrivateKey, Error> {
    <XWing as Kem>::PrivateKey::from_bytes(seed).map_err(broken)
}

fn broken(error: HpkeError) -> Error {
    Error::Internal {
        what: "using an HPKE key",
        source: Some(Source::from(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::{ENCAPSULATED_BYTES, open, public_key, seal};
    use crate::crypto::hybrid::PUBLIC_KEY_BYTES;

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() {
        let seed = [7; 32];
        let key = public_key(&seed).unwrap();
        assert_eq!(key.len(), PUBLIC_KEY_BYTES);
        let sealed = seal(&key, b"info", b"payload").unwrap();
        assert_eq!(sealed.len(), ENCAPSULATED_BYTES + 7 + 16);
        assert_eq!(open(&seed, b"info", &sealed).unwrap().expose(), b"payload");
        assert!(open(&seed, b"INFO", &sealed).is_err());
        assert!(open(&[8; 32], b"info", &sealed).is_err());
        for at in [0, 1087, 1088, 1119, 1120, 1127, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(open(&seed, b"info", &damaged).is_err(), "byte {at}");
        }
        for length in [0, 1119, 1120, 1135, sealed.len() - 1] {
            assert!(open(&seed, b"info", &sealed[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let key = public_key(&[7; 32]).unwrap();
        assert!(seal(&key[1..], b"", b"x").is_err());
        // A coefficient beyond the modulus (FIPS 203 section 7.2).
        let mut beyond = key;
        beyond[..3].fill(0xff);
        assert!(seal(&beyond, b"", b"x").is_err());
    }
}
