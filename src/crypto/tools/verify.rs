//! The checks, in the order of [`Fault::ALL`]; the first that fails gives the word.
//!
//! What is compared are canonical forms (RFC 8785 after NFC): the order of tools, keys and white space is of no account,
//! nor is `1.0` for `1`; whatever else a tool says is. A tool that has no canonical form was never signed, so it counts
//! as changed, never as the same.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::value::RawValue;

use super::{
    answer::Answer,
    fault::Fault,
    list::{Digests, Tool, received},
    signed::Signed,
    verdict::{AsOfIssue, Verdict},
};
use crate::{crypto::pinned::Pinned, json::normal};

/// How much earlier than its issue a manifest may be looked at: clocks differ.
const TOLERATED: SignedDuration = SignedDuration::from_mins(5);

/// What a verifier wants to hear.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The time as of which the tools are judged.
    pub at: Timestamp,
    /// Whose tools they must be; `None` is anyone's.
    pub server: Option<&'a str>,
    /// These are a page of the list, or one tool of it: others may be missing.
    pub partial: bool,
}

/// Judges a result of `tools/list`, or a whole JSON-RPC response with one; whatever the bytes are, there is a verdict.
#[must_use]
pub fn verify_text(text: &[u8], pinned: &Pinned, expected: &Expected<'_>) -> Verdict {
    match Answer::read(text) {
        Ok(answer) => verify(&answer, pinned, expected),
        Err(fault) => refused(fault, expected),
    }
}

/// Judges tools by what came with them; whatever the texts are, there is a verdict.
#[must_use]
pub fn verify(answer: &Answer, pinned: &Pinned, expected: &Expected<'_>) -> Verdict {
    match Signed::read(answer.meta.as_deref(), pinned) {
        Ok(signed) => by_manifest(signed, answer, expected),
        Err(fault) => refused(fault, expected),
    }
}

/// For what nobody is known to have signed.
fn refused(fault: Fault, expected: &Expected<'_>) -> Verdict {
    Verdict {
        error: Some(fault),
        at: expected.at.to_string(),
        ..Verdict::default()
    }
}

fn by_manifest(signed: Signed, answer: &Answer, expected: &Expected<'_>) -> Verdict {
    let compared = Compared::read(&answer.tools, &signed.tools);
    let error = judge(&signed, &compared, expected).err();
    let as_of_issue =
        (error == Some(Fault::Expired)).then(|| as_of_issue(&signed, &compared, expected));
    Verdict {
        valid: error.is_none(),
        error,
        changed: compared.changed,
        missing: compared.missing,
        added: compared.added,
        server: Some(signed.server),
        issued_at: Some(signed.issued_at.to_string()),
        expires_at: Some(signed.expires_at.to_string()),
        keyid: Some(signed.keyid),
        at: expected.at.to_string(),
        as_of_issue,
    }
}

fn as_of_issue(signed: &Signed, compared: &Compared, expected: &Expected<'_>) -> AsOfIssue {
    let at = signed.issued_at;
    let judged = judge(signed, compared, &Expected { at, ..*expected });
    AsOfIssue {
        at: at.to_string(),
        valid: judged.is_ok(),
        error: judged.err(),
    }
}

fn judge(signed: &Signed, compared: &Compared, expected: &Expected<'_>) -> Result<(), Fault> {
    if expected.at.duration_since(signed.issued_at) < -TOLERATED {
        return Err(Fault::NotYetValid);
    }
    if expected.at >= signed.expires_at {
        return Err(Fault::Expired);
    }
    let other = |server: &str| normal(server.to_owned()) != signed.server;
    if expected.server.is_some_and(other) {
        return Err(Fault::ServerMismatch);
    }
    if let Some(fault) = compared.fault {
        return Err(fault);
    }
    let whole = expected.partial || compared.missing.is_empty();
    let same = whole && compared.changed.is_empty() && compared.added.is_empty();
    same.then_some(()).ok_or(Fault::ToolsDiffer)
}

/// Tools beside those that were signed: names, sorted.
#[derive(Default)]
struct Compared {
    /// Why they are no list of tools at all.
    fault: Option<Fault>,
    changed: Vec<String>,
    missing: Vec<String>,
    added: Vec<String>,
}

/// Digests of tools by their names; `None` is one that cannot have been signed.
type Found = BTreeMap<String, Option<String>>;

impl Compared {
    fn read(tools: &RawValue, signed: &Digests) -> Self {
        let tools = serde_json::from_str::<Vec<&RawValue>>(tools.get()).ok();
        let tools = tools.and_then(|tools| tools.into_iter().map(received).collect());
        let tools: Vec<Tool> = match tools {
            Some(tools) => tools,
            None => {
                return Self {
                    fault: Some(Fault::ToolsMalformed),
                    ..Self::default()
                };
            }
        };
        let number = tools.len();
        let mut found = Found::new();
        for Tool { name, digest } in tools {
            // Of two tools of one name neither is the signed one.
            let digest = digest.filter(|_| !found.contains_key(&name));
            found.insert(name, digest);
        }
        Self {
            fault: (found.len() < number).then_some(Fault::ToolNameTwice),
            ..Self::between(&found, signed)
        }
    }

    fn between(found: &Found, signed: &Digests) -> Self {
        let changed = |name: &&String| match (found.get(*name), signed.get(*name)) {
            (Some(found), Some(signed)) => found.as_ref() != Some(signed),
            (None, _) | (_, None) => false,
        };
        let missing = |name: &&String| !found.contains_key(*name);
        let added = |name: &&String| !signed.contains_key(*name);
        Self {
            fault: None,
            changed: signed.keys().filter(changed).cloned().collect(),
            missing: signed.keys().filter(missing).cloned().collect(),
            added: found.keys().filter(added).cloned().collect(),
        }
    }
}
