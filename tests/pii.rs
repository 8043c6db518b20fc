//! What is personal in events over REST (api.md section 9): it comes back exactly, nothing that was changed does, and
//! everything else stays to the byte. The real binary, a real SoftHSM token, real HTTP. Against other HPKE
//! libraries: tests/interop.rs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub, dead_code)]

use serde_json::{Value, json};
use service::{Answer, Service};

#[path = "pii/batches.rs"]
mod batches;
#[path = "pii/changed.rs"]
mod changed;
#[path = "support/dice.rs"]
mod dice;
#[path = "pii/fields.rs"]
mod fields;
#[path = "pii/limits.rs"]
mod limits;
#[path = "pii/outage.rs"]
mod outage;
#[path = "pii/random.rs"]
mod random;
#[path = "pii/round_trip.rs"]
mod round_trip;
#[path = "support/service.rs"]
mod service;
#[path = "pii/states.rs"]
mod states;
#[path = "support/twelve.rs"]
mod twelve;

pub const ENCRYPT: &str = "/v1/pii/encrypt";
pub const DECRYPT: &str = "/v1/pii/decrypt";

/// A service with the hybrid DEK `telemetry`.
pub fn telemetry(more: &[&str]) -> (tempfile::TempDir, Service) {
    let home = tempfile::TempDir::new().unwrap();
    let service = Service::start(home.path(), more);
    make(&service, "telemetry");
    (home, service)
}

/// Makes a hybrid DEK and answers its first version.
pub fn make(service: &Service, name: &str) -> String {
    let body = json!({"name": name, "algorithm": "mlkem768-x25519"});
    let made = service.post("operator", "/v1/deks", body).is(201);
    made["current"].as_str().unwrap().to_owned()
}

/// Sends JSON as it stands.
pub fn send(service: &Service, path: &str, body: &str) -> Answer {
    service.send(&service.token("app"), "POST", path, &[], body)
}

/// The text of `event` in an answer, as it stands there.
pub fn event_text(answer: &Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Reply {
        event: Box<serde_json::value::RawValue>,
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    let reply: Reply = serde_json::from_str(&answer.text).unwrap();
    reply.event.get().to_owned()
}

/// The text of an event, encrypted.
pub fn encrypt(service: &Service, event: &str) -> String {
    let body = format!(r#"{{"dek":"telemetry","event":{event}}}"#);
    event_text(&send(service, ENCRYPT, &body))
}

/// The text of an event, decrypted.
pub fn decrypt(service: &Service, event: &str) -> Answer {
    send(service, DECRYPT, &format!(r#"{{"event":{event}}}"#))
}

/// An event as JSON, encrypted.
pub fn encrypted(service: &Service, event: &Value) -> Value {
    serde_json::from_str(&encrypt(service, &event.to_string())).unwrap()
}

#[track_caller]
pub fn refused_at(answer: &Answer, status: u16, code: &str, pointer: &str) {
    answer.is_refused(status, code);
    let problem = answer.json();
    let field = pointer.rsplit('/').next().unwrap();
    assert_eq!(problem["pointer"], pointer, "{answer:?}");
    assert_eq!(problem["field"], field, "{answer:?}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("{field}: ")), "{detail}");
}
