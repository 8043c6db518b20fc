//! ML-DSA (FIPS 204), pure, with an empty context: its parameter sets, and what each can do.

use crate::error::Error;

#[cfg(not(feature = "pqc"))]
mod absent;
#[cfg(feature = "pqc")]
mod present;

/// A parameter set (FIPS 204 section 4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParameterSet {
    /// Category 2.
    MlDsa44,
    /// Category 3.
    MlDsa65,
}

impl ParameterSet {
    /// Bytes of a public key (FIPS 204 table 2).
    #[must_use]
    pub const fn public_key_bytes(self) -> usize {
        match self {
            Self::MlDsa44 => 1312,
            Self::MlDsa65 => 1952,
        }
    }

    /// Bytes of a signature (FIPS 204 table 2).
    #[must_use]
    pub const fn signature_bytes(self) -> usize {
        match self {
            Self::MlDsa44 => 2420,
            Self::MlDsa65 => 3309,
        }
    }

    /// Checks a key that is to be trusted from now on: its length, and that it has a t1 at all.
    ///
    /// # Errors
    /// [`Error::Invalid`] says what is wrong with it.
    pub fn check_key(self, public_key: &[u8]) -> Result<(), Error> {
        if public_key.len() != self.public_key_bytes() {
            return Err(Error::Invalid(
                "the ML-DSA key is not of its parameter set's length",
            ));
        }
        // FIPS 204 algorithm 22: rho (32 bytes), then t1.
        if public_key.iter().skip(32).all(|byte| *byte == 0) {
            return Err(Error::Invalid(
                "the ML-DSA key has a t1 of zero, so that anyone can sign for it: make a new one",
            ));
        }
        Ok(())
    }
}
