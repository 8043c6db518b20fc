//! `sign` on an enrolment: the proof that a custodian holds its key.

use aegis_custodian::crypto::{messages::Enrolment, scheme::SigningKey};
use serde_json::{Value, json};

use crate::{Desk, KINDS, Kind, said};

const SIGN: [&str; 4] = ["sign", "--key", "key.age", "--yes"];

fn enrolment(key: &SigningKey) -> (Value, [u8; 32]) {
    let enrolment = Enrolment {
        challenge: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        custodian_id: crate::overrides::CUSTODIAN,
        instance: "custodian-eu",
        public_key: key.public_key().text(),
        role: "risk_lead",
        scheme: key.kind().scheme().name(),
        subject: "jane@example.org",
    };
    let answer = json!({
        "id": enrolment.custodian_id,
        "status": "pending",
        "name": "Jane",
        "subject": enrolment.subject,
        "role": enrolment.role,
        "scheme": enrolment.scheme,
        "public_key": enrolment.public_key,
        "challenge": enrolment.challenge,
        "instance": enrolment.instance,
        "fingerprint": key.public_key().fingerprint(),
        "created_at": "2026-11-23T00:00:00Z",
    });
    (answer, enrolment.message().unwrap())
}

#[test]
fn every_scheme_proves_its_key() {
    for kind in KINDS {
        let desk = Desk::new();
        let key = desk.key(kind);
        let (document, m) = enrolment(&key);
        desk.json(&document);
        let printed = desk.done(
            &[&SIGN[..], &["--output", "json", "document.json"]].concat(),
            "",
        );
        let printed: Value = serde_json::from_str(&printed).unwrap();
        let signature = printed["signature"].as_str().unwrap();
        assert_eq!(printed, json!({ "signature": signature }));
        assert!(key.public_key().verify(&m, signature).is_ok(), "{kind:?}");
    }
}

#[test]
fn who_becomes_what_where_is_shown() {
    let desk = Desk::new();
    let key = desk.key(Kind::Bip340);
    let shown = said(&desk.run(&SIGN, &enrolment(&key).0.to_string()));
    for row in [
        "subject       | jane@example.org",
        "role          | risk_lead",
        "name          | Jane",
        "instance      | custodian-eu",
    ] {
        assert!(shown.lines().any(|line| line == row), "{row}\n{shown}");
    }
}

#[test]
fn a_challenge_for_another_key_is_refused() {
    let desk = Desk::new();
    let (document, _) = enrolment(&desk.key(Kind::Bip340));
    for (field, lie) in [
        (
            "public_key",
            json!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ),
        ("scheme", json!("ed25519")),
    ] {
        let mut document = document.clone();
        document[field] = lie;
        assert!(
            desk.refused(&SIGN, &document.to_string())
                .contains("another key"),
            "{field}"
        );
    }
    for other in KINDS.into_iter().filter(|kind| *kind != Kind::Bip340) {
        desk.key(other);
        assert!(
            desk.refused(&SIGN, &document.to_string())
                .contains("another key"),
            "{other:?}"
        );
    }
}

#[test]
fn an_enrolment_that_is_not_whole_is_refused() {
    let desk = Desk::new();
    let (document, _) = enrolment(&desk.key(Kind::Bip340));
    for (field, lie) in [
        ("fingerprint", json!("00".repeat(32))),
        ("challenge", json!("AAEC")),
        ("challenge", json!("")),
        ("challenge", json!("not base64")),
        ("role", json!("admin")),
        ("scheme", json!("rsa")),
        ("subject", json!(7)),
    ] {
        let mut document = document.clone();
        document[field] = lie;
        desk.refused(&SIGN, &document.to_string());
    }
    for field in [
        "fingerprint",
        "challenge",
        "role",
        "scheme",
        "subject",
        "id",
        "instance",
        "public_key",
        "name",
    ] {
        let mut document = document.clone();
        document.as_object_mut().unwrap().remove(field);
        desk.refused(&SIGN, &document.to_string());
    }
}

#[test]
fn a_custodian_id_is_for_overrides() {
    let desk = Desk::new();
    let (document, _) = enrolment(&desk.key(Kind::Bip340));
    let arguments = [&SIGN[..], &["--custodian-id", crate::overrides::CUSTODIAN]].concat();
    assert!(
        desk.refused(&arguments, &document.to_string())
            .contains("for overrides")
    );
}

#[test]
fn an_enrolment_is_not_rejected() {
    let desk = Desk::new();
    let (document, _) = enrolment(&desk.key(Kind::Bip340));
    let arguments = [
        "reject",
        "--key",
        "key.age",
        "--yes",
        "--custodian-id",
        crate::overrides::CUSTODIAN,
        "--reason",
        "no",
    ];
    assert!(
        desk.refused(&arguments, &document.to_string())
            .contains("only an override")
    );
}
