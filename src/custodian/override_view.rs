//! Overrides as people and programs see them: with all that a custodian signs, ready for each scheme.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::override_record::Record;
use crate::{
    crypto::scheme::Scheme,
    error::Error,
    id::{Id, Subject},
    store::{CustodianRow, SignatureRow},
    words::{Binding, Environment, Gate, Lead},
};

/// An override.
#[derive(Debug, Serialize, ToSchema)]
pub struct OverrideView {
    #[schema(value_type = String, format = "uuid")]
    id: Id,
    /// `pending`, `partial`, and in the end `approved`, `rejected`, `expired` or `withdrawn`.
    status: &'static str,
    proposal_id: String,
    /// In Unicode NFC.
    justification: String,
    failed_gates: BTreeSet<Gate>,
    /// The requester's subject.
    #[schema(value_type = String)]
    requested_by: Subject,
    /// The human behind it.
    #[schema(value_type = Option<String>)]
    on_behalf_of: Option<Subject>,
    /// The name of this service.
    instance: String,
    binding: Binding,
    /// SHA-256 of the question (formats.md section 3), lower-case hex.
    message_hash: String,
    /// What custodians sign, lower-case hex.
    signing_hash: String,
    /// By scheme: the exact bytes that its primitive signs, base64; text for `bip322-simple`.
    signing: BTreeMap<&'static str, Signing>,
    environment: Environment,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it expires, and its certificate with it.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// When it became final.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    /// At most one of each role.
    signatures: Vec<SignatureView>,
    /// Those that count no more, since their custodian was suspended or revoked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    void_signatures: Vec<SignatureView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    rejection: Option<serde_json::Value>,
}

/// What one scheme signs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Signing {
    message_to_sign: String,
}

/// A custodian's signature.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignatureView {
    role: Lead,
    #[schema(value_type = String, format = "uuid")]
    custodian_id: Id,
    #[schema(value_type = String)]
    subject: Subject,
    scheme: &'static str,
    public_key: String,
    signature: String,
    #[schema(value_type = String, format = DateTime)]
    signed_at: Timestamp,
}

impl OverrideView {
    /// Its path.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/v1/overrides/{}", self.id)
    }
}

/// What an override is at `now`.
pub(super) fn shown(
    record: &Record,
    schemes: &[Scheme],
    now: Timestamp,
) -> Result<OverrideView, Error> {
    let (row, request) = (&record.row, &record.row.request);
    let of = |valid| {
        let wanted = record
            .signatures
            .iter()
            .filter(move |(row, _)| row.valid == valid);
        wanted.map(signature).collect()
    };
    let rejection = row.rejection.as_deref().map(serde_json::from_str);
    let damaged = |_| Error::Corrupt("a stored rejection is damaged; restore it from a backup");
    Ok(OverrideView {
        id: request.id.clone(),
        status: record.standing().status_at(now).name(),
        proposal_id: request.asked.proposal_id.clone(),
        justification: request.asked.justification.clone(),
        failed_gates: request.asked.failed_gates.clone(),
        requested_by: request.requested_by.clone(),
        on_behalf_of: request.on_behalf_of.clone(),
        instance: request.instance.clone(),
        binding: request.binding,
        message_hash: hex::encode(request.message_hash),
        signing_hash: hex::encode(request.signing_hash),
        signing: signing(schemes, &request.signing_hash),
        environment: request.environment,
        created_at: request.created_at,
        expires_at: request.expires_at,
        closed_at: row.closed_at,
        signatures: of(true),
        void_signatures: of(false),
        rejection: rejection.transpose().map_err(damaged)?,
    })
}

fn signing(schemes: &[Scheme], message: &[u8; 32]) -> BTreeMap<&'static str, Signing> {
    let entry = |scheme: &Scheme| {
        let message_to_sign = scheme.message_to_sign(message);
        (scheme.name(), Signing { message_to_sign })
    };
    schemes.iter().map(entry).collect()
}

fn signature((row, who): &(SignatureRow, CustodianRow)) -> SignatureView {
    SignatureView {
        role: row.lead,
        custodian_id: row.custodian_id.clone(),
        subject: who.identity.subject.clone(),
        scheme: who.identity.scheme.name(),
        public_key: who.identity.public_key.clone(),
        signature: row.signature.clone(),
        signed_at: row.signed_at,
    }
}
