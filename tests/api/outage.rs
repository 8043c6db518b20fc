//! The token's folder moved away and back (issue 2): 503 at once, alive all the while, well again without a restart.

use std::{fs, time::Duration};

use serde_json::json;

use crate::{
    service::{Answer, Service, eventually},
    watch::Watch,
};

const AT_ONCE: Duration = Duration::from_secs(2);

fn away(service: &Service) {
    fs::rename(service.dir.join("softhsm/tokens"), service.dir.join("away")).unwrap();
}

fn back(service: &Service) {
    let tokens = service.dir.join("softhsm/tokens");
    let _none = fs::remove_dir_all(&tokens);
    fs::rename(service.dir.join("away"), tokens).unwrap();
}

fn wrap(service: &Service) -> Answer {
    service.post("app", "/v1/wrap", json!({"plaintext": "YQ=="}))
}

/// Asserts a 503 that came in time and says when to try again.
#[track_caller]
fn is_down(asked: impl FnOnce() -> Answer) {
    let begun = Watch::start();
    let answer = asked();
    assert!(begun.elapsed() < AT_ONCE, "it took {:?}", begun.elapsed());
    answer.is_refused(503, "kek_unavailable");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait >= 1);
    let detail = answer.json()["detail"].to_string();
    for inside in ["softhsm", "CKR_", "/tmp", "pkcs11"] {
        assert!(
            !detail.to_lowercase().contains(&inside.to_lowercase()),
            "{detail}"
        );
    }
}

#[test]
fn a_service_that_is_well_is_live_and_ready() {
    let service = Service::of_the_contract();
    let live = service.get("", "/v1/health/live").is(200);
    assert_eq!(live, json!({"status": "ok"}));
    let ready = service.get("", "/v1/health/ready").is(200);
    assert_eq!(ready["status"], "ready");
    for part in ["kek", "store", "audit"] {
        assert_eq!(ready["checks"][part]["ok"], true, "{ready}");
    }
    assert_eq!(ready.as_object().unwrap().len(), 2);
}

#[test]
fn without_its_token_the_service_says_so_and_recovers_by_itself() {
    let service = Service::of_the_contract();
    service.make_dek("telemetry");
    let blob = wrap(&service).is(200)["wrapped"].clone();
    let tools = json!({"tools": [{"name": "add"}]});
    let signed = service.post("app", "/v1/mcp/tools/sign", tools.clone());
    let signed = signed.is(200);
    away(&service);
    each_verb_is_down(&service, &blob);
    is_down(|| service.post("app", "/v1/mcp/tools/sign", tools.clone()));
    let judged = service.post("app", "/v1/mcp/tools/verify", signed).is(200);
    assert_eq!(judged["valid"], true);
    eventually("readiness notices", || {
        service.get("", "/v1/health/ready").status == 503
    });
    let ready = service.get("", "/v1/health/ready").is(503);
    assert_eq!(
        (&ready["status"], &ready["checks"]["kek"]["ok"]),
        (&json!("not_ready"), &json!(false))
    );
    assert_eq!(ready["checks"]["store"]["ok"], true);
    service.get("", "/v1/health/live").is(200);
    service.get("operator", "/v1/deks/telemetry").is(200);
    assert_eq!(service.get("auditor", "/metrics").status, 200);
    back(&service);
    let begun = Watch::start();
    eventually("the token is used again", || wrap(&service).status == 200);
    service.post("app", "/v1/mcp/tools/sign", tools).is(200);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    let opened = service
        .post("app", "/v1/unwrap", json!({"wrapped": blob}))
        .is(200);
    assert_eq!(opened["plaintext"], "YQ==");
    eventually("readiness notices", || {
        service.get("", "/v1/health/ready").status == 200
    });
    let dek = service.get("operator", "/v1/deks/telemetry").is(200);
    assert_eq!(
        dek["versions"].as_array().unwrap().len(),
        1,
        "a failed rotation left a version"
    );
}

fn each_verb_is_down(service: &Service, blob: &serde_json::Value) {
    let wrapped = json!({"wrapped": blob});
    is_down(|| wrap(service));
    is_down(|| service.post("app", "/v1/unwrap", wrapped.clone()));
    is_down(|| service.post("operator", "/v1/rewrap", wrapped.clone()));
    is_down(|| service.post("app", "/v1/unwrap", json!({"items": [wrapped, wrapped]})));
    is_down(|| service.post("operator", "/v1/deks/telemetry/rotate", json!({})));
    let new = json!({"name": "new", "algorithm": "aes-256-gcm"});
    is_down(|| service.post("operator", "/v1/deks", new));
    let failed = service.audit();
    let failed: Vec<_> = failed
        .iter()
        .filter(|entry| entry["outcome"] == "failed")
        .collect();
    assert_eq!(failed.len(), 6);
    assert!(
        failed
            .iter()
            .all(|entry| entry["detail"]["code"] == "kek_unavailable")
    );
    service
        .get("operator", "/v1/deks/new")
        .is_refused(404, "not_found");
}

#[test]
fn a_request_that_failed_for_want_of_the_token_can_be_sent_again_with_its_key() {
    let service = Service::of_the_contract();
    let operator = service.token("operator");
    let body = r#"{"name":"telemetry","algorithm":"aes-256-gcm"}"#;
    let create = || {
        service.send(
            &operator,
            "POST",
            "/v1/deks",
            &[("idempotency-key", "k")],
            body,
        )
    };
    away(&service);
    is_down(create);
    back(&service);
    eventually("the DEK is made", || create().status == 201);
    assert_eq!(create().header("idempotent-replayed"), Some("true"));
}

#[test]
fn many_callers_at_once_are_all_told_that_the_token_is_away() {
    let service = Service::of_the_contract();
    away(&service);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..3 {
                    wrap(&service).is_refused(503, "kek_unavailable");
                }
            });
        }
    });
    back(&service);
    eventually("the token is used again", || wrap(&service).status == 200);
}
