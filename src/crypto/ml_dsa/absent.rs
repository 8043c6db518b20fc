//! A build without the feature `pqc`: each call says what to build.

use super::ParameterSet;
use crate::{crypto::feature::Feature, error::Error};

const ABSENT: Error = Error::Conflict(Feature::Pqc.absence());

impl ParameterSet {
    /// Not in this build.
    ///
    /// # Errors
    /// [`Error::Conflict`] says what to build.
    pub fn public_key(self, _: &[u8; 32]) -> Result<Vec<u8>, Error> {
        Err(ABSENT)
    }

    /// Not in this build.
    ///
    /// # Errors
    /// [`Error::Conflict`] says what to build.
    pub fn sign(self, _: &[u8; 32], _: &[u8]) -> Result<Vec<u8>, Error> {
        Err(ABSENT)
    }

    /// Not in this build.
    ///
    /// # Errors
    /// [`Error::Conflict`] says what to build.
    pub fn verify(self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), Error> {
        Err(ABSENT)
    }

    /// Not in this build.
    ///
    /// # Errors
    /// [`Error::Conflict`] says what to build.
    pub fn verify_second(self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), Error> {
        Err(ABSENT)
    }
}
