//! Versions in one event may be mixed; those that may not be used decrypt nothing.

use serde_json::json;

use crate::{ENCRYPT, decrypt, encrypted, make, refused_at, telemetry};

#[test]
fn one_event_may_hold_several_versions_and_deks() {
    let (_home, service) = telemetry(&[]);
    make(&service, "payroll");
    let old = encrypted(&service, &json!({"actor_id": 1.5}));
    service
        .post("operator", "/v1/deks/telemetry/rotate", json!({}))
        .is(201);
    let body =
        json!({"dek": "telemetry", "event": {"actor_id": old["actor_id"], "actor_name": [2]}});
    let both = service.post("app", ENCRYPT, body).is(200);
    assert_eq!(both["kept"], json!(["actor_id"]));
    let body = json!({"dek": "payroll", "event": {"x": {"client_ip": null}}});
    let paid = service.post("app", ENCRYPT, body).is(200);
    let mixed = json!({"a": both["event"], "b": paid["event"]});
    let text = mixed.to_string();
    for version in ["telemetry/dek-v1-", "telemetry/dek-v2-", "payroll/dek-v1-"] {
        assert!(text.contains(version), "{version}");
    }
    let back = decrypt(&service, &text).is(200);
    let wanted =
        json!({"a": {"actor_id": 1.5, "actor_name": [2]}, "b": {"x": {"client_ip": null}}});
    assert_eq!(back["event"], wanted);
    let last = service.audit().pop().unwrap();
    assert_eq!(last["object"], "payroll, telemetry");
}

#[test]
fn a_version_that_may_not_be_used_refuses_its_field() {
    let (_home, service) = telemetry(&[]);
    let old = encrypted(&service, &json!({"x": {"actor_id": 1}}));
    service
        .post("operator", "/v1/deks/telemetry/rotate", json!({}))
        .is(201);
    let dek = service.get("operator", "/v1/deks/telemetry").is(200);
    let version = dek["versions"][0]["version"].as_str().unwrap();
    let change = |what: &str, body| {
        let path = format!("/v1/deks/telemetry/versions/{version}/{what}");
        service.post("operator", &path, body).is(200)
    };
    change("disable", json!({}));
    let answer = decrypt(&service, &old.to_string());
    refused_at(&answer, 409, "conflict", "/x/actor_id");
    let last = service.audit().pop().unwrap();
    assert_eq!(
        (&last["outcome"], &last["object"]),
        (&json!("refused"), &json!("telemetry"))
    );
    // It may be enabled again, so what it encrypted is not encrypted over.
    let body = json!({"dek": "telemetry", "event": old});
    assert_eq!(
        service.post("app", ENCRYPT, body.clone()).is(200)["kept"],
        json!(["actor_id"])
    );
    change("enable", json!({}));
    decrypt(&service, &old.to_string()).is(200);
    change(
        "destroy",
        json!({"confirm": format!("telemetry/{version}")}),
    );
    let answer = decrypt(&service, &old.to_string());
    refused_at(&answer, 410, "destroyed", "/x/actor_id");
    let again = service.post("app", ENCRYPT, body).is(200);
    assert_eq!(again["encrypted"], json!(["actor_id"]));
    assert_eq!(
        decrypt(&service, &again["event"].to_string()).is(200)["event"],
        old
    );
}
