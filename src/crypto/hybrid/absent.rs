//! A build without the feature `pqc`: there are no keys, and who asks for one is told what to build.

use std::convert::Infallible;

use crate::{crypto::feature::Feature, error::Error, secret::Plaintext};

const ABSENT: Error = Error::Conflict(Feature::Pqc.absence());

/// Not in this build.
#[derive(Debug)]
pub struct Sealer(Infallible);

impl Sealer {
    /// Not in this build.
    ///
    /// # Errors
    /// [`Error::Conflict`] says what to build.
    pub fn new(_: &[u8]) -> Result<Self, Error> {
        Err(ABSENT)
    }

    /// There is none.
    ///
    /// # Errors
    /// None.
    pub fn seal(&self, _: &[u8], _: &[u8]) -> Result<Vec<u8>, Error> {
        match self.0 {}
    }
}

/// Not in this build.
#[derive(Debug)]
pub struct Opener(Infallible);

impl Opener {
    /// Not in this build.
    ///
    /// # Errors
    /// [`Error::Conflict`] says what to build.
    pub fn new(_: &[u8; 32]) -> Result<Self, Error> {
        Err(ABSENT)
    }

    /// There is none.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        match self.0 {}
    }

    /// There is none.
    ///
    /// # Errors
    /// None.
    pub fn open(&self, _: &[u8], _: &[u8]) -> Result<Plaintext, Error> {
        match self.0 {}
    }
}
