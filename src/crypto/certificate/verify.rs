//! The checks, in the order of formats.md section 5; the first that fails gives the word.
//!
//! Up to [`Fault::Expired`] they are those of AEGIS's verifier in its order, so that both say the same word of the same
//! certificate. Where they differ this one is stricter: base64 has one form only, a `keyid` must be that of the pinned
//! key, no member may be missing or be one too many, and a time ends with `Z`. What a value must be (words, ids, fixed
//! texts, times but `expires_at`) is checked after them, as [`Fault::StatementShapeInvalid`] too.
//!
//! - [`Fault::HashMismatch`]: `message_hash` is recomputed from proposal, justification and gates and must be the
//!   subject's digest and `artifact_digest`; `signing_hash` is recomputed by the statement's own `binding`.
//! - [`Fault::GatesMismatch`]: `failed_gates` are sorted, unique, not empty, without `complexity`, and the keys of
//!   `gate_pass_states`, each of which is `fail`.
//! - [`Fault::CustodianSignatureInvalid`]: each signature is over the signing hash by the key beside it; with pinned
//!   custodians each signer is one of them in id, role, subject, scheme and key. Of a Bitcoin address any network is
//!   taken: the service that enrolled it took its own network's only, and the key is the same.
//! - [`Fault::TwoPersonRule`]: two signatures, one in each role, with two ids, two subjects (letter case aside) and two
//!   keys, in whatever form a key can come back; neither subject is `requested_by` or `on_behalf_of`.
//! - [`Fault::KeyPurpose`]: both keys of the service that signed are pinned for `override`.
//! - [`Fault::InstanceMismatch`]: `builder.id` is the `instance` that was signed, and the expected one if there is one.
//! - [`Fault::SignedOutsideWindow`]: signed no later than issued, by each pinned custodian within its `from` and
//!   `until`; issued before it expires; and looked at no earlier than issued, but for clocks that differ a little.

use base64ct::{Base64, Encoding};
use jiff::{SignedDuration, Timestamp};

use super::{
    dsse::{self, Entry, Envelope},
    fault::Fault,
    known::{FAIL, Known, known},
    people,
    statement::Statement,
    verdict::{AsOfIssue, Pinning, Summary, Verdict},
};
use crate::{
    crypto::{instant::instant, pinned::Pinned},
    error::Error,
    words::{Gate, KeyAlgorithm, KeyPurpose, Scheme},
};

/// How much earlier than its issue a certificate may be looked at: clocks differ.
const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

/// What a verifier wants to hear; what is `None` is not compared.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The time as of which the certificate is judged.
    pub at: Timestamp,
    /// The message hash in hex, in either letter case.
    pub message_hash: Option<&'a str>,
    /// Where it is to run.
    pub environment: Option<&'a str>,
    /// The name of the custodian service.
    pub instance: Option<&'a str>,
}

/// Judges a certificate; whatever the bytes are, there is a verdict, if this build has all that one takes.
///
/// # Errors
/// [`Error::Conflict`] says what to build.
pub fn judge(envelope: &[u8], pinned: &Pinned, expected: &Expected<'_>) -> Result<Verdict, Error> {
    if let Some(why) = KeyAlgorithm::ALL.iter().find_map(|one| one.missing()) {
        return Err(Error::Conflict(why));
    }
    let verdict = verify(envelope, pinned, expected);
    unread(&verdict).map_or(Ok(verdict), |why| Err(Error::Conflict(why)))
}

/// Why a custodian's signature was not even read, where that is what a verdict rests on.
fn unread(verdict: &Verdict) -> Option<&'static str> {
    let as_of_issue = verdict.as_of_issue.as_ref().and_then(|issue| issue.error);
    let rests = [verdict.error, as_of_issue].contains(&Some(Fault::CustodianSignatureInvalid));
    let signatures = verdict.approval.iter().flat_map(|of| &of.signatures);
    let mut schemes = signatures.filter_map(|one| Scheme::named(&one.scheme));
    schemes.find_map(Scheme::missing).filter(|_| rests)
}

/// Judges a certificate by what this build has: without ML-DSA none is valid. [`judge`] says so instead.
#[must_use]
pub fn verify(envelope: &[u8], pinned: &Pinned, expected: &Expected<'_>) -> Verdict {
    let custodians = match pinned.custodians() {
        Some(_) => Pinning::Pinned,
        None => Pinning::Unpinned,
    };
    match Countersigned::read(envelope, pinned) {
        Ok(countersigned) => countersigned.verdict(pinned, expected, custodians),
        Err(fault) => Verdict {
            valid: false,
            error: Some(fault),
            approval: None,
            custodians,
            at: expected.at.to_string(),
            as_of_issue: None,
        },
    }
}

/// A statement that both keys of the service signed, whatever it says.
struct Countersigned {
    statement: Statement,
    by_override_keys: bool,
}

impl Countersigned {
    fn read(envelope: &[u8], pinned: &Pinned) -> Result<Self, Fault> {
        let envelope = Envelope::read(envelope)?;
        let statement = Statement::read(&envelope.body)?;
        let digest = dsse::digest(&envelope.body);
        let made = |algorithm, entry: &Entry, undecoded, unverified| {
            let signature = Base64::decode_vec(&entry.sig).map_err(|_| undecoded)?;
            let key = pinned.key(algorithm, &entry.keyid).ok_or(unverified)?;
            let made = !key.revoked && key.made(&digest, &signature);
            made.then_some(key.purpose).ok_or(unverified)
        };
        let purposes = [
            made(
                KeyAlgorithm::Ed25519,
                &envelope.ed25519,
                Fault::Ed25519SigDecodeFailed,
                Fault::Ed25519VerifyFailed,
            )?,
            made(
                KeyAlgorithm::MlDsa65,
                &envelope.ml_dsa_65,
                Fault::MldsaSigDecodeFailed,
                Fault::MldsaVerifyFailed,
            )?,
        ];
        Ok(Self {
            statement,
            by_override_keys: purposes == [Some(KeyPurpose::Override); 2],
        })
    }

    fn verdict(&self, pinned: &Pinned, expected: &Expected<'_>, custodians: Pinning) -> Verdict {
        let error = self.judge(pinned, expected).err();
        let as_of_issue =
            (error == Some(Fault::Expired)).then(|| self.as_of_issue(pinned, expected));
        Verdict {
            valid: error.is_none(),
            error,
            approval: Some(Summary::of(&self.statement)),
            custodians,
            at: expected.at.to_string(),
            as_of_issue,
        }
    }

    fn as_of_issue(&self, pinned: &Pinned, expected: &Expected<'_>) -> AsOfIssue {
        let issued_at = &self.statement.predicate.governance.issued_at;
        let judged = instant(issued_at)
            .ok_or(Fault::StatementShapeInvalid)
            .and_then(|at| self.judge(pinned, &Expected { at, ..*expected }));
        AsOfIssue {
            at: issued_at.clone(),
            valid: judged.is_ok(),
            error: judged.err(),
        }
    }

    fn judge(&self, pinned: &Pinned, expected: &Expected<'_>) -> Result<(), Fault> {
        self.is_what_was_expected(expected)?;
        let expires_at = self.holds(expected.at)?;
        let known = known(&self.statement)?;
        let m = hashes(&known)?;
        gates(&known)?;
        let keys = people::signed(&known, &m, pinned.custodians())?;
        people::two_people(&known, &keys)?;
        if !self.by_override_keys {
            return Err(Fault::KeyPurpose);
        }
        instance(&known, expected)?;
        window(&known, pinned, expected.at, expires_at)
    }

    fn is_what_was_expected(&self, expected: &Expected<'_>) -> Result<(), Fault> {
        let subject = self
            .statement
            .subject
            .first()
            .ok_or(Fault::SubjectMissing)?;
        let wanted = expected.message_hash.map(str::trim);
        if wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&subject.digest.sha256)) {
            return Err(Fault::DigestMismatch);
        }
        let wanted = expected.environment.map(str::trim);
        if wanted.is_some_and(|wanted| wanted != self.statement.predicate.governance.environment) {
            return Err(Fault::EnvironmentMismatch);
        }
        Ok(())
    }

    /// Until when.
    fn holds(&self, at: Timestamp) -> Result<Timestamp, Fault> {
        let expires_at = instant(&self.statement.predicate.governance.expires_at);
        let expires_at = expires_at.ok_or(Fault::ExpiresAtMalformed)?;
        (at < expires_at)
            .then_some(expires_at)
            .ok_or(Fault::Expired)
    }
}

/// What the custodians must have signed.
fn hashes(known: &Known<'_>) -> Result<[u8; 32], Fault> {
    let statement = known.statement;
    let message_hash = known.message_hash().map_err(|_| Fault::HashMismatch)?;
    let m = known.signing_hash().map_err(|_| Fault::HashMismatch)?;
    let hex = hex::encode(message_hash);
    let subjects = statement
        .subject
        .iter()
        .map(|subject| &subject.digest.sha256);
    let said = subjects.chain([&statement.predicate.governance.artifact_digest]);
    let same = said.into_iter().all(|said| *said == hex);
    if !same || statement.predicate.approval.signing_hash != hex::encode(m) {
        return Err(Fault::HashMismatch);
    }
    Ok(m)
}

fn gates(known: &Known<'_>) -> Result<(), Fault> {
    let states = &known.statement.predicate.governance.gate_pass_states;
    let gates = &known.statement.predicate.approval.failed_gates;
    let fine = !gates.is_empty()
        && !known.asked.failed_gates.contains(&Gate::Complexity)
        && states.values().all(|state| state == FAIL)
        && states.keys().eq(gates); // the keys are sorted and unique
    fine.then_some(()).ok_or(Fault::GatesMismatch)
}

fn instance(known: &Known<'_>, expected: &Expected<'_>) -> Result<(), Fault> {
    let instance = &*known.statement.predicate.approval.instance;
    let fine = known.statement.predicate.run.builder.id == instance
        && expected.instance.is_none_or(|wanted| wanted == instance);
    fine.then_some(()).ok_or(Fault::InstanceMismatch)
}

fn window(
    known: &Known<'_>,
    pinned: &Pinned,
    at: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    let issued_at = known.issued_at;
    let pinned = pinned.custodians();
    let in_time = known.signers.iter().all(|signer| {
        let pin = pinned.and_then(|pinned| people::pin_of(signer, pinned));
        signer.signed_at <= issued_at && pin.is_none_or(|pin| pin.is_trusted_at(signer.signed_at))
    });
    let looked_at = at.duration_since(issued_at) >= -TOLERATED;
    let fine = in_time && issued_at < expires_at && looked_at;
    fine.then_some(()).ok_or(Fault::SignedOutsideWindow)
}
