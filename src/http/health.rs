//! Whether the process lives, and whether it can work: without authentication and without inside details.

use actix_web::{HttpResponse, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Service, reply};

#[derive(Serialize, ToSchema)]
pub(super) struct Live {
    /// `ok`.
    status: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    /// `ready` or `not_ready`.
    status: &'static str,
    checks: ReadyChecks,
}

#[derive(Serialize, ToSchema)]
struct ReadyChecks {
    kek: ReadyKek,
    store: ReadyCheck,
    audit: ReadyCheck,
}

#[derive(Serialize, ToSchema)]
struct ReadyKek {
    ok: bool,
    /// It has made half of the encryptions that are safe: an operator is to rotate it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    rotation_due: bool,
}

#[derive(Serialize, ToSchema)]
struct ReadyCheck {
    ok: bool,
}

/// Whether the process answers: always `ok`.
#[utoipa::path(get, path = "/v1/health/live", tag = "health",
    responses((status = 200, description = "The process answers", body = Live)))]
pub(super) async fn live() -> HttpResponse {
    reply::ok(&Live { status: "ok" })
}

/// Whether the service can wrap, store and audit, as a background probe last found it.
#[utoipa::path(get, path = "/v1/health/ready", tag = "health",
    responses(
        (status = 200, description = "Ready", body = Ready),
        (status = 503, description = "Not ready; `checks` says which part", body = Ready),
    ))]
pub(super) async fn ready(service: Data<Service>) -> HttpResponse {
    let health = service.custodian.health();
    let check = |ok| ReadyCheck { ok };
    let (mut response, status) = match health.ready() {
        true => (HttpResponse::Ok(), "ready"),
        false => (HttpResponse::ServiceUnavailable(), "not_ready"),
    };
    let kek = ReadyKek {
        ok: health.kek,
        rotation_due: health.rotation_due,
    };
    let (store, audit) = (check(health.store), check(health.audit));
    response.json(Ready {
        status,
        checks: ReadyChecks { kek, store, audit },
    })
}
