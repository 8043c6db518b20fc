//! Around every request: its id, its log line, its metrics, and the final form of its refusal.

use std::{sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{HeaderName, HeaderValue},
    },
    middleware::Next,
};
use tracing::Instrument;
use uuid::Uuid;

use super::problem::Problem;
use crate::figures;

/// The request's name in answers, log lines and audit entries.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) Arc<str>);

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request its id, writes its log line and finishes its refusal.
///
/// # Errors
/// None of its own: what goes wrong below becomes an answer.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = RequestId(given(&request).unwrap_or_else(|| Uuid::now_v7().to_string().into()));
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("request", request_id = %id.0);
    answer(request, next, id.0).instrument(span).await
}

async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    id: Arc<str>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let begun = Instant::now();
    let _in_flight = InFlight::begin();
    let method = request.method().clone();
    let response = next.call(request).await?.map_into_boxed_body();
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "unknown".to_owned());
    let mut response = finished(response, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    tracing::info!(%method, route, status, milliseconds = took.as_secs_f64() * 1e3, "answered");
    let verb = verb(&method);
    metrics::histogram!(figures::REQUEST_SECONDS, "method" => verb, "route" => route.clone())
        .record(took);
    let status = status.to_string();
    metrics::counter!(figures::REQUESTS, "method" => verb, "route" => route, "status" => status)
        .increment(1);
    Ok(response)
}

/// A method as a label: those of the routes, since a client may invent others.
fn verb(method: &Method) -> &'static str {
    let known = [Method::DELETE, Method::GET, Method::POST, Method::PUT];
    let names = ["DELETE", "GET", "POST", "PUT"];
    let mut all = known.iter().zip(names);
    all.find(|(one, _)| *one == method)
        .map_or("other", |(_, name)| name)
}

/// A request that is not answered yet; one whose caller hangs up is none any more.
struct InFlight;

impl InFlight {
    fn begin() -> Self {
        metrics::gauge!(figures::REQUESTS_IN_FLIGHT).increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!(figures::REQUESTS_IN_FLIGHT).decrement(1.0);
    }
}

/// Gives a refusal its body; its headers stay.
fn finished(response: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    let shaped =
        response.headers().contains_key("content-type") && response.response().error().is_none();
    let Some(problem) = Problem::within(response.response()).filter(|_| !shaped) else {
        return response;
    };
    metrics::counter!(figures::REFUSALS, "code" => problem.code.name()).increment(1);
    let mut rendered = problem.render(id);
    for (name, value) in response.headers() {
        rendered.headers_mut().insert(name.clone(), value.clone());
    }
    response.into_response(rendered)
}

/// The caller's own id, if it has the form that the contract takes.
fn given(request: &ServiceRequest) -> Option<Arc<str>> {
    let value = request.headers().get(HEADER)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    ((1..=64).contains(&value.len()) && value.bytes().all(plain)).then(|| value.into())
}
