//! A build without the feature `pqc`: each call says what to build.

use crate::{crypto::feature::Feature, error::Error, secret::Plaintext};

const ABSENT: Error = Error::Conflict(Feature::Pqc.absence());

/// Not in this build.
///
/// # Errors
/// [`Error::Conflict`] says what to build.
pub fn public_key(_: &[u8; 32]) -> Result<Vec<u8>, Error> {
    Err(ABSENT)
}

/// Not in this build.
///
/// # Errors
/// [`Error::Conflict`] says what to build.
pub fn seal(_: &[u8], _: &[u8], _: &[u8]) -> Result<Vec<u8>, Error> {
    Err(ABSENT)
}

/// Not in this build.
///
/// # Errors
/// [`Error::Conflict`] says what to build.
pub fn open(_: &[u8; 32], _: &[u8], _: &[u8]) -> Result<Plaintext, Error> {
    Err(ABSENT)
}
