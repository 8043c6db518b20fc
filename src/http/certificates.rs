//! Certificates over REST (api.md section 8).

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    Service,
    body::Body,
    caller::Who,
    problem::Problem,
    reply::{self, block},
    segment::Segment,
};
use crate::{
    crypto::certificate::Verdict, custodian::certificates::Expectation, error::Error, id::Id,
    words::Environment,
};

/// A certificate to judge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Judge {
    /// The DSSE envelope, as `GET /v1/overrides/{id}/certificate` answers it.
    #[schema(value_type = Object)]
    certificate: Box<RawValue>,
    /// The hash of what it must be about.
    #[schema(pattern = "^[0-9A-Fa-f]{64}$")]
    expected_message_hash: Option<String>,
    /// Where it is to be used.
    expected_environment: Option<Environment>,
}

/// Show the certificate of an approved override: a DSSE envelope.
#[utoipa::path(get, path = "/v1/overrides/{id}/certificate", tag = "overrides", params(("id" = String, Path)),
    responses((status = 200, description = "The envelope", body = Object)))]
pub(super) async fn show(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
) -> Result<HttpResponse, Problem> {
    let certificate = block(&service, move |custodian| {
        custodian.certificate(&who, &id.0)
    });
    Ok(reply::written(certificate.await?))
}

/// Judge a certificate by this service's keys; the offline `custodian verify certificate` needs no service.
#[utoipa::path(post, path = "/v1/overrides/verify", tag = "overrides", request_body = Judge,
    responses((status = 200, description = "The verdict", body = Verdict)))]
pub(super) async fn verify(
    service: Data<Service>,
    body: Body<Judge>,
) -> Result<HttpResponse, Problem> {
    let (envelope, expectation) = body.value.check()?;
    let verdict = block(&service, move |custodian| {
        custodian.judge_now(envelope.get().as_bytes(), &expectation)
    });
    Ok(reply::ok(&verdict.await?))
}

impl Judge {
    fn check(self) -> Result<(Box<RawValue>, Expectation), Error> {
        let hex =
            |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !self.expected_message_hash.as_ref().is_none_or(hex) {
            return Err(Error::Invalid("expected_message_hash is 64 hex digits"));
        }
        if !self.certificate.get().starts_with('{') {
            return Err(Error::Invalid(
                "certificate is an object: the whole DSSE envelope",
            ));
        }
        let expectation = Expectation {
            message_hash: self.expected_message_hash,
            environment: self.expected_environment,
        };
        Ok((self.certificate, expectation))
    }
}
