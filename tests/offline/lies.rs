//! Services that lie, and documents that are none: nothing is signed.

use aegis_custodian::words::Binding;
use serde_json::{Value, json};

use crate::{Desk, Kind, names, overrides::honest};

const SIGN: [&str; 4] = ["sign", "--key", "key.age", "--yes"];

const REJECT: [&str; 8] = [
    "reject",
    "--key",
    "key.age",
    "--yes",
    "--custodian-id",
    crate::overrides::CUSTODIAN,
    "--reason",
    "no",
];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.key(Kind::Bip340);
    desk
}

/// Refused by both commands, with these words.
#[track_caller]
fn refused(desk: &Desk, document: &Value, words: &str) {
    for command in [SIGN.as_slice(), REJECT.as_slice()] {
        let refusal = desk.refused(command, &document.to_string());
        assert!(refusal.contains(words), "{refusal}");
    }
}

#[test]
fn a_lie_in_any_single_field_that_is_signed_is_refused() {
    let desk = desk();
    let lies = [
        ("id", json!("4f0c8a52-7a44-4f0e-9a63-0d5b8f6f1c11")),
        ("proposal_id", json!("proposal-18")),
        ("justification", json!("it must be out todaY")),
        ("failed_gates", json!(["novelty"])),
        ("failed_gates", json!(["novelty", "risk", "utility"])),
        ("requested_by", json!("pipelinE")),
        ("on_behalf_of", json!("joan@example.org")),
        ("on_behalf_of", json!(null)),
        ("instance", json!("custodian-us")),
        ("binding", json!("aegis")),
        ("environment", json!("staging")),
        ("expires_at", json!("2999-11-25T00:00:00Z")),
        ("expires_at", json!("2999-11-24T00:00:00.0Z")),
        ("message_hash", json!("00".repeat(32))),
        ("signing_hash", json!("00".repeat(32))),
    ];
    for (field, lie) in lies {
        let (mut document, _) = honest(Binding::Bound, "it must be out today");
        document[field] = lie;
        refused(&desk, &document, "Nothing was signed");
    }
}

#[test]
fn a_lie_about_what_any_scheme_signs_is_refused() {
    let desk = desk();
    for scheme in names() {
        let (mut document, m) = honest(Binding::Bound, "because");
        let mut other = m;
        other[0] ^= 1;
        let lie = scheme.message_to_sign(&other);
        document["signing"][scheme.name()]["message_to_sign"] = lie.into();
        refused(&desk, &document, "message_to_sign");
    }
}

#[test]
fn a_lie_about_what_the_weaker_binding_covers_is_refused() {
    let desk = desk();
    for (field, lie) in [
        ("proposal_id", json!("proposal-18")),
        ("justification", json!("x")),
        ("failed_gates", json!(["risk"])),
        ("binding", json!("bound")),
        ("message_hash", json!("00".repeat(32))),
        ("signing_hash", json!("00".repeat(32))),
    ] {
        let (mut document, _) = honest(Binding::Aegis, "because");
        document[field] = lie;
        refused(&desk, &document, "Nothing was signed");
    }
}

#[test]
fn an_override_that_is_closed_or_expired_is_refused() {
    let desk = desk();
    for status in [
        "approved",
        "rejected",
        "expired",
        "withdrawn",
        "\u{1b}[2J",
        "",
    ] {
        let (mut document, _) = honest(Binding::Bound, "because");
        document["status"] = status.into();
        refused(&desk, &document, "nothing is left to sign");
        assert!(
            !desk
                .refused(&SIGN, &document.to_string())
                .contains('\u{1b}')
        );
    }
    let (mut document, _) = honest(Binding::Bound, "because");
    document["expires_at"] = "2026-01-01T00:00:00Z".into();
    refused(&desk, &document, "expired at 2026-01-01T00:00:00Z");
    document["expires_at"] = "tomorrow".into();
    refused(&desk, &document, "not a time");
}

#[test]
fn the_complexity_gate_is_not_signed_away() {
    let desk = desk();
    let (mut document, _) = honest(Binding::Bound, "because");
    document["failed_gates"] = json!(["complexity"]);
    refused(&desk, &document, "complexity");
}

#[test]
fn a_scheme_that_the_service_does_not_take_is_not_signed_by() {
    let desk = desk();
    let (mut document, _) = honest(Binding::Bound, "because");
    document["signing"]
        .as_object_mut()
        .unwrap()
        .remove("bip340");
    refused(&desk, &document, "takes no signature by bip340");
}

#[test]
fn what_is_no_document_is_refused_and_said_where() {
    let desk = desk();
    let (document, _) = honest(Binding::Bound, "because");
    let text = document.to_string();
    let twice = text.replacen('{', "{\"justification\":\"another\",", 1);
    let twice_inside = text.replacen(
        "{\"message_to_sign\"",
        "{\"message_to_sign\":\"\",\"message_to_sign\"",
        1,
    );
    let nfc_twice = text.replacen('{', "{\"\u{e9}\":1,\"e\u{301}\":2,", 1);
    let surrogate = text.replacen("because", "\\ud800", 1);
    let unknown_gate = text.replacen("novelty", "vanity", 1);
    let long = format!("{text}{}", " ".repeat(8 << 20));
    let both = text.replacen('{', "{\"challenge\":\"x\",", 1);
    for wrong in [
        "",
        "null",
        "[]",
        "{}",
        "\"x\"",
        &text[1..],
        &text[..text.len() - 1],
        &format!("{text}x"),
        &twice,
        &twice_inside,
        &nfc_twice,
        &surrogate,
        &unknown_gate,
        &long,
        &both,
    ] {
        let refusal = desk.refused(&SIGN, wrong);
        assert!(
            refusal.contains("-: ") || refusal.contains("8 MiB"),
            "{refusal}"
        );
        desk.refused(&REJECT, wrong);
    }
    for field in document.as_object().unwrap().keys() {
        let mut without = document.clone();
        without.as_object_mut().unwrap().remove(field);
        let unsigned = ["created_at", "signatures"].contains(&field.as_str());
        let code = desk.run(&SIGN, &without.to_string()).status.code();
        assert_eq!(code, Some(if unsigned { 0 } else { 1 }), "{field}");
    }
    let missing = desk.refused(&[&SIGN[..], &["missing.json"]].concat(), "");
    assert!(missing.contains("missing.json: No such file"), "{missing}");
}
