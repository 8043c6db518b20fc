//! Who calls: authenticated before a body is read, checked against the action, audited if refused.

use std::{
    future::{Ready, ready},
    net::IpAddr,
    sync::Arc,
};

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{self, HeaderValue},
    middleware::Next,
    rt,
    web::Data,
};
use sha2::{Digest, Sha256};
use tracing::Instrument;

use super::{
    Service,
    body::LARGE,
    handed::{Held, hand_over},
    pace::Pace,
    places::{Full, Place},
    problem::{Code, Problem},
    reply::block,
    segment,
    source::network,
    telemetry::RequestId,
    turns::Turn,
};
use crate::{
    custodian::{
        Caller,
        audit::Event,
        bearer::BearerToken,
        guard::{Guard, Uses},
    },
    error,
    id::Id,
    policy::{self, Action},
    store::Bearer,
};

/// The certificate that the client of a connection showed: its SHA-256 in hex.
#[derive(Clone, Debug)]
pub struct ClientCertificate(Arc<str>);

impl ClientCertificate {
    /// Of a certificate in DER (RFC 5280 section 4.1).
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(der)).into())
    }
}

const SIGN_IN: Problem = Problem::of(
    Code::Unauthenticated,
    "send a valid token as `Authorization: Bearer cst_…`, or show the certificate that you are bound to; an admin issues either",
);

/// Lets a request through to its handler, and sees to its one audit entry.
pub(super) async fn gate(
    action: Action,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(service) = request.app_data::<Data<Service>>().cloned() else {
        return Ok(request.error_response(internal("the service is not mounted")));
    };
    if let Err(problem) = segment::possible(request.request()) {
        return Ok(request.error_response(problem));
    }
    if action == Action::AuditTreeRead
        && service.custodian.shows_its_tree()
        && !segment::is_of_entries(request.request())
    {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_boxed_body);
    }
    let dek = segment::dek(request.request());
    // Before anything is looked up: whoever shuts the token or the DEK from now on waits for this request.
    let uses = Uses {
        caller: None,
        action,
        deks: dek.iter().cloned().collect(),
    };
    let guard = Guard::begin(service.custodian.clone(), uses);
    let bearer = match sign_in(&service, &request).await {
        Ok(bearer) => bearer,
        Err(problem) => return Ok(request.error_response(problem)),
    };
    guard.signed_in(&bearer);
    let mut caller = Caller::new(bearer, action, dek, request_id(request.request()));
    caller.guard = Some(guard.id());
    tracing::debug!(principal = %caller.principal.id, action = action.name(), "let in");
    let place = service.place(&caller.principal.id);
    // Tasks of their own: a caller that hangs up cannot keep a refusal out of the log, and a panic ends here.
    let http = request.request().clone();
    let panicked = move || ServiceResponse::new(http, internal("a handler panicked").refuse());
    let last_resort = panicked.clone();
    let refused = place.as_ref().err().cloned();
    let handled = handle(caller.clone(), refused, request, next).in_current_span();
    let logged = async move {
        let handled = rt::spawn(handled).await;
        let answer = audited(&service, &caller, handled.unwrap_or_else(|_| panicked())).await;
        let (answer, memory) = with_memory(&service, &caller, answer).await;
        let held = Held {
            guard,
            _place: place.ok(),
            _memory: memory,
        };
        answer.map_body(|_, body| hand_over(body, held))
    };
    let answered = rt::spawn(logged.in_current_span()).await;
    Ok(answered.unwrap_or_else(|_| last_resort()))
}

/// What needs no authentication: each source may ask only so often.
pub(super) async fn open(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let service = request.app_data::<Data<Service>>();
    let rate = service.map(|service| service.open_requests.check(&source(&request), 1));
    if let Some(Err(seconds)) = rate {
        let detail = "too many requests came from your address; wait as Retry-After says";
        let problem = Problem::of(Code::RateLimited, detail).retry_after(seconds);
        return Ok(request.error_response(problem));
    }
    let answered = next.call(request).await;
    answered.map(ServiceResponse::map_into_boxed_body)
}

impl Service {
    /// A place among the requests that are on their way, and one of those that this principal may send a second.
    fn place(&self, who: &Id) -> Result<Place<Id>, Problem> {
        self.charge(who)?;
        self.requests.take(who.clone()).map_err(|full| match full {
            Full::All => Problem::of(
                Code::NotReady,
                "more requests are on their way than the service takes; send it again after Retry-After",
            ),
            Full::Own => Problem::of(
                Code::RateLimited,
                "more requests of yours are on their way than you may have at once; wait for an answer, then send it again",
            ),
        }.retry_after(1))
    }

    /// One request of this principal.
    fn charge(&self, who: &Id) -> Result<(), Problem> {
        let charged = self.requests_a_second.check(who, 1);
        charged.map_err(too_many)
    }

    /// So many more of this principal, of which one was let through.
    pub(super) fn charge_more(&self, who: &Id, number: usize) -> Result<(), Problem> {
        let charged = self.requests_a_second.check_more(who, number);
        charged.map_err(too_many)
    }
}

fn too_many(seconds: u64) -> Problem {
    let detail = "you sent more requests, or items in batches, than you may in a second; wait as Retry-After says";
    Problem::of(Code::RateLimited, detail).retry_after(seconds)
}

/// A large answer holds its share of the memory for such until it is handed over: that of its request, or one of its
/// own. Nothing is lost by refusing what only reads.
async fn with_memory(
    service: &Service,
    caller: &Caller,
    answer: ServiceResponse<BoxBody>,
) -> (ServiceResponse<BoxBody>, Option<Turn>) {
    let of_request = answer.request().extensions_mut().remove::<Turn>();
    let bytes = match answer.response().body().size() {
        BodySize::Sized(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
        BodySize::None | BodySize::Stream => 0,
    };
    if of_request.is_some() || bytes <= LARGE || caller.action.audited() {
        return (answer, of_request);
    }
    match service.share(&caller.principal.id, bytes).await {
        Ok(share) => (answer, Some(share)),
        Err(problem) => (answer.into_response(problem.refuse()), None),
    }
}

async fn handle(
    caller: Caller,
    refused: Option<Problem>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> ServiceResponse<BoxBody> {
    let http = request.request().clone();
    match refused.map_or_else(|| permitted(&caller), Err) {
        Ok(()) => {
            request.extensions_mut().insert(caller.clone());
            let answered = next.call(request).await;
            answered.map_or_else(
                |error| ServiceResponse::from_err(error, http),
                ServiceResponse::map_into_boxed_body,
            )
        }
        Err(problem) => request.error_response(problem),
    }
}

fn internal(what: &'static str) -> Problem {
    Problem::from(error::Error::internal(what))
}

/// The id that [`super::telemetry`] gave this request.
pub(super) fn request_id(request: &HttpRequest) -> Arc<str> {
    let given = request.extensions().get::<RequestId>().cloned();
    given.map_or_else(|| Arc::from("unknown"), |id| id.0)
}

/// Roles first; then a DEK outside the grants is hidden, whatever the body says.
fn permitted(caller: &Caller) -> Result<(), Problem> {
    if !caller.action.open_to(&caller.principal.roles) {
        return Err(Problem::of(
            Code::Forbidden,
            "none of your roles may do this; /openapi.json lists the roles of each operation",
        ));
    }
    match &caller.dek {
        Some(dek) => Ok(policy::reach_dek(&caller.principal, caller.action, dek)?),
        None => Ok(()),
    }
}

async fn sign_in(service: &Data<Service>, request: &ServiceRequest) -> Result<Bearer, Problem> {
    let shown = request.request().conn_data::<ClientCertificate>().cloned();
    let token = given(request);
    if token.is_some() || shown.is_some() {
        let found = block(service, move |custodian| {
            custodian.sign_in(token.as_ref(), shown.as_ref().map(|shown| &*shown.0))
        })
        .await?;
        if let Some(bearer) = found {
            meet(request, true);
            return Ok(bearer);
        }
    }
    meet(request, false);
    Err(stranger(service, source(request)).await)
}

/// A connection whose caller is known keeps its seat, however many strangers come.
fn meet(request: &ServiceRequest, known: bool) {
    if let Some(pace) = request.request().conn_data::<Pace>() {
        pace.meet(known);
    }
}

fn source(request: &ServiceRequest) -> Option<IpAddr> {
    request.peer_addr().map(|peer| network(peer.ip()))
}

/// The token; one that opens nothing where the header is there and holds none.
fn given(request: &ServiceRequest) -> Option<BearerToken> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let value = values.next()?;
    let token = values.next().is_none().then(|| token_in(value)).flatten();
    Some(BearerToken::given(token.unwrap_or_default()))
}

fn token_in(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// What a request without a valid token gets: the limit refuses strangers only, never a valid token.
async fn stranger(service: &Data<Service>, source: Option<IpAddr>) -> Problem {
    let limit = service.failed_sign_ins.check(&source, 1);
    let limited = limit.is_err();
    let counted = block(service, move |custodian| {
        custodian.count_stranger(source, limited)
    })
    .await;
    match (counted, limit) {
        (Err(problem), _) => problem,
        (Ok(()), Ok(())) => SIGN_IN,
        (Ok(()), Err(seconds)) => Problem::of(
            Code::RateLimited,
            "too many requests without a valid token came from your address; wait as Retry-After says",
        )
        .retry_after(seconds),
    }
}

/// Exactly one entry a request: the verb wrote it, or the refusal is written here. No entry, no answer.
async fn audited(
    service: &Data<Service>,
    caller: &Caller,
    response: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    let problem = Problem::within(response.response());
    if problem.as_ref().is_some_and(Problem::is_rate_limited) {
        return counted(service, caller, response).await;
    }
    if !caller.action.audited() || caller.recorded() {
        return response;
    }
    let unwritten = || internal("a verb answered without an audit entry");
    let problem = problem.unwrap_or_else(unwritten);
    if problem.is_open {
        // A second entry could say otherwise than the one that may come yet.
        return response;
    }
    let about = || caller.about().map(str::to_owned);
    let object = segment::object(response.request()).or_else(about);
    let event = Event::refused(object, problem.outcome(), problem.code.name());
    let who = caller.clone();
    let answer = match block(service, move |custodian| {
        custodian.record_refusal(&who, event)
    })
    .await
    {
        Ok(()) if response.status().is_success() => problem,
        Ok(()) => return response,
        Err(unavailable) => unavailable,
    };
    response.into_response(answer.refuse())
}

/// A principal at its limit has one entry a minute, not one a request.
async fn counted(
    service: &Data<Service>,
    caller: &Caller,
    response: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    let who = caller.principal.id.clone();
    match block(service, move |custodian| custodian.count_limited(who)).await {
        Ok(()) => response,
        Err(unavailable) => response.into_response(unavailable.refuse()),
    }
}

/// The caller, for a handler.
pub(super) struct Who(pub(super) Caller);

impl FromRequest for Who {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        ready(caller.map(Self).ok_or(SIGN_IN))
    }
}
