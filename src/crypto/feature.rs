//! What a build may leave out (the cargo features of `Cargo.toml`): the one place that says what is there, and why
//! something is not. The floors above ask here and have no `cfg`.

use crate::{
    algorithm::Algorithm,
    words::{KeyAlgorithm, Scheme},
};

/// A part that a build may leave out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Feature {
    /// What Bitcoin wallets sign for an address (BIP-322).
    Bip322,
    /// Post-quantum cryptography: ML-KEM (FIPS 203) and ML-DSA (FIPS 204).
    Pqc,
}

impl Feature {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Bip322, Self::Pqc];

    /// As `Cargo.toml` names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bip322 => "bip322",
            Self::Pqc => "pqc",
        }
    }

    /// Whether this build has it.
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::Bip322 => cfg!(feature = "bip322"),
            Self::Pqc => cfg!(feature = "pqc"),
        }
    }

    /// What to say where it is asked for and not there.
    #[must_use]
    pub const fn absence(self) -> &'static str {
        match self {
            Self::Bip322 => {
                "this build has no BIP-322: build the service with `cargo build --release --features bip322`"
            }
            Self::Pqc => {
                "this build has no post-quantum cryptography: build the service with `cargo build --release --features pqc`"
            }
        }
    }

    const fn missing(self) -> Option<&'static str> {
        match self.is_built() {
            true => None,
            false => Some(self.absence()),
        }
    }
}

impl Algorithm {
    /// Why this build cannot encrypt by it; `None` if it can.
    #[must_use]
    pub const fn missing(self) -> Option<&'static str> {
        match self {
            Self::Aes256Gcm => None,
            Self::MlKem768X25519 => Feature::Pqc.missing(),
        }
    }
}

impl KeyAlgorithm {
    /// Why this build cannot sign by it, nor verify; `None` if it can.
    #[must_use]
    pub const fn missing(self) -> Option<&'static str> {
        match self {
            Self::Ed25519 => None,
            Self::MlDsa65 => Feature::Pqc.missing(),
        }
    }
}

impl Scheme {
    /// Why this build cannot verify by it, nor sign; `None` if it can.
    #[must_use]
    pub const fn missing(self) -> Option<&'static str> {
        match self {
            Self::Bip322Simple => Feature::Bip322.missing(),
            Self::Bip340 | Self::Ed25519 => None,
            Self::Ed25519MlDsa44 => Feature::Pqc.missing(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Feature;

    #[test]
    fn the_sentence_of_each_feature_names_it() {
        for feature in Feature::ALL {
            let option = format!("--features {}`", feature.name());
            assert!(feature.absence().ends_with(&option), "{option}");
        }
    }
}
