//! What this build, configuration and token can do, and of the rest why not. Asks no token, so it answers in an outage.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Custodian,
    kek_state::KekState,
    signing_keys::{KEYS, missing},
};
use crate::{
    algorithm::Algorithm,
    crypto::pinned::key_id,
    error::Error,
    store::SigningKeyRow,
    words::{KeyAlgorithm, KeyLocation, KeyPurpose},
};

pub mod tables;

use tables::{Build, Offered, SchemeRow};

/// The answer of `GET /v1/capabilities`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Capabilities {
    /// The version of the service.
    version: &'static str,
    build: Build,
    kek: KekCapabilities,
    /// Signature schemes with which a custodian can be enrolled.
    signature_schemes: Vec<&'static str>,
    /// Every signature scheme.
    signature_scheme_table: Vec<SchemeRow>,
    /// Algorithms of DEKs.
    encryption: Vec<Algorithm>,
    /// Every algorithm of DEKs.
    encryption_table: Vec<Offered>,
    pii: Pii,
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
    /// How the key holder is now.
    state: KekState,
    /// Everyone who could hold it.
    providers: Vec<Offered>,
}

/// What is encrypted in events.
#[derive(Debug, Serialize, ToSchema)]
struct Pii {
    /// The names of fields whose values are personal; whoever encrypts elsewhere encrypts the same.
    fields: Vec<String>,
    /// Whether hybrid DEKs, which events need, can be used.
    available: bool,
    /// Why not, and what to build.
    reason: Option<&'static str>,
}

/// Whether MCP tool schemas can be signed.
#[derive(Debug, Serialize, ToSchema)]
struct SchemaSigning {
    /// Whether the key is made.
    available: bool,
    algorithm: KeyAlgorithm,
    /// Where the key is.
    location: Option<KeyLocation>,
    /// As `/v1/signing-keys` calls it.
    key_id: Option<String>,
    /// Why it is not available; or, if it is, why the key is not in the token.
    reason: Option<&'static str>,
}

/// How the service countersigns; `GET /v1/signing-keys` shows the keys and where each is.
#[derive(Debug, Serialize, ToSchema)]
struct Countersigning {
    /// Algorithms that together sign an approved override.
    r#override: Vec<KeyAlgorithm>,
    /// Whether all of their keys are made, and this build signs by them.
    available: bool,
    /// Why it is not available, and what to build or to mend.
    reason: Option<&'static str>,
}

/// What is on in every build, whatever is configured.
const ALWAYS: [&str; 9] = [
    "wrap",
    "deks",
    "data-keys",
    "rotation-periods",
    "batch",
    "idempotency",
    "admin-quorum",
    "mcp-tools",
    "kek-rotation",
];

impl Custodian {
    /// What can be done here.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let signature_scheme_table = tables::schemes(&self.rules.schemes);
        let on = signature_scheme_table.iter().filter(|row| row.on);
        let encrypts = |one: &Algorithm| one.missing().is_none();
        Capabilities {
            version: env!("CARGO_PKG_VERSION"),
            build: Build::here(),
            kek: self.kek_capabilities(),
            signature_schemes: on.map(|row| row.name).collect(),
            signature_scheme_table,
            encryption: Algorithm::ALL.into_iter().filter(encrypts).collect(),
            encryption_table: tables::encryption(),
            pii: self.pii(),
            schema_signing: self.schema_signing(),
            countersigning: self.countersigning(),
            features: features(),
        }
    }

    fn kek_capabilities(&self) -> KekCapabilities {
        let kek = self.kek.description();
        KekCapabilities {
            provider: kek.provider.name(),
            mechanism: kek.mechanism.name(),
            keys_in_token: kek.keys_in_token,
            state: self.kek_state(),
            providers: tables::providers(),
        }
    }

    fn pii(&self) -> Pii {
        let reason = Algorithm::MlKem768X25519.missing();
        Pii {
            fields: self.rules.pii_fields.names().map(str::to_owned).collect(),
            available: reason.is_none(),
            reason,
        }
    }

    fn schema_signing(&self) -> SchemaSigning {
        let algorithm = KeyAlgorithm::Ed25519;
        let made = self.made_key(KeyPurpose::Schema, algorithm);
        let reason = match &made {
            Ok((KeyLocation::Token, _)) => None,
            Ok((KeyLocation::Wrapped, _)) => Some(self.why_wrapped()),
            Err(why) => Some(*why),
        };
        let (location, key_id) = made.ok().unzip();
        SchemaSigning {
            available: key_id.is_some(),
            algorithm,
            location,
            key_id,
            reason,
        }
    }

    fn countersigning(&self) -> Countersigning {
        let of = KEYS.iter().filter(|(of, _)| *of == KeyPurpose::Override);
        let r#override: Vec<_> = of.map(|(_, algorithm)| *algorithm).collect();
        let mut made = r#override
            .iter()
            .map(|one| self.made_key(KeyPurpose::Override, *one));
        let reason = missing(KeyPurpose::Override).or_else(|| made.find_map(Result::err));
        Countersigning {
            available: reason.is_none(),
            reason,
            r#override,
        }
    }

    /// Where a key is and how it is called, or why it is not there.
    fn made_key(
        &self,
        purpose: KeyPurpose,
        algorithm: KeyAlgorithm,
    ) -> Result<(KeyLocation, String), &'static str> {
        let row = self
            .store
            .read(|view| view.signing_key(purpose, algorithm))
            .map_err(|error| unread(&error))?;
        let row = row.ok_or("the signing key is missing: restore the database from a backup")?;
        named(&row).ok_or(
            "the signing key is not made yet: start the service again while its token answers",
        )
    }

    fn why_wrapped(&self) -> &'static str {
        match self.kek.description().keys_in_token {
            true => {
                "the token had no Ed25519 when the key was made (CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA), so the KEK \
                 wraps its seed; a new service on a token that has it keeps the key there"
            }
            false => {
                "a software KEK has no token, so the KEK wraps the key's seed; a new service with --kek softhsm keeps \
                 the key in its token"
            }
        }
    }
}

fn unread(error: &Error) -> &'static str {
    match matches!(error, Error::Corrupt(_)) {
        true => "the signing key's row is damaged: restore the database from a backup",
        false => "the database does not answer: /v1/health/ready says when it does again",
    }
}

fn named(row: &SigningKeyRow) -> Option<(KeyLocation, String)> {
    let made = row.made.as_ref()?;
    Some((row.location, key_id(row.algorithm, &made.public_key)))
}

fn features() -> Vec<&'static str> {
    let needing = [
        ("overrides", missing(KeyPurpose::Override)),
        ("pii", Algorithm::MlKem768X25519.missing()),
    ];
    let built = needing.into_iter().filter(|(_, missing)| missing.is_none());
    ALWAYS
        .into_iter()
        .chain(built.map(|(name, _)| name))
        .collect()
}
