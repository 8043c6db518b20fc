//! Data keys (api.md section 7).

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::service::Service;

const DATA_KEY: &str = "/v1/deks/telemetry/data-key";

fn service() -> Service {
    let service = Service::spawn();
    service.make_dek("telemetry");
    service
}

#[test]
fn a_data_key_comes_with_the_blob_that_brings_it_back() {
    let service = service();
    for bytes in [16, 24, 32, 64] {
        let context = json!({"file": "a"});
        let body = json!({"bytes": bytes, "context": context});
        let made = service.post("app", DATA_KEY, body).is(200);
        let key = Base64::decode_vec(made["plaintext"].as_str().unwrap()).unwrap();
        assert_eq!(key.len(), bytes);
        assert_ne!(key, vec![0; bytes]);
        service.hide(made["plaintext"].as_str().unwrap());
        let decrypt = |context: &Value| {
            let body = json!({"ciphertext": made["ciphertext"], "context": context});
            service.post("app", "/v1/deks/telemetry/decrypt", body)
        };
        assert_eq!(decrypt(&context).is(200)["plaintext"], made["plaintext"]);
        decrypt(&json!({"file": "b"})).is_refused(422, "integrity_failure");
    }
}

#[test]
fn whoever_wants_only_the_blob_gets_only_the_blob() {
    let service = service();
    let body = json!({"bytes": 32});
    let path = format!("{DATA_KEY}?plaintext=false");
    let made = service.post("app", &path, body.clone()).is(200);
    assert!(made.get("plaintext").is_none());
    let opened = json!({"ciphertext": made["ciphertext"]});
    let opened = service
        .post("app", "/v1/deks/telemetry/decrypt", opened)
        .is(200);
    assert_eq!(opened["plaintext"].as_str().unwrap().len(), 44);
    let path = format!("{DATA_KEY}?plaintext=true");
    assert!(service.post("app", &path, body.clone()).is(200)["plaintext"].is_string());
    for bad in [
        "?plaintext=no",
        "?plaintext=",
        "?x=1",
        "?plaintext=true&plaintext=false",
    ] {
        let path = format!("{DATA_KEY}{bad}");
        let refused = service.post("app", &path, body.clone());
        refused.is_refused(400, "invalid_request");
    }
}

#[test]
fn another_length_is_400_and_no_two_keys_are_the_same() {
    let service = service();
    for bytes in [
        json!(0),
        json!(8),
        json!(33),
        json!(128),
        json!(-16),
        json!("32"),
        json!(32.0),
        Value::Null,
    ] {
        let refused = service.post("app", DATA_KEY, json!({"bytes": bytes}));
        refused.is_refused(400, "invalid_request");
    }
    let make = || service.post("app", DATA_KEY, json!({"bytes": 32})).is(200);
    let (one, other) = (make(), make());
    assert_ne!(one["plaintext"], other["plaintext"]);
    assert_ne!(one["ciphertext"], other["ciphertext"]);
}

#[test]
fn a_data_key_is_one_audit_entry_that_names_the_version_and_no_secret() {
    let service = service();
    let made = service.post("app", DATA_KEY, json!({"bytes": 32})).is(200);
    let log = service.audit();
    let entries: Vec<_> = log
        .iter()
        .filter(|entry| entry["action"] == "dek.data_key")
        .collect();
    assert_eq!(entries.len(), 1);
    let version = made["version"].as_str().unwrap();
    assert_eq!(entries[0]["object"], format!("telemetry/{version}"));
    assert!(
        !entries[0]
            .to_string()
            .contains(made["plaintext"].as_str().unwrap())
    );
}
