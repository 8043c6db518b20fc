//! Why a call had no good answer.

use std::time::Duration;

use crate::error::Source;

/// The service refused, or there was none.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A long answer did not come whole.
    #[error("the answer of {url} was cut off before it was whole: run the command again")]
    CutOff {
        /// Where.
        url: String,
        /// What went wrong.
        #[source]
        source: Source,
    },
    /// It said no.
    #[error(transparent)]
    Refused(Refusal),
    /// What answers is not a custodian, or a newer one than this command knows.
    #[error(
        "{url} does not answer as a custodian does: check CUSTODIAN_URL (--url), and that command and service are of one version"
    )]
    Strange {
        /// Where.
        url: String,
        /// What is wrong.
        #[source]
        source: Source,
    },
    /// No answer came.
    #[error("{url} could not be reached: check CUSTODIAN_URL (--url), and that the service runs")]
    Unreachable {
        /// Where.
        url: String,
        /// What went wrong.
        #[source]
        source: Source,
    },
}

/// A problem that was answered (RFC 9457). Its texts are of whoever answers: shown, all that is not plainly visible in
/// them is escaped.
#[derive(Debug, thiserror::Error)]
#[error(
    "the service refused: {} ({}, request {})",
    .detail.escape_debug(), .code.escape_debug(), .request_id.escape_debug()
)]
pub struct Refusal {
    /// Of HTTP.
    pub status: u16,
    /// Stable, for programs.
    pub code: String,
    /// A sentence that says what to do.
    pub detail: String,
    /// Under which the service's log has it.
    pub request_id: String,
    /// When to come again, seconds.
    pub retry_after: Option<u64>,
}

impl Failure {
    /// How long the service asks to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after.map(Duration::from_secs),
            Self::CutOff { .. } | Self::Strange { .. } | Self::Unreachable { .. } => None,
        }
    }
}

impl Refusal {
    /// Whether the same request may succeed later: the service is busy, or a part of it is away.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.status, 429 | 503)
    }
}
