//! Principals over REST (api.md section 4).

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Service,
    body::{Body, Nothing},
    caller::Who,
    problem::Problem,
    query::{PageParams, Params},
    reply::{self, List, block},
    segment::Segment,
    tokens::lifetime,
};
use crate::{
    custodian::{
        Custodian,
        once::ShownOnce,
        page::Wanted,
        principals::{PrincipalView, Proposal, WelcomeView},
    },
    error::Error,
    id::{Id, Subject, is_subject},
    json::{Object, normal},
    policy::{self, Grants, Role},
};

/// A new principal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreatePrincipal {
    /// 1 to 128 characters after Unicode NFC, none of them a control character; unique among live principals.
    #[schema(value_type = String, required = true, pattern = r"^[^\u0000-\u001f\u007f-\u009f]{1,128}$")]
    name: Option<String>,
    /// The human or service, compared in lower case.
    #[schema(value_type = String, required = true, pattern = "^[A-Za-z0-9._@+-]{1,128}$")]
    subject: Option<String>,
    /// At least one.
    #[serde(default)]
    #[schema(required = true, min_items = 1)]
    roles: Vec<Role>,
    /// Absent: none.
    #[schema(value_type = Option<Grants>)]
    grants: Option<Object<Grants>>,
    /// Absent: the principal's own id.
    #[schema(pattern = "^[A-Za-z0-9._@+-]{1,128}$")]
    wrap_scope: Option<String>,
    /// How long its first token lives, for example `90d`, or `never`.
    #[schema(example = "90d", pattern = "^([1-9][0-9]*[smhd]|never)$")]
    expires_in: Option<String>,
    /// SHA-256 of its TLS client certificate.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    client_cert_sha256: Option<String>,
    /// Only with the role `custodian`.
    #[schema(format = "uuid")]
    custodian_id: Option<String>,
}

/// Make a principal; its first token is shown this once.
#[utoipa::path(post, path = "/v1/admin/principals", tag = "principals", request_body = CreatePrincipal,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable ASCII characters")),
    responses((status = 201, description = "The principal and its `token`", body = WelcomeView)))]
pub(super) async fn create(
    service: Data<Service>,
    Who(who): Who,
    body: Body<CreatePrincipal>,
) -> Result<HttpResponse, Problem> {
    let (proposal, once) = (body.value.check()?, body.once);
    let made = block(&service, move |custodian| {
        custodian.create_principal(&who, proposal, once.as_ref())
    });
    reply::made(made.await?, |welcome| {
        let shown = ShownOnce::with(&welcome.view, &welcome.token);
        (welcome.view.location(), serde_json::to_vec(&shown))
    })
}

/// List the live principals in the order of their creation.
#[utoipa::path(get, path = "/v1/admin/principals", tag = "principals", params(PageParams),
    responses((status = 200, description = "A page of principals", body = List<PrincipalView>)))]
pub(super) async fn list(
    service: Data<Service>,
    query: Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let wanted = Wanted::new(query.0.limit, query.0.cursor.as_deref())?;
    let page = block(&service, move |custodian| custodian.principals(&wanted));
    Ok(reply::list(page.await?))
}

/// Show a principal and its tokens.
#[utoipa::path(get, path = "/v1/admin/principals/{id}", tag = "principals", params(("id" = String, Path)),
    responses((status = 200, description = "The principal", body = PrincipalView)))]
pub(super) async fn show(service: Data<Service>, id: Segment<Id>) -> Result<HttpResponse, Problem> {
    let principal = block(&service, move |custodian| custodian.principal(&id.0));
    Ok(reply::ok(&principal.await?))
}

/// Delete a principal; its tokens die with it.
#[utoipa::path(delete, path = "/v1/admin/principals/{id}", tag = "principals", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted")))]
pub(super) async fn delete(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
) -> Result<HttpResponse, Problem> {
    let deleted = block(&service, move |custodian| {
        custodian.delete_principal(&who, &id.0)
    });
    deleted.await.map(reply::gone)
}

/// Let a pending principal sign in: by an admin who is independent of its proposer.
#[utoipa::path(post, path = "/v1/admin/principals/{id}/approve", tag = "principals",
    request_body = Option<Nothing>, params(("id" = String, Path)),
    responses((status = 200, description = "The active principal", body = PrincipalView)))]
pub(super) async fn approve(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    _body: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    let approved = block(&service, move |custodian| {
        custodian.approve_principal(&who, &id.0)
    });
    Ok(reply::ok(&approved.await?))
}

/// All that a principal is to be able to use and speak for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WholeGrants {
    /// Names, or the start of names followed by one final `*`; `[]` is none.
    #[schema(schema_with = policy::dek_patterns)]
    deks: Vec<String>,
    /// MCP servers whose tools it may have signed, in the same form; absent: only the one of its own name.
    #[serde(default)]
    #[schema(schema_with = policy::server_patterns)]
    servers: Vec<String>,
}

impl From<WholeGrants> for Grants {
    fn from(whole: WholeGrants) -> Self {
        Self {
            deks: whole.deks,
            servers: whole.servers,
        }
    }
}

/// Change what a principal may use and speak for; with a quorum of two it waits for another admin.
#[utoipa::path(put, path = "/v1/admin/principals/{id}/grants", tag = "principals", request_body = WholeGrants,
    params(("id" = String, Path)),
    responses((status = 200, description = "The principal; `pending_grants` wait", body = PrincipalView)))]
pub(super) async fn change_grants(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    body: Body<WholeGrants>,
) -> Result<HttpResponse, Problem> {
    let changed = block(&service, move |custodian| {
        custodian.change_grants(&who, &id.0, body.value.into())
    });
    Ok(reply::ok(&changed.await?))
}

/// Put a proposed change of grants in force: by an admin who is independent of its proposer and sends what it saw.
#[utoipa::path(post, path = "/v1/admin/principals/{id}/grants/approve", tag = "principals",
    request_body = WholeGrants, params(("id" = String, Path)),
    responses((status = 200, description = "The principal with its new grants", body = PrincipalView)))]
pub(super) async fn approve_grants(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    body: Body<WholeGrants>,
) -> Result<HttpResponse, Problem> {
    let verb =
        move |custodian: &Custodian| custodian.approve_grants(&who, &id.0, body.value.into());
    Ok(reply::ok(&block(&service, verb).await?))
}

impl CreatePrincipal {
    fn check(self) -> Result<Proposal, Error> {
        let subject = self.subject.map(|text| Subject::folded(&text)).transpose();
        let custodian_id = self.custodian_id.map(|text| text.parse()).transpose();
        Ok(Proposal {
            // It is compared in NFC, as a server's name too, so it is kept in NFC.
            name: sound(self.name.map(normal), policy::is_name, NAME)?,
            subject: subject.map_err(|_| Error::Invalid(SUBJECT))?,
            roles: self.roles.into_iter().collect(),
            grants: self.grants.map(|grants| grants.0).unwrap_or_default(),
            wrap_scope: sound(self.wrap_scope, is_subject, WRAP_SCOPE)?,
            lifetime: lifetime(self.expires_in.as_deref())?,
            client_cert: sound(self.client_cert_sha256, is_digest, DIGEST)?,
            custodian_id: custodian_id.map_err(|_| Error::Invalid(CUSTODIAN))?,
        })
    }
}

pub(super) const NAME: &str = "name has 1 to 128 characters, none of them a control character";
pub(super) const SUBJECT: &str = "a subject is 1 to 128 of A-Z a-z 0-9 . _ @ + -";
const WRAP_SCOPE: &str = "wrap_scope is 1 to 128 of A-Z a-z 0-9 . _ @ + -";
const DIGEST: &str = "client_cert_sha256 is 64 lower-case hex digits";
const CUSTODIAN: &str = "custodian_id is the id of a custodian";

/// The value, if it is absent or as it must be.
fn sound(
    value: Option<String>,
    rule: fn(&str) -> bool,
    otherwise: &'static str,
) -> Result<Option<String>, Error> {
    match value.as_deref().is_none_or(rule) {
        true => Ok(value),
        false => Err(Error::Invalid(otherwise)),
    }
}

fn is_digest(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 64 && text.bytes().all(hex)
}
