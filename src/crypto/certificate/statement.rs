//! The statement, member by member (formats.md section 5), and its canonical bytes.
//!
//! Reading is strict in members and types and nothing else: what the values must be is `known`'s, after the
//! signatures, since AEGIS's verifier does not look at them before either.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use crate::{
    crypto::canonical,
    error::Error,
    json::{self, Tree},
};

/// Declares structs that have just these members, each under the name it has in JSON.
macro_rules! members {
    ($($(#[$doc:meta])* $name:ident { $($field:ident $(= $text:literal)?: $kind:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[serde(rename = $text)])? pub(super) $field: $kind,)*
        }
    )+};
}

members! {
    /// An in-toto statement, version 1.
    Statement {
        kind = "_type": String,
        subject: Vec<Subject>,
        predicate_type = "predicateType": String,
        predicate: Predicate,
    }
    /// What it is about.
    Subject {
        name: String,
        digest: Sha256Digest,
    }
    /// In lower-case hex.
    Sha256Digest {
        sha256: String,
    }
    /// What is said of it.
    Predicate {
        build = "buildDefinition": BuildDefinition,
        run = "runDetails": RunDetails,
        governance: Governance,
        approval = "override": Approval,
    }
    /// SLSA's, which AEGIS carries along.
    BuildDefinition {
        build_type = "buildType": String,
        external_parameters = "externalParameters": Nothing,
    }
    /// No member at all.
    Nothing {}
    /// SLSA's, which AEGIS carries along.
    RunDetails {
        builder: Builder,
    }
    /// Who made it.
    Builder {
        id: String,
    }
    /// What AEGIS's verifier reads.
    Governance {
        decision_id: String,
        artifact_digest: String,
        environment: String,
        risk_class: String,
        policy_version: String,
        issued_at: String,
        expires_at: String,
        gate_pass_states: BTreeMap<String, String>,
        repository: String,
        workflow_ref: String,
        run_id: String,
        run_attempt: u32,
        nonce: String,
    }
    /// What the custodians signed, and how.
    Approval {
        proposal_id: String,
        justification: String,
        failed_gates: Vec<String>,
        requested_by: String,
        on_behalf_of: Option<String>,
        binding: String,
        instance: String,
        signing_hash: String,
        signatures: Vec<Signature>,
    }
    /// One custodian's.
    Signature {
        role: String,
        custodian_id: String,
        subject: String,
        scheme: String,
        public_key: String,
        signature: String,
        signed_at: String,
    }
}

impl Statement {
    /// Its canonical bytes: the payload of the envelope.
    pub(super) fn body(&self) -> Result<Vec<u8>, Error> {
        canonical::json(self)
    }

    /// Reads a payload that is JSON, canonical, and has all members and no other.
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        let tree = Tree::read(body).map_err(|_| Fault::PayloadJsonInvalid)?;
        if !is(body, canonical::json(&tree)) {
            return Err(Fault::CanonicalBytesMismatch);
        }
        let statement: Self = json::read(body).map_err(|_| Fault::StatementShapeInvalid)?;
        // Written anew it shows what serde is lenient about: a list for an object, a member that may be absent.
        if !is(body, statement.body()) {
            return Err(Fault::StatementShapeInvalid);
        }
        Ok(statement)
    }
}

fn is(body: &[u8], written: Result<Vec<u8>, Error>) -> bool {
    written.is_ok_and(|written| written == body)
}
