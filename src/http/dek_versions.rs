//! The states of DEK versions over REST (api.md section 7).

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Service,
    body::{Body, Nothing},
    caller::Who,
    problem::Problem,
    reply::{self, block},
    segment::Segment,
};
use crate::{
    custodian::{Caller, Custodian, deks::VersionView},
    error::Error,
    id::{DekName, DekVersion},
};

/// Says once more what is to be destroyed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Destroy {
    /// `{name}/{version}` of the path.
    #[schema(example = "telemetry/dek-v1-20261123")]
    confirm: String,
}

/// Let a version be used no more until it is enabled again; no answer that used it is sent any more.
#[utoipa::path(post, path = "/v1/deks/{name}/versions/{version}/disable", tag = "deks",
    request_body = Option<Nothing>, params(("name" = String, Path), ("version" = String, Path)),
    responses((status = 200, description = "The version", body = VersionView)))]
pub(super) async fn disable(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
    version: Segment<DekVersion>,
    _: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    change(service, who, name, version, Custodian::disable_version).await
}

/// Let a version be used again.
#[utoipa::path(post, path = "/v1/deks/{name}/versions/{version}/enable", tag = "deks",
    request_body = Option<Nothing>, params(("name" = String, Path), ("version" = String, Path)),
    responses((status = 200, description = "The version", body = VersionView)))]
pub(super) async fn enable(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
    version: Segment<DekVersion>,
    _: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    change(service, who, name, version, Custodian::enable_version).await
}

/// Destroy a version for ever, once the configured delay is over; what it encrypted is lost then.
#[utoipa::path(post, path = "/v1/deks/{name}/versions/{version}/destroy", tag = "deks",
    request_body = Destroy, params(("name" = String, Path), ("version" = String, Path)),
    responses((status = 200, description = "The version", body = VersionView)))]
pub(super) async fn destroy(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
    version: Segment<DekVersion>,
    body: Body<Destroy>,
) -> Result<HttpResponse, Problem> {
    body.value.check(&name.0, &version.0)?;
    change(service, who, name, version, Custodian::destroy_version).await
}

/// Save a version whose destruction is still pending.
#[utoipa::path(post, path = "/v1/deks/{name}/versions/{version}/cancel-destroy", tag = "deks",
    request_body = Option<Nothing>, params(("name" = String, Path), ("version" = String, Path)),
    responses((status = 200, description = "The version", body = VersionView)))]
pub(super) async fn cancel_destroy(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
    version: Segment<DekVersion>,
    _: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    change(service, who, name, version, Custodian::cancel_destroy).await
}

/// A verb on one version.
type Verb = fn(&Custodian, &Caller, &DekName, &DekVersion) -> Result<VersionView, Error>;

async fn change(
    service: Data<Service>,
    who: Caller,
    name: Segment<DekName>,
    version: Segment<DekVersion>,
    verb: Verb,
) -> Result<HttpResponse, Problem> {
    let done = block(&service, move |custodian| {
        verb(custodian, &who, &name.0, &version.0)
    });
    Ok(reply::ok(&done.await?))
}

impl Destroy {
    fn check(&self, name: &DekName, version: &DekVersion) -> Result<(), Error> {
        if self.confirm == name.reference(version) {
            return Ok(());
        }
        Err(Error::Invalid(
            "confirm is `<name>/<version>` of the version to destroy, for example `telemetry/dek-v1-20261123`",
        ))
    }
}
