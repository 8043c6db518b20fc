//! What the service says of itself: capabilities, metrics, OpenAPI and its viewer.

use actix_web::{
    HttpResponse,
    http::header,
    web::{self, Data, ServiceConfig},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{
    Service,
    problem::Problem,
    reply::{self, block},
    wrong_method,
};
use crate::{custodian::capabilities::Capabilities, figures};

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
    service.custodian.show_figures();
    let (limit, free) = (
        service.limits.key_uses,
        service.key_uses.available_permits(),
    );
    metrics::gauge!(figures::KEY_USES).set(figures::length(limit.saturating_sub(free)));
    metrics::gauge!(figures::KEY_USES_LIMIT).set(figures::length(limit));
    let text = service.metrics.render();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(text)
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "discovery",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
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
