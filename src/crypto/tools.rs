//! AMTSS (formats.md section 7): a manifest of an MCP server's tools, signed by the service's `schema` key, so that
//! whoever gets the answer to `tools/list` can tell whether it is the one that the server had signed.
//!
//! Making one is three steps, since the key that signs is not here: [`digests`], [`Manifest::canonical`] with
//! [`message`], [`Amtss::new`]. [`verify`] and [`verify_text`] judge one. No clock: times are arguments.

use base64ct::{Base64, Encoding};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::canonical;
use crate::{
    error::{Error, Source},
    json::normal,
    words::KeyAlgorithm,
};

mod answer;
mod fault;
mod list;
mod signed;
mod verdict;
mod verify;

pub use answer::Answer;
pub use fault::Fault;
pub use list::{Digests, MOST_TOOLS, NAME_CHARACTERS, digests};
pub use verdict::{AsOfIssue, Verdict};
pub use verify::{Expected, verify, verify_text};

/// Where the signed manifest stands in `_meta`.
pub const META: &str = "aegis-custodian/amtss";

/// The domain of what is signed.
const DOMAIN: &str = "aegis-custodian/amtss/v1";

/// The version of manifests.
const VERSION: u32 = 1;

/// What is signed: which tools a server has, and from when until when this is so.
#[derive(Debug, Serialize)]
pub struct Manifest {
    expires_at: String,
    issued_at: String,
    server: String,
    tools: Digests,
    version: u32,
}

impl Manifest {
    /// The manifest of these tools; times in whole seconds.
    #[must_use]
    pub fn new(server: &str, tools: Digests, issued_at: Timestamp, expires_at: Timestamp) -> Self {
        Self {
            expires_at: expires_at.to_string(),
            issued_at: issued_at.to_string(),
            server: normal(server.to_owned()),
            tools,
            version: VERSION,
        }
    }

    /// Its one canonical form (RFC 8785).
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be said in JSON.
    pub fn canonical(&self) -> Result<Vec<u8>, Error> {
        canonical::json(self)
    }
}

/// What the schema key signs: the domain, a zero byte, and the canonical manifest.
#[must_use]
pub fn message(manifest: &[u8]) -> Vec<u8> {
    [DOMAIN.as_bytes(), &[0], manifest].concat()
}

/// A signed manifest, as it stands in `_meta`.
#[derive(Debug, Serialize)]
pub struct Amtss {
    alg: KeyAlgorithm,
    keyid: String,
    manifest: Box<RawValue>,
    /// Standard base64.
    signature: String,
}

impl Amtss {
    /// Joins a canonical manifest with the Ed25519 signature over its [`message`].
    ///
    /// # Errors
    /// [`Error::Internal`] if the manifest is no JSON.
    pub fn new(keyid: String, manifest: Vec<u8>, signature: &[u8]) -> Result<Self, Error> {
        let failed = |source: Source| Error::Internal {
            what: "writing a manifest",
            source: Some(source),
        };
        let manifest = String::from_utf8(manifest).map_err(|error| failed(error.into()))?;
        Ok(Self {
            alg: KeyAlgorithm::Ed25519,
            keyid,
            manifest: RawValue::from_string(manifest).map_err(|error| failed(error.into()))?,
            signature: Base64::encode_string(signature),
        })
    }
}
