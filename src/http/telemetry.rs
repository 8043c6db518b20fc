//! Around every request: its id, its log line, its metrics, and the final form of its refusal.

use std::{sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    HEALTH,
    pace::Pace,
    problem::{Code, Problem},
};
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
    let pace = request.request().conn_data::<Pace>().cloned();
    let response = paced(pace.as_ref(), request, next).await?;
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "unknown".to_owned());
    let mut response = finished(response, &id);
    if pace.as_ref().is_some_and(Pace::is_crowded) {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
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
    Ok(match pace {
        Some(pace) => response.map_body(|_, body| pace.answer(body)),
        None => response,
    })
}

async fn paced(
    pace: Option<&Pace>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Some(pace) = pace {
        pace.work();
    }
    if let Some(problem) = turned_away(pace, &request) {
        return Ok(request.error_response(problem));
    }
    let answered = next.call(request).await;
    let failed = |_: &Error| pace.into_iter().for_each(Pace::fail);
    answered
        .inspect_err(failed)
        .map(ServiceResponse::map_into_boxed_body)
}

/// One connection too many hears only that, or how the service is; and nobody leaves HTTP.
fn turned_away(pace: Option<&Pace>, request: &ServiceRequest) -> Option<Problem> {
    if pace.is_some_and(Pace::is_crowded) && !request.path().starts_with(HEALTH) {
        return Some(CROWDED);
    }
    let websocket = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    let mut upgrades = request.headers().get_all(header::UPGRADE);
    upgrades.any(websocket).then_some(NO_UPGRADE)
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

/// The transport takes all that follows such a head for its body, whatever length it says: what others send behind it
/// over the same proxy too.
const NO_UPGRADE: Problem = Problem::of(
    Code::InvalidRequest,
    "this service speaks nothing but HTTP; send the request without Upgrade",
);

const CROWDED: Problem = Problem::of(
    Code::NotReady,
    "more connections are open than the service, or one address, may have; close some, or send it again after Retry-After",
)
.retry_after(1);

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
