//! Hybrid DEKs (api.md section 7): public keys, encryption without the token. Against other HPKE libraries:
//! tests/interop.rs.

use std::fs;

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::service::{Service, eventually};

fn hybrid() -> (Service, String) {
    let service = Service::spawn();
    let body = json!({"name": "telemetry", "algorithm": "mlkem768-x25519"});
    let made = service.post("operator", "/v1/deks", body).is(201);
    let first = made["current"].as_str().unwrap().to_owned();
    (service, first)
}

const ENCRYPT: &str = "/v1/deks/telemetry/encrypt";
const DECRYPT: &str = "/v1/deks/telemetry/decrypt";
const PUBLIC_KEY: &str = "/v1/deks/telemetry/public-key";

#[test]
fn what_a_hybrid_dek_encrypts_it_decrypts_with_the_same_context_only() {
    let (service, first) = hybrid();
    let body = json!({"plaintext": "YWVnaXM=", "context": {"a": "b"}});
    let made = service.post("app", ENCRYPT, body).is(200);
    let blob = made["ciphertext"].as_str().unwrap();
    assert!(blob.starts_with(&format!("cst1:hpke:telemetry/{first}:")));
    let decrypt = |blob: &str, context: Value| {
        let body = json!({"ciphertext": blob, "context": context});
        service.post("app", DECRYPT, body)
    };
    assert_eq!(
        decrypt(blob, json!({"a": "b"})).is(200)["plaintext"],
        "YWVnaXM="
    );
    decrypt(blob, json!({"a": "c"})).is_refused(422, "integrity_failure");
    let head = blob.rfind(':').unwrap();
    for at in [head + 1, head + 1000, blob.len() - 2] {
        let mut damaged = blob.as_bytes().to_vec();
        damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
        let damaged = String::from_utf8(damaged).unwrap();
        decrypt(&damaged, json!({"a": "b"})).is_refused(422, "integrity_failure");
    }
}

#[test]
fn the_public_key_is_that_of_the_newest_version_unless_another_is_asked_for() {
    let (service, first) = hybrid();
    let key = service.get("app", PUBLIC_KEY).is(200);
    assert_eq!(key["version"], *first);
    assert_eq!(key["algorithm"], "mlkem768-x25519");
    let bytes = Base64::decode_vec(key["public_key"].as_str().unwrap()).unwrap();
    assert_eq!(bytes.len(), 1216);
    let rotate = "/v1/deks/telemetry/rotate";
    let second = service.post("operator", rotate, json!({})).is(201);
    assert_eq!(second["public_key"].as_str().unwrap().len(), 1624);
    let newest = service.get("auditor", PUBLIC_KEY).is(200);
    assert_eq!(newest["public_key"], second["public_key"]);
    let older = format!("{PUBLIC_KEY}?version={first}");
    assert_eq!(
        service.get("operator", &older).is(200)["public_key"],
        key["public_key"]
    );
    let shown = service.get("app", "/v1/deks/telemetry").is(200);
    assert_eq!(shown["versions"][0]["public_key"], key["public_key"]);
}

#[test]
fn a_public_key_that_nothing_could_be_decrypted_with_is_not_given_out() {
    let (service, first) = hybrid();
    service
        .post("operator", "/v1/deks/telemetry/rotate", json!({}))
        .is(201);
    let older = format!("{PUBLIC_KEY}?version={first}");
    let verb = |verb: &str, body: Value| {
        let path = format!("/v1/deks/telemetry/versions/{first}/{verb}");
        service.post("operator", &path, body).is(200)
    };
    verb("disable", json!({}));
    service.get("app", &older).is_refused(409, "conflict");
    verb("enable", json!({}));
    service.get("app", &older).is(200);
    verb("destroy", json!({"confirm": format!("telemetry/{first}")}));
    service.get("app", &older).is_refused(410, "destroyed");
    let never = format!("{PUBLIC_KEY}?version=dek-v9-20261123");
    service
        .get("app", &never)
        .is_refused(422, "integrity_failure");
    for bad in [
        "?version=x",
        "?version=",
        "?versions=a",
        "?version=a&version=b",
    ] {
        let path = format!("{PUBLIC_KEY}{bad}");
        service.get("app", &path).is_refused(400, "invalid_request");
    }
}

#[test]
fn an_aes_dek_has_no_public_key_and_a_hybrid_one_makes_no_data_keys() {
    let (service, _) = hybrid();
    service.make_dek("plain");
    let refused = service.get("app", "/v1/deks/plain/public-key");
    refused.is_refused(409, "conflict");
    let body = json!({"bytes": 32});
    let refused = service.post("app", "/v1/deks/telemetry/data-key", body);
    refused.is_refused(409, "conflict");
    let body = json!({"plaintext": "YQ=="});
    let aead = service.post("app", "/v1/deks/plain/encrypt", body).is(200);
    let text = aead["ciphertext"].as_str().unwrap();
    for kind in ["cst1:dek:", "cst1:hpke:"] {
        let blob = text.replace("cst1:dek:plain", &format!("{kind}telemetry"));
        let body = json!({"ciphertext": blob});
        let refused = service.post("app", DECRYPT, body);
        refused.is_refused(422, "integrity_failure");
    }
}

#[test]
fn while_the_token_is_away_a_hybrid_dek_encrypts_and_does_not_decrypt() {
    let (service, _) = hybrid();
    let body = json!({"plaintext": "YWVnaXM="});
    let blob = service.post("app", ENCRYPT, body.clone()).is(200)["ciphertext"].take();
    let decrypt = || service.post("app", DECRYPT, json!({"ciphertext": blob}));
    decrypt().is(200);
    let (tokens, away) = (service.dir.join("softhsm/tokens"), service.dir.join("away"));
    fs::rename(&tokens, &away).unwrap();
    // Pulling the token also drops what is open.
    eventually("refused", || decrypt().status == 503);
    decrypt().is_refused(503, "kek_unavailable");
    let new = service.post("app", ENCRYPT, body).is(200);
    service.get("app", PUBLIC_KEY).is(200);
    fs::rename(&away, &tokens).unwrap();
    eventually("back", || decrypt().status == 200);
    let body = json!({"ciphertext": new["ciphertext"]});
    assert_eq!(
        service.post("app", DECRYPT, body).is(200)["plaintext"],
        "YWVnaXM="
    );
}
