//! `reject`: the signed no of a custodian.

use aegis_custodian::{crypto::messages::Rejection, words::Binding};
use serde_json::{Value, json};

use crate::{
    Desk, KINDS, Kind,
    overrides::{CUSTODIAN, honest},
    said,
};

fn reject<'a>(reason: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let arguments = [
        "reject",
        "--key",
        "key.age",
        "--yes",
        "--custodian-id",
        CUSTODIAN,
        "--reason",
        reason,
    ];
    [&arguments, more].concat()
}

fn message(document: &Value, reason: &str) -> [u8; 32] {
    let rejection = Rejection {
        custodian_id: CUSTODIAN,
        override_id: document["id"].as_str().unwrap(),
        reason,
    };
    rejection.message().unwrap()
}

#[test]
fn every_scheme_signs_a_rejection_under_either_binding() {
    for kind in KINDS {
        for binding in Binding::ALL {
            let desk = Desk::new();
            let key = desk.key(kind);
            let (document, m) = honest(*binding, "because");
            let signature = desk.done(&reject("too risky", &[]), &document.to_string());
            let verify = |m| key.public_key().verify(&m, &signature).is_ok();
            assert!(verify(message(&document, "too risky")), "{kind:?}");
            assert!(
                !verify(message(&document, "too risky.")) && !verify(m),
                "{kind:?}"
            );
        }
    }
}

#[test]
fn json_is_the_body_that_the_service_takes_with_the_reason_in_nfc() {
    let desk = Desk::new();
    let key = desk.key(Kind::Bip340);
    let (document, _) = honest(Binding::Bound, "because");
    desk.json(&document);
    let arguments = reject("cafe\u{301}", &["--output", "json", "document.json"]);
    let printed: Value = serde_json::from_str(&desk.done(&arguments, "")).unwrap();
    let signature = printed["signature"].as_str().unwrap();
    assert_eq!(
        printed,
        json!({"custodian_id": CUSTODIAN, "reason": "caf\u{e9}", "signature": signature})
    );
    let m = message(&document, "caf\u{e9}");
    assert!(key.public_key().verify(&m, signature).is_ok());
}

#[test]
fn the_override_and_the_reason_are_shown() {
    let desk = Desk::new();
    desk.key(Kind::Bip340);
    let (document, _) = honest(Binding::Bound, "because");
    let shown = said(&desk.run(&reject("too\u{202e} risky", &[]), &document.to_string()));
    for row in [
        "justification | because",
        "REJECTED WITH | too\\u{202e} risky",
    ] {
        assert!(shown.lines().any(|line| line == row), "{row}\n{shown}");
    }
}

#[test]
fn a_rejection_has_a_reason() {
    let desk = Desk::new();
    desk.key(Kind::Bip340);
    let (document, _) = honest(Binding::Bound, "because");
    for none in ["", " ", "\n\t", "a\u{1b}[2J", &"x".repeat(4097)] {
        let refusal = desk.refused(&reject(none, &[]), &document.to_string());
        assert!(refusal.contains("reason has 1 to 4,096"), "{refusal}");
    }
}
