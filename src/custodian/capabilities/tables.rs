//! What a build offers, and of what it does not offer why: the same in every answer, whatever service it runs.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    algorithm::Algorithm,
    crypto::feature::Feature,
    kek::Provider,
    words::{Scheme, SchemeStatus},
};

/// What was built.
#[derive(Debug, Serialize, ToSchema)]
pub struct Build {
    /// The cargo features that are in.
    pub features: Vec<&'static str>,
}

/// Something that is there, or not.
#[derive(Debug, Serialize, ToSchema)]
pub struct Offered {
    /// As configuration and requests call it.
    pub name: &'static str,
    /// Whether it is there.
    pub available: bool,
    /// Why it is not available, and what to build or take instead.
    pub reason: Option<&'static str>,
}

/// A signature scheme.
#[derive(Debug, Serialize, ToSchema)]
pub struct SchemeRow {
    /// As requests call it.
    pub name: &'static str,
    /// `default`, `available`, `legacy` for those who have nothing better, or `opt-in`.
    #[schema(value_type = String)]
    pub status: SchemeStatus,
    /// Bytes before base64; null for an address.
    pub public_key_bytes: Option<usize>,
    /// Bytes before base64; null for a witness stack.
    pub signature_bytes: Option<usize>,
    /// Whether a custodian can be enrolled with it here.
    pub on: bool,
    /// Why it is not on, and what to build or to set.
    pub reason: Option<&'static str>,
}

const OFF: &str = "it is switched off in the configuration: name it in --signature-schemes";

impl Build {
    /// This one.
    #[must_use]
    pub fn here() -> Self {
        let built = Feature::ALL.into_iter().filter(|one| one.is_built());
        Self {
            features: built.map(Feature::name).collect(),
        }
    }
}

impl Offered {
    fn unless(name: &'static str, missing: Option<&'static str>) -> Self {
        Self {
            name,
            available: missing.is_none(),
            reason: missing,
        }
    }
}

/// Who can hold a KEK.
#[must_use]
pub fn providers() -> Vec<Offered> {
    let row = |one: Provider| Offered::unless(one.name(), one.missing());
    Provider::ALL.map(row).into()
}

/// What DEKs can be.
#[must_use]
pub fn encryption() -> Vec<Offered> {
    let row = |one: Algorithm| Offered::unless(one.name(), one.missing());
    Algorithm::ALL.map(row).into()
}

/// How custodians can sign, where these schemes are configured.
#[must_use]
pub fn schemes(configured: &[Scheme]) -> Vec<SchemeRow> {
    let row = |scheme: &Scheme| {
        let off = || (!configured.contains(scheme)).then_some(OFF);
        let (row, reason) = (scheme.row(), scheme.missing().or_else(off));
        SchemeRow {
            name: scheme.name(),
            status: row.status,
            public_key_bytes: row.public_key_bytes,
            signature_bytes: row.signature_bytes,
            on: reason.is_none(),
            reason,
        }
    };
    Scheme::ALL.iter().map(row).collect()
}
