//! Bearer tokens: made here, shown once, kept as a hash.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Caller, Custodian, envelope::Used};
use crate::{
    crypto::aes_gcm,
    error::Error,
    policy::{self, Principal},
    secret::Secret,
    store::{Bearer, Credential, View},
};

const PREFIX: &str = "cst_";

/// A token in the clear: wiped on drop, silent in `Debug`.
pub struct BearerToken(Zeroizing<String>);

impl BearerToken {
    /// A fresh one: `cst_` and 32 random bytes in base64url.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system gives no random bytes.
    pub fn fresh() -> Result<Self, Error> {
        let random = Secret::<32>::fill(|bytes| aes_gcm::random(bytes))?;
        let text = Zeroizing::new(Base64UrlUnpadded::encode_string(random.expose()));
        Ok(Self(Zeroizing::new([PREFIX, &text].concat())))
    }

    /// What the caller sent.
    #[must_use]
    pub fn given(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The text: only for the answer that shows it once, or for its file.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("BearerToken")
    }
}

impl Custodian {
    /// Whom a token stands for now; `None` if nobody, whatever the reason.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store does not answer.
    pub fn bearer(&self, token: &BearerToken) -> Result<Option<Bearer>, Error> {
        let (sha256, now) = (token.sha256(), self.clock.now());
        let found = self.store.read(|view| view.bearer(&sha256, now))?;
        Ok(found.filter(|found| match &found.by {
            Credential::Certificate(_) => false,
            Credential::Token(_, stored) => bool::from(stored.ct_eq(&sha256)),
        }))
    }

    /// Whom a token, a certificate's SHA-256 (64 hex digits) or both stand for now; `None` if nobody, or if they are
    /// two. A token that is given must open: a certificate does not stand in for a wrong one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store does not answer.
    pub fn sign_in(
        &self,
        token: Option<&BearerToken>,
        certificate: Option<&str>,
    ) -> Result<Option<Bearer>, Error> {
        let certified = |sha256: &str| self.store.read(|view| view.certified(sha256));
        let certified = certificate.map(certified).transpose()?.flatten();
        let Some(token) = token else {
            return Ok(certified);
        };
        let same = |found: &Bearer| {
            certified
                .as_ref()
                .is_none_or(|other| other.principal.id == found.principal.id)
        };
        Ok(self.bearer(token)?.filter(same))
    }
}

impl Caller {
    /// Whether the caller may still do, when its work is written down, what it was let in for: a token revoked
    /// or a grant taken while the request was on its way opens nothing any more. Answers the
    /// caller as it is by then.
    pub(super) fn still_may(
        &self,
        view: &View<'_>,
        now: Timestamp,
        used: &Used,
    ) -> Result<Principal, Error> {
        let found = view.stands_for(&self.by, now)?.map(|found| found.principal);
        let same = |found: &Principal| {
            found.id == self.principal.id && found.roles == self.principal.roles
        };
        let found = found.filter(same).ok_or(Error::Unauthenticated(
            "the token or the certificate lost its right while this request was on its way",
        ))?;
        let mut deks = self.dek.iter().chain(used.iter().map(|(dek, _)| dek));
        deks.try_for_each(|dek| policy::reach_dek(&found, self.action, dek))?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::BearerToken;

    #[test]
    fn a_token_is_43_characters_of_base64url_behind_its_prefix() {
        let token = BearerToken::fresh().unwrap();
        assert_eq!(token.expose().len(), 4 + 43);
        assert!(token.expose().starts_with("cst_"));
        assert_ne!(token.expose(), BearerToken::fresh().unwrap().expose());
        assert_eq!(format!("{token:?}"), "BearerToken");
    }
}
