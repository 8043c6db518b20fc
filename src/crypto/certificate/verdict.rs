//! What a verifier says of a certificate, as `POST /v1/overrides/verify` answers it.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    fault::Fault,
    statement::{Signature, Statement},
};

/// Whether a certificate is valid, and if not why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OverrideVerdict)]
pub struct Verdict {
    /// As of `at`.
    pub valid: bool,
    /// The first fault that was found.
    #[schema(value_type = Option<String>)]
    pub error: Option<Fault>,
    /// What it says; only if both keys of the service signed it.
    #[serde(rename = "override")]
    pub approval: Option<Summary>,
    /// Whether the custodians are pinned too; if not, a stolen key of the service could have invented them.
    pub custodians: Pinning,
    /// The time as of which it was judged, RFC 3339.
    pub at: String,
    /// What it was when it was issued; only if it is past its time.
    pub as_of_issue: Option<AsOfIssue>,
}

/// Whether the verifier knows the custodians.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pinning {
    /// Each signer was compared with those in the keys file.
    Pinned,
    /// The certificate alone says who they are.
    Unpinned,
}

/// What a certificate past its time was when it was issued.
#[derive(Debug, Serialize, ToSchema)]
pub struct AsOfIssue {
    /// When that was.
    pub at: String,
    /// As of then.
    pub valid: bool,
    /// The first fault that was found.
    #[schema(value_type = Option<String>)]
    pub error: Option<Fault>,
}

/// What a certificate says, in the names of the API.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    /// UUID of the override.
    pub id: String,
    /// What it is about.
    pub proposal_id: String,
    /// Why.
    pub justification: String,
    /// Sorted.
    pub failed_gates: Vec<String>,
    /// The requester's subject.
    pub requested_by: String,
    /// The human behind the requester.
    pub on_behalf_of: Option<String>,
    /// Where it may run.
    pub environment: String,
    /// The name of the custodian service.
    pub instance: String,
    /// `bound` or `aegis`.
    pub binding: String,
    /// Lower-case hex.
    pub message_hash: String,
    /// What the custodians signed, in lower-case hex.
    pub signing_hash: String,
    /// That of the service's configuration.
    pub policy_version: String,
    /// When it was approved.
    pub issued_at: String,
    /// Until when it holds.
    pub expires_at: String,
    /// Who signed.
    pub signatures: Vec<SummarySignature>,
}

/// Who signed, when and how.
#[derive(Debug, Serialize, ToSchema)]
pub struct SummarySignature {
    /// `risk_lead` or `security_lead`.
    pub role: String,
    /// UUID of the custodian.
    pub custodian_id: String,
    /// The human.
    pub subject: String,
    /// The signature scheme.
    pub scheme: String,
    /// As the API shows it.
    pub public_key: String,
    /// RFC 3339.
    pub signed_at: String,
}

impl Summary {
    pub(super) fn of(statement: &Statement) -> Self {
        let governance = &statement.predicate.governance;
        let approval = &statement.predicate.approval;
        Self {
            id: governance.decision_id.clone(),
            proposal_id: approval.proposal_id.clone(),
            justification: approval.justification.clone(),
            failed_gates: approval.failed_gates.clone(),
            requested_by: approval.requested_by.clone(),
            on_behalf_of: approval.on_behalf_of.clone(),
            environment: governance.environment.clone(),
            instance: approval.instance.clone(),
            binding: approval.binding.clone(),
            message_hash: governance.artifact_digest.clone(),
            signing_hash: approval.signing_hash.clone(),
            policy_version: governance.policy_version.clone(),
            issued_at: governance.issued_at.clone(),
            expires_at: governance.expires_at.clone(),
            signatures: approval
                .signatures
                .iter()
                .map(SummarySignature::of)
                .collect(),
        }
    }
}

impl SummarySignature {
    fn of(signature: &Signature) -> Self {
        Self {
            role: signature.role.clone(),
            custodian_id: signature.custodian_id.clone(),
            subject: signature.subject.clone(),
            scheme: signature.scheme.clone(),
            public_key: signature.public_key.clone(),
            signed_at: signature.signed_at.clone(),
        }
    }
}
