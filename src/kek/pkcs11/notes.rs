//! Owns the data objects in which the token keeps the newest checkpoint of the audit log (CKO_DATA, PKCS#11 v3.1
//! section 4.5). The value of one cannot be changed: the next is made beside it, then it is destroyed.

use std::{sync::Arc, time::Instant};

use cryptoki::{
    error::{Error as Pkcs11Error, RvError},
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::Session,
};

use super::{Pkcs11Kek, fault::Fault, token::Live};
use crate::{
    error::Error,
    kek::{Cause, NoteKeeper},
};

const LABEL: &str = "aegis-custodian audit checkpoint";
const KEEPING: &str = "keeping the checkpoint in the token";
const APPLICATION: &str = "aegis-custodian";

impl NoteKeeper for Pkcs11Kek {
    fn notes(&self) -> Result<Vec<Vec<u8>>, Error> {
        self.ring()?;
        self.call_in(
            &self.background,
            "reading the checkpoint in the token",
            self.deadline(),
            |live| {
                let keys = live.keys()?;
                live.work(|session| {
                    let notes = find(session)?.into_iter().map(|note| value(session, note));
                    let notes = notes.collect::<Result<_, _>>()?;
                    // A token that is gone, or out of which we were logged out, shows no objects either.
                    keys.round_trip(session)?;
                    Ok(notes)
                })
            },
        )
    }

    fn keep_note(&self, note: &[u8]) -> Result<bool, Error> {
        self.ring()?;
        let (note, deadline) = (note.to_vec(), self.deadline());
        let keep = move |live: &Arc<Live>| live.write(|session| replace(session, &note, deadline));
        let kept = self.call_in(&self.background, KEEPING, deadline, keep);
        let condition = self.shared.condition();
        match &kept {
            Ok(_) => condition.is_cured(Cause::ObjectUnusable, LABEL),
            // Of a token that does its work otherwise.
            Err(error) if condition.is_proven() => {
                condition.ails(Cause::ObjectUnusable, LABEL, error);
            }
            Err(_) => {}
        }
        kept
    }

    fn sign_note(
        &self,
        id: &str,
        public_key: &[u8; 32],
        message: &[u8],
    ) -> Result<[u8; 64], Error> {
        self.sign_in(&self.background, id, public_key, message)
    }
}

/// Keeps `note` in the place of those that are there; after the deadline one of those may be newer.
fn replace(session: &Session, note: &[u8], deadline: Instant) -> Result<bool, Fault> {
    let old = find(session)?;
    if Instant::now() >= deadline {
        return Err(Error::kek(KEEPING, "the deadline passed").into());
    }
    match session.create_object(&template(note)) {
        Ok(_) => {}
        Err(error) if keeps_none(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    for note in old {
        session.destroy_object(note)?;
    }
    Ok(true)
}

/// Every note. A token that holds keys only may not even look for one.
fn find(session: &Session) -> Result<Vec<ObjectHandle>, Pkcs11Error> {
    let found = session.find_objects(&[
        Attribute::Class(ObjectClass::DATA),
        Attribute::Label(LABEL.into()),
        Attribute::Application(APPLICATION.into()),
    ]);
    match found {
        Err(error) if keeps_none(&error) => Ok(Vec::new()),
        found => found,
    }
}

fn value(session: &Session, note: ObjectHandle) -> Result<Vec<u8>, Fault> {
    let mut found = session.get_attributes(note, &[AttributeType::Value])?;
    match found.pop() {
        Some(Attribute::Value(value)) => Ok(value),
        _ => Err(Error::kek("reading the checkpoint in the token", "it has no value").into()),
    }
}

fn template(note: &[u8]) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::DATA),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Modifiable(false),
        Attribute::Label(LABEL.into()),
        Attribute::Application(APPLICATION.into()),
        Attribute::Value(note.to_vec()),
    ]
}

/// Whether the token has no data objects at all, as several have none. That it is full is another matter.
fn keeps_none(error: &Pkcs11Error) -> bool {
    matches!(
        error,
        Pkcs11Error::Pkcs11(
            RvError::AttributeTypeInvalid
                | RvError::AttributeValueInvalid
                | RvError::FunctionNotSupported
                | RvError::TemplateInconsistent,
            _
        )
    )
}
