//! Encrypt, decrypt, rewrap, data keys and public keys over REST (api.md section 7).

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{Object, ObjectBuilder, Type},
};

use super::{
    Service,
    body::{Body, Items},
    caller::Who,
    problem::{Code, Problem},
    query::Params,
    reply::{self, block, use_key},
    segment::Segment,
    wrap::{SealItem, base64},
};
use crate::{
    crypto::canonical,
    custodian::{
        deks_in_use::{DATA_KEY_BYTES, DataKey, PublicKeyView},
        envelope::{Decrypted, Encrypted},
        items::ToOpen,
    },
    error::Error,
    id::{DekName, DekVersion},
    secret::Plaintext,
};

/// A blob to decrypt or to rewrap: one of these, or `{"items":[…]}` of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecryptItem {
    #[schema(example = "cst1:dek:telemetry/dek-v1-20261123:…")]
    ciphertext: String,
    /// The context that it was encrypted with.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    context: Option<canonical::Context>,
    /// Comes back with the item's answer.
    reference: Option<String>,
}

/// What data key is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDataKey {
    /// 16, 24, 32 or 64.
    #[schema(schema_with = lengths)]
    bytes: usize,
    /// Bound into the blob; the same one decrypts it again.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    context: Option<canonical::Context>,
}

fn lengths() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some(DATA_KEY_BYTES))
        .examples([32])
        .build()
}

/// Whether the data key itself is answered.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DataKeyParams {
    /// `false` leaves the plaintext out.
    plaintext: Option<bool>,
}

/// Which version's public key.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PublicKeyParams {
    /// The newest unless given.
    version: Option<String>,
}

/// A blob and the DEK version that made it.
#[derive(Serialize, ToSchema)]
pub(super) struct EncryptedReply {
    ciphertext: String,
    #[schema(value_type = String, example = "dek-v1-20261123")]
    version: DekVersion,
}

/// What was encrypted.
#[derive(Serialize, ToSchema)]
pub(super) struct DecryptedReply {
    #[serde(serialize_with = "base64")]
    #[schema(value_type = String, format = Byte)]
    plaintext: Plaintext,
    #[schema(value_type = String, example = "dek-v1-20261123")]
    version: DekVersion,
}

/// A fresh key, and the blob that brings it back.
#[derive(Serialize, ToSchema)]
pub(super) struct DataKeyReply {
    #[serde(serialize_with = "shown", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Byte)]
    plaintext: Option<Plaintext>,
    #[serde(flatten)]
    encrypted: EncryptedReply,
}

/// Encrypt under a DEK's newest version; with a hybrid DEK no token is needed.
#[utoipa::path(post, path = "/v1/deks/{name}/encrypt", tag = "deks", request_body = SealItem,
    params(("name" = String, Path)),
    responses((status = 200, description = "The blob, or `items` of a batch", body = EncryptedReply)))]
pub(super) async fn encrypt(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
    body: Items<SealItem>,
) -> Result<HttpResponse, Problem> {
    let (references, items) = body.split(SealItem::reference, SealItem::check)?;
    let id = who.request_id.clone();
    let done = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.encrypt(&who, &name.0, items)
    })
    .await?;
    reply::items(done, references, &id, encrypted)
}

/// Decrypt a blob, whichever version of this DEK it was made with, here or elsewhere.
#[utoipa::path(post, path = "/v1/deks/{name}/decrypt", tag = "deks", request_body = DecryptItem,
    params(("name" = String, Path)),
    responses((status = 200, description = "The plaintext, or `items` of a batch", body = DecryptedReply)))]
pub(super) async fn decrypt(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
    body: Items<DecryptItem>,
) -> Result<HttpResponse, Problem> {
    let (references, items) = body.split(DecryptItem::reference, DecryptItem::check)?;
    let id = who.request_id.clone();
    let done = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.decrypt(&who, &name.0, items)
    })
    .await?;
    reply::items(done, references, &id, decrypted)
}

/// Move a blob to the DEK's newest version; the plaintext is not shown.
#[utoipa::path(post, path = "/v1/deks/{name}/rewrap", tag = "deks", request_body = DecryptItem,
    params(("name" = String, Path)),
    responses((status = 200, description = "The blob, or `items` of a batch", body = EncryptedReply)))]
pub(super) async fn rewrap(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
    body: Items<DecryptItem>,
) -> Result<HttpResponse, Problem> {
    let (references, items) = body.split(DecryptItem::reference, DecryptItem::check)?;
    let id = who.request_id.clone();
    let done = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.rewrap_under_dek(&who, &name.0, items)
    })
    .await?;
    reply::items(done, references, &id, encrypted)
}

/// Make a random key for a cipher of the caller's own, together with its encryption under the DEK.
#[utoipa::path(post, path = "/v1/deks/{name}/data-key", tag = "deks", request_body = NewDataKey,
    params(("name" = String, Path), DataKeyParams),
    responses((status = 200, description = "The key and its blob", body = DataKeyReply)))]
pub(super) async fn data_key(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
    request: HttpRequest,
    body: Body<NewDataKey>,
) -> Result<HttpResponse, Problem> {
    let query = Params::<DataKeyParams>::of(&request)?; // after the body: 415 and 413 come before 400
    let (wanted, shown) = (body.value, query.0.plaintext.unwrap_or(true));
    let made = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.data_key(&who, &name.0, wanted.bytes, wanted.context, shown)
    });
    Ok(reply::ok(&DataKeyReply::from(made.await?)))
}

/// Show the public key of a hybrid DEK, to which anyone can encrypt.
#[utoipa::path(get, path = "/v1/deks/{name}/public-key", tag = "deks",
    params(("name" = String, Path), PublicKeyParams),
    responses((status = 200, description = "The public key", body = PublicKeyView)))]
pub(super) async fn public_key(
    service: Data<Service>,
    Who(who): Who,
    name: Segment<DekName>,
    query: Params<PublicKeyParams>,
) -> Result<HttpResponse, Problem> {
    let version = query.0.version.map(|text| text.parse::<DekVersion>());
    let version = version.transpose().map_err(|_| NOT_A_VERSION)?;
    let shown = block(&service, move |custodian| {
        custodian.public_key(&who, &name.0, version.as_ref())
    });
    Ok(reply::ok(&shown.await?))
}

const NOT_A_VERSION: Problem = Problem::of(
    Code::InvalidRequest,
    "version is a DEK version, for example dek-v1-20261123",
);

impl DecryptItem {
    fn reference(&mut self) -> Option<String> {
        self.reference.take()
    }

    fn check(self) -> Result<ToOpen, Error> {
        ToOpen::new(self.ciphertext, self.context)
    }
}

impl From<DataKey> for DataKeyReply {
    fn from(made: DataKey) -> Self {
        Self {
            plaintext: made.plaintext,
            encrypted: encrypted(made.encrypted),
        }
    }
}

fn shown<S: serde::Serializer>(plaintext: &Option<Plaintext>, to: S) -> Result<S::Ok, S::Error> {
    match plaintext {
        Some(plaintext) => base64(plaintext, to),
        None => to.serialize_none(),
    }
}

fn encrypted(item: Encrypted) -> EncryptedReply {
    EncryptedReply {
        ciphertext: item.ciphertext,
        version: item.version,
    }
}

fn decrypted(item: Decrypted) -> DecryptedReply {
    DecryptedReply {
        plaintext: item.plaintext,
        version: item.version,
    }
}
