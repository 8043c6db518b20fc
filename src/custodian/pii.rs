//! What is personal in events (api.md section 9): the values of named fields, at any depth, to a hybrid DEK's public
//! key and back. All else in an event stays to the byte.

use std::borrow::Cow;

use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{Caller, Custodian, envelope::InUse, items::Items};
use crate::{
    crypto::{
        blob::{DekBlob, DekBlobKind},
        hybrid,
    },
    error::Error,
    id::{DekName, DekVersion, FieldName},
    json::{Member, ObjectText, OneOrMany},
    policy,
};

mod opening;
mod rework;

pub use rework::VALUES;

use opening::Opening;
use rework::{Reworked, Text, Wish};

/// Most bytes of an event that was encrypted: with what surrounds it in a request, it is read again ([`BODY_BYTES`]).
const EVENT_BYTES: usize = BODY_BYTES - 64 * 1024;

/// Most bytes of a request that carries events.
pub const BODY_BYTES: usize = 8 * 1024 * 1024;

/// The names of fields whose values are personal.
#[derive(Clone, Debug)]
pub struct Fields(Cow<'static, [Cow<'static, str>]>);

/// What is done with a value that was encrypted before, or on the way back with one that is not encrypted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// It stays as it is.
    Keep,
    /// The event is refused.
    Refuse,
}

/// An event whose fields are encrypted.
#[derive(Debug)]
pub struct EncryptedEvent {
    /// The event.
    pub event: ObjectText,
    /// The names of what was encrypted now.
    pub encrypted: Vec<String>,
    /// The names of what was encrypted before.
    pub kept: Vec<String>,
    /// The DEK version that encrypted it.
    pub version: DekVersion,
}

/// An event as it was before.
#[derive(Debug)]
pub struct DecryptedEvent {
    /// The event.
    pub event: ObjectText,
    /// The names of what was decrypted.
    pub decrypted: Vec<String>,
}

impl Fields {
    /// The twelve of formats.md section 6.
    pub const STANDARD: Self = Self(Cow::Borrowed(&[
        Cow::Borrowed("actor_id"),
        Cow::Borrowed("actor_name"),
        Cow::Borrowed("actor_email"),
        Cow::Borrowed("requested_by"),
        Cow::Borrowed("approved_by"),
        Cow::Borrowed("reviewer_id"),
        Cow::Borrowed("override_justification"),
        Cow::Borrowed("proposal_title"),
        Cow::Borrowed("proposal_description"),
        Cow::Borrowed("proposal_context"),
        Cow::Borrowed("client_ip"),
        Cow::Borrowed("user_agent"),
    ]));

    /// Takes these names.
    #[must_use]
    pub fn of(names: impl IntoIterator<Item = FieldName>) -> Self {
        let names = names
            .into_iter()
            .map(|name| name.as_str().to_owned().into());
        Self(names.collect())
    }

    /// Each name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    fn contain(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }
}

impl Custodian {
    /// Encrypts the configured fields of each event to the newest public key of a hybrid DEK. Needs no token.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for an `aes-256-gcm` DEK; [`Error::TooLarge`] beyond [`VALUES`];
    /// [`Error::Unavailable`]; for one event, [`Error::InField`].
    pub fn encrypt_events(
        &self,
        who: &Caller,
        name: &DekName,
        events: &OneOrMany<ObjectText>,
        encrypted_before: Otherwise,
    ) -> Result<Items<EncryptedEvent>, Error> {
        policy::use_dek(&who.principal, name)?;
        let dek = self.in_use(name)?;
        who.is_about(name.to_string());
        let (version, sealer) = dek.sealer()?;
        let done = self.rework(
            events.as_slice(),
            |field, _| self.rules.pii_fields.contain(field),
            |member| seal_or_keep(&dek, member, encrypted_before),
            |member, ()| {
                let info = DekBlob::info(name, &version, member.name.as_bytes());
                let payload = sealer.seal(&info, member.value.as_bytes())?;
                Ok(Text::blob(name, &version, payload))
            },
        )?;
        let encrypted = done.into_iter().map(|event| {
            let done = event.and_then(that_can_come_back)?;
            Ok(EncryptedEvent {
                event: done.event,
                encrypted: done.changed,
                kept: done.kept,
                version: version.clone(),
            })
        });
        let encrypted = events.refilled(encrypted.collect()).ok_or(LOST)?;
        let reference = name.reference(&version);
        let object = |_: Option<&EncryptedEvent>| Some(reference.clone());
        self.use_key(who, object, || dek.used(), encrypted, Vec::into_iter)
    }

    /// Decrypts the fields of each event, whichever DEK and version of the caller's grants encrypted each: those that
    /// are named, or else the configured ones and whatever else is a blob, so that a field with another name than it
    /// had is noticed.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond [`VALUES`]; [`Error::Unavailable`]; for one event, [`Error::InField`].
    pub fn decrypt_events(
        &self,
        who: &Caller,
        events: &OneOrMany<ObjectText>,
        fields: Option<&Fields>,
        not_encrypted: Otherwise,
    ) -> Result<Items<DecryptedEvent>, Error> {
        let opening = Opening::begin(self, who);
        let must = fields.unwrap_or(&self.rules.pii_fields);
        let done = self.rework(
            events.as_slice(),
            |field, value| {
                let is_blob = || value.and_then(blob).is_some();
                must.contain(field) || (fields.is_none() && is_blob())
            },
            |member| opening.open_or_keep(member, not_encrypted),
            opening::open,
        );
        opening
            .object()
            .into_iter()
            .for_each(|deks| who.is_about(deks));
        let decrypted = done?.into_iter().map(|event| {
            event.map(|done| DecryptedEvent {
                event: done.event,
                decrypted: done.changed,
            })
        });
        let decrypted = events.refilled(decrypted.collect()).ok_or(LOST)?;
        let object = |_: Option<&DecryptedEvent>| opening.object();
        self.use_key(who, object, || opening.used(), decrypted, Vec::into_iter)
    }
}

/// An event that has become larger than what is read could be decrypted by nobody.
fn that_can_come_back(done: Reworked) -> Result<Reworked, Error> {
    if done.event.expose().len() <= EVENT_BYTES {
        return Ok(done);
    }
    Err(Error::TooLarge(
        "encrypted, this event would be larger than may be sent to be decrypted; make several of it",
    ))
}

const LOST: Error = Error::Internal {
    what: "an event was lost",
    source: None,
};

fn seal_or_keep(
    dek: &InUse<'_>,
    member: &Member<'_>,
    encrypted_before: Otherwise,
) -> Result<Wish<()>, Error> {
    let before = blob(member.value).filter(|blob| blob.name == dek.dek.name);
    let lives = before.map(|blob| dek.lives(&blob.version)).transpose()?;
    match (lives, encrypted_before) {
        (Some(true), Otherwise::Keep) => Ok(Wish::Keep),
        (Some(true), Otherwise::Refuse) => Err(Error::Corrupt(
            "this value is encrypted already; leave `already_encrypted` out to keep it as it is",
        )),
        (Some(false) | None, _) => Ok(Wish::Change(())),
    }
}

/// The blob that a value is, if it is a text and wholly one that was made with a public key.
fn blob(value: &str) -> Option<DekBlob> {
    let blob = DekBlob::decode(&text(value)?).ok()?;
    let whole = blob.kind == DekBlobKind::Hpke && blob.payload.len() > hybrid::ADDED_BYTES;
    whole.then_some(blob)
}

/// What a value says, if it is a text.
fn text(value: &str) -> Option<Zeroizing<String>> {
    let is_text = value.starts_with('"');
    let text = || serde_json::from_str(value).ok().map(Zeroizing::new);
    is_text.then(text).flatten()
}
