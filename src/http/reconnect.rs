//! The operator's word that the token is worth another try (docs/operations-token.md).

use actix_web::{HttpResponse, web::Data};

use super::{
    Service,
    body::{Body, Nothing},
    caller::Who,
    problem::Problem,
    reply::{self, block},
};
use crate::custodian::kek_state::KekState;

/// Opens the token afresh, even with a PIN that it refused before, and answers how the key holder is then.
#[utoipa::path(post, path = "/v1/kek/reconnect", tag = "kek",
    request_body = Option<Nothing>,
    responses((status = 200, description = "How the key holder is after the attempt", body = KekState)))]
pub(super) async fn reconnect(
    service: Data<Service>,
    Who(who): Who,
    _body: Body<Nothing>,
) -> Result<HttpResponse, Problem> {
    let state = block(&service, move |custodian| custodian.reconnect(&who));
    Ok(reply::ok(&state.await?))
}
