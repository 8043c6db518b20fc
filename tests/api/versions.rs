//! The states of DEK versions (api.md section 7), where nothing waits before it is destroyed.

use serde_json::{Value, json};

use crate::service::{Answer, Service};

/// Two versions: the first one's name, a blob of each, under a context.
struct Pair {
    service: Service,
    first: String,
    second: String,
    old: Value,
    new: Value,
}

impl Pair {
    fn new(algorithm: &str) -> Self {
        let service = Service::spawn();
        let body = json!({"name": "telemetry", "algorithm": algorithm});
        let made = service.post("operator", "/v1/deks", body).is(201);
        let first = made["current"].as_str().unwrap().to_owned();
        let old = encrypt(&service).is(200)["ciphertext"].take();
        let rotate = "/v1/deks/telemetry/rotate";
        let second = service.post("operator", rotate, json!({})).is(201);
        let new = encrypt(&service).is(200)["ciphertext"].take();
        let second = second["version"].as_str().unwrap().to_owned();
        Self {
            service,
            first,
            second,
            old,
            new,
        }
    }

    fn verb(&self, version: &str, verb: &str) -> Answer {
        let path = format!("/v1/deks/telemetry/versions/{version}/{verb}");
        let body = match verb {
            "destroy" => json!({"confirm": format!("telemetry/{version}")}),
            _ => json!({}),
        };
        self.service.post("operator", &path, body)
    }

    fn decrypt(&self, blob: &Value) -> Answer {
        let body = json!({"ciphertext": blob});
        self.service.post("app", "/v1/deks/telemetry/decrypt", body)
    }

    fn rewrap(&self, blob: &Value) -> Answer {
        let body = json!({"ciphertext": blob});
        self.service.post("app", "/v1/deks/telemetry/rewrap", body)
    }
}

fn encrypt(service: &Service) -> Answer {
    let body = json!({"plaintext": "YWVnaXM="});
    service.post("app", "/v1/deks/telemetry/encrypt", body)
}

const BOTH: [&str; 2] = ["aes-256-gcm", "mlkem768-x25519"];

#[test]
fn a_disabled_version_is_409_until_it_is_enabled_and_the_other_works_on() {
    for algorithm in BOTH {
        let pair = Pair::new(algorithm);
        assert_eq!(
            pair.verb(&pair.first, "disable").is(200)["state"],
            "disabled"
        );
        pair.decrypt(&pair.old).is_refused(409, "conflict");
        pair.rewrap(&pair.old).is_refused(409, "conflict");
        pair.decrypt(&pair.new).is(200);
        encrypt(&pair.service).is(200);
        assert_eq!(
            pair.verb(&pair.first, "disable").is(200)["state"],
            "disabled"
        );
        assert_eq!(pair.verb(&pair.first, "enable").is(200)["state"], "enabled");
        assert_eq!(pair.decrypt(&pair.old).is(200)["plaintext"], "YWVnaXM=");
    }
}

#[test]
fn while_the_newest_version_is_disabled_nothing_is_encrypted() {
    for algorithm in BOTH {
        let pair = Pair::new(algorithm);
        pair.verb(&pair.second, "disable").is(200);
        encrypt(&pair.service).is_refused(409, "conflict");
        pair.rewrap(&pair.old).is_refused(409, "conflict");
        assert_eq!(pair.decrypt(&pair.old).is(200)["version"], *pair.first);
        let rotate = "/v1/deks/telemetry/rotate";
        pair.service.post("operator", rotate, json!({})).is(201);
        encrypt(&pair.service).is(200);
    }
}

#[test]
fn a_destroyed_version_is_410_for_ever() {
    for algorithm in BOTH {
        let pair = Pair::new(algorithm);
        let gone = pair.verb(&pair.first, "destroy").is(200);
        assert_eq!(
            (&gone["state"], &gone["kek"]),
            (&json!("destroyed"), &Value::Null)
        );
        pair.decrypt(&pair.old).is_refused(410, "destroyed");
        pair.rewrap(&pair.old).is_refused(410, "destroyed");
        for verb in ["destroy", "enable", "disable", "cancel-destroy"] {
            pair.verb(&pair.first, verb).is_refused(410, "destroyed");
        }
        pair.decrypt(&pair.new).is(200);
        let shown = pair.service.get("app", "/v1/deks/telemetry").is(200);
        assert_eq!(shown["versions"][0]["state"], "destroyed");
    }
}

#[test]
fn what_is_to_be_destroyed_is_said_twice() {
    let pair = Pair::new("aes-256-gcm");
    let path = format!("/v1/deks/telemetry/versions/{}/destroy", pair.first);
    let other = format!("telemetry/{}", pair.second);
    for confirm in ["", "telemetry", &pair.first, &other, "TELEMETRY"] {
        let body = json!({"confirm": confirm});
        let refused = pair.service.post("operator", &path, body);
        refused.is_refused(400, "invalid_request");
    }
    let refused = pair.service.post("operator", &path, json!({}));
    refused.is_refused(400, "invalid_request");
    pair.decrypt(&pair.old).is(200);
}

#[test]
fn the_version_that_encrypts_is_not_destroyed() {
    let pair = Pair::new("aes-256-gcm");
    pair.verb(&pair.second, "destroy")
        .is_refused(409, "conflict");
    pair.verb(&pair.second, "disable").is(200);
    pair.verb(&pair.second, "destroy")
        .is_refused(409, "conflict");
}

#[test]
fn a_version_that_never_was_is_404_in_a_path_and_422_in_a_blob() {
    let pair = Pair::new("aes-256-gcm");
    for verb in ["disable", "enable", "destroy", "cancel-destroy"] {
        pair.verb("dek-v9-20261123", verb)
            .is_refused(404, "not_found");
    }
    let blob = pair
        .old
        .as_str()
        .unwrap()
        .replace(&pair.first, "dek-v9-20261123");
    let refused = pair.decrypt(&json!(blob));
    refused.is_refused(422, "integrity_failure");
}

#[test]
fn a_rewrapped_blob_is_of_the_newest_version_and_keeps_plaintext_and_context() {
    for algorithm in BOTH {
        let service = Service::spawn();
        let body = json!({"name": "telemetry", "algorithm": algorithm});
        service.post("operator", "/v1/deks", body).is(201);
        let body = json!({"plaintext": "YWVnaXM=", "context": {"b": "2", "a": "1"}});
        let old = service
            .post("app", "/v1/deks/telemetry/encrypt", body)
            .is(200);
        service
            .post("operator", "/v1/deks/telemetry/rotate", json!({}))
            .is(201);
        let blob = |context: Value| json!({"ciphertext": old["ciphertext"], "context": context});
        let path = "/v1/deks/telemetry/rewrap";
        let wrong = service.post("app", path, blob(json!({"a": "1"})));
        wrong.is_refused(422, "integrity_failure");
        let context = json!({"a": "1", "b": "2"});
        for role in ["app", "operator"] {
            let new = service.post(role, path, blob(context.clone())).is(200);
            assert!(new["version"].as_str().unwrap().starts_with("dek-v2-"));
            assert!(new.get("plaintext").is_none());
            let body = json!({"ciphertext": new["ciphertext"], "context": context});
            let opened = service.post("app", "/v1/deks/telemetry/decrypt", body);
            assert_eq!(opened.is(200)["plaintext"], "YWVnaXM=");
        }
    }
}

#[test]
fn an_app_sees_and_uses_the_deks_in_its_grants_only() {
    let service = Service::spawn();
    for name in ["own", "other"] {
        let body = json!({"name": name, "algorithm": "mlkem768-x25519"});
        service.post("operator", "/v1/deks", body).is(201);
    }
    let narrow = service.principal("narrow", &["app"], &json!({"grants": {"deks": ["own"]}}));
    let ask =
        |method: &str, path: &str, body: &str| service.send(&narrow.token, method, path, &[], body);
    ask("GET", "/v1/deks/own", "").is(200);
    ask("GET", "/v1/deks/own/public-key", "").is(200);
    for path in ["/v1/deks/other", "/v1/deks/other/public-key"] {
        ask("GET", path, "").is_refused(404, "not_found");
    }
    for (verb, body) in [
        ("rewrap", r#"{"ciphertext":"x"}"#),
        ("data-key", r#"{"bytes":32}"#),
    ] {
        let path = format!("/v1/deks/other/{verb}");
        ask("POST", &path, body).is_refused(404, "not_found");
    }
    let listed = ask("GET", "/v1/deks", "").is(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[test]
fn the_state_of_a_version_comes_before_the_kind_of_its_blob() {
    let service = Service::spawn();
    let first = service.make_dek("telemetry");
    let rotate = "/v1/deks/telemetry/rotate";
    service.post("operator", rotate, json!({})).is(201);
    let decrypt = || {
        let blob = format!("cst1:hpke:telemetry/{first}:AAAA");
        let body = json!({"ciphertext": blob});
        service.post("app", "/v1/deks/telemetry/decrypt", body)
    };
    decrypt().is_refused(422, "integrity_failure");
    let disable = format!("/v1/deks/telemetry/versions/{first}/disable");
    service.post("operator", &disable, json!({})).is(200);
    decrypt().is_refused(409, "conflict");
}
