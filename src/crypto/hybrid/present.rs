//! Over the `hpke` crate.

use std::fmt;

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

/// A public key, read once for many encryptions.
#[derive(Debug)]
pub struct Sealer(<XWing as Kem>::PublicKey);

impl Sealer {
    /// Reads a public key.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is none.
    pub fn new(public_key: &[u8]) -> Result<Self, Error> {
        let no_key =
            |_| Error::Corrupt("the stored public key is damaged; restore it from a backup");
        <XWing as Kem>::PublicKey::from_bytes(public_key)
            .map(Self)
            .map_err(no_key)
    }

    /// Encrypts and answers `encapsulated key || ciphertext || tag`.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system gives no random bytes.
    pub fn seal(&self, info: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let mode = OpModeS::Base;
        let sealed =
            single_shot_seal::<AesGcm256, HkdfSha256, XWing>(&mode, &self.0, info, plaintext, &[]);
        let (encapsulated, ciphertext) = sealed.map_err(broken)?;
        Ok([encapsulated.to_bytes().as_slice(), &ciphertext].concat())
    }
}

/// A seed, expanded once for many decryptions; boxed, and wiped on drop by the crate.
pub struct Opener(Box<<XWing as Kem>::PrivateKey>);

impl Opener {
    /// Expands a 32-byte X-Wing decapsulation seed.
    ///
    /// # Errors
    /// [`Error::Internal`] if the crate does not take the seed.
    pub fn new(seed: &[u8; 32]) -> Result<Self, Error> {
        let key = <XWing as Kem>::PrivateKey::from_bytes(seed).map_err(broken)?;
        Ok(Self(Box::new(key)))
    }

    /// The public key of the seed.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        XWing::sk_to_pk(&self.0).to_bytes().to_vec()
    }

    /// Opens what [`Sealer::seal`], or any HPKE library, made.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if anything differs.
    pub fn open(&self, info: &[u8], sealed: &[u8]) -> Result<Plaintext, Error> {
        let (encapsulated, ciphertext) =
            sealed.split_at_checked(ENCAPSULATED_BYTES).ok_or(DAMAGED)?;
        let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(encapsulated);
        let encapsulated = encapsulated.map_err(|_| DAMAGED)?;
        let opened = single_shot_open::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.0,
            &encapsulated,
            info,
            ciphertext,
            &[],
        );
        opened.map(Plaintext::new).map_err(|_| DAMAGED)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Opener")
    }
}

fn broken(error: HpkeError) -> Error {
    Error::Internal {
        what: "using an HPKE key",
        source: Some(Source::from(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Opener, Sealer};
    use crate::crypto::hybrid::{ADDED_BYTES, PUBLIC_KEY_BYTES};

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() {
        let opener = Opener::new(&[7; 32]).unwrap();
        let key = opener.public_key();
        assert_eq!(key.len(), PUBLIC_KEY_BYTES);
        let sealed = Sealer::new(&key).unwrap().seal(b"info", b"payload");
        let sealed = sealed.unwrap();
        assert_eq!(sealed.len(), ADDED_BYTES + 7);
        assert_eq!(opener.open(b"info", &sealed).unwrap().expose(), b"payload");
        assert!(opener.open(b"INFO", &sealed).is_err());
        let other = Opener::new(&[8; 32]).unwrap();
        assert!(other.open(b"info", &sealed).is_err());
        for at in [0, 1087, 1088, 1119, 1120, 1127, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(opener.open(b"info", &damaged).is_err(), "byte {at}");
        }
        for length in [0, 1119, 1120, 1135, sealed.len() - 1] {
            let short = &sealed[..length];
            assert!(opener.open(b"info", short).is_err(), "{length}");
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let key = Opener::new(&[7; 32]).unwrap().public_key();
        assert!(Sealer::new(&key[1..]).is_err());
        // A coefficient beyond the modulus (FIPS 203 section 7.2).
        let mut beyond = key;
        beyond[..3].fill(0xff);
        assert!(Sealer::new(&beyond).is_err());
    }

    #[test]
    fn an_opener_says_nothing_in_debug() {
        assert_eq!(format!("{:?}", Opener::new(&[7; 32]).unwrap()), "Opener");
    }
}
