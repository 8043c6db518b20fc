//! The override certificate (formats.md section 5): a DSSE envelope around an in-toto statement, signed by two keys of
//! the service and carrying the signatures of both custodians, so that a verifier needs pinned keys and no service.
//!
//! Making one is three steps, since the keys that sign are not here: [`Facts::body`], [`digest`], [`envelope`].
//! [`judge`] judges one, as far as this build can. No clock: the time is an argument.

use crate::{
    error::Error,
    json::normal,
    words::{Binding, Environment, Lead},
};

use super::messages::Asked;

mod dsse;
mod fault;
mod known;
mod people;
mod statement;
mod verdict;
mod verify;

pub use super::pinned::Pinned;
pub use dsse::{PAYLOAD_TYPE, digest, envelope};
pub use fault::Fault;
pub use verdict::{AsOfIssue, Pinning, Summary, SummarySignature, Verdict};
pub use verify::{Expected, judge, verify};

use known::{FAIL, Known, NONCE_BYTES, OVERRIDE, RISK_CLASS, STATEMENT};
use statement::{
    Approval, BuildDefinition, Builder, Governance, Nothing, Predicate, RunDetails, Sha256Digest,
    Signature, Statement, Subject,
};

/// What an approved override is made of. Times are RFC 3339 in UTC with `Z`, as the API shows them.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// UUID of the override.
    pub override_id: &'a str,
    /// What was asked for.
    pub asked: &'a Asked,
    /// Where it may run.
    pub environment: Environment,
    /// The name of this custodian service.
    pub instance: &'a str,
    /// How the signing hash is bound.
    pub binding: Binding,
    /// The requester's subject.
    pub requested_by: &'a str,
    /// The human behind the requester.
    pub on_behalf_of: Option<&'a str>,
    /// When it was approved.
    pub issued_at: &'a str,
    /// Until when it holds; to the second, or with 3 or 6 digits after it: AEGIS's verifier on Python before 3.11 reads
    /// no other fraction, and says that it is malformed.
    pub expires_at: &'a str,
    /// That of the configuration.
    pub policy_version: &'a str,
    /// Random bytes, so that no two statements are the same.
    pub nonce: [u8; NONCE_BYTES],
    /// One in each role.
    pub signatures: [Signed<'a>; 2],
}

/// A custodian's signature, as the API shows it.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// What the custodian answers for.
    pub role: Lead,
    /// UUID of the custodian.
    pub custodian_id: &'a str,
    /// The human.
    pub subject: &'a str,
    /// The name of the signature scheme.
    pub scheme: &'a str,
    /// In the scheme's text form.
    pub public_key: &'a str,
    /// In the scheme's text form.
    pub signature: &'a str,
    /// When it was taken.
    pub signed_at: &'a str,
}

impl Facts<'_> {
    /// The canonical statement, which is the payload of the envelope. Both hashes are computed here.
    ///
    /// # Errors
    /// [`Error::Internal`] if a value is not one that an override has, a time above all.
    pub fn body(&self) -> Result<Vec<u8>, Error> {
        let mut statement = self.statement()?;
        let known = Known::read(&statement).ok_or(Error::internal("stating an override"))?;
        statement.predicate.approval.signing_hash = hex::encode(known.signing_hash()?);
        statement.body()
    }

    /// All but the signing hash, which is computed from the rest.
    fn statement(&self) -> Result<Statement, Error> {
        let message_hash = hex::encode(self.asked.message_hash()?);
        Ok(Statement {
            kind: STATEMENT.to_owned(),
            subject: vec![Subject {
                name: self.asked.proposal_id.clone(),
                digest: Sha256Digest {
                    sha256: message_hash.clone(),
                },
            }],
            predicate_type: OVERRIDE.to_owned(),
            predicate: Predicate {
                build: BuildDefinition {
                    build_type: OVERRIDE.to_owned(),
                    external_parameters: Nothing {},
                },
                run: RunDetails {
                    builder: Builder {
                        id: text(self.instance),
                    },
                },
                governance: self.governance(message_hash),
                approval: self.approval(),
            },
        })
    }

    fn gates(&self) -> impl Iterator<Item = String> {
        let gates = self.asked.failed_gates.iter();
        gates.map(|gate| gate.name().to_owned())
    }

    fn governance(&self, message_hash: String) -> Governance {
        Governance {
            decision_id: self.override_id.to_owned(),
            artifact_digest: message_hash,
            environment: self.environment.name().to_owned(),
            risk_class: RISK_CLASS.to_owned(),
            policy_version: text(self.policy_version),
            issued_at: self.issued_at.to_owned(),
            expires_at: self.expires_at.to_owned(),
            gate_pass_states: self.gates().map(|gate| (gate, FAIL.to_owned())).collect(),
            repository: String::new(),
            workflow_ref: String::new(),
            run_id: String::new(),
            run_attempt: 0,
            nonce: hex::encode(self.nonce),
        }
    }

    fn approval(&self) -> Approval {
        Approval {
            proposal_id: self.asked.proposal_id.clone(),
            justification: self.asked.justification.clone(),
            failed_gates: self.gates().collect(),
            requested_by: text(self.requested_by),
            on_behalf_of: self.on_behalf_of.map(text),
            binding: self.binding.name().to_owned(),
            instance: text(self.instance),
            signing_hash: String::new(),
            signatures: self.signatures.iter().map(Signed::written).collect(),
        }
    }
}

impl Signed<'_> {
    fn written(&self) -> Signature {
        Signature {
            role: self.role.name().to_owned(),
            custodian_id: self.custodian_id.to_owned(),
            subject: text(self.subject),
            scheme: self.scheme.to_owned(),
            public_key: self.public_key.to_owned(),
            signature: self.signature.to_owned(),
            signed_at: self.signed_at.to_owned(),
        }
    }
}

/// Canonical JSON has texts in NFC.
fn text(given: &str) -> String {
    normal(given.to_owned())
}
