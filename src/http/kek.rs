//! The KEK over REST: shown, rotated; its versions retired, restored, destroyed (api.md section 11).

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Service,
    body::{Body, Nothing},
    caller::Who,
    problem::Problem,
    reply::{self, use_key},
    segment::Segment,
};
use crate::{
    custodian::{
        Caller, Custodian,
        jobs::JobView,
        kek_versions::{KekVersionView, KekView},
    },
    error::Error,
    id::KekVersion,
};

/// Says once more which version it is about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmKek {
    /// The version of the path.
    #[schema(example = "kek-v1-20261123")]
    confirm: String,
}

/// Show the KEK and its versions, each as the token has it.
#[utoipa::path(get, path = "/v1/kek", tag = "kek",
    responses((status = 200, description = "The KEK", body = KekView)))]
pub(super) async fn show(service: Data<Service>, Who(who): Who) -> Result<HttpResponse, Problem> {
    let kek = use_key(&service, who.principal.id.clone(), Custodian::kek);
    Ok(reply::ok(&kek.await?))
}

/// Make the next KEK version in the token, which wraps from then on, and move every stored record to it.
#[utoipa::path(post, path = "/v1/kek/rotate", tag = "kek", request_body = Option<Nothing>,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable ASCII characters")),
    responses((status = 202, description = "The job that moves the records", body = JobView)))]
pub(super) async fn rotate(
    service: Data<Service>,
    Who(who): Who,
    body: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    let begun = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.rotate_kek(&who, body.once.as_ref())
    });
    reply::begun(begun.await?, |job| {
        (job.location(), serde_json::to_vec(&job))
    })
}

/// Take a version out of use that no stored record is under: what it wrapped for clients is not opened any more.
#[utoipa::path(post, path = "/v1/kek/versions/{kek}/retire", tag = "kek", request_body = ConfirmKek,
    params(("kek" = String, Path)),
    responses((status = 200, description = "The version", body = KekVersionView)))]
pub(super) async fn retire(
    service: Data<Service>,
    Who(who): Who,
    kek: Segment<KekVersion>,
    body: Body<ConfirmKek>,
) -> Result<HttpResponse, Problem> {
    body.value.check(&kek.0)?;
    change(service, who, kek, Custodian::retire_kek).await
}

/// Take a retired version into use again.
#[utoipa::path(post, path = "/v1/kek/versions/{kek}/restore", tag = "kek", request_body = Option<Nothing>,
    params(("kek" = String, Path)),
    responses((status = 200, description = "The version", body = KekVersionView)))]
pub(super) async fn restore(
    service: Data<Service>,
    Who(who): Who,
    kek: Segment<KekVersion>,
    _: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    change(service, who, kek, Custodian::restore_kek).await
}

/// Ask for the deletion of the key of a version that is retired for 30 days; another operator must approve it.
#[utoipa::path(post, path = "/v1/kek/versions/{kek}/destroy", tag = "kek", request_body = ConfirmKek,
    params(("kek" = String, Path)),
    responses((status = 200, description = "The version", body = KekVersionView)))]
pub(super) async fn destroy(
    service: Data<Service>,
    Who(who): Who,
    kek: Segment<KekVersion>,
    body: Body<ConfirmKek>,
) -> Result<HttpResponse, Problem> {
    body.value.check(&kek.0)?;
    change(service, who, kek, Custodian::destroy_kek).await
}

/// Approve the deletion of a version's key in the token, for ever; what it wrapped for clients is lost.
#[utoipa::path(post, path = "/v1/kek/versions/{kek}/destroy/approve", tag = "kek", request_body = ConfirmKek,
    params(("kek" = String, Path)),
    responses((status = 200, description = "The version", body = KekVersionView)))]
pub(super) async fn approve_destruction(
    service: Data<Service>,
    Who(who): Who,
    kek: Segment<KekVersion>,
    body: Body<ConfirmKek>,
) -> Result<HttpResponse, Problem> {
    body.value.check(&kek.0)?;
    change(service, who, kek, Custodian::approve_kek_destruction).await
}

/// A verb on one version.
type Verb = fn(&Custodian, &Caller, &KekVersion) -> Result<KekVersionView, Error>;

async fn change(
    service: Data<Service>,
    who: Caller,
    kek: Segment<KekVersion>,
    verb: Verb,
) -> Result<HttpResponse, Problem> {
    let done = use_key(&service, who.principal.id.clone(), move |custodian| {
        verb(custodian, &who, &kek.0)
    });
    Ok(reply::ok(&done.await?))
}

impl ConfirmKek {
    fn check(&self, version: &KekVersion) -> Result<(), Error> {
        if self.confirm == version.as_str() {
            return Ok(());
        }
        Err(Error::Invalid(
            "confirm is the KEK version of the path, for example `kek-v1-20261123`",
        ))
    }
}
