//! A principal's further tokens over REST (api.md section 4).

use std::str::FromStr;

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Service,
    body::{Body, Nothing},
    caller::Who,
    problem::Problem,
    reply::{self, block},
    segment::{InPath, Segment},
};
use crate::{
    custodian::{
        once::ShownOnce,
        tokens::{Lifetime, TokenView},
    },
    error::Error,
    id::{Id, NotAName},
};

/// A new token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IssueToken {
    /// For example `90d`, or `never`; absent: as the configuration says.
    #[schema(example = "90d", pattern = "^([1-9][0-9]*[smhd]|never)$")]
    expires_in: Option<String>,
}

/// A token's id in a path that has a principal's id too.
pub(super) struct TokenId(Id);

impl FromStr for TokenId {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        text.parse().map(Self)
    }
}

impl InPath for TokenId {
    const SEGMENT: &'static str = "token_id";
}

/// Issue another token; it is shown this once.
#[utoipa::path(post, path = "/v1/admin/principals/{id}/tokens", tag = "principals",
    request_body = Option<IssueToken>,
    params(("id" = String, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable ASCII characters")),
    responses((status = 201, description = "The token's metadata and the `token`", body = TokenView)))]
pub(super) async fn issue(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    body: Body<IssueToken>,
) -> Result<HttpResponse, Problem> {
    let (lifetime, once) = (lifetime(body.value.expires_in.as_deref())?, body.once);
    let made = block(&service, move |custodian| {
        custodian.issue_token(&who, &id.0, lifetime, once.as_ref())
    });
    reply::made(made.await?, |issued| {
        let shown = ShownOnce::with(&issued.view, &issued.token);
        (issued.location, serde_json::to_vec(&shown))
    })
}

/// Let a pending token open the door: by an admin who is independent of its issuer.
#[utoipa::path(post, path = "/v1/admin/principals/{id}/tokens/{token_id}/approve", tag = "principals",
    request_body = Option<Nothing>, params(("id" = String, Path), ("token_id" = String, Path)),
    responses((status = 200, description = "The active token's metadata", body = TokenView)))]
pub(super) async fn approve(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    token: Segment<TokenId>,
    _body: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    let approved = block(&service, move |custodian| {
        custodian.approve_token(&who, &id.0, &token.0.0)
    });
    Ok(reply::ok(&approved.await?))
}

/// Revoke a token.
#[utoipa::path(delete, path = "/v1/admin/principals/{id}/tokens/{token_id}", tag = "principals",
    params(("id" = String, Path), ("token_id" = String, Path)),
    responses((status = 204, description = "Revoked")))]
pub(super) async fn revoke(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    token: Segment<TokenId>,
) -> Result<HttpResponse, Problem> {
    let revoked = block(&service, move |custodian| {
        custodian.revoke_token(&who, &id.0, &token.0.0)
    });
    revoked.await.map(reply::gone)
}

/// Reads `expires_in`.
pub(super) fn lifetime(text: Option<&str>) -> Result<Lifetime, Error> {
    let refused = "expires_in is a whole number and one of s, m, h, d, for example 90d, at most 3650d; or never";
    match text {
        None => Ok(Lifetime::Default),
        Some("never") => Ok(Lifetime::Never),
        Some(text) => text
            .parse()
            .map(Lifetime::For)
            .map_err(|_| Error::Invalid(refused)),
    }
}
