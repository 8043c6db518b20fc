//! DEKs over REST (api.md section 7).

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Service,
    body::{Body, Nothing},
    caller::Who,
    problem::Problem,
    query::{PageParams, Params},
    reply::{self, List, block, use_key},
    segment::Segment,
};
use crate::{
    algorithm::Algorithm,
    custodian::{
        deks::{DekView, NewDek, VersionView, location},
        page::Wanted,
    },
    error::Error,
    id::DekName,
};

/// A new DEK.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateDek {
    /// `[a-z0-9][a-z0-9-]{0,62}`.
    #[schema(example = "telemetry", pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    name: String,
    algorithm: Algorithm,
    /// For example `90d`.
    #[schema(example = "90d", pattern = "^[1-9][0-9]*[smhd]$")]
    rotation_period: Option<String>,
}

/// Make a DEK with its first version.
#[utoipa::path(post, path = "/v1/deks", tag = "deks", request_body = CreateDek,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable ASCII characters")),
    responses((status = 201, description = "The DEK", body = DekView)))]
pub(super) async fn create(
    service: Data<Service>,
    Who(who): Who,
    body: Body<CreateDek>,
) -> Result<HttpResponse, Problem> {
    let (new, once) = (body.value.check()?, body.once);
    let made = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.create_dek(&who, &new, once.as_ref())
    });
    reply::made(made.await?, |dek| {
        (dek.location(), serde_json::to_vec(&dek))
    })
}

/// List the DEKs that the caller may know of, by name.
#[utoipa::path(get, path = "/v1/deks", tag = "deks", params(PageParams),
    responses((status = 200, description = "A page of DEKs", body = List<DekView>)))]
pub(super) async fn list(
    service: Data<Service>,
    Who(who): Who,
    query: Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let wanted = Wanted::new(query.0.limit, query.0.cursor.as_deref())?;
    let page = block(&service, move |custodian| custodian.deks(&who, &wanted));
    Ok(reply::list(page.await?))
}

/// Show a DEK and its versions.
#[utoipa::path(get, path = "/v1/deks/{name}", tag = "deks", params(("name" = String, Path)),
    responses((status = 200, description = "The DEK", body = DekView)))]
pub(super) async fn show(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
) -> Result<HttpResponse, Problem> {
    let dek = block(&service, move |custodian| custodian.dek(&who, &name.0));
    Ok(reply::ok(&dek.await?))
}

/// Make a DEK's next version; the ones before only decrypt from then on.
#[utoipa::path(post, path = "/v1/deks/{name}/rotate", tag = "deks", request_body = Option<Nothing>,
    params(("name" = String, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 printable ASCII characters")),
    responses((status = 201, description = "The new version", body = VersionView)))]
pub(super) async fn rotate(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
    body: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    let place = location(&name.0);
    let made = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.rotate_dek(&who, &name.0, body.once.as_ref())
    });
    reply::made(made.await?, |version| (place, serde_json::to_vec(&version)))
}

impl CreateDek {
    fn check(self) -> Result<NewDek, Error> {
        let name = self.name.parse();
        let period = self.rotation_period.map(|text| text.parse()).transpose();
        Ok(NewDek {
            name: name.map_err(|_| Error::Invalid("name is 1 to 63 of a-z, 0-9 and -, and starts with no -"))?,
            algorithm: self.algorithm,
            rotation_period: period.map_err(|_| {
                Error::Invalid("rotation_period is a whole number and one of s, m, h, d, for example 90d; at most 3650d")
            })?,
        })
    }
}
