//! `examples/encrypt_event.py` as a command: a public key in a file, an event on standard input.

use std::fs;

use serde_json::json;

use super::{example, refused, service::Service, wrote};

const EVENT: &str =
    "{\"id\": 1.0, \"actor_id\": 12345678901234567890, \"who\": [{\"client_ip\": \"::1\"}]}\n";

/// A service with the hybrid DEK `telemetry`, and the file with its public key.
fn service() -> (Service, String) {
    let service = Service::spawn();
    let dek = json!({"name": "telemetry", "algorithm": "mlkem768-x25519"});
    service.post("operator", "/v1/deks", dek).is(201);
    let public = service.get("app", "/v1/deks/telemetry/public-key").is(200);
    let file = service.dir.join("public.json");
    fs::write(&file, public.to_string()).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (service, file)
}

#[test]
fn what_the_command_encrypts_the_service_decrypts() {
    let (service, public) = service();
    let arguments = ["--public-key", &public, "--dek", "telemetry"];
    let sealed = wrote(example("encrypt_event.py", &arguments, EVENT.as_bytes()));
    let sealed = String::from_utf8(sealed).unwrap();
    assert!(sealed.starts_with("{\"id\": 1.0, \"actor_id\": \"cst1:hpke:telemetry/dek-v1-"));
    assert!(!sealed.contains("1234567890") && !sealed.contains("::1"));
    let body = format!("{{\"event\":{sealed}}}");
    let opened = service.send(&service.token("app"), "POST", "/v1/pii/decrypt", &[], &body);
    assert_eq!(opened.status, 200, "{opened:?}");
    assert!(opened.text.contains(EVENT.trim()), "{}", opened.text);
}

#[test]
fn other_fields_may_be_named() {
    let (service, public) = service();
    let arguments = [
        "--public-key",
        &public,
        "--dek",
        "telemetry",
        "--field",
        "id",
    ];
    let sealed = wrote(example("encrypt_event.py", &arguments, EVENT.as_bytes()));
    let sealed: serde_json::Value = serde_json::from_slice(&sealed).unwrap();
    assert_eq!(sealed["who"], json!([{"client_ip": "::1"}]));
    let body = json!({"event": {"id": sealed["id"]}, "fields": ["id"]});
    let opened = service.post("app", "/v1/pii/decrypt", body).is(200);
    assert_eq!(opened["event"], json!({"id": 1.0}));
}

#[test]
fn what_it_cannot_encrypt_ends_in_a_sentence_and_shows_nothing_of_the_event() {
    let (service, public) = service();
    let other = service.dir.join("other.json");
    fs::write(
        &other,
        "{\"version\":\"dek-v1-20261123\",\"algorithm\":\"aes-256-gcm\"}",
    )
    .unwrap();
    let other = other.to_str().unwrap();
    for (file, event, sentence) in [
        (
            &*public,
            "{\"actor_id\":\"secret\",\"actor_id\":1}",
            "stands twice",
        ),
        (&*public, "[\"secret\"]", "one JSON object"),
        (&*public, "{\"actor_id\":\"secret\"", "delimiter"),
        (
            other,
            "{\"actor_id\":\"secret\"}",
            "not the public key of a hybrid DEK",
        ),
        ("no.json", "{\"actor_id\":\"secret\"}", "no.json"),
    ] {
        let arguments = ["--public-key", file, "--dek", "telemetry"];
        let said = refused(example("encrypt_event.py", &arguments, event.as_bytes()));
        assert!(said.contains(sentence), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
