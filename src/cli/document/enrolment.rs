//! An enrolment, as `POST /v1/admin/custodians` answers it (api.md section 5).

use base64ct::{Base64, Encoding};
use serde::Deserialize;

use crate::{
    cli::screen::Screen,
    crypto::{
        messages::{self, MESSAGE_BYTES},
        scheme::{Scheme, SigningKey},
    },
    error::Source,
    words::Lead,
};

/// Bytes of a challenge.
const CHALLENGE_BYTES: usize = 32;

#[derive(Deserialize)]
pub(in crate::cli) struct Enrolment {
    challenge: String,
    fingerprint: String,
    id: String,
    instance: String,
    name: String,
    public_key: String,
    role: Lead,
    scheme: Scheme,
    subject: String,
}

impl Enrolment {
    /// What proves that the custodian holds the key; only for the key in hand.
    pub(super) fn message(&self, key: &SigningKey) -> Result<[u8; MESSAGE_BYTES], Source> {
        let ours = key.public_key();
        if self.scheme != ours.scheme() || self.public_key != ours.text() {
            return Err("this enrolment is for another key than the one in your key file".into());
        }
        if self.fingerprint != ours.fingerprint() {
            return Err("the service names another fingerprint than your key has".into());
        }
        let challenge = Base64::decode_vec(&self.challenge).ok();
        if challenge.is_none_or(|bytes| bytes.len() != CHALLENGE_BYTES) {
            return Err("the challenge is not 32 bytes of base64".into());
        }
        let enrolment = messages::Enrolment {
            challenge: &self.challenge,
            custodian_id: &self.id,
            instance: &self.instance,
            public_key: &self.public_key,
            role: self.role.name(),
            scheme: self.scheme.name(),
            subject: &self.subject,
        };
        Ok(enrolment.message()?)
    }

    pub(super) fn show(&self, screen: &mut Screen) {
        screen.say("You are asked to become a custodian.");
        screen.value("subject", &self.subject);
        screen.value("role", self.role.name());
        screen.value("name", &self.name);
        screen.value("instance", &self.instance);
        screen.value("custodian id", &self.id);
        screen.value("challenge", &self.challenge);
        screen.value("public key", &self.public_key);
    }
}
