//! Owns bytes that must not be seen: boxed, wiped on drop, silent in `Debug`. Imports nothing of ours.

use std::fmt;

mod locked;

pub use locked::{LockedSecret, lock_no_more};

use zeroize::{Zeroize, Zeroizing};

/// A secret of exactly `N` bytes, such as a DEK or a one-time key (`N` = 32).
///
/// There is no `Clone`, `PartialEq`, `Serialize` or `Deref`: every use reads as [`Secret::expose`].
pub struct Secret<const N: usize>(Box<Zeroizing<[u8; N]>>);

impl<const N: usize> Secret<N> {
    /// Fills a new secret in place, so that no copy is left on the stack of the caller.
    ///
    /// # Errors
    /// Whatever `fill` answers; the half-filled secret is wiped.
    pub fn fill<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(Box::new(Zeroizing::new([0; N])));
        fill(&mut secret.0)?;
        Ok(secret)
    }

    /// Takes the bytes over and wipes `source`; `None` unless it has exactly `N` bytes.
    #[must_use]
    pub fn take(source: &mut [u8]) -> Option<Self> {
        let fits = source.len() == N;
        let taken = fits.then(|| {
            let mut secret = Self(Box::new(Zeroizing::new([0; N])));
            secret.0.copy_from_slice(source);
            secret
        });
        source.zeroize();
        taken
    }

    /// A second copy, wiped on its own: for a thread that must own what it works on.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let mut copy = Self(Box::new(Zeroizing::new([0; N])));
        copy.0.copy_from_slice(self.expose());
        copy
    }

    /// The bytes in the clear: only for handing them to a cipher.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Secret<{N}>")
    }
}

/// A caller's bytes in the clear, of any length: wiped on drop, silent in `Debug`.
pub struct Plaintext(Zeroizing<Vec<u8>>);

impl Plaintext {
    /// Takes the vector over; it is wiped when this value is dropped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Fills `length` bytes in place.
    ///
    /// # Errors
    /// Whatever `fill` answers; the half-filled bytes are wiped.
    pub fn fill<E>(
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut bytes = Self(Zeroizing::new(vec![0; length]));
        fill(&mut bytes.0)?;
        Ok(bytes)
    }

    /// The bytes in the clear: only for a cipher or for the answer to their owner.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Plaintext")
    }
}

#[cfg(test)]
mod tests {
    use super::{Plaintext, Secret};

    #[test]
    fn a_secret_says_nothing_in_debug() {
        let secret = Secret::<32>::take(&mut [0x41; 32]).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret<32>");
        assert_eq!(
            format!("{:?}", Plaintext::new(b"AAAA".to_vec())),
            "Plaintext"
        );
    }

    #[test]
    fn taking_a_secret_wipes_its_source() {
        let mut source = [7; 32];
        assert!(Secret::<32>::take(&mut source).is_some());
        assert_eq!(source, [0; 32]);
    }

    #[test]
    fn a_secret_of_another_length_is_refused() {
        assert!(Secret::<32>::take(&mut [7; 31]).is_none());
        assert!(Secret::<32>::take(&mut [7; 33]).is_none());
    }
}
