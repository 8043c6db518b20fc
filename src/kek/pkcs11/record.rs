//! Owns one wrapped secret on its way through the token: what is plainly wrong never gets there.

use cryptoki::session::Session;

use super::{
    aes_gcm::{self, NONCE_BYTES, SEALED_BYTES},
    fault::Fault,
    keys::Keys,
};
use crate::{
    algorithm::Mechanism,
    error::Error,
    id::KekVersion,
    kek::{Context, Keyring, WrappedSecret},
    secret::Secret,
};

/// A record that can be right, with the AAD of where it must belong.
pub(super) struct Record {
    kek: KekVersion,
    nonce: [u8; NONCE_BYTES],
    sealed: [u8; SEALED_BYTES],
    aad: Vec<u8>,
}

impl Record {
    /// Checks what needs no token: mechanism, lengths, and that the version is in `ring`.
    pub(super) fn check(
        wrapped: &WrappedSecret,
        context: &Context<'_>,
        ring: &Keyring,
    ) -> Result<Self, Error> {
        let lengths = (
            wrapped.nonce.as_slice().try_into(),
            wrapped.sealed.as_slice().try_into(),
        );
        let (Ok(nonce), Ok(sealed)) = (match wrapped.mechanism {
            // Who chose the nonce does not matter any more.
            Mechanism::AesGcm | Mechanism::AesGcmTokenIv => lengths,
        }) else {
            return Err(Error::Corrupt(
                "the wrapped secret has not the form of its mechanism",
            ));
        };
        if !ring
            .versions
            .iter()
            .any(|entry| entry.version == wrapped.kek)
        {
            return Err(Error::Corrupt("no KEK version of that name is in use"));
        }
        Ok(Self {
            kek: wrapped.kek.clone(),
            nonce,
            sealed,
            aad: context.aad(&wrapped.kek),
        })
    }

    pub(super) fn open(&self, session: &Session, keys: &Keys) -> Result<Secret<32>, Fault> {
        let key = keys.handle(&self.kek);
        let key = key.ok_or(Error::Corrupt("no KEK version of that name is in use"))?;
        let mut opened = aes_gcm::open(session, key, &self.nonce, &self.aad, &self.sealed)?;
        let secret = Secret::take(&mut opened);
        secret.ok_or_else(|| Error::Corrupt("the wrapped secret is not 32 bytes").into())
    }
}

/// Seals `secret` under the current version.
pub(super) fn seal(
    session: &Session,
    keys: &Keys,
    secret: &Secret<32>,
    context: &Context<'_>,
) -> Result<WrappedSecret, Fault> {
    let no_key = || Error::kek("wrapping a secret", "the current version has no key");
    let (version, key) = keys.current().ok_or_else(no_key)?;
    let (strategy, aad) = (keys.strategy(), context.aad(version));
    let sealed = strategy.seal(session, key, &aad, secret.expose())?;
    Ok(WrappedSecret {
        kek: version.clone(),
        mechanism: strategy.mechanism(),
        nonce: sealed.nonce.to_vec(),
        sealed: sealed.bytes.to_vec(),
    })
}
