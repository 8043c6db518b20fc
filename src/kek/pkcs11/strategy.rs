//! Owns how a token seals: a strategy for each mechanism, found out by trying one. All open alike.

use cryptoki::{
    context::Function,
    error::{Error as Pkcs11Error, RvError},
    object::ObjectHandle,
    session::Session,
};

mod caller_iv;
mod token_iv;

use self::token_iv::TokenIv;
use super::{
    aes_gcm::{self, NONCE_BYTES, SEALED_BYTES},
    fault::Fault,
};
use crate::{
    algorithm::Mechanism,
    error::Error,
    kek::{CANARY_AAD, CANARY_NONCE, CANARY_SECRET},
};

/// How a token seals; good for one generation of it only.
pub(super) enum Strategy {
    /// [`Mechanism::AesGcm`].
    CallerIv,
    /// [`Mechanism::AesGcmTokenIv`].
    TokenIv(TokenIv),
}

/// A sealed 32-byte secret.
pub(super) struct Sealed {
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) bytes: [u8; SEALED_BYTES],
}

impl Strategy {
    /// Seals the canary by its own nonce. A token that takes it makes the bytes that it always makes of it, so nothing is
    /// spent; one that refuses the IV, or puts another in its place, must choose it itself, and shows that it does: that
    /// spends two of its key's nonces at each opening.
    pub(super) fn find(session: &Session, key: ObjectHandle) -> Result<Self, Fault> {
        let mut iv = CANARY_NONCE;
        match aes_gcm::seal(session, key, &mut iv, CANARY_AAD, &CANARY_SECRET) {
            Ok(_) if iv == CANARY_NONCE => return Ok(Self::CallerIv),
            Ok(_) => {}
            Err(error) if refuses_iv(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let found = Self::TokenIv(TokenIv::default());
        found.canary(session, key).map(|_| found)
    }

    pub(super) fn mechanism(&self) -> Mechanism {
        match self {
            Self::CallerIv => Mechanism::AesGcm,
            Self::TokenIv(_) => Mechanism::AesGcmTokenIv,
        }
    }

    /// Seals a secret under a nonce that is used for nothing else.
    pub(super) fn seal(
        &self,
        session: &Session,
        key: ObjectHandle,
        aad: &[u8],
        secret: &[u8; 32],
    ) -> Result<Sealed, Fault> {
        match self {
            Self::CallerIv => caller_iv::seal(session, key, aad, secret),
            Self::TokenIv(token) => token.seal(session, key, aad, secret),
        }
    }

    /// Seals the canary's secret: 48 bytes under its constant nonce, or 60 with the token's nonce before them.
    pub(super) fn canary(&self, session: &Session, key: ObjectHandle) -> Result<Vec<u8>, Fault> {
        match self {
            Self::CallerIv => {
                let sealed =
                    caller_iv::under(session, key, CANARY_NONCE, CANARY_AAD, &CANARY_SECRET)?;
                Ok(sealed.bytes.to_vec())
            }
            Self::TokenIv(token) => {
                let sealed = token.seal(session, key, CANARY_AAD, &CANARY_SECRET)?;
                Ok([sealed.nonce.as_slice(), &sealed.bytes].concat())
            }
        }
    }

    /// Whether a canary is always the same bytes, and so costs the key none of its nonces.
    pub(super) fn has_constant_canary(&self) -> bool {
        match self {
            Self::CallerIv => true,
            Self::TokenIv(_) => false,
        }
    }
}

/// Whether `key` opens that canary, of whichever strategy it is, to what every canary seals.
pub(super) fn opens_canary(
    session: &Session,
    key: ObjectHandle,
    canary: &[u8],
) -> Result<bool, Fault> {
    let (nonce, sealed) = match canary.split_first_chunk() {
        Some((nonce, sealed)) if canary.len() != SEALED_BYTES => (nonce, sealed),
        Some(_) | None => (&CANARY_NONCE, canary),
    };
    let opened = aes_gcm::open(session, key, nonce, CANARY_AAD, sealed)?;
    Ok(opened.as_slice() == CANARY_SECRET)
}

/// Whether a token that seals does not take our IV. If it meant something else, it does not pass what comes then.
fn refuses_iv(error: &Pkcs11Error) -> bool {
    matches!(
        error,
        Pkcs11Error::Pkcs11(
            RvError::ArgumentsBad | RvError::MechanismParamInvalid,
            Function::EncryptInit | Function::Encrypt
        )
    )
}

/// What the token made of a 32-byte secret, if it has the right length.
fn sealed(nonce: [u8; NONCE_BYTES], bytes: Vec<u8>) -> Result<Sealed, Fault> {
    let bytes = bytes.try_into();
    let bytes = bytes.map_err(|_| refuse("the token sealed to another length"))?;
    Ok(Sealed { nonce, bytes })
}

fn refuse(why: &'static str) -> Fault {
    Error::kek("sealing in the token", why).into()
}
