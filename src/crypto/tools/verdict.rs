//! What a verifier says of a list of tools, as `POST /v1/mcp/tools/verify` answers it.

use serde::Serialize;
use utoipa::ToSchema;

use super::fault::Fault;

/// Whether tools are those that their server had signed, and if not why.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ToolsVerdict)]
pub struct Verdict {
    /// As of `at`.
    pub valid: bool,
    /// The first fault that was found.
    #[schema(value_type = Option<String>)]
    pub error: Option<Fault>,
    /// Names of tools that are not as they were signed.
    pub changed: Vec<String>,
    /// Names of tools that were signed and are not there.
    pub missing: Vec<String>,
    /// Names of tools that are there and were not signed.
    pub added: Vec<String>,
    /// Whose tools were signed; like what follows only if the signature holds.
    pub server: Option<String>,
    /// When they were signed, RFC 3339.
    pub issued_at: Option<String>,
    /// Until when that holds.
    pub expires_at: Option<String>,
    /// Which key signed them.
    pub keyid: Option<String>,
    /// The time as of which they were judged, RFC 3339.
    pub at: String,
    /// What they were when they were signed; only if the manifest is past its time.
    pub as_of_issue: Option<AsOfIssue>,
}

/// What a list past its time was when it was signed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolsAsOfIssue)]
pub struct AsOfIssue {
    /// When that was.
    pub at: String,
    /// As of then.
    pub valid: bool,
    /// The first fault that was found.
    #[schema(value_type = Option<String>)]
    pub error: Option<Fault>,
}
