//! The keys file: what is trusted, what is passed over, what is refused with a sentence.

use aegis_custodian::crypto::certificate::{Fault, Pinned};
use serde_json::{Value, json};

use super::{ceremony::Case, changed_keys, fault};

fn refusal(keys: &Value) -> String {
    let read = Pinned::read(keys.to_string().as_bytes());
    read.unwrap_err().to_string()
}

#[test]
fn what_a_later_service_may_add_is_passed_over() {
    let case = Case::usual();
    let mut keys = case.keys();
    keys["next_cursor"] = json!(null);
    keys["items"][0]["new"] = json!({"a": 1});
    keys["custodians"][0]["name"] = json!("Ann");
    let later = json!({"key_id": "slh:1", "purpose": "override", "algorithm": "slh-dsa", "public_key": "%", "state": "active", "location": "token"});
    keys["items"].as_array_mut().unwrap().push(later);
    keys["items"][2]["purpose"] = json!("witness");
    keys["custodians"][0]
        .as_object_mut()
        .unwrap()
        .remove("until");
    assert_eq!(fault(&case.envelope(), &keys), None);
}

#[test]
fn a_key_verifies_in_any_state_but_revoked() {
    let case = Case::usual();
    for (at, wanted) in [
        (0, Fault::Ed25519VerifyFailed),
        (1, Fault::MldsaVerifyFailed),
    ] {
        for state in ["active", "retired"] {
            let keys = changed_keys(&case, &format!("/items/{at}/state"), json!(state));
            assert_eq!(fault(&case.envelope(), &keys), None);
        }
        let keys = changed_keys(&case, &format!("/items/{at}/state"), json!("revoked"));
        assert_eq!(fault(&case.envelope(), &keys), Some(wanted));
        let keys = changed_keys(&case, &format!("/items/{at}/purpose"), json!("schema"));
        assert_eq!(fault(&case.envelope(), &keys), Some(Fault::KeyPurpose));
        let mut keys = case.keys();
        keys["items"].as_array_mut().unwrap().remove(at);
        assert_eq!(fault(&case.envelope(), &keys), Some(wanted));
    }
}

#[test]
fn a_pin_is_the_whole_custodian() {
    let case = Case::usual();
    for (member, value) in [
        ("id", json!("x")),
        ("role", json!("security_lead")),
        ("subject", json!("eve@example.org")),
        ("scheme", json!("ed25519")),
        ("public_key", json!("AAAA")),
    ] {
        let keys = changed_keys(&case, &format!("/custodians/0/{member}"), value);
        let word = fault(&case.envelope(), &keys);
        assert_eq!(word, Some(Fault::CustodianSignatureInvalid), "{member}");
    }
    let keys = changed_keys(&case, "/custodians/0/subject", json!("Ann@Example.org"));
    assert_eq!(fault(&case.envelope(), &keys), None);
}

#[test]
fn what_cannot_be_trusted_is_refused_with_a_sentence() {
    let case = Case::usual();
    let ml_dsa = case.keys()["items"][1]["public_key"].clone();
    for (pointer, value, sentence) in [
        ("/items", json!({}), "expected a sequence"),
        ("/items/0", json!([]), "expected an object"),
        (
            "/items/0/key_id",
            json!("ed25519:0123456789abcdef"),
            "is not that of its public_key",
        ),
        ("/items/0/key_id", json!(1), "expected a string"),
        (
            "/items/0/algorithm",
            json!("ml-dsa-65"),
            "is not that of its public_key",
        ),
        (
            "/items/0/public_key",
            ml_dsa,
            "is not that of its public_key",
        ),
        ("/items/0/public_key", json!("%"), "not standard base64"),
        ("/items/0/state", json!("Revoked"), "state of a key"),
        ("/items/1/state", json!("compromised"), "state of a key"),
        ("/items/1/state", json!(""), "state of a key"),
        ("/items/1/state", json!(null), "expected a string"),
        ("/items/2", case.keys()["items"][0].clone(), "stands twice"),
        ("/custodians", json!("x"), "expected a sequence"),
        (
            "/custodians/0/role",
            json!("lead"),
            "risk_lead or security_lead",
        ),
        ("/custodians/0/from", json!("2026"), "RFC 3339"),
        ("/custodians/0/until", json!(""), "RFC 3339"),
        ("/custodians/0/until", json!(7), "expected a string"),
        (
            "/custodians/1",
            case.keys()["custodians"][0].clone(),
            "stands twice",
        ),
    ] {
        let refusal = refusal(&changed_keys(&case, pointer, value));
        assert!(refusal.contains(sentence), "{pointer}: {refusal}");
    }
    for (pointer, member) in [
        ("", "items"),
        ("/items/0", "key_id"),
        ("/items/1", "public_key"),
        ("/items/1", "state"),
        ("/custodians/0", "from"),
    ] {
        let mut keys = case.keys();
        keys.pointer_mut(pointer)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(member);
        assert!(refusal(&keys).contains("missing field"), "{pointer}");
    }
    assert!(
        Pinned::read(br#"{"items":[],"items":[]}"#)
            .unwrap_err()
            .to_string()
            .contains("once")
    );
}

#[test]
fn a_weak_key_of_the_service_is_refused() {
    use aegis_custodian::{crypto::pinned::key_id, words::KeyAlgorithm};
    use base64ct::{Base64, Encoding};
    let mut identity = [0; 32];
    identity[0] = 1; // the neutral point: every message is signed by it
    let mut keys = Case::usual().keys();
    keys["items"][0]["key_id"] = key_id(KeyAlgorithm::Ed25519, &identity).into();
    keys["items"][0]["public_key"] = Base64::encode_string(&identity).into();
    assert!(refusal(&keys).contains("small order"), "{}", refusal(&keys));
}
