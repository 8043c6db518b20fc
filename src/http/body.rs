//! Bodies: content type, size, strict JSON, and the idempotency key that may come with one.

use std::{future::Future, pin::Pin};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderName},
    rt::time::timeout,
    web::{self, Data},
};
use base64ct::{Base64, Encoding};
use futures_util::StreamExt;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{
    Service,
    problem::{Code, Problem},
};
use crate::{
    custodian::{Caller, items, once::Once},
    error::Error,
    id::Id,
    json::{self, OneOrMany},
    policy::Action,
    secret::Plaintext,
    store::ReplyKey,
};

/// Of a body that is too large so much is read, or twice its limit, so that its sender reads the refusal.
pub(super) const DRAINED: usize = 8 * 1024 * 1024;

/// A body beyond this is large: it waits for memory, and is parsed where it may block.
pub(super) const LARGE: usize = 64 * 1024;

const TOO_LARGE: Problem = Problem::of(
    Code::TooLarge,
    "the body is larger than this service reads; send less at once",
);

/// One JSON object, and the idempotency key of its request.
pub(super) struct Body<T> {
    pub(super) value: T,
    pub(super) once: Option<Once>,
}

/// One JSON object, or a batch of them.
pub(super) struct Items<T>(pub(super) OneOrMany<T>);

/// A body without any field; an empty one will do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Base64 of a caller's bytes, wiped on drop.
#[derive(ToSchema)]
#[schema(value_type = String, format = Byte)]
pub(super) struct Base64Text(Zeroizing<String>);

impl Base64Text {
    pub(super) fn decode(&self) -> Result<Plaintext, Error> {
        let decoded = Base64::decode_vec(&self.0);
        let refused =
            Error::Invalid("plaintext is standard base64 with padding (RFC 4648 section 4)");
        decoded.map(Plaintext::new).map_err(|_| refused)
    }
}

impl<'de> Deserialize<'de> for Base64Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(Zeroizing::new(text)))
    }
}

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl<T: DeserializeOwned + Send + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read(&request, payload).await?;
            let (value, bytes) = parsed(bytes, json::read).await?;
            let once = once(&request, &bytes)?;
            Ok(Self { value, once })
        })
    }
}

impl<T: DeserializeOwned + Send + 'static> FromRequest for Items<T> {
    type Error = Problem;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let bytes = read(&request, payload).await?;
            let items = parsed(bytes, json::read_one_or_many).await?.0;
            charge_items(&request, &items)?;
            Ok(Self(items))
        })
    }
}

/// A batch costs as many requests as it has items; one was paid for when it was let in.
fn charge_items<T>(request: &HttpRequest, items: &OneOrMany<T>) -> Result<(), Problem> {
    let OneOrMany::Many(items) = items else {
        return Ok(());
    };
    let service = request.app_data::<Data<Service>>();
    let service = service.ok_or(Error::internal("the service is not mounted"))?;
    let more = items.len().min(items::BATCH_ITEMS).saturating_sub(1);
    service.charge_more(&who(request)?, more)
}

/// What a large body says is found out where it may block: the threads that serve everybody wait for nobody.
async fn parsed<T: Send + 'static>(
    bytes: Zeroizing<Vec<u8>>,
    parse: fn(&[u8]) -> Result<T, Error>,
) -> Result<(T, Zeroizing<Vec<u8>>), Problem> {
    let large = bytes.len() > LARGE;
    let work = move || parse(or_empty(&bytes)).map(|value| (value, bytes));
    if !large {
        return Ok(work()?);
    }
    let done = web::block(work).await;
    Ok(done.map_err(|_| Error::internal("reading a body panicked"))??)
}

/// An absent body reads like an object without fields.
fn or_empty(bytes: &[u8]) -> &[u8] {
    if bytes.is_empty() { b"{}" } else { bytes }
}

async fn read(request: &HttpRequest, payload: Payload) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let service = request.app_data::<Data<Service>>();
    let service = service.ok_or(Error::internal("the service is not mounted"))?;
    media_type(request)?;
    let gathered = timeout(service.limits.body, gather(request, service, payload));
    let gathered = gathered.await.unwrap_or(Err(SLOW));
    let empty = gathered.as_ref().is_ok_and(|bytes| bytes.is_empty());
    if !empty && !request.headers().contains_key(header::CONTENT_TYPE) {
        return Err(MEDIA);
    }
    gathered
}

/// Whose request it is.
fn who(request: &HttpRequest) -> Result<Id, Error> {
    let caller = request.extensions();
    let caller = caller.get::<Caller>();
    let id = caller.map(|caller| caller.principal.id.clone());
    id.ok_or(Error::internal("a body was read for nobody"))
}

/// What the request was let in for.
fn action(request: &HttpRequest) -> Option<Action> {
    let caller = request.extensions();
    caller.get::<Caller>().map(|caller| caller.action)
}

const SLOW: Problem = Problem::of(
    Code::InvalidRequest,
    "the body did not arrive in time; send it faster or in smaller requests",
);

const MEDIA: Problem = Problem::of(
    Code::UnsupportedMediaType,
    "send the body as `Content-Type: application/json`, without a Content-Encoding",
);

fn media_type(request: &HttpRequest) -> Result<(), Problem> {
    let Some(given) = request.headers().get(header::CONTENT_TYPE) else {
        return plain(request);
    };
    let given = given.to_str().unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(MEDIA);
    }
    plain(request)
}

fn plain(request: &HttpRequest) -> Result<(), Problem> {
    let encoded = request.headers().contains_key(header::CONTENT_ENCODING);
    if encoded { Err(MEDIA) } else { Ok(()) }
}

/// A large body has its share of the memory for such; its request holds that until it is over.
async fn gather(
    request: &HttpRequest,
    service: &Service,
    mut payload: Payload,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let limit = service.limits.body(action(request));
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
    let most = limit.min(declared.unwrap_or(limit));
    let mut bytes = Zeroizing::new(Vec::with_capacity(most.min(LARGE)));
    let (mut seen, mut share): (usize, _) = (0, None);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|_| Problem::of(Code::InvalidRequest, "the body ended before it was whole"))?;
        seen = seen.saturating_add(chunk.len());
        match seen {
            _ if seen > DRAINED.max(limit.saturating_mul(2)) => return Err(TOO_LARGE),
            _ if seen > limit => bytes.clear(),
            _ if seen > LARGE && share.is_none() => {
                share = Some(service.share(&who(request)?, most).await?)
            }
            _ => (),
        }
        if seen <= limit {
            append(&mut bytes, &chunk);
        }
    }
    if seen > limit {
        return Err(TOO_LARGE);
    }
    if let Some(share) = share {
        request.extensions_mut().insert(share);
    }
    Ok(bytes)
}

/// A buffer that is too small is left for one of twice the size, and wiped.
fn append(bytes: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    let length = bytes.len().saturating_add(chunk.len());
    if length > bytes.capacity() {
        let room = length.max(bytes.capacity().saturating_mul(2));
        let mut larger = Zeroizing::new(Vec::with_capacity(room));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
    bytes.extend_from_slice(chunk);
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The request's idempotency key, bound to the caller, the path and the raw body.
fn once(request: &HttpRequest, body: &[u8]) -> Result<Option<Once>, Problem> {
    let mut given = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(key) = given.next() else {
        return Ok(None);
    };
    let printable = |byte: &u8| (b' '..=b'~').contains(byte);
    let sound = (1..=128).contains(&key.len())
        && key.as_bytes().iter().all(printable)
        && given.next().is_none();
    let refused = Problem::of(
        Code::InvalidRequest,
        "one Idempotency-Key of 1 to 128 printable ASCII characters",
    );
    let key = key.to_str().ok().filter(|_| sound).ok_or(refused)?;
    let who = request.extensions().get::<Caller>().cloned();
    // Ignoring the key would make a thing twice.
    let who = who.ok_or(Error::internal("a body was read for nobody"))?;
    Ok(Some(Once {
        key: ReplyKey {
            principal: who.principal.id.clone(),
            method: request.method().to_string(),
            path: request.path().to_owned(),
            key: key.to_owned(),
        },
        body_sha256: Sha256::digest(body).into(),
    }))
}

impl<T> Items<T> {
    /// Takes the callers' references aside and converts each item, so that a bad one is refused alone.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::TooLarge`] for a batch without items or with too many.
    pub(super) fn split<I>(
        self,
        reference: impl Fn(&mut T) -> Option<String>,
        convert: impl Fn(T) -> Result<I, Error>,
    ) -> Result<(References, items::Items<I>), Error> {
        Ok(match self.0 {
            OneOrMany::One(mut item) => (vec![reference(&mut item)], OneOrMany::One(convert(item))),
            OneOrMany::Many(items) => {
                let mut items = items::sized(items)?;
                let references = items.iter_mut().map(reference).collect();
                (
                    references,
                    OneOrMany::Many(items.into_iter().map(convert).collect()),
                )
            }
        })
    }
}

/// The callers' own names for their items, in order.
pub(super) type References = Vec<Option<String>>;
