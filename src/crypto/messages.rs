//! The 32 bytes that custodians sign (formats.md section 3): SHA-256 over JCS, under a domain of its own for each kind.

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::canonical;
use crate::{
    error::Error,
    json::normal,
    words::{Environment, Gate},
};

/// Bytes of a message.
pub const MESSAGE_BYTES: usize = 32;

/// What is asked for, as AEGIS hashes it.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// Sorted, each once.
    pub failed_gates: BTreeSet<Gate>,
    /// Why; untrimmed.
    pub justification: String,
    /// What it is about.
    pub proposal_id: String,
}

/// What binds a signature to one override of one service: the values as the API shows them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Bound<'a> {
    /// Where it may run.
    pub environment: Environment,
    /// RFC 3339.
    pub expires_at: &'a str,
    /// The name of the custodian service.
    pub instance: &'a str,
    /// Lower-case hex.
    pub message_hash: &'a str,
    /// The human behind the requester.
    pub on_behalf_of: Option<&'a str>,
    /// UUID.
    pub override_id: &'a str,
    /// The requester's subject.
    pub requested_by: &'a str,
}

/// What a custodian signs to prove that it holds its key.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Enrolment<'a> {
    /// Standard base64.
    pub challenge: &'a str,
    /// UUID.
    pub custodian_id: &'a str,
    /// The name of the custodian service.
    pub instance: &'a str,
    /// As the API shows it.
    pub public_key: &'a str,
    /// `risk_lead` or `security_lead`.
    pub role: &'a str,
    /// The name of the signature scheme.
    pub scheme: &'a str,
    /// The human.
    pub subject: &'a str,
}

/// What a custodian signs to reject an override.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rejection<'a> {
    /// UUID.
    pub custodian_id: &'a str,
    /// UUID.
    pub override_id: &'a str,
    /// Why, in NFC.
    pub reason: &'a str,
}

impl Asked {
    /// Puts the texts in NFC, in which they are hashed, stored and shown.
    #[must_use]
    pub fn new(proposal_id: String, justification: String, failed_gates: BTreeSet<Gate>) -> Self {
        Self {
            failed_gates,
            justification: normal(justification),
            proposal_id: normal(proposal_id),
        }
    }

    /// The message hash: the same for the same question, whoever asks it.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be said in JSON.
    pub fn message_hash(&self) -> Result<[u8; MESSAGE_BYTES], Error> {
        Ok(Sha256::digest(canonical::json(self)?).into())
    }
}

impl Bound<'_> {
    /// The signing hash of `binding: bound`.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be said in JSON.
    pub fn signing_hash(&self) -> Result<[u8; MESSAGE_BYTES], Error> {
        under("aegis-custodian/override/v1", self)
    }
}

impl Enrolment<'_> {
    /// What proves the possession of the key.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be said in JSON.
    pub fn message(&self) -> Result<[u8; MESSAGE_BYTES], Error> {
        under("aegis-custodian/enrol/v1", self)
    }
}

impl Rejection<'_> {
    /// What rejects.
    ///
    /// # Errors
    /// [`Error::Internal`] if it cannot be said in JSON.
    pub fn message(&self) -> Result<[u8; MESSAGE_BYTES], Error> {
        under("aegis-custodian/reject/v1", self)
    }
}

fn under<T: Serialize>(domain: &str, value: &T) -> Result<[u8; MESSAGE_BYTES], Error> {
    let mut hash = Sha256::new();
    hash.update(domain);
    hash.update([0]);
    hash.update(canonical::json(value)?);
    Ok(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Asked, Bound, Enrolment, Rejection};
    use crate::words::{Environment, Gate};

    fn asked(justification: &str) -> String {
        let gates = BTreeSet::from([Gate::Risk, Gate::Novelty]);
        let asked = Asked::new("p-1".to_owned(), justification.to_owned(), gates);
        hex::encode(asked.message_hash().unwrap())
    }

    // Wanted hashes: Python's hashlib over `rfc8785` 0.1.4.
    #[test]
    fn the_message_hash_is_that_of_aegis_in_either_normal_form() {
        let wanted = "45fac096b0cea0198c342c41bd31fc345a0d77b7bd7db6f99f622751ce27051c";
        assert_eq!(asked("caf\u{e9}"), wanted);
        assert_eq!(asked("cafe\u{301}"), wanted);
        assert_ne!(asked("cafe"), wanted);
    }

    #[test]
    fn each_kind_of_message_has_a_domain_of_its_own() {
        let bound = Bound {
            environment: Environment::Staging,
            expires_at: "2026-11-24T00:00:00Z",
            instance: "here",
            message_hash: "00",
            on_behalf_of: None,
            override_id: "o",
            requested_by: "app",
        };
        let enrolment = Enrolment {
            challenge: "AA==",
            custodian_id: "c",
            instance: "here",
            public_key: "k",
            role: "risk_lead",
            scheme: "bip340",
            subject: "s",
        };
        let rejection = Rejection {
            custodian_id: "c",
            override_id: "o",
            reason: "no",
        };
        let found = [
            bound.signing_hash().unwrap(),
            enrolment.message().unwrap(),
            rejection.message().unwrap(),
        ];
        let wanted = [
            "7dabbd3f069425a37a12f6ba27a8ca03462812e0b8e7369adbcfd3e2d1132783",
            "1a98648d29d6f411615b8032842200cd9f6be046570da49b6ca60721f85d7db9",
            "5ea92553b67885481529d760204d00f592e13ef560235eded3c64c7dc845ced2",
        ];
        assert_eq!(found.map(hex::encode), wanted);
    }
}
