//! The `ml-dsa` crate makes keys and signatures, and a second implementation, `pqcrypto-mldsa` (PQClean), verifies
//! beside the first.
//!
//! PQClean runs as portable C only: its AVX2 code never looks at the norm of z (pq-crystals/dilithium issue 113), so
//! that 78 signatures that Wycheproof calls invalid pass there. `Cargo.toml` leaves it out.
//!
//! Signatures are hedged (FIPS 204 section 3.4, its default): fresh randomness goes into each, so that a fault or a
//! power trace of two signatures over one message does not give the key away. Expanded keys live inside one call and
//! are wiped after it.

use getrandom::SysRng;
use ml_dsa::{
    EncodedSignature, EncodedVerifyingKey, MlDsa44, MlDsa65, MlDsaParams, Signature, SigningKey,
    VerifyingKey, signature::Keypair as _,
};
use pqcrypto_mldsa::{mldsa44, mldsa65};
use pqcrypto_traits::sign::{DetachedSignature, PublicKey, VerificationError};

use super::ParameterSet;
use crate::error::Error;

/// Bytes of the context: none.
const CONTEXT: &[u8] = b"";

const BAD: Error = Error::BadSignature("the ML-DSA signature is not by this key over this message");

impl ParameterSet {
    /// The public key of a seed xi (FIPS 204 algorithm 6).
    ///
    /// # Errors
    /// None here; [`Error::Conflict`] in a build without ML-DSA.
    pub fn public_key(self, seed: &[u8; 32]) -> Result<Vec<u8>, Error> {
        Ok(match self {
            Self::MlDsa44 => public_key::<MlDsa44>(seed),
            Self::MlDsa65 => public_key::<MlDsa65>(seed),
        })
    }

    /// Signs by the key of a seed xi (FIPS 204 algorithm 2); each signature is another.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system gives no random bytes.
    pub fn sign(self, seed: &[u8; 32], message: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::MlDsa44 => sign::<MlDsa44>(seed, message),
            Self::MlDsa65 => sign::<MlDsa65>(seed, message),
        }
    }

    /// Verifies in Rust, by the implementation that signs (FIPS 204 algorithm 3).
    ///
    /// # Errors
    /// [`Error::BadSignature`] if it is not by the key over the message.
    pub fn verify(self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Error> {
        match self {
            Self::MlDsa44 => verify::<MlDsa44>(public_key, message, signature),
            Self::MlDsa65 => verify::<MlDsa65>(public_key, message, signature),
        }
    }

    /// Verifies by the second implementation, for signatures of our own before they leave.
    ///
    /// # Errors
    /// [`Error::BadSignature`] if it is not by the key over the message.
    pub fn verify_second(
        self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        // pqcrypto-mldsa takes a signature that is too short.
        if signature.len() != self.signature_bytes() {
            return Err(BAD);
        }
        match self {
            Self::MlDsa44 => second(
                mldsa44::verify_detached_signature,
                public_key,
                message,
                signature,
            ),
            Self::MlDsa65 => second(
                mldsa65::verify_detached_signature,
                public_key,
                message,
                signature,
            ),
        }
    }
}

fn public_key<P: MlDsaParams>(seed: &[u8; 32]) -> Vec<u8> {
    let key = SigningKey::<P>::from_seed(seed.into());
    key.verifying_key().encode().to_vec()
}

fn sign<P: MlDsaParams>(seed: &[u8; 32], message: &[u8]) -> Result<Vec<u8>, Error> {
    let key = SigningKey::<P>::from_seed(seed.into());
    let signature = key
        .expanded_key()
        .sign_randomized(message, CONTEXT, &mut SysRng);
    let signature =
        signature.map_err(|_| Error::internal("signing by ML-DSA: is there randomness?"))?;
    Ok(signature.encode().to_vec())
}

fn verify<P: MlDsaParams>(
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let key = EncodedVerifyingKey::<P>::try_from(public_key).map_err(|_| BAD)?;
    let signature = EncodedSignature::<P>::try_from(signature).map_err(|_| BAD)?;
    let signature = Signature::<P>::decode(&signature).ok_or(BAD)?;
    let valid = VerifyingKey::<P>::decode(&key).verify_with_context(message, CONTEXT, &signature);
    valid.then_some(()).ok_or(BAD)
}

type Verify<S, K> = fn(&S, &[u8], &K) -> Result<(), VerificationError>;

fn second<S: DetachedSignature, K: PublicKey>(
    verify: Verify<S, K>,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let key = K::from_bytes(public_key).map_err(|_| BAD)?;
    let signature = S::from_bytes(signature).map_err(|_| BAD)?;
    verify(&signature, message, &key).map_err(|_| BAD)
}

#[cfg(test)]
mod tests {
    use super::ParameterSet::{self, MlDsa44, MlDsa65};

    fn both(set: ParameterSet, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let first = set.verify(key, message, signature).is_ok();
        let second = set.verify_second(key, message, signature).is_ok();
        assert_eq!(first, second, "the implementations do not agree");
        first
    }

    #[test]
    fn what_is_signed_verifies_by_both_and_nothing_else_does() {
        for set in [MlDsa44, MlDsa65] {
            let key = set.public_key(&[7; 32]).unwrap();
            let signature = set.sign(&[7; 32], b"message").unwrap();
            assert_eq!(key.len(), set.public_key_bytes());
            assert_eq!(signature.len(), set.signature_bytes());
            assert!(both(set, &key, b"message", &signature));
            assert!(!both(set, &key, b"messagE", &signature));
            assert!(!both(
                set,
                &set.public_key(&[8; 32]).unwrap(),
                b"message",
                &signature
            ));
            for at in (0..signature.len())
                .step_by(101)
                .chain([signature.len() - 1])
            {
                let mut other = signature.clone();
                other[at] ^= 1;
                assert!(!both(set, &key, b"message", &other), "byte {at}");
            }
        }
    }

    #[test]
    fn every_wrong_length_is_refused() {
        for (set, other) in [(MlDsa44, MlDsa65), (MlDsa65, MlDsa44)] {
            let key = set.public_key(&[7; 32]).unwrap();
            let signature = set.sign(&[7; 32], b"message").unwrap();
            for length in [0, 1, signature.len() - 1] {
                assert!(!both(set, &key, b"message", &signature[..length]));
            }
            assert!(!both(
                set,
                &key,
                b"message",
                &[&signature[..], &[0]].concat()
            ));
            assert!(!both(other, &key, b"message", &signature));
            for wrong in [&key[1..], &[&key[..], &[0]].concat(), &[]] {
                assert!(!both(set, wrong, b"message", &signature));
                assert!(set.check_key(wrong).is_err());
            }
            assert!(set.check_key(&key).is_ok());
        }
    }

    #[test]
    fn signatures_are_hedged() {
        let sign = || MlDsa44.sign(&[7; 32], b"message").unwrap();
        assert_ne!(sign(), sign());
    }

    #[test]
    fn a_key_without_t1_is_refused() {
        let mut key = [0; 1312];
        key[..32].fill(7);
        assert!(MlDsa44.check_key(&key).is_err());
    }
}
