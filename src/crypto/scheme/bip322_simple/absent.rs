//! A build without the feature `bip322`: no key is read, so none is there; the rest says what to build.

use crate::{
    crypto::{
        feature::Feature,
        messages::MESSAGE_BYTES,
        scheme::{self, AddressKind, Network, Shown},
    },
    error::Error,
};

const ABSENT: &str = Feature::Bip322.absence();

/// No key of this scheme can be here.
#[derive(Debug)]
pub enum Key {}

impl Key {
    /// Not in this build.
    ///
    /// # Errors
    /// [`Error::Invalid`] says what to build.
    pub fn read(_: &str, _: Network) -> Result<Self, Error> {
        Err(Error::Invalid(ABSENT))
    }

    /// Not in this build.
    ///
    /// # Errors
    /// [`Error::BadSignature`] says what to build.
    pub fn verify_text(&self, _: &str, _: &str) -> Result<Shown, Error> {
        match *self {}
    }
}

impl scheme::Key for Key {
    fn text(&self) -> &str {
        match *self {}
    }

    fn bytes(&self) -> Vec<u8> {
        match *self {}
    }

    fn components(&self) -> Vec<String> {
        match *self {}
    }

    fn verify(&self, _: &[u8; MESSAGE_BYTES], _: &str) -> Result<Shown, Error> {
        match *self {}
    }
}

/// Not in this build.
pub(in crate::crypto::scheme) fn address(
    _: &[u8],
    _: Network,
    _: AddressKind,
) -> Result<String, Error> {
    Err(Error::Conflict(ABSENT))
}

/// Not in this build.
pub(in crate::crypto::scheme) fn sign(
    _: &[u8],
    _: Network,
    _: AddressKind,
    _: &[u8; MESSAGE_BYTES],
) -> Result<String, Error> {
    Err(Error::Conflict(ABSENT))
}
