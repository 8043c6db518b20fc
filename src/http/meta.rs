//! What the service says of itself: capabilities, metrics, OpenAPI and its viewer.

use actix_web::{
    HttpResponse,
    http::header,
    web::{self, Data, ServiceConfig},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{
    Service,
    problem::{Problem, ProblemBody},
    reply::{self, block},
    wrong_method,
};
use crate::{custodian::capabilities::Capabilities, kek::Level};

/// What this build, configuration and token can do.
#[utoipa::path(get, path = "/v1/capabilities", tag = "discovery",
    responses((status = 200, description = "What can be done here", body = Capabilities)))]
pub(super) async fn capabilities(service: Data<Service>) -> Result<HttpResponse, Problem> {
    let able = block(&service, |custodian| Ok(custodian.capabilities()));
    Ok(reply::ok(&able.await?))
}

/// Figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "discovery",
    responses((status = 200, description = "Prometheus text format", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(service: Data<Service>) -> HttpResponse {
    let health = service.custodian.health();
    for (part, well) in [
        ("kek", health.kek),
        ("store", health.store),
        ("audit", health.audit),
    ] {
        metrics::gauge!("custodian_up", "part" => part).set(f64::from(u8::from(well)));
    }
    token_figures(&service);
    let text = service.metrics.render();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(text)
}

fn token_figures(service: &Service) {
    let (level, figures) = service.custodian.kek_figures();
    for one in Level::ALL {
        let is_it = f64::from(u8::from(one == level));
        metrics::gauge!("custodian_token_state", "state" => one.name()).set(is_it);
    }
    metrics::counter!("custodian_token_outages_total").absolute(figures.outages);
    metrics::counter!("custodian_token_reopenings_total").absolute(figures.reopenings);
    metrics::counter!("custodian_token_stuck_calls_total").absolute(figures.stuck_calls);
    let stuck = u32::try_from(figures.stuck_now).unwrap_or(u32::MAX);
    metrics::gauge!("custodian_token_stuck_calls").set(f64::from(stuck));
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "discovery",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object),
        (status = 429, description = "rate_limited", body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub(super) async fn openapi(service: Data<Service>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(service.openapi.clone())
}

/// `/docs`: the viewer, from this binary alone. Its page names its resources relative to `/docs/`.
pub(super) fn mount_viewer(config: &mut ServiceConfig) {
    const BELOW: &str = "/docs/{_:.*}";
    let only_get = || async { wrong_method("GET") };
    let viewer = Config::from("/openapi.json").validator_url("none");
    config.service(
        web::resource("/docs")
            .route(web::get().to(to_viewer))
            .default_service(web::to(only_get)),
    );
    config.service(SwaggerUi::new(BELOW).config(viewer));
    config.service(web::resource(BELOW).default_service(web::to(only_get)));
}

async fn to_viewer() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "docs/"))
        .finish()
}
