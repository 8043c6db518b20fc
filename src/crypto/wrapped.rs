//! The record of a wrapped secret and the AAD that ties it to its place (formats.md section 1).

use crate::{algorithm::Mechanism, id::KekVersion};

/// A secret under a KEK, as the database and `kek` blobs keep it (formats.md section 1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrappedSecret {
    /// The KEK version that sealed it.
    pub kek: KekVersion,
    /// How it was sealed.
    pub mechanism: Mechanism,
    /// As the token returned it: 12, 13 or 16 bytes.
    pub nonce: Vec<u8>,
    /// Ciphertext with tag: 48 bytes for a 32-byte secret under AES-GCM.
    pub sealed: Vec<u8>,
}

/// What a wrapped secret is and where it belongs: bound as AAD, so that a row copied over another does not open.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the secret serves.
    pub purpose: Purpose,
    /// Which object it belongs to; empty for [`Purpose::OneTime`].
    pub reference: &'a str,
    /// Name of the algorithm that the secret is for.
    pub algorithm: &'static str,
}

/// What a wrapped secret serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// A DEK version; its reference is `{name}/{version}`.
    Dek,
    /// The key of one `/v1/wrap` blob.
    OneTime,
    /// The key of the MACs over the database's rows.
    Rows,
    /// The seed of a signing key of the service; its reference is `{purpose}/{algorithm}`.
    Signing,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Dek => "dek",
            Self::OneTime => "one-time",
            Self::Rows => "rows",
            Self::Signing => "signing",
        }
    }
}

impl Context<'_> {
    /// The AAD of formats.md section 1 under KEK version `kek`.
    #[must_use]
    pub fn aad(&self, kek: &KekVersion) -> Vec<u8> {
        [
            "aegis-custodian/wrap/v1",
            self.purpose.name(),
            self.reference,
            self.algorithm,
            kek.as_str(),
        ]
        .join("\0")
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, Purpose};

    #[test]
    fn the_aad_is_the_one_of_the_formats_page() {
        let context = Context {
            purpose: Purpose::Dek,
            reference: "telemetry/dek-v3-20261123",
            algorithm: "aes-256-gcm",
        };
        let kek = "kek-v1-20261123".parse().unwrap();
        assert_eq!(
            context.aad(&kek),
            b"aegis-custodian/wrap/v1\0dek\0telemetry/dek-v3-20261123\0aes-256-gcm\0kek-v1-20261123"
        );
        let context = Context {
            purpose: Purpose::Signing,
            reference: "override/ml-dsa-65",
            algorithm: "ml-dsa-65",
        };
        assert_eq!(
            context.aad(&kek),
            b"aegis-custodian/wrap/v1\0signing\0override/ml-dsa-65\0ml-dsa-65\0kek-v1-20261123"
        );
    }
}
