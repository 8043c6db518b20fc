//! What is personal in events over REST (api.md section 9).

use actix_web::{HttpResponse, web::Data};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;
use utoipa::{
    ToSchema,
    openapi::{Array, ArrayBuilder, ObjectBuilder, Type},
};

use super::{
    Service,
    body::Body,
    caller::Who,
    problem::Problem,
    reply::{self, use_key},
};
use crate::{
    custodian::{
        Fields,
        items::{Items, sized},
        pii::{DecryptedEvent, EncryptedEvent, Otherwise},
    },
    error::Error,
    id::{DekName, DekVersion, FieldName},
    json::{ObjectText, OneOrMany},
};

/// Most names in `fields`.
const FIELDS: usize = 256;

/// Events whose personal fields are to be encrypted: `event`, or `events` for a batch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EncryptEvents {
    /// A hybrid DEK.
    #[schema(example = "telemetry", pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    dek: String,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Object, required = false)]
    event: Option<ObjectText>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<Object>, required = false, min_items = 1, max_items = 256)]
    events: Option<Vec<ObjectText>>,
    /// What becomes of a value that this DEK encrypted before: it stays (`keep`, unless given), or its event is refused.
    already_encrypted: Option<Otherwise>,
}

/// Events whose fields are to be decrypted: `event`, or `events` for a batch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecryptEvents {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Object, required = false)]
    event: Option<ObjectText>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<Object>, required = false, min_items = 1, max_items = 256)]
    events: Option<Vec<ObjectText>>,
    /// Only these; unless given, the configured ones and every other one whose value is a blob.
    #[schema(schema_with = field_names, required = false)]
    fields: Option<Vec<String>>,
    /// What becomes of a field that is not encrypted: its event is refused (`refuse`, unless given), or it stays.
    not_encrypted: Option<Otherwise>,
}

fn field_names() -> Array {
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[A-Za-z0-9_.-]{1,128}$"));
    ArrayBuilder::new()
        .items(name)
        .min_items(Some(1))
        .max_items(Some(FIELDS))
        .build()
}

/// An event whose personal fields are encrypted.
#[derive(Serialize, ToSchema)]
pub(super) struct EncryptedEventReply {
    #[serde(serialize_with = "as_json")]
    #[schema(value_type = Object)]
    event: ObjectText,
    /// Names of what was encrypted now.
    encrypted: Vec<String>,
    /// Names of what this DEK had encrypted before.
    kept: Vec<String>,
    #[schema(value_type = String, example = "dek-v1-20261123")]
    version: DekVersion,
}

/// An event as it was.
#[derive(Serialize, ToSchema)]
pub(super) struct DecryptedEventReply {
    #[serde(serialize_with = "as_json")]
    #[schema(value_type = Object)]
    event: ObjectText,
    /// Names of what was decrypted.
    decrypted: Vec<String>,
}

/// Encrypt what is personal in an event: the configured fields, at any depth. Needs no token.
#[utoipa::path(post, path = "/v1/pii/encrypt", tag = "pii", request_body = EncryptEvents,
    responses((status = 200, description = "The event, or `items` of a batch", body = EncryptedEventReply)))]
pub(super) async fn encrypt(
    service: Data<Service>,
    Who(who): Who,
    body: Body<EncryptEvents>,
) -> Result<HttpResponse, Problem> {
    let asked = body.value;
    let dek = asked.dek.parse::<DekName>().map_err(|_| NOT_A_DEK)?;
    let before = asked.already_encrypted.unwrap_or(Otherwise::Keep);
    let events = one_or_many(asked.event, asked.events)?;
    let id = who.request_id.clone();
    let text = use_key(&service, who.principal.id.clone(), move |custodian| {
        let done = custodian.encrypt_events(&who, &dek, &events, before)?;
        let room = room(&done, |done| &done.event);
        Ok(reply::items_text(
            done,
            Vec::new(),
            &id,
            room,
            EncryptedEventReply::from,
        ))
    });
    Ok(reply::written(text.await??))
}

/// Decrypt the fields of an event, whichever DEKs and versions of the caller's grants encrypted them.
#[utoipa::path(post, path = "/v1/pii/decrypt", tag = "pii", request_body = DecryptEvents,
    responses((status = 200, description = "The event, or `items` of a batch", body = DecryptedEventReply)))]
pub(super) async fn decrypt(
    service: Data<Service>,
    Who(who): Who,
    body: Body<DecryptEvents>,
) -> Result<HttpResponse, Problem> {
    let asked = body.value;
    let fields = asked.fields.map(named).transpose()?;
    let plain = asked.not_encrypted.unwrap_or(Otherwise::Refuse);
    let events = one_or_many(asked.event, asked.events)?;
    let id = who.request_id.clone();
    let text = use_key(&service, who.principal.id.clone(), move |custodian| {
        let done = custodian.decrypt_events(&who, &events, fields.as_ref(), plain)?;
        let room = room(&done, |done| &done.event);
        Ok(reply::items_text(
            done,
            Vec::new(),
            &id,
            room,
            DecryptedEventReply::from,
        ))
    });
    Ok(reply::written(text.await??))
}

const NOT_A_DEK: Error =
    Error::Invalid("dek is a name of a-z, 0-9 and -, at most 63 characters, for example telemetry");

fn one_or_many(
    event: Option<ObjectText>,
    events: Option<Vec<ObjectText>>,
) -> Result<OneOrMany<ObjectText>, Error> {
    match (event, events) {
        (Some(event), None) => Ok(OneOrMany::One(event)),
        (None, Some(events)) => sized(events).map(OneOrMany::Many),
        (Some(_), Some(_)) | (None, None) => Err(Error::Invalid(
            "send one of them: `event`, an object, or `events`, a list of objects",
        )),
    }
}

fn named(fields: Vec<String>) -> Result<Fields, Error> {
    const REFUSED: Error =
        Error::Invalid("fields has 1 to 256 names, each 1 to 128 of A-Z a-z 0-9 _ . -");
    if !(1..=FIELDS).contains(&fields.len()) {
        return Err(REFUSED);
    }
    let fields = fields.iter().map(|field| field.parse::<FieldName>());
    let fields: Vec<_> = fields.collect::<Result<_, _>>().map_err(|_| REFUSED)?;
    Ok(Fields::of(fields))
}

/// Bytes that an answer takes at most: its events, and beside each of them the names of fields or a problem.
fn room<T>(done: &Items<T>, event: impl Fn(&T) -> &ObjectText) -> usize {
    const BESIDE: usize = 4096;
    let events = done.as_slice().iter().flatten();
    let bytes: usize = events.map(|done| event(done).expose().len()).sum();
    bytes + BESIDE * done.as_slice().len()
}

/// A `null` is no event.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

fn as_json<S: Serializer>(event: &ObjectText, to: S) -> Result<S::Ok, S::Error> {
    let raw: &RawValue =
        serde_json::from_str(event.expose()).map_err(|_| S::Error::custom("an event"))?;
    raw.serialize(to)
}

impl From<EncryptedEvent> for EncryptedEventReply {
    fn from(done: EncryptedEvent) -> Self {
        Self {
            event: done.event,
            encrypted: done.encrypted,
            kept: done.kept,
            version: done.version,
        }
    }
}

impl From<DecryptedEvent> for DecryptedEventReply {
    fn from(done: DecryptedEvent) -> Self {
        Self {
            event: done.event,
            decrypted: done.decrypted,
        }
    }
}
