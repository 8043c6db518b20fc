//! Wrap, unwrap, rewrap over REST (api.md section 6).

use actix_web::{HttpResponse, web::Data};
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{
    Service,
    body::{Base64Text, Items},
    caller::Who,
    problem::Problem,
    reply::{self, use_key},
};
use crate::{
    crypto::canonical,
    custodian::{
        items::{ToOpen, ToSeal},
        wrap::{Unwrapped, Wrapped},
    },
    id::KekVersion,
    secret::Plaintext,
};

/// What is to be wrapped or encrypted: one of these, or `{"items":[…]}` of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SealItem {
    /// At most 65,536 bytes.
    #[schema(value_type = String, format = Byte, max_length = 87_384)]
    plaintext: Base64Text,
    /// At most 32 keys and 4,096 bytes; the same one opens the blob again.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    context: Option<canonical::Context>,
    /// Comes back with the item's answer.
    reference: Option<String>,
}

/// A blob to unwrap: one of these, or `{"items":[…]}` of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnwrapItem {
    #[schema(example = "cst1:kek:kek-v1-20261123:…")]
    wrapped: String,
    /// The context that it was wrapped with.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    context: Option<canonical::Context>,
    /// Comes back with the item's answer.
    reference: Option<String>,
}

/// A blob to rewrap: one of these, or `{"items":[…]}` of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RewrapItem {
    #[schema(example = "cst1:kek:kek-v1-20261123:…")]
    wrapped: String,
    /// Comes back with the item's answer.
    reference: Option<String>,
}

/// A blob and the KEK version that wraps it.
#[derive(Serialize, ToSchema)]
pub(super) struct WrappedReply {
    wrapped: String,
    #[schema(value_type = String, example = "kek-v1-20261123")]
    kek: KekVersion,
}

/// What was wrapped.
#[derive(Serialize, ToSchema)]
pub(super) struct UnwrappedReply {
    #[serde(serialize_with = "base64")]
    #[schema(value_type = String, format = Byte)]
    plaintext: Plaintext,
    #[schema(value_type = String, example = "kek-v1-20261123")]
    kek: KekVersion,
}

/// Wrap key material under the KEK; nothing of it is stored.
#[utoipa::path(post, path = "/v1/wrap", tag = "wrap", request_body = SealItem,
    responses((status = 200, description = "The blob, or `items` of a batch", body = WrappedReply)))]
pub(super) async fn wrap(
    service: Data<Service>,
    Who(who): Who,
    body: Items<SealItem>,
) -> Result<HttpResponse, Problem> {
    let (references, items) = body.split(SealItem::reference, SealItem::check)?;
    let id = who.request_id.clone();
    let done = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.wrap(&who, items)
    })
    .await?;
    reply::items(done, references, &id, wrapped)
}

/// Open a blob that a principal of the same wrap scope made.
#[utoipa::path(post, path = "/v1/unwrap", tag = "wrap", request_body = UnwrapItem,
    responses((status = 200, description = "The plaintext, or `items` of a batch", body = UnwrappedReply)))]
pub(super) async fn unwrap(
    service: Data<Service>,
    Who(who): Who,
    body: Items<UnwrapItem>,
) -> Result<HttpResponse, Problem> {
    let (references, items) = body.split(
        |item| item.reference.take(),
        |item| ToOpen::new(item.wrapped, item.context),
    )?;
    let id = who.request_id.clone();
    let done = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.unwrap(&who, items)
    })
    .await?;
    reply::items(done, references, &id, unwrapped)
}

/// Move a blob to the current KEK version without opening its payload.
#[utoipa::path(post, path = "/v1/rewrap", tag = "wrap", request_body = RewrapItem,
    responses((status = 200, description = "The blob, or `items` of a batch", body = WrappedReply)))]
pub(super) async fn rewrap(
    service: Data<Service>,
    Who(who): Who,
    body: Items<RewrapItem>,
) -> Result<HttpResponse, Problem> {
    let (references, items) = body.split(|item| item.reference.take(), |item| Ok(item.wrapped))?;
    let id = who.request_id.clone();
    let done = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.rewrap(&who, items)
    })
    .await?;
    reply::items(done, references, &id, wrapped)
}

impl SealItem {
    pub(super) fn reference(&mut self) -> Option<String> {
        self.reference.take()
    }

    pub(super) fn check(self) -> Result<ToSeal, crate::error::Error> {
        ToSeal::new(self.plaintext.decode()?, self.context)
    }
}

/// A plaintext as it is answered to its owner.
pub(super) fn base64<S: Serializer>(plaintext: &Plaintext, to: S) -> Result<S::Ok, S::Error> {
    let text = Zeroizing::new(Base64::encode_string(plaintext.expose()));
    to.serialize_str(&text)
}

fn wrapped(item: Wrapped) -> WrappedReply {
    WrappedReply {
        wrapped: item.blob,
        kek: item.kek,
    }
}

fn unwrapped(item: Unwrapped) -> UnwrappedReply {
    UnwrappedReply {
        plaintext: item.plaintext,
        kek: item.kek,
    }
}
