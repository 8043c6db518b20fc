//! Signed lists of MCP tools (formats.md section 7): what is signed is valid in every form that means the same, and
//! nothing else is. Each member is changed, by a stranger and by a thief of the key; the command says the same.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use aegis_custodian::crypto::tools::{Expected, Fault};
use serde_json::{Value, json};

#[path = "support/ceremony.rs"]
mod ceremony;
#[path = "tools/command.rs"]
mod command;
#[path = "tools/forms.rs"]
mod forms;
#[path = "tools/lists.rs"]
mod lists;
#[path = "tools/members.rs"]
mod members;
#[path = "support/toolbox.rs"]
mod toolbox;

use toolbox::{EXPIRES_AT, ISSUED_AT, NOW, SERVER, amtss, judge, judge_as, now, resign, usual};

#[test]
fn a_signed_list_is_valid_and_says_whose_it_is_and_how_long_it_holds() {
    let said = serde_json::to_value(judge(&usual())).unwrap();
    let wanted = json!({
        "valid": true, "error": null, "changed": [], "missing": [], "added": [], "server": SERVER,
        "issued_at": ISSUED_AT, "expires_at": EXPIRES_AT, "keyid": toolbox::schema_key_id(), "at": NOW,
        "as_of_issue": null,
    });
    assert_eq!(said, wanted);
}

#[test]
fn what_is_signed_is_what_the_formats_page_says() {
    let mut result = usual();
    let members: Vec<_> = amtss(&mut result)
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(members, ["alg", "keyid", "manifest", "signature"]);
    let manifest = &amtss(&mut result)["manifest"];
    let members: Vec<_> = manifest.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        members,
        ["expires_at", "issued_at", "server", "tools", "version"]
    );
    let names: Vec<_> = manifest["tools"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["add", "caf\u{e9}", "pay"]);
    // Python: hashlib.sha256(b'{"annotations":{"destructiveHint":true},"description":"Pays.","name":"pay"}')
    let pay = "55396a210e53eaa18d4ae461e766422d3d651d89948ec146da7f2fe8f1b8ae34";
    assert_eq!(manifest["tools"]["pay"], pay);
}

#[test]
fn the_words_stand_in_the_order_in_which_they_are_looked_for() {
    let words: Vec<&str> = Fault::ALL.iter().map(|fault| fault.word()).collect();
    let wanted = "ManifestMissing ManifestShapeInvalid ManifestAlgorithmUnknown ManifestKeyUnknown \
        ManifestKeyRevoked ManifestKeyPurpose ManifestSignatureInvalid ManifestNotYetValid ManifestExpired \
        ManifestServerMismatch ToolsMalformed ToolNameTwice ToolsDiffer";
    assert_eq!(words.join(" "), wanted);
}

fn as_of(at: &str) -> Expected<'static> {
    Expected {
        at: at.parse().unwrap(),
        ..now()
    }
}

#[test]
fn a_list_holds_from_its_issue_to_its_end_and_is_also_judged_as_of_its_issue() {
    let text = usual().to_string();
    for (at, wanted) in [
        ("2026-11-23T09:54:59Z", Some(Fault::NotYetValid)),
        ("2026-11-23T09:55:00Z", None), // clocks differ
        (ISSUED_AT, None),
        ("2026-11-24T09:59:59.999999999Z", None),
        (EXPIRES_AT, Some(Fault::Expired)),
        ("2036-11-24T10:00:00Z", Some(Fault::Expired)),
    ] {
        let verdict = judge_as(&text, &as_of(at));
        assert_eq!(verdict.error, wanted, "{at}");
        let expired = wanted == Some(Fault::Expired);
        assert_eq!(verdict.as_of_issue.is_some_and(|then| then.valid), expired);
    }
    let mut changed = usual();
    changed["tools"][0]["description"] = json!("Subtracts.");
    let verdict = judge_as(&changed.to_string(), &as_of(EXPIRES_AT));
    let then = verdict.as_of_issue.unwrap();
    assert_eq!(
        (then.error, &*then.at),
        (Some(Fault::ToolsDiffer), ISSUED_AT)
    );
    assert_eq!(verdict.changed, ["add"]);
}

#[test]
fn whose_list_it_is_is_compared_if_somebody_asks() {
    let text = usual().to_string();
    let word = |text: &str, server| {
        let server = Some(server);
        judge_as(text, &Expected { server, ..now() }).error
    };
    assert_eq!(word(&text, SERVER), None);
    for other in ["", "Payments", "payments ", "payment"] {
        assert_eq!(word(&text, other), Some(Fault::ServerMismatch), "{other}");
    }
    let mut result = usual();
    amtss(&mut result)["manifest"]["server"] = json!("caf\u{e9}");
    resign(&mut result);
    assert_eq!(word(&result.to_string(), "cafe\u{301}"), None);
}

/// The keys file with another value at one place.
fn keys(pointer: &str, value: Value) -> Value {
    let mut keys = ceremony::service_keys();
    *keys.pointer_mut(pointer).expect(pointer) = value;
    keys
}

#[test]
fn the_key_must_be_pinned_for_tools_and_not_revoked() {
    let word = |keys: &Value| {
        let text = usual().to_string();
        let pinned = toolbox::pinned(keys);
        aegis_custodian::crypto::tools::verify_text(text.as_bytes(), &pinned, &now()).error
    };
    assert_eq!(word(&keys("/items/2/state", json!("retired"))), None);
    let revoked = keys("/items/2/state", json!("revoked"));
    assert_eq!(word(&revoked), Some(Fault::KeyRevoked));
    for purpose in ["override", "checkpoint", "tools"] {
        let other = keys("/items/2/purpose", json!(purpose));
        assert_eq!(word(&other), Some(Fault::KeyPurpose), "{purpose}");
    }
    let mut without = ceremony::service_keys();
    without["items"].as_array_mut().unwrap().remove(2);
    assert_eq!(word(&without), Some(Fault::KeyUnknown));
    assert_eq!(word(&json!({"items": []})), Some(Fault::KeyUnknown));
}
