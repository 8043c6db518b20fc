//! Owns the calls of CKM_AES_GCM (PKCS#11 v3.1 section 6.13.4): IV of 12 bytes, tag of 128 bits. Who chooses the IV is
//! for a strategy to say.

use cryptoki::{
    error::Error as Pkcs11Error,
    mechanism::{Mechanism, aead::GcmParams},
    object::ObjectHandle,
    session::Session,
};
use zeroize::Zeroizing;

pub(super) const NONCE_BYTES: usize = 12;
/// A 32-byte secret and its tag.
pub(super) const SEALED_BYTES: usize = 48;
const TAG_BITS: u64 = 128;

/// Seals `plaintext`; answers ciphertext and tag. In `iv` is then what the token left there.
pub(super) fn seal(
    session: &Session,
    key: ObjectHandle,
    iv: &mut [u8; NONCE_BYTES],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, Pkcs11Error> {
    let mechanism = Mechanism::AesGcm(GcmParams::new(iv, aad, TAG_BITS.into())?);
    session.encrypt(&mechanism, key, plaintext)
}

/// Opens what [`seal`] made, whoever chose the IV.
pub(super) fn open(
    session: &Session,
    key: ObjectHandle,
    nonce: &[u8; NONCE_BYTES],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Pkcs11Error> {
    let mut iv = *nonce;
    let mechanism = Mechanism::AesGcm(GcmParams::new(&mut iv, aad, TAG_BITS.into())?);
    session.decrypt(&mechanism, key, sealed).map(Zeroizing::new)
}
