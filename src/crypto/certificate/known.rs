//! A statement whose values are such as an override has: words, times and names, read once.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{
    fault::Fault,
    statement::{Governance, Signature, Statement},
};
use crate::{
    crypto::{
        instant::instant,
        messages::{Asked, Bound, MESSAGE_BYTES},
    },
    error::Error,
    id::Id,
    words::{Binding, Environment, Gate, Lead},
};

/// `_type` of a statement.
pub(super) const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// `predicateType` and `buildType`.
pub(super) const OVERRIDE: &str = "urn:aegis-custodian:override:v1";

/// `risk_class`: to override a gate always is.
pub(super) const RISK_CLASS: &str = "high";

/// What a failed gate is in `gate_pass_states`.
pub(super) const FAIL: &str = "fail";

/// Bytes of the nonce; in hex twice as many letters.
pub(super) const NONCE_BYTES: usize = 16;

/// What the steps after the signatures look at.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) statement: &'a Statement,
    pub(super) asked: Asked,
    pub(super) binding: Binding,
    pub(super) environment: Environment,
    pub(super) issued_at: Timestamp,
    pub(super) signers: Vec<Signer<'a>>,
}

/// One custodian's signature.
#[derive(Debug)]
pub(super) struct Signer<'a> {
    pub(super) entry: &'a Signature,
    pub(super) lead: Lead,
    pub(super) signed_at: Timestamp,
}

impl<'a> Known<'a> {
    /// Reads the values; `None` if one is not such as an override has.
    pub(super) fn read(statement: &'a Statement) -> Option<Self> {
        let (governance, approval) = (
            &statement.predicate.governance,
            &statement.predicate.approval,
        );
        if !has_the_fixed_values(statement) || !has_names(governance) {
            return None;
        }
        let gates = approval.failed_gates.iter().map(|gate| Gate::named(gate));
        let gates = gates.collect::<Option<BTreeSet<_>>>()?;
        let signers = approval.signatures.iter().map(Signer::read);
        Some(Self {
            statement,
            asked: Asked::new(
                approval.proposal_id.clone(),
                approval.justification.clone(),
                gates,
            ),
            binding: Binding::named(&approval.binding)?,
            environment: Environment::named(&governance.environment)?,
            issued_at: instant(&governance.issued_at)?,
            signers: signers.collect::<Option<_>>()?,
        })
    }

    /// The message hash of what the statement says was asked.
    pub(super) fn message_hash(&self) -> Result<[u8; MESSAGE_BYTES], Error> {
        self.asked.message_hash()
    }

    /// What both custodians must have signed, by the statement's binding.
    pub(super) fn signing_hash(&self) -> Result<[u8; MESSAGE_BYTES], Error> {
        let message_hash = self.message_hash()?;
        let (governance, approval) = (
            &self.statement.predicate.governance,
            &self.statement.predicate.approval,
        );
        match self.binding {
            Binding::Aegis => Ok(message_hash),
            Binding::Bound => Bound {
                environment: self.environment,
                expires_at: &governance.expires_at,
                instance: &approval.instance,
                message_hash: &hex::encode(message_hash),
                on_behalf_of: approval.on_behalf_of.as_deref(),
                override_id: &governance.decision_id,
                requested_by: &approval.requested_by,
            }
            .signing_hash(),
        }
    }
}

impl<'a> Signer<'a> {
    fn read(entry: &'a Signature) -> Option<Self> {
        Some(Self {
            entry,
            lead: Lead::named(&entry.role)?,
            signed_at: instant(&entry.signed_at)?,
        })
    }
}

fn has_the_fixed_values(statement: &Statement) -> bool {
    let predicate = &statement.predicate;
    let governance = &predicate.governance;
    let names_the_proposal = match &*statement.subject {
        [subject] => subject.name == predicate.approval.proposal_id,
        _ => false,
    };
    let unused = [
        &governance.repository,
        &governance.workflow_ref,
        &governance.run_id,
    ];
    names_the_proposal
        && statement.kind == STATEMENT
        && statement.predicate_type == OVERRIDE
        && predicate.build.build_type == OVERRIDE
        && governance.risk_class == RISK_CLASS
        && unused.iter().all(|text| text.is_empty())
        && governance.run_attempt == 0
}

fn has_names(governance: &Governance) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    governance.decision_id.parse::<Id>().is_ok()
        && governance.nonce.len() == 2 * NONCE_BYTES
        && governance.nonce.bytes().all(hex)
}

/// Reads the values, or says that they are not an override's.
pub(super) fn known(statement: &Statement) -> Result<Known<'_>, Fault> {
    Known::read(statement).ok_or(Fault::StatementShapeInvalid)
}
