//! Overrides over restarts: what stands stays, and what is configured then is what counts.

use aegis_custodian::crypto::scheme::Kind;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    people::{Desk, Person, RISK, SECURITY, text},
    service::Service,
};

fn people(service: &Service) -> (Person, Person) {
    (
        Person::enrol(service, "rita", RISK, Kind::Ed25519),
        Person::enrol(service, "theo", SECURITY, Kind::Bip340),
    )
}

fn certificate(service: &Service, of: &Value) -> Value {
    let path = format!("/v1/overrides/{}/certificate", text(of, "id"));
    service.get("auditor", &path).is(200)
}

#[test]
fn what_is_approved_and_what_is_half_signed_survive_a_restart() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let (rita, theo) = people(&service);
    let done = service.request("done", json!({})).is(201);
    rita.sign(&service, &done).is(200);
    theo.sign(&service, &done).is(200);
    let half = service.request("half", json!({})).is(201);
    rita.sign(&service, &half).is(200);
    let before = certificate(&service, &done);
    service.kill();
    let service = Service::start(home.path(), &[]);
    assert_eq!(certificate(&service, &done), before);
    assert_eq!(service.status(&half), "partial");
    assert_eq!(theo.sign(&service, &half).is(200)["status"], "approved");
}

#[test]
fn an_override_of_another_name_of_the_service_takes_no_signature() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--instance", "here"]);
    let (rita, theo) = people(&service);
    let asked = service.request("x", json!({})).is(201);
    rita.sign(&service, &asked).is(200);
    service.stop();
    let service = Service::start(home.path(), &["--instance", "there"]);
    theo.sign(&service, &asked).is_refused(409, "conflict");
    assert_eq!(service.status(&asked), "partial");
    let asked = service.request("y", json!({})).is(201);
    assert_eq!(asked["instance"], "there");
    rita.sign(&service, &asked).is(200);
    assert_eq!(theo.sign(&service, &asked).is(200)["status"], "approved");
}

#[test]
fn a_scheme_that_was_switched_off_signs_nothing_and_approves_nothing() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &[]);
    let (rita, theo) = people(&service);
    let done = service.request("done", json!({})).is(201);
    rita.sign(&service, &done).is(200);
    theo.sign(&service, &done).is(200);
    let half = service.request("half", json!({})).is(201);
    rita.sign(&service, &half).is(200);
    service.stop();
    let service = Service::start(home.path(), &["--signature-schemes", "bip340"]);
    assert_eq!(service.status(&done), "approved");
    let other = service.request("other", json!({})).is(201);
    rita.sign(&service, &other).is_refused(409, "conflict");
    // theo's own is good; rita's beside it counts no more, and her role is open again.
    let signed = theo.sign(&service, &half).is(200);
    assert_eq!(signed["status"], "partial");
    assert_eq!(signed["signatures"].as_array().unwrap().len(), 1);
    assert_eq!(
        signed["void_signatures"][0]["custodian_id"],
        rita.id.as_str()
    );
    let ruth = Person::enrol(&service, "ruth", RISK, Kind::Bip340);
    assert_eq!(ruth.sign(&service, &half).is(200)["status"], "approved");
}

#[test]
fn with_binding_aegis_the_message_hash_itself_is_signed() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--override-binding", "aegis"]);
    let (rita, theo) = people(&service);
    let asked = service.request("x", json!({})).is(201);
    assert_eq!(asked["binding"], "aegis");
    assert_eq!(asked["signing_hash"], asked["message_hash"]);
    rita.sign(&service, &asked).is(200);
    theo.sign(&service, &asked).is(200);
    let body = json!({"certificate": certificate(&service, &asked)});
    let verdict = service.post("app", "/v1/overrides/verify", body).is(200);
    assert_eq!(verdict["valid"], true, "{verdict}");
}

#[test]
fn a_request_with_an_idempotency_key_asks_once() {
    let service = Service::spawn();
    let body =
        json!({"proposal_id": "p", "justification": "j", "failed_gates": ["risk"]}).to_string();
    let ask = || {
        let key = [("idempotency-key", "once")];
        service.send(&service.token("app"), "POST", "/v1/overrides", &key, &body)
    };
    let (first, second) = (ask(), ask());
    assert_eq!(
        first.header("location").unwrap(),
        format!("/v1/overrides/{}", text(&first.json(), "id"))
    );
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.is(201), second.is(201));
}
