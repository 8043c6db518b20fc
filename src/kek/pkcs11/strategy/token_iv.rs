//! The mechanism `aes-gcm-token-iv`: the token writes an IV of its own choice into the 12 zero bytes that it is given. What
//! it is asked to believe of that choice is little, so the two ways to get it wrong that can be seen are looked for: no IV
//! at all, and the one before once more.

use std::{
    mem,
    sync::{Mutex, PoisonError},
};

use cryptoki::{object::ObjectHandle, session::Session};

use super::{
    super::{
        aes_gcm::{self, NONCE_BYTES},
        fault::Fault,
    },
    Sealed, refuse, sealed,
};

const NO_IV: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// What the token chose last.
#[derive(Default)]
pub(in super::super) struct TokenIv(Mutex<[u8; NONCE_BYTES]>);

impl TokenIv {
    /// Seals under an IV of the token's. What is refused leaves this function in no form.
    pub(super) fn seal(
        &self,
        session: &Session,
        key: ObjectHandle,
        aad: &[u8],
        secret: &[u8; 32],
    ) -> Result<Sealed, Fault> {
        let mut iv = NO_IV;
        let bytes = aes_gcm::seal(session, key, &mut iv, aad, secret)?;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = mem::replace(&mut *last, iv);
        drop(last);
        if iv == NO_IV {
            return Err(refuse(
                "the token takes no IV of ours and chose none itself",
            ));
        }
        if iv == before {
            return Err(refuse("the token chose the same IV twice"));
        }
        sealed(iv, bytes)
    }
}
