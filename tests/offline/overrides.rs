//! `sign` on an override: what is shown, what is printed, and that it verifies.

use std::collections::BTreeSet;

use aegis_custodian::{
    crypto::{
        messages::{Asked, Bound},
        scheme::Scheme,
    },
    words::{Binding, Environment, Gate},
};
use serde_json::{Value, json};

use crate::{Desk, KINDS, Kind, names, said};

pub const CUSTODIAN: &str = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";

/// The override of a service that tells the truth, and the message to sign.
pub fn honest(binding: Binding, justification: &str) -> (Value, [u8; 32]) {
    let gates = BTreeSet::from([Gate::Novelty, Gate::Risk]);
    let asked = Asked::new("proposal-17".to_owned(), justification.to_owned(), gates);
    let message_hash = asked.message_hash().unwrap();
    let text = hex::encode(message_hash);
    let bound = Bound {
        environment: Environment::Production,
        expires_at: "2999-11-24T00:00:00Z",
        instance: "custodian-eu",
        message_hash: &text,
        on_behalf_of: Some("jane@example.org"),
        override_id: "3f0c8a52-7a44-4f0e-9a63-0d5b8f6f1c11",
        requested_by: "pipeline",
    };
    let m = match binding {
        Binding::Aegis => message_hash,
        Binding::Bound => bound.signing_hash().unwrap(),
    };
    let signing = |scheme: Scheme| {
        let to_sign = json!({"message_to_sign": scheme.message_to_sign(&m)});
        (scheme.name().to_owned(), to_sign)
    };
    let signing: Value = names()
        .map(signing)
        .collect::<serde_json::Map<_, _>>()
        .into();
    let answer = json!({
        "id": bound.override_id,
        "status": "pending",
        "proposal_id": asked.proposal_id,
        "justification": asked.justification,
        "failed_gates": ["novelty", "risk"],
        "requested_by": bound.requested_by,
        "on_behalf_of": bound.on_behalf_of,
        "instance": bound.instance,
        "binding": binding.name(),
        "message_hash": text,
        "signing_hash": hex::encode(m),
        "signing": signing,
        "environment": "production",
        "created_at": "2026-11-23T00:00:00Z",
        "expires_at": bound.expires_at,
        "signatures": [],
    });
    (answer, m)
}

const SIGN: [&str; 4] = ["sign", "--key", "key.age", "--yes"];

#[test]
fn every_scheme_signs_an_override_under_either_binding() {
    for kind in KINDS {
        for binding in Binding::ALL {
            let desk = Desk::new();
            let key = desk.key(kind);
            let (document, m) = honest(*binding, "it must be out today");
            let signature = desk.done(&SIGN, &document.to_string());
            assert!(
                key.public_key().verify(&m, &signature).is_ok(),
                "{kind:?} {binding:?}"
            );
        }
    }
}

#[test]
fn a_file_standard_input_and_a_dash_are_the_same() {
    let desk = Desk::new();
    let key = desk.key(Kind::Ed25519);
    let (document, m) = honest(Binding::Bound, "because");
    desk.json(&document);
    let by_file = desk.done(&[&SIGN[..], &["document.json"]].concat(), "");
    let by_dash = desk.done(&[&SIGN[..], &["-"]].concat(), &document.to_string());
    assert_eq!(by_file, by_dash);
    assert!(key.public_key().verify(&m, &by_file).is_ok());
}

#[test]
fn json_is_the_body_that_the_service_takes() {
    let desk = Desk::new();
    let key = desk.key(Kind::Bip340);
    let (document, m) = honest(Binding::Bound, "because");
    let print = |more: &[&str]| {
        let arguments = [&SIGN[..], &["--output", "json"], more].concat();
        serde_json::from_str::<Value>(&desk.done(&arguments, &document.to_string())).unwrap()
    };
    let whole = print(&["--custodian-id", CUSTODIAN]);
    let signature = whole["signature"].as_str().unwrap();
    assert_eq!(
        whole,
        json!({"custodian_id": CUSTODIAN, "signature": signature})
    );
    assert!(key.public_key().verify(&m, signature).is_ok());
    assert_eq!(print(&[]).as_object().unwrap().len(), 1);
    desk.refused(
        &[&SIGN[..], &["--custodian-id", "jane"]].concat(),
        &document.to_string(),
    );
}

#[test]
fn everything_that_is_signed_is_shown() {
    let desk = Desk::new();
    let key = desk.key(Kind::Bip340);
    let (document, m) = honest(Binding::Bound, "first line\nsecond line");
    let output = desk.run(&SIGN, &document.to_string());
    let shown = said(&output);
    for row in [
        "proposal      | proposal-17",
        "justification | first line",
        "              | second line",
        "failed gates  | novelty, risk",
        "requested by  | pipeline",
        "on behalf of  | jane@example.org",
        "environment   | production",
        "expires       | 2999-11-24T00:00:00Z",
        "instance      | custodian-eu",
        "binding       | bound",
        "override id   | 3f0c8a52-7a44-4f0e-9a63-0d5b8f6f1c11",
        "your scheme   | bip340",
    ] {
        assert!(shown.lines().any(|line| line == row), "{row}\n{shown}");
    }
    assert!(shown.contains(&key.public_key().fingerprint()));
    assert!(shown.contains(&hex::encode(m)));
    assert!(!shown.contains("nothing stops its use"));
}

#[test]
fn the_weaker_binding_is_said_to_be_one() {
    let desk = Desk::new();
    desk.key(Kind::Bip340);
    let (document, _) = honest(Binding::Aegis, "because");
    let shown = said(&desk.run(&SIGN, &document.to_string()));
    assert!(shown.contains("nothing stops its use"), "{shown}");
}

#[test]
fn a_justification_cannot_play_tricks_on_the_terminal() {
    let desk = Desk::new();
    let key = desk.key(Kind::Bip340);
    let nasty = "fine\u{1b}[2J\u{1b}[1;1H\r\u{202e}drawkcab\u{202c}\u{200b}\n\u{9b}31m\u{7}\nenvironment   | staging\t\u{feff}\\u{1b}";
    let (document, m) = honest(Binding::Bound, nasty);
    let output = desk.run(&SIGN, &document.to_string());
    let shown = said(&output);
    let plain = |one: char| one == '\n' || (one.is_ascii() && !one.is_ascii_control());
    assert!(shown.chars().all(plain), "{shown:?}");
    for escape in [
        "\\u{1b}[2J",
        "\\r",
        "\\u{202e}",
        "\\u{200b}",
        "\\u{9b}31m",
        "\\u{7}",
        "\\t",
        "\\u{feff}\\\\u{1b}",
    ] {
        assert!(shown.contains(escape), "{escape}\n{shown}");
    }
    let environments = shown
        .lines()
        .filter(|line| line.starts_with("environment "));
    assert_eq!(
        environments.collect::<Vec<_>>(),
        ["environment   | production"]
    );
    let signature = String::from_utf8(output.stdout).unwrap();
    assert!(key.public_key().verify(&m, signature.trim_end()).is_ok());
}

#[test]
fn nfd_is_signed_as_the_nfc_that_is_shown() {
    let desk = Desk::new();
    let key = desk.key(Kind::Bip340);
    let (mut document, m) = honest(Binding::Bound, "caf\u{e9}");
    document["justification"] = "cafe\u{301}".into();
    let signature = desk.done(&SIGN, &document.to_string());
    assert!(key.public_key().verify(&m, &signature).is_ok());
    assert!(said(&desk.run(&SIGN, &document.to_string())).contains("caf\u{e9}"));
}

#[test]
fn members_that_a_later_service_adds_are_let_pass() {
    let desk = Desk::new();
    desk.key(Kind::Bip340);
    let (mut document, _) = honest(Binding::Bound, "because");
    document["new"] = json!({"x": [1, 2]});
    document["signing"]["slh-dsa"] = json!({"message_to_sign": "?", "hint": 1});
    document["status"] = "partial".into();
    desk.done(&SIGN, &document.to_string());
}
