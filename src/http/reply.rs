//! Replies: what verbs answer, as JSON with the right status.

use std::{iter, pin::pin, time::Duration};

use actix_web::{
    HttpResponse,
    body::MessageBody,
    http::{StatusCode, header},
    rt::time::{sleep, timeout},
    web::{self, Data},
};
use futures_util::future::{Either, select};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Service,
    body::References,
    problem::{self, Code, Problem, ProblemBody},
};
use crate::{
    custodian::{Custodian, items::Items, once::Made, page::Page},
    error::Error,
    json::OneOrMany,
};

/// How often a caller that waits looks whether the disk comes back.
const LOOK: Duration = Duration::from_millis(250);

/// Runs a verb where it may block. On a disk that does not come back nobody waits for it; it goes on alone.
pub(super) async fn block<T: Send + 'static>(
    service: &Data<Service>,
    verb: impl FnOnce(&Custodian) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let (custodian, span) = (service.custodian.clone(), tracing::Span::current());
    let done = pin!(web::block(move || span.in_scope(|| verb(&custodian))));
    let done = match select(done, pin!(stalled(service))).await {
        Either::Left((done, _)) => done,
        Either::Right(((), _)) => return Err(problem::UNKNOWN),
    };
    let panicked = |_| Error::internal("a verb panicked");
    Ok(done.map_err(panicked)??)
}

async fn stalled(service: &Data<Service>) {
    sleep(LOOK).await;
    while !service.custodian.is_stalled() {
        sleep(LOOK).await;
    }
}

/// Runs a verb that asks the key holder. Only so many at once, so that a slow token leaves threads for signing
/// in and for revoking; the others wait here, but not for long.
pub(super) async fn use_key<T: Send + 'static>(
    service: &Data<Service>,
    verb: impl FnOnce(&Custodian) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let place = timeout(service.limits.key_wait, service.key_uses.acquire()).await;
    let _place = place.ok().and_then(Result::ok).ok_or(BUSY)?;
    block(service, verb).await
}

const BUSY: Problem = Problem::of(
    Code::NotReady,
    "more requests use keys than the token keeps up with; send it again after Retry-After",
)
.retry_after(1);

/// 200 and the value.
pub(super) fn ok<T: Serialize>(value: &T) -> HttpResponse {
    HttpResponse::Ok().json(value)
}

/// 200 and JSON that was written before.
pub(super) fn written(json: impl MessageBody + 'static) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type("application/json").body(json)
}

/// 204.
pub(super) fn gone(_: ()) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// 201 with its place, or the answer that was given before.
pub(super) fn made<T>(
    made: Made<T>,
    first: impl FnOnce(T) -> (String, serde_json::Result<Vec<u8>>),
) -> Result<HttpResponse, Problem> {
    placed(StatusCode::CREATED, made, first)
}

/// 202 with the place of what was begun, or the answer that was given before.
pub(super) fn begun<T>(
    made: Made<T>,
    first: impl FnOnce(T) -> (String, serde_json::Result<Vec<u8>>),
) -> Result<HttpResponse, Problem> {
    placed(StatusCode::ACCEPTED, made, first)
}

fn placed<T>(
    status: StatusCode,
    made: Made<T>,
    first: impl FnOnce(T) -> (String, serde_json::Result<Vec<u8>>),
) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::build(status);
    response.content_type("application/json");
    let (location, body) = match made {
        Made::Now(value) => {
            let (location, body) = first(value);
            (
                Some(location),
                body.map_err(|_| Error::internal("writing an answer"))?,
            )
        }
        Made::Earlier(kept) => {
            response.insert_header(("Idempotent-Replayed", "true"));
            (kept.location, kept.reply.into_bytes())
        }
    };
    if let Some(location) = location {
        response.insert_header((header::LOCATION, location));
    }
    Ok(response.body(body))
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct List<T> {
    items: Vec<T>,
    /// Asks for the next page; null at the end.
    next_cursor: Option<String>,
}

/// 200 and a page.
pub(super) fn list<T: Serialize>(page: Page<T>) -> HttpResponse {
    let (items, next_cursor) = (page.items, page.next_cursor);
    ok(&List { items, next_cursor })
}

/// One item's answer in a batch, beside the caller's own reference.
#[derive(Serialize)]
struct Referred<'a, T> {
    #[serde(flatten)]
    answer: Answer<'a, T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer<'a, T> {
    Done(T),
    Refused { error: ProblemBody<'a> },
}

#[derive(Serialize)]
struct Batch<T> {
    items: Vec<T>,
}

/// 200 and what came of one item or of each; `show` turns a verb's answer into the reply's form.
pub(super) fn items<T, R: Serialize>(
    items: Items<T>,
    references: References,
    request_id: &str,
    show: impl Fn(T) -> R,
) -> Result<HttpResponse, Problem> {
    items_text(items, references, request_id, 0, show).map(written)
}

/// The text of [`items`], in a buffer that has this room from the start: one that grows leaves copies behind. Items
/// without a reference need none here.
pub(super) fn items_text<T, R: Serialize>(
    items: Items<T>,
    references: References,
    request_id: &str,
    room: usize,
    show: impl Fn(T) -> R,
) -> Result<Vec<u8>, Problem> {
    match items {
        OneOrMany::One(item) => {
            let answer = Answer::Done(show(item?));
            let reference = references.into_iter().next().flatten();
            text(&Referred { answer, reference }, room)
        }
        OneOrMany::Many(items) => batch_text(items, references, request_id, room, show),
    }
}

fn batch_text<T, R: Serialize>(
    items: Vec<Result<T, Error>>,
    references: References,
    request_id: &str,
    room: usize,
    show: impl Fn(T) -> R,
) -> Result<Vec<u8>, Problem> {
    let items: Vec<_> = items
        .into_iter()
        .map(|item| item.map(&show).map_err(Problem::from))
        .collect();
    let answer = |item| match item {
        Ok(done) => Answer::Done(done),
        Err(problem) => Answer::Refused {
            error: Problem::body(problem, request_id),
        },
    };
    let items = items.iter().map(Result::as_ref).map(answer);
    let items = items.zip(references.into_iter().chain(iter::repeat(None)));
    let items: Vec<_> = items
        .map(|(answer, reference)| Referred { answer, reference })
        .collect();
    text(&Batch { items }, room)
}

fn text<T: Serialize>(value: &T, room: usize) -> Result<Vec<u8>, Problem> {
    let mut text = Vec::with_capacity(room);
    serde_json::to_writer(&mut text, value).map_err(|_| Error::internal("writing an answer"))?;
    Ok(text)
}
