//! The only place that turns an error into a status, a code and a problem (RFC 9457; api.md section 1).

use std::{borrow::Cow, error::Error as StdError, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{Error, Part},
    kek::{Cause, Trouble},
    log::Outcome,
};

/// The stable codes of the contract that this version answers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Code {
    AlreadyExists,
    AuditUnavailable,
    BadSignature,
    Conflict,
    Destroyed,
    Expired,
    Forbidden,
    IdempotencyMismatch,
    IntegrityFailure,
    Internal,
    InvalidRequest,
    KekUnavailable,
    MethodNotAllowed,
    NotFound,
    NotOverridable,
    NotReady,
    RateLimited,
    StoreUnavailable,
    TooLarge,
    TwoPersonRule,
    Unauthenticated,
    UnsupportedMediaType,
}

impl Code {
    /// Every one.
    pub(super) const ALL: [Self; 22] = [
        Self::AlreadyExists,
        Self::AuditUnavailable,
        Self::BadSignature,
        Self::Conflict,
        Self::Destroyed,
        Self::Expired,
        Self::Forbidden,
        Self::IdempotencyMismatch,
        Self::IntegrityFailure,
        Self::Internal,
        Self::InvalidRequest,
        Self::KekUnavailable,
        Self::MethodNotAllowed,
        Self::NotFound,
        Self::NotOverridable,
        Self::NotReady,
        Self::RateLimited,
        Self::StoreUnavailable,
        Self::TooLarge,
        Self::TwoPersonRule,
        Self::Unauthenticated,
        Self::UnsupportedMediaType,
    ];

    /// The row of the table: the code's name, its status, its title.
    #[rustfmt::skip] // One line a code.
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::AlreadyExists => ("already_exists", S::CONFLICT, "Already exists"),
            Self::AuditUnavailable => ("audit_unavailable", S::SERVICE_UNAVAILABLE, "The audit log is unavailable"),
            Self::BadSignature => ("bad_signature", S::UNPROCESSABLE_ENTITY, "Bad signature"),
            Self::Conflict => ("conflict", S::CONFLICT, "The state does not allow it"),
            Self::Destroyed => ("destroyed", S::GONE, "Destroyed"),
            Self::Expired => ("expired", S::GONE, "Expired"),
            Self::Forbidden => ("forbidden", S::FORBIDDEN, "Forbidden"),
            Self::IdempotencyMismatch => ("idempotency_mismatch", S::UNPROCESSABLE_ENTITY, "Idempotency key used with another body"),
            Self::IntegrityFailure => ("integrity_failure", S::UNPROCESSABLE_ENTITY, "Integrity failure"),
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "Internal error"),
            Self::InvalidRequest => ("invalid_request", S::BAD_REQUEST, "Invalid request"),
            Self::KekUnavailable => ("kek_unavailable", S::SERVICE_UNAVAILABLE, "The key holder is unavailable"),
            Self::MethodNotAllowed => ("method_not_allowed", S::METHOD_NOT_ALLOWED, "Method not allowed"),
            Self::NotFound => ("not_found", S::NOT_FOUND, "Not found"),
            Self::NotOverridable => ("not_overridable", S::UNPROCESSABLE_ENTITY, "Not overridable"),
            Self::NotReady => ("not_ready", S::SERVICE_UNAVAILABLE, "The service is not ready"),
            Self::RateLimited => ("rate_limited", S::TOO_MANY_REQUESTS, "Too many failed requests"),
            Self::StoreUnavailable => ("store_unavailable", S::SERVICE_UNAVAILABLE, "The database is unavailable"),
            Self::TooLarge => ("too_large", S::PAYLOAD_TOO_LARGE, "Too large"),
            Self::TwoPersonRule => ("two_person_rule", S::UNPROCESSABLE_ENTITY, "Two people are needed"),
            Self::Unauthenticated => ("unauthenticated", S::UNAUTHORIZED, "Unauthenticated"),
            Self::UnsupportedMediaType => ("unsupported_media_type", S::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        self.row().0
    }

    pub(super) const fn status(self) -> StatusCode {
        self.row().1
    }

    pub(super) const fn title(self) -> &'static str {
        self.row().2
    }

    /// For a refusal that the framework made on its own.
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            status if status.is_client_error() => Self::InvalidRequest,
            _ => Self::Internal,
        }
    }
}

/// A refusal on its way out.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) code: Code,
    detail: Cow<'static, str>,
    retry_after: Option<u64>,
    place: Option<Place>,
    /// What was asked for may be done yet, and then it has its audit entry.
    pub(super) is_open: bool,
}

/// The value of an event that is the reason.
#[derive(Clone, Debug)]
struct Place {
    field: String,
    pointer: Option<String>,
}

/// What a refusal looks like (RFC 9457 section 3).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody<'a> {
    /// Names the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:aegis-custodian:problem:not_found")]
    kind: String,
    title: &'static str,
    status: u16,
    /// A sentence that says what to do.
    detail: &'a str,
    /// Stable, for programs.
    code: &'static str,
    request_id: &'a str,
    /// The field of an event that is the reason; its first 128 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// Where that field is in its event (RFC 6901), if that takes at most 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
}

impl Problem {
    pub(super) const fn of(code: Code, detail: &'static str) -> Self {
        Self {
            code,
            detail: Cow::Borrowed(detail),
            retry_after: None,
            place: None,
            is_open: false,
        }
    }

    pub(super) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// What was asked for may be done yet.
    const fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// Names the field of an event that is the reason.
    fn at(self, field: String, pointer: Option<String>) -> Self {
        Self {
            detail: Cow::Owned(format!("{field}: {}", self.detail)),
            place: Some(Place { field, pointer }),
            ..self
        }
    }

    /// As a response for [`super::telemetry`] to finish.
    pub(super) fn refuse(self) -> HttpResponse {
        HttpResponse::from_error(self)
    }

    pub(super) fn body<'a>(&'a self, request_id: &'a str) -> ProblemBody<'a> {
        ProblemBody {
            kind: format!("urn:aegis-custodian:problem:{}", self.code.name()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            code: self.code.name(),
            request_id,
            field: self.place.as_ref().map(|place| &*place.field),
            pointer: self
                .place
                .as_ref()
                .and_then(|place| place.pointer.as_deref()),
        }
    }

    /// The problem that a response carries, or one for a refusal of the framework's own; `None` for success.
    pub(super) fn within<B>(response: &HttpResponse<B>) -> Option<Self> {
        if !response.status().is_client_error() && !response.status().is_server_error() {
            return None;
        }
        let ours = response.error().and_then(|error| error.as_error::<Self>());
        Some(
            ours.cloned()
                .unwrap_or_else(|| Self::of(Code::of_status(response.status()), UNREADABLE)),
        )
    }

    /// The whole response.
    pub(super) fn render(&self, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.code.status());
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if self.code == Code::Unauthenticated {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        let body = serde_json::to_vec(&self.body(request_id)).unwrap_or_default();
        response.content_type("application/problem+json").body(body)
    }

    /// How the audit log calls it.
    pub(super) fn outcome(&self) -> Outcome {
        if self.code.status().is_server_error() {
            Outcome::Failed
        } else {
            Outcome::Refused
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code.title())
    }
}

impl StdError for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.code.status())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::BadSignature(detail) => Self::of(Code::BadSignature, detail),
            Error::Conflict(detail) => Self::of(Code::Conflict, detail),
            Error::Corrupt(detail) => Self::of(Code::IntegrityFailure, detail),
            Error::Denied(detail) => Self::of(Code::Forbidden, detail),
            Error::Destroyed(detail) => Self::of(Code::Destroyed, detail),
            Error::Expired(detail) => Self::of(Code::Expired, detail),
            Error::Exists(detail) => Self::of(Code::AlreadyExists, detail),
            Error::InField {
                field,
                pointer,
                because,
            } => Self::from(*because).at(field, pointer),
            Error::Invalid(detail) => Self::of(Code::InvalidRequest, detail),
            Error::Item { .. } | Error::Malformed { .. } => Self {
                detail: Cow::Owned(error.to_string()),
                ..Self::of(Code::InvalidRequest, "")
            },
            Error::Mismatch(detail) => Self::of(Code::IdempotencyMismatch, detail),
            Error::NotFound(detail) => Self::of(Code::NotFound, detail),
            Error::NotOverridable(detail) => Self::of(Code::NotOverridable, detail),
            Error::TooLarge(detail) => Self::of(Code::TooLarge, detail),
            Error::TwoPerson(detail) => Self::of(Code::TwoPersonRule, detail),
            Error::Unauthenticated(detail) => Self::of(Code::Unauthenticated, detail),
            Error::Internal { .. } => ours(&error, Code::Internal),
            Error::Unavailable { part, .. } => unavailable(&error, part),
        }
    }
}

/// For refusals of the framework's own, which say no more.
const UNREADABLE: &str =
    "the request could not be read, or there is nothing at its path; see /openapi.json";

/// The disk does not come back from what was asked for.
pub(super) const UNKNOWN: Problem = Problem::of(
    Code::StoreUnavailable,
    "the disk does not answer: whether this was done is not known; look before you send it again, or send it again with \
     the same Idempotency-Key",
)
.retry_after(TRY_AGAIN)
.open();

/// Seconds after which a caller may try again what failed through no fault of its own.
const TRY_AGAIN: u64 = 1;

fn unavailable(error: &Error, part: Part) -> Problem {
    let code = match part {
        Part::Audit => Code::AuditUnavailable,
        Part::Kek => {
            tracing::debug!(
                error = error as &dyn StdError,
                "the key holder did not answer"
            );
            let lasts = Trouble::cause_of(error).is_some_and(Cause::needs_operator);
            let detail = if lasts { NEEDS_OPERATOR } else { SEND_AGAIN };
            return Problem::of(Code::KekUnavailable, detail).retry_after(TRY_AGAIN);
        }
        Part::Store => Code::StoreUnavailable,
    };
    ours(error, code).retry_after(TRY_AGAIN)
}

const SEND_AGAIN: &str =
    "send the same request again later; if it goes on, give the operator the request_id";

const NEEDS_OPERATOR: &str = "it lasts until an operator mends the key holder: /v1/capabilities says under kek.state \
                              what to do; then send the same request again";

/// Says nothing of the inside; the cause is logged here, once.
fn ours(error: &Error, code: Code) -> Problem {
    tracing::error!(
        error = error as &dyn StdError,
        code = code.name(),
        "a request failed"
    );
    Problem::of(code, SEND_AGAIN)
}
