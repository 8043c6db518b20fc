//! Custodians over REST (api.md section 5).

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Service,
    body::{Body, Nothing},
    caller::Who,
    principals::{NAME, SUBJECT},
    problem::Problem,
    query::{PageParams, Params},
    reply::{self, List, block},
    segment::Segment,
};
use crate::{
    crypto::scheme::Scheme,
    custodian::{custodians::CustodianView, enrolment::NewCustodian, page::Wanted},
    error::Error,
    id::{Id, Subject},
    policy,
    words::Lead,
};

/// A new custodian.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrol {
    /// 1 to 128 characters, none of them a control character.
    #[schema(pattern = r"^[^\u0000-\u001f\u007f-\u009f]{1,128}$")]
    name: String,
    /// The human, compared in lower case: nobody who is an admin or an operator, and nobody who is a custodian already.
    #[schema(pattern = "^[A-Za-z0-9._@+-]{1,128}$")]
    subject: String,
    role: Lead,
    /// One of `signature_schemes` in `/v1/capabilities`.
    #[schema(value_type = Scheme, example = "bip340")]
    scheme: String,
    /// Base64, or a Bitcoin address for `bip322-simple`: what `custodian keygen` prints.
    public_key: String,
}

/// Why an admin changes a custodian.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// 1 to 4,096 characters; it stays on record.
    #[schema(
        min_length = 1,
        max_length = 4096,
        pattern = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$"
    )]
    reason: String,
}

/// The proof that a custodian holds its key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Proof {
    /// Over the challenge (formats.md section 3): what `custodian sign` prints.
    signature: String,
}

/// Enrol a custodian: it is pending until it has proven its key, and with a quorum of two until another admin approves.
#[utoipa::path(post, path = "/v1/admin/custodians", tag = "custodians", request_body = Enrol,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable ASCII characters")),
    responses((status = 201, description = "The custodian and its `challenge`", body = CustodianView)))]
pub(super) async fn enrol(
    service: Data<Service>,
    Who(who): Who,
    body: Body<Enrol>,
) -> Result<HttpResponse, Problem> {
    let (new, once) = (body.value.check()?, body.once);
    let enrolled = block(&service, move |custodian| {
        custodian.enrol_custodian(&who, new, once.as_ref())
    });
    reply::made(enrolled.await?, |view| {
        (view.location(), serde_json::to_vec(&view))
    })
}

/// Take a custodian's proof that it holds its key; five wrong ones void the challenge.
#[utoipa::path(post, path = "/v1/admin/custodians/{id}/activate", tag = "custodians", request_body = Proof,
    params(("id" = String, Path)),
    responses((status = 200, description = "The custodian", body = CustodianView)))]
pub(super) async fn activate(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    body: Body<Proof>,
) -> Result<HttpResponse, Problem> {
    let activated = block(&service, move |custodian| {
        custodian.activate_custodian(&who, &id.0, &body.value.signature)
    });
    Ok(reply::ok(&activated.await?))
}

/// Approve an enrolment or a reinstatement: by an admin who is independent of its proposer.
#[utoipa::path(post, path = "/v1/admin/custodians/{id}/approve", tag = "custodians",
    request_body = Option<Nothing>, params(("id" = String, Path)),
    responses((status = 200, description = "The custodian", body = CustodianView)))]
pub(super) async fn approve(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    _body: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    let approved = block(&service, move |custodian| {
        custodian.approve_custodian(&who, &id.0)
    });
    Ok(reply::ok(&approved.await?))
}

/// Let a custodian act no more, for now; its signatures on overrides that are not approved are void.
#[utoipa::path(post, path = "/v1/admin/custodians/{id}/suspend", tag = "custodians", request_body = Reason,
    params(("id" = String, Path)),
    responses((status = 200, description = "The custodian", body = CustodianView)))]
pub(super) async fn suspend(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    body: Body<Reason>,
) -> Result<HttpResponse, Problem> {
    let suspended = block(&service, move |custodian| {
        custodian.suspend_custodian(&who, &id.0, body.value.reason)
    });
    Ok(reply::ok(&suspended.await?))
}

/// Let a suspended custodian act again; with a quorum of two another admin approves first.
#[utoipa::path(post, path = "/v1/admin/custodians/{id}/reinstate", tag = "custodians", request_body = Reason,
    params(("id" = String, Path)),
    responses((status = 200, description = "The custodian", body = CustodianView)))]
pub(super) async fn reinstate(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    body: Body<Reason>,
) -> Result<HttpResponse, Problem> {
    let reinstated = block(&service, move |custodian| {
        custodian.reinstate_custodian(&who, &id.0, body.value.reason)
    });
    Ok(reply::ok(&reinstated.await?))
}

/// End a custodian for ever; a key that was once active never comes back.
#[utoipa::path(post, path = "/v1/admin/custodians/{id}/revoke", tag = "custodians", request_body = Reason,
    params(("id" = String, Path)),
    responses((status = 200, description = "The custodian", body = CustodianView)))]
pub(super) async fn revoke(
    service: Data<Service>,
    Who(who): Who,
    id: Segment<Id>,
    body: Body<Reason>,
) -> Result<HttpResponse, Problem> {
    let revoked = block(&service, move |custodian| {
        custodian.revoke_custodian(&who, &id.0, body.value.reason)
    });
    Ok(reply::ok(&revoked.await?))
}

/// List all custodians in the order of their enrolment.
#[utoipa::path(get, path = "/v1/custodians", tag = "custodians", params(PageParams),
    responses((status = 200, description = "A page of custodians", body = List<CustodianView>)))]
pub(super) async fn list(
    service: Data<Service>,
    query: Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let wanted = Wanted::new(query.0.limit, query.0.cursor.as_deref())?;
    let page = block(&service, move |custodian| custodian.custodians(&wanted));
    Ok(reply::list(page.await?))
}

/// Show a custodian.
#[utoipa::path(get, path = "/v1/custodians/{id}", tag = "custodians", params(("id" = String, Path)),
    responses((status = 200, description = "The custodian", body = CustodianView)))]
pub(super) async fn show(service: Data<Service>, id: Segment<Id>) -> Result<HttpResponse, Problem> {
    let custodian = block(&service, move |custodian| custodian.custodian(&id.0));
    Ok(reply::ok(&custodian.await?))
}

impl Enrol {
    fn check(self) -> Result<NewCustodian, Error> {
        let name = Some(self.name).filter(|name| policy::is_name(name));
        let subject = Subject::folded(&self.subject);
        Ok(NewCustodian {
            name: name.ok_or(Error::Invalid(NAME))?,
            subject: subject.map_err(|_| Error::Invalid(SUBJECT))?,
            lead: self.role,
            scheme: Scheme::named(&self.scheme).ok_or(Error::Invalid(SCHEME))?,
            public_key: self.public_key,
        })
    }
}

const SCHEME: &str = "scheme is one of signature_schemes in /v1/capabilities, for example bip340";
