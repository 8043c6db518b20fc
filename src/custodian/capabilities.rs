//! What this build, configuration and token can do.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Custodian, signing_keys::KEYS};
use crate::{
    algorithm::Algorithm,
    words::{KeyAlgorithm, KeyPurpose},
};

/// The answer of `GET /v1/capabilities`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Capabilities {
    /// The version of the service.
    version: &'static str,
    kek: KekCapabilities,
    /// Signature schemes with which a custodian can be enrolled.
    signature_schemes: Vec<&'static str>,
    /// Algorithms of DEKs.
    encryption: Vec<Algorithm>,
    schema_signing: SchemaSigning,
    countersigning: Countersigning,
    /// What else is on.
    features: Vec<&'static str>,
}

/// Who holds the KEK.
#[derive(Debug, Serialize, ToSchema)]
struct KekCapabilities {
    /// `pkcs11` or `software`.
    provider: &'static str,
    /// How secrets are sealed under the KEK.
    mechanism: &'static str,
    /// Whether the KEK never leaves a token.
    keys_in_token: bool,
}

/// Whether MCP tool schemas can be signed.
#[derive(Debug, Serialize, ToSchema)]
struct SchemaSigning {
    available: bool,
    /// Why not.
    reason: &'static str,
}

/// How the service countersigns; `GET /v1/signing-keys` shows the keys and where each is.
#[derive(Debug, Serialize, ToSchema)]
struct Countersigning {
    /// Algorithms that together sign an approved override.
    r#override: Vec<KeyAlgorithm>,
}

impl Custodian {
    /// What can be done here.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let kek = self.kek.description();
        Capabilities {
            version: env!("CARGO_PKG_VERSION"),
            kek: KekCapabilities {
                provider: kek.provider,
                mechanism: kek.mechanism.name(),
                keys_in_token: kek.keys_in_token,
            },
            signature_schemes: self
                .rules
                .schemes
                .iter()
                .map(|scheme| scheme.name())
                .collect(),
            encryption: vec![Algorithm::Aes256Gcm, Algorithm::MlKem768X25519],
            schema_signing: SchemaSigning {
                available: false,
                reason: "this version cannot sign MCP tool schemas yet",
            },
            countersigning: Countersigning {
                r#override: algorithms(KeyPurpose::Override),
            },
            features: vec![
                "wrap",
                "deks",
                "data-keys",
                "rotation-periods",
                "batch",
                "idempotency",
                "admin-quorum",
                "overrides",
            ],
        }
    }
}

fn algorithms(purpose: KeyPurpose) -> Vec<KeyAlgorithm> {
    let of = KEYS.iter().filter(|(of, _)| *of == purpose);
    of.map(|(_, algorithm)| *algorithm).collect()
}
