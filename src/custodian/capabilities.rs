//! What this build, configuration and token can do.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Custodian, signing_keys::KEYS};
use crate::{
    algorithm::Algorithm,
    words::{KeyAlgorithm, KeyPurpose, Scheme, SchemeStatus},
};

/// The answer of `GET /v1/capabilities`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Capabilities {
    /// The version of the service.
    version: &'static str,
    kek: KekCapabilities,
    /// Signature schemes with which a custodian can be enrolled.
    signature_schemes: Vec<&'static str>,
    /// The table of all schemes that this build knows.
    signature_scheme_table: Vec<SchemeRow>,
    /// Algorithms of DEKs.
    encryption: Vec<Algorithm>,
    schema_signing: SchemaSigning,
    countersigning: Countersigning,
    /// What else is on.
    features: Vec<&'static str>,
}

/// A signature scheme.
#[derive(Debug, Serialize, ToSchema)]
struct SchemeRow {
    name: &'static str,
    /// `default`, `available`, `legacy` for those who have nothing better, or `opt-in`.
    #[schema(value_type = String)]
    status: SchemeStatus,
    /// Bytes before base64; null for an address.
    public_key_bytes: Option<usize>,
    /// Bytes before base64; null for a witness stack.
    signature_bytes: Option<usize>,
    /// Whether a custodian can be enrolled with it here.
    on: bool,
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
            signature_scheme_table: Scheme::ALL.iter().map(|scheme| self.row(*scheme)).collect(),
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

    fn row(&self, scheme: Scheme) -> SchemeRow {
        let row = scheme.row();
        SchemeRow {
            name: scheme.name(),
            status: row.status,
            public_key_bytes: row.public_key_bytes,
            signature_bytes: row.signature_bytes,
            on: self.rules.schemes.contains(&scheme),
        }
    }
}

fn algorithms(purpose: KeyPurpose) -> Vec<KeyAlgorithm> {
    let of = KEYS.iter().filter(|(of, _)| *of == purpose);
    of.map(|(_, algorithm)| *algorithm).collect()
}
