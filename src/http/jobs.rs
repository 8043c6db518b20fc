//! Jobs over REST (api.md section 11).

use actix_web::{HttpResponse, web::Data};

use super::{
    Service,
    problem::Problem,
    query::{PageParams, Params},
    reply::{self, List, block},
    segment::Segment,
};
use crate::{
    custodian::{jobs::JobView, page::Wanted},
    id::Id,
};

/// List the jobs, the oldest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "kek", params(PageParams),
    responses((status = 200, description = "A page of jobs", body = List<JobView>)))]
pub(super) async fn list(
    service: Data<Service>,
    query: Params<PageParams>,
) -> Result<HttpResponse, Problem> {
    let wanted = Wanted::new(query.0.limit, query.0.cursor.as_deref())?;
    let page = block(&service, move |custodian| custodian.jobs(&wanted));
    Ok(reply::list(page.await?))
}

/// Show how far a job is.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "kek", params(("id" = String, Path)),
    responses((status = 200, description = "The job", body = JobView)))]
pub(super) async fn show(service: Data<Service>, id: Segment<Id>) -> Result<HttpResponse, Problem> {
    let job = block(&service, move |custodian| custodian.job(&id.0));
    Ok(reply::ok(&job.await?))
}
