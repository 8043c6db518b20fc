//! `/v1/signing-keys`: what verifiers pin, for whoever asks.

use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Service,
    problem::{Problem, ProblemBody},
    reply::{self, block},
};
use crate::custodian::signing_keys::SigningKeyView;

/// The keys by which the service signs. The same JSON is what `custodian verify … --keys` reads.
#[derive(Serialize, ToSchema)]
pub(super) struct SigningKeys {
    items: Vec<SigningKeyView>,
}

/// The keys by which the service signs, and where each is.
#[utoipa::path(get, path = "/v1/signing-keys", tag = "discovery",
    responses(
        (status = 200, description = "Every key; verifiers pin them", body = SigningKeys),
        (status = 422, description = "integrity_failure", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "rate_limited", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "store_unavailable", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn list(service: Data<Service>) -> Result<HttpResponse, Problem> {
    let items = block(&service, |custodian| custodian.signing_keys()).await?;
    Ok(reply::ok(&SigningKeys { items }))
}
