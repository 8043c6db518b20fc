//! The certificate of an approved override, as the service hands it out and judges it (formats.md section 5). What
//! the certificate itself must be is proven in tests/certificate.rs.

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};

use crate::{
    House,
    people::{Desk, Person, RISK, SECURITY, text},
};

fn approved(house: &House, justification: &str) -> Value {
    let rita = Person::enrol(house, "rita", RISK, Kind::Bip340);
    let theo = Person::enrol(house, "theo", SECURITY, Kind::Ed25519MlDsa44);
    let asked = house
        .request(justification, json!({"environment": "staging"}))
        .is(201);
    rita.sign(house, &asked).is(200);
    theo.sign(house, &asked).is(200)
}

fn certificate(house: &House, of: &Value) -> Value {
    house.look(
        &house.app,
        &format!("/v1/overrides/{}/certificate", text(of, "id")),
    )
}

fn judge(house: &House, certificate: &Value, more: Value) -> Value {
    let mut body = json!({"certificate": certificate});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    house
        .tell(&house.operator, "/v1/overrides/verify", body)
        .is(200)
}

#[test]
fn anyone_with_a_token_has_a_certificate_judged() {
    let house = House::open();
    let made = approved(&house, "caf\u{e9}");
    let certificate = certificate(&house, &made);
    assert_eq!(certificate["payloadType"], "application/vnd.in-toto+json");
    let expected =
        json!({"expected_message_hash": made["message_hash"], "expected_environment": "staging"});
    let verdict = judge(&house, &certificate, expected);
    assert_eq!(verdict["valid"], true, "{verdict}");
    assert_eq!(verdict["error"], Value::Null);
    assert_eq!(verdict["custodians"], "pinned");
    assert_eq!(verdict["override"]["proposal_id"], "p-1");
    let other = json!({"expected_environment": "production"});
    assert_eq!(
        judge(&house, &certificate, other)["error"],
        "AttestationEnvironmentMismatch"
    );
    let other = json!({"expected_message_hash": "0".repeat(64)});
    assert_eq!(
        judge(&house, &certificate, other)["error"],
        "AttestationDigestMismatch"
    );
}

#[test]
fn what_is_no_certificate_is_judged_and_never_fails() {
    let house = House::open();
    for nonsense in [
        json!({}),
        json!({"payloadType": 1}),
        json!({"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": []}),
    ] {
        let verdict = judge(&house, &nonsense, json!({}));
        assert_eq!(verdict["valid"], false);
        assert!(
            text(&verdict, "error").starts_with("Attestation"),
            "{verdict}"
        );
        assert_eq!(verdict["override"], Value::Null);
    }
    for wrong in [json!(null), json!(1), json!("x"), json!([])] {
        let body = json!({"certificate": wrong});
        house
            .tell(&house.app, "/v1/overrides/verify", body)
            .is_refused(400, "invalid_request");
    }
    let body = json!({"certificate": {}, "expected_message_hash": "xyz"});
    house
        .tell(&house.app, "/v1/overrides/verify", body)
        .is_refused(400, "invalid_request");
}

#[test]
fn a_certificate_of_another_custodian_service_is_not_valid_here() {
    let (here, there) = (House::open(), House::open());
    let certificate = certificate(&there, &approved(&there, "x"));
    let verdict = judge(&here, &certificate, json!({}));
    assert_eq!(verdict["valid"], false);
    assert_eq!(verdict["error"], "AttestationEd25519VerifyFailed");
}

#[test]
fn there_is_no_certificate_before_the_approval_and_none_for_strangers() {
    let house = House::open();
    let asked = house.request("x", json!({})).is(201);
    let path = format!("/v1/overrides/{}/certificate", text(&asked, "id"));
    house
        .ask(&house.app, "GET", &path, &Value::Null)
        .is_refused(409, "conflict");
    house
        .ask(&house.operator, "GET", &path, &Value::Null)
        .is_refused(403, "forbidden");
    let nothing = "/v1/overrides/7d793037-a076-4a9c-8e0b-a64bcb1bd8a2/certificate";
    house
        .ask(&house.app, "GET", nothing, &Value::Null)
        .is_refused(404, "not_found");
}
