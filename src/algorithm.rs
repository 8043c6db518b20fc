//! Owns the names of algorithms and mechanisms as they stand in records, blobs and answers. Imports nothing of ours.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a wrapped 32-byte secret is used for (formats.md section 1).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub enum Algorithm {
    /// AES-256 in Galois/Counter mode (NIST SP 800-38D).
    #[serde(rename = "aes-256-gcm")]
    Aes256Gcm,
    /// X-Wing: ML-KEM-768 (FIPS 203) with X25519.
    #[serde(rename = "mlkem768-x25519")]
    MlKem768X25519,
}

impl Algorithm {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Aes256Gcm, Self::MlKem768X25519];

    /// The name in records, AAD and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::MlKem768X25519 => "mlkem768-x25519",
        }
    }

    /// The algorithm of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// How a KEK sealed a secret; a record carries it, so that a token can be exchanged for another kind.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Mechanism {
    /// CKM_AES_GCM (PKCS#11 v3.1 section 6.13.4) with an IV of 12 bytes chosen by the caller.
    #[serde(rename = "aes-gcm")]
    AesGcm,
    /// The same with an IV of 12 bytes chosen by the token, as a CloudHSM has it. Both open alike.
    #[serde(rename = "aes-gcm-token-iv")]
    AesGcmTokenIv,
}

impl Mechanism {
    const ALL: [Self; 2] = [Self::AesGcm, Self::AesGcmTokenIv];

    /// The name in records, blobs and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesGcm => "aes-gcm",
            Self::AesGcmTokenIv => "aes-gcm-token-iv",
        }
    }

    /// The mechanism of that name, if this build knows it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Mechanism};

    #[test]
    fn every_name_leads_back_to_its_variant() {
        for one in Algorithm::ALL {
            assert_eq!(Algorithm::named(one.name()), Some(one));
            assert_eq!(serde_json::to_value(one).unwrap(), one.name());
        }
        for one in Mechanism::ALL {
            assert_eq!(Mechanism::named(one.name()), Some(one));
            assert_eq!(serde_json::to_value(one).unwrap(), one.name());
        }
        assert_eq!(Algorithm::named("aes-128-gcm"), None);
    }
}
