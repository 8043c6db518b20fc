//! Certificates (src/crypto/certificate.rs): no bytes make the verifier panic, and nothing that chance makes is valid.

use std::sync::OnceLock;

use aegis_custodian::{
    crypto::{
        canonical,
        certificate::{Expected, Fault, Pinned, Verdict, verify},
    },
    json::Tree as AnyJson,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    ceremony::{Case, NOW, carrying, countersign},
    config, few,
    given::{bytes, text},
    tree::{object, tree},
};

/// What the service says on its own word: with its keys another value of it is as good.
const ITS_OWN_WORD: [&str; 5] = [
    "/predicate/governance/policy_version",
    "/predicate/governance/nonce",
    "/predicate/governance/issued_at",
    "/predicate/override/signatures/0/signed_at",
    "/predicate/override/signatures/1/signed_at",
];

struct Genuine {
    envelope: Vec<u8>,
    statement: Value,
    pinned: Pinned,
}

fn genuine() -> &'static Genuine {
    static GENUINE: OnceLock<Genuine> = OnceLock::new();
    GENUINE.get_or_init(|| {
        let case = Case::usual();
        Genuine {
            envelope: case.envelope(),
            statement: serde_json::from_slice(&case.body()).unwrap(),
            pinned: Pinned::read(case.keys().to_string().as_bytes()).unwrap(),
        }
    })
}

fn judge(envelope: &[u8]) -> Verdict {
    let expected = Expected {
        at: NOW.parse().unwrap(),
        message_hash: None,
        environment: None,
        instance: None,
    };
    let verdict = verify(envelope, &genuine().pinned, &expected);
    assert_eq!(verdict.valid, verdict.error.is_none());
    serde_json::to_vec(&verdict).unwrap();
    verdict
}

fn parsed(envelope: &[u8]) -> Option<Value> {
    serde_json::from_slice(envelope).ok()
}

/// Every place in a value, the outermost one too.
fn places(value: &Value, here: String, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                places(item, format!("{here}/{at}"), found);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                places(member, format!("{here}/{key}"), found);
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
    found.push(here);
}

fn place(value: &Value, which: prop::sample::Index) -> String {
    let mut found = Vec::new();
    places(value, String::new(), &mut found);
    found.swap_remove(which.index(found.len()))
}

/// Something else of the same kind, or anything.
fn other() -> impl Strategy<Value = Value> {
    prop_oneof![
        tree().prop_filter_map("JSON", |tree| serde_json::from_str(&tree.write()).ok()),
        text(12).prop_map(Value::from),
        "[0-9a-f]{32}".prop_map(Value::from),
        "20[0-9]{2}-1[0-2]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{0,10})?Z"
            .prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_bytes_are_a_certificate_or_make_the_verifier_panic(bytes in bytes(400)) {
        prop_assert_eq!(judge(&bytes).error, Some(Fault::PayloadTypeMismatch));
        prop_assert!(Pinned::read(&bytes).is_err());
    }

    #[test]
    fn no_json_is_a_certificate_a_statement_or_a_keys_file(json in object()) {
        let json = json.write();
        prop_assert!(!judge(json.as_bytes()).valid);
        prop_assert!(Pinned::read(json.as_bytes()).is_err());
        let error = judge(&carrying(&genuine().envelope, json.as_bytes())).error;
        let wanted = [Fault::PayloadJsonInvalid, Fault::CanonicalBytesMismatch, Fault::StatementShapeInvalid];
        prop_assert!(error.is_some_and(|error| wanted.contains(&error)), "{:?}", error);
    }

    #[test]
    fn the_canonical_form_of_any_json_is_its_own(json in tree()) {
        if let Ok(read) = AnyJson::read(json.write().as_bytes()) {
            let once = canonical::json(&read).unwrap();
            let again = canonical::json(&AnyJson::read(&once).unwrap()).unwrap();
            prop_assert_eq!(once, again);
        }
    }

    #[test]
    fn any_damage_to_an_envelope_but_white_space_is_noticed(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0..3,
    ) {
        let mut damaged = genuine().envelope.clone();
        let at = at.index(damaged.len());
        match how {
            0 => drop(damaged.remove(at)),
            1 => damaged.insert(at, byte),
            _ => damaged[at] = byte,
        }
        if judge(&damaged).valid {
            prop_assert_eq!(parsed(&damaged), parsed(&genuine().envelope));
        }
    }

    #[test]
    fn another_value_anywhere_in_an_envelope_is_noticed(which in any::<prop::sample::Index>(), other in other()) {
        let mut envelope = parsed(&genuine().envelope).unwrap();
        let place = place(&envelope, which);
        *envelope.pointer_mut(&place).unwrap() = other;
        prop_assert!(!judge(&serde_json::to_vec(&envelope).unwrap()).valid, "{}", place);
    }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn whatever_a_thief_of_the_service_keys_signs_is_valid_only_in_what_the_service_alone_says(
        which in any::<prop::sample::Index>(), other in other(),
    ) {
        let mut statement = genuine().statement.clone();
        let place = place(&statement, which);
        *statement.pointer_mut(&place).unwrap() = other;
        let body = canonical::json(&statement).unwrap();
        prop_assume!(body != canonical::json(&genuine().statement).unwrap());
        let forged = countersign(&body);
        prop_assert!(!judge(&forged).valid || ITS_OWN_WORD.contains(&&*place), "{} {}", place, statement);
    }
}
