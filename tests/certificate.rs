//! Override certificates (formats.md section 5): what is made is valid, and nothing else is. Each member of statement,
//! envelope and keys file is changed, by a stranger and by a thief of the service's keys; the command says the same.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use aegis_custodian::crypto::certificate::{Expected, Fault, Pinned, Verdict, verify};
use serde_json::Value;

#[path = "support/ceremony.rs"]
mod ceremony;
#[path = "certificate/command.rs"]
mod command;
#[path = "certificate/envelope.rs"]
mod envelope;
#[path = "certificate/keys_file.rs"]
mod keys_file;
#[path = "certificate/members.rs"]
mod members;
#[path = "certificate/stolen.rs"]
mod stolen;
#[path = "certificate/table.rs"]
mod table;
#[path = "certificate/times.rs"]
mod times;
#[path = "support/verifier.rs"]
mod verifier;

use ceremony::{Case, KINDS, NOW, carrying, changed};

/// What a verifier at [`NOW`] expects that asks for nothing more.
fn now() -> Expected<'static> {
    Expected {
        at: NOW.parse().unwrap(),
        message_hash: None,
        environment: None,
        instance: None,
    }
}

fn pinned(keys: &Value) -> Pinned {
    Pinned::read(keys.to_string().as_bytes()).unwrap()
}

fn judge(envelope: &[u8], keys: &Value) -> Verdict {
    verify(envelope, &pinned(keys), &now())
}

/// The word, or none if it is valid.
fn fault(envelope: &[u8], keys: &Value) -> Option<Fault> {
    let verdict = judge(envelope, keys);
    assert_eq!(verdict.valid, verdict.error.is_none());
    verdict.error
}

/// The keys file with another value at one place.
fn changed_keys(case: &Case, pointer: &str, value: Value) -> Value {
    let mut keys = case.keys();
    *keys.pointer_mut(pointer).expect(pointer) = value;
    keys
}

/// Where every value is, the outermost one aside.
fn pointers(value: &Value) -> Vec<String> {
    let below = |key: String, value: &Value| {
        let key = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        let deeper = pointers(value)
            .into_iter()
            .map(|rest| format!("{key}{rest}"));
        let mut all = vec![key.clone()];
        all.extend(deeper);
        all
    };
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(at, item)| below(at.to_string(), item))
            .collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, member)| below(key.clone(), member))
            .collect(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn a_certificate_by_each_pair_of_schemes_is_valid_with_its_people_pinned_and_without() {
    for risk in KINDS {
        for security in KINDS {
            let case = Case::new([risk, security]);
            let envelope = case.envelope();
            assert_eq!(
                fault(&envelope, &case.keys()),
                None,
                "{risk:?} {security:?}"
            );
            assert_eq!(fault(&envelope, &ceremony::service_keys()), None);
        }
    }
}

#[test]
fn a_certificate_says_what_was_approved_and_by_whom() {
    let case = Case::usual();
    let verdict = judge(&case.envelope(), &case.keys());
    let said = serde_json::to_value(&verdict).unwrap();
    assert_eq!(
        (&said["valid"], &said["error"]),
        (&true.into(), &Value::Null)
    );
    assert_eq!(
        (&said["custodians"], &said["at"]),
        (&"pinned".into(), &NOW.into())
    );
    let approval = &said["override"];
    assert_eq!(approval["id"], case.override_id);
    assert_eq!(approval["message_hash"], hex::encode(case.message_hash()));
    assert_eq!(approval["signing_hash"], hex::encode(case.m()));
    assert_eq!(
        approval["failed_gates"],
        serde_json::json!(["novelty", "risk"])
    );
    assert_eq!(approval["signatures"][1]["scheme"], "ed25519");
    let unpinned = judge(&case.envelope(), &ceremony::service_keys());
    assert_eq!(
        serde_json::to_value(unpinned).unwrap()["custodians"],
        "unpinned"
    );
}

#[test]
fn what_was_expected_is_compared() {
    let case = Case::usual();
    let (envelope, pinned) = (case.envelope(), pinned(&case.keys()));
    let word = |expected: Expected<'_>| verify(&envelope, &pinned, &expected).error;
    let hash = hex::encode_upper(case.message_hash());
    let good = Expected {
        message_hash: Some(&hash),
        environment: Some(" production "),
        instance: Some("custodian-a"),
        ..now()
    };
    assert_eq!(word(good), None);
    let zeros = "0".repeat(64);
    for other in ["", "0", &zeros] {
        let other = Expected {
            message_hash: Some(other),
            ..good
        };
        assert_eq!(word(other), Some(Fault::DigestMismatch));
    }
    for other in ["", "staging", "Production"] {
        let other = Expected {
            environment: Some(other),
            ..good
        };
        assert_eq!(word(other), Some(Fault::EnvironmentMismatch));
    }
    for other in ["", "custodian-b", "custodian-a "] {
        let other = Expected {
            instance: Some(other),
            ..good
        };
        assert_eq!(word(other), Some(Fault::InstanceMismatch));
    }
}

#[test]
fn with_the_binding_of_aegis_the_custodians_sign_the_message_hash() {
    let mut case = Case::usual();
    case.binding = aegis_custodian::words::Binding::Aegis;
    let verdict = judge(&case.envelope(), &case.keys());
    assert_eq!(verdict.error, None);
    let approval = verdict.approval.unwrap();
    assert_eq!(approval.signing_hash, approval.message_hash);
}
