//! The mechanism `aes-gcm`: the IV is ours, random each time.

use cryptoki::{object::ObjectHandle, session::Session};

use super::{
    super::{
        aes_gcm::{self, NONCE_BYTES},
        fault::Fault,
    },
    Sealed, refuse, sealed,
};
use crate::crypto::aes_gcm::random;

/// Seals under a fresh random nonce.
pub(super) fn seal(
    session: &Session,
    key: ObjectHandle,
    aad: &[u8],
    secret: &[u8; 32],
) -> Result<Sealed, Fault> {
    let mut nonce = [0; NONCE_BYTES];
    random(&mut nonce)?;
    under(session, key, nonce, aad, secret)
}

/// Seals under that very nonce.
pub(super) fn under(
    session: &Session,
    key: ObjectHandle,
    nonce: [u8; NONCE_BYTES],
    aad: &[u8],
    secret: &[u8; 32],
) -> Result<Sealed, Fault> {
    let mut iv = nonce;
    let bytes = aes_gcm::seal(session, key, &mut iv, aad, secret)?;
    if iv != nonce {
        return Err(refuse("the token put another IV in the place of ours"));
    }
    sealed(nonce, bytes)
}
