//! Opened DEKs: kept for the configured time, or not at all; gone at each change of their DEK.

use serde_json::json;
use tempfile::TempDir;

use crate::service::{Service, eventually};

/// How often a DEK was opened in the token.
fn from_token(service: &Service) -> f64 {
    let metrics = service.get("auditor", "/metrics");
    let line = "custodian_deks_opened_total{from=\"token\"} ";
    let found = metrics
        .text
        .lines()
        .find_map(|text| text.strip_prefix(line));
    found.map_or(0.0, |number| number.parse().unwrap())
}

fn encrypt(service: &Service) {
    let body = json!({"plaintext": "YQ=="});
    service
        .post("app", "/v1/deks/telemetry/encrypt", body)
        .is(200);
}

#[test]
fn an_opened_dek_is_asked_of_the_token_once_until_something_changes() {
    let service = Service::spawn();
    let first = service.make_dek("telemetry");
    (0..5).for_each(|_| encrypt(&service));
    assert_eq!(from_token(&service), 1.0);
    for verb in ["disable", "enable"] {
        let path = format!("/v1/deks/telemetry/versions/{first}/{verb}");
        service.post("operator", &path, json!({})).is(200);
    }
    (0..5).for_each(|_| encrypt(&service));
    assert_eq!(from_token(&service), 2.0);
    service
        .post("operator", "/v1/deks/telemetry/rotate", json!({}))
        .is(201);
    (0..5).for_each(|_| encrypt(&service));
    assert_eq!(from_token(&service), 3.0);
}

#[test]
fn without_a_cache_each_request_asks_the_token() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--dek-cache", "0"]);
    service.make_dek("telemetry");
    (0..5).for_each(|_| encrypt(&service));
    assert_eq!(from_token(&service), 5.0);
    let items = vec![json!({"plaintext": "YQ=="}); 20];
    let body = json!({"items": items});
    service
        .post("app", "/v1/deks/telemetry/encrypt", body)
        .is(200);
    assert_eq!(from_token(&service), 6.0, "a batch opens its DEK once");
}

#[test]
fn an_opened_dek_is_forgotten_when_its_time_is_over() {
    let home = TempDir::new().unwrap();
    let service = Service::start(home.path(), &["--dek-cache", "1s"]);
    service.make_dek("telemetry");
    encrypt(&service);
    eventually("asked again", || {
        encrypt(&service);
        from_token(&service) > 1.0
    });
}
