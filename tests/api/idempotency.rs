//! Idempotency keys (api.md section 1): made once, answered again.

use std::thread;

use serde_json::{Value, json};

use crate::service::{Answer, Service};

const DEK: &str = r#"{"name":"telemetry","algorithm":"aes-256-gcm"}"#;

fn post(service: &Service, token: &str, path: &str, key: &str, body: &str) -> Answer {
    service.send(token, "POST", path, &[("idempotency-key", key)], body)
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

#[test]
fn the_same_request_again_gets_the_first_answer_again() {
    let service = Service::spawn();
    let operator = service.token("operator");
    let first = post(&service, &operator, "/v1/deks", "k", DEK);
    let again = post(&service, &operator, "/v1/deks", "k", DEK);
    assert!(!replayed(&first) && replayed(&again));
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(first.is(201), again.is(201));
    let rotate = |key| post(&service, &operator, "/v1/deks/telemetry/rotate", key, "{}");
    assert_eq!(rotate("r").is(201), rotate("r").is(201));
    assert_eq!(rotate("s").is(201)["number"], 3);
    let shown = service.get("operator", "/v1/deks/telemetry").is(200);
    assert_eq!(shown["versions"].as_array().unwrap().len(), 3);
}

#[test]
fn a_replay_has_no_token_and_says_so() {
    let service = Service::spawn();
    let admin = service.token("admin");
    let body = r#"{"name":"n","subject":"s","roles":["app"]}"#;
    let first = post(&service, &admin, "/v1/admin/principals", "k", body).is(201);
    let again = post(&service, &admin, "/v1/admin/principals", "k", body);
    assert!(replayed(&again));
    let tokens = format!(
        "/v1/admin/principals/{}/tokens",
        first["id"].as_str().unwrap()
    );
    same_but_for_the_token(&service, first, again.is(201));
    let first = post(&service, &admin, &tokens, "k", "{}").is(201);
    let again = post(&service, &admin, &tokens, "k", "{}").is(201);
    same_but_for_the_token(&service, first, again);
}

#[track_caller]
fn same_but_for_the_token(service: &Service, mut first: Value, mut again: Value) {
    let token = first["token"].take();
    service.hide(token.as_str().unwrap());
    assert!(!again.to_string().contains(token.as_str().unwrap()));
    assert_eq!(again["token"], Value::Null);
    let fields = again.as_object_mut().unwrap();
    let said = fields
        .remove("notice")
        .expect("nothing says where the token went");
    assert!(said.as_str().unwrap().contains("token"));
    assert_eq!(first, again);
}

#[test]
fn the_same_key_with_another_body_is_422() {
    let service = Service::spawn();
    let operator = service.token("operator");
    post(&service, &operator, "/v1/deks", "k", DEK).is(201);
    let spaced = DEK.replace(',', ", ");
    for other in [
        spaced.as_str(),
        r#"{"name":"other","algorithm":"aes-256-gcm"}"#,
    ] {
        post(&service, &operator, "/v1/deks", "k", other).is_refused(422, "idempotency_mismatch");
    }
    post(&service, &operator, "/v1/deks", "k", "{").is_refused(400, "invalid_request");
}

#[test]
fn a_key_belongs_to_one_principal_and_one_path() {
    let service = Service::spawn();
    let operator = service.token("operator");
    let other = service
        .principal("second", &["operator"], &Value::Null)
        .token;
    post(&service, &operator, "/v1/deks", "k", DEK).is(201);
    post(&service, &other, "/v1/deks", "k", DEK).is_refused(409, "already_exists");
    let path = "/v1/deks/telemetry/rotate";
    let rotated = post(&service, &operator, path, "k", "{}");
    assert!(!replayed(&rotated));
    assert_eq!(rotated.is(201)["number"], 2);
    let other = post(&service, &other, path, "k", "{}");
    assert!(!replayed(&other));
    assert_eq!(other.is(201)["number"], 3);
}

#[test]
fn an_idempotency_key_is_1_to_128_printable_ascii_characters() {
    let service = Service::spawn();
    let operator = service.token("operator");
    let rotate = |key: &str| post(&service, &operator, "/v1/deks/telemetry/rotate", key, "{}");
    service.make_dek("telemetry");
    for good in ["a", "a b", "~!\"#$%&'()", &"k".repeat(128)] {
        rotate(good).is(201);
        assert!(replayed(&rotate(good)), "{good}");
    }
    for bad in ["", "k\tk", "ké", &"k".repeat(129)] {
        rotate(bad).is_refused(400, "invalid_request");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let twice = service.send(&operator, "POST", "/v1/deks/telemetry/rotate", &twice, "{}");
    twice.is_refused(400, "invalid_request");
}

#[test]
fn a_first_attempt_that_failed_is_not_kept() {
    let service = Service::spawn();
    let operator = service.token("operator");
    let rotate = || post(&service, &operator, "/v1/deks/telemetry/rotate", "k", "{}");
    rotate().is_refused(404, "not_found");
    service.make_dek("telemetry");
    let first = rotate();
    assert!(!replayed(&first));
    first.is(201);
    assert!(replayed(&rotate()));
    let taken = || post(&service, &operator, "/v1/deks", "k2", DEK);
    for _ in 0..2 {
        taken().is_refused(409, "already_exists");
    }
}

#[test]
fn eight_first_requests_at_once_make_one_thing() {
    let service = Service::spawn();
    let operator = service.token("operator");
    let eight = |path: &str, key: &str, body: &str| {
        let answers: Vec<Answer> = thread::scope(|scope| {
            let one = || scope.spawn(|| post(&service, &operator, path, key, body));
            let all: Vec<_> = (0..8).map(|_| one()).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        one_made_it(&answers);
    };
    eight("/v1/deks", "k", DEK);
    for round in 0..5 {
        eight("/v1/deks/telemetry/rotate", &format!("r{round}"), "{}");
    }
    let dek = service.get("operator", "/v1/deks/telemetry").is(200);
    assert_eq!(dek["versions"].as_array().unwrap().len(), 6);
}

/// Exactly one answer is the first; every other is its replay or says that it is still running.
#[track_caller]
fn one_made_it(answers: &[Answer]) {
    let made = |answer: &&Answer| answer.status == 201 && !replayed(answer);
    assert_eq!(answers.iter().filter(made).count(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.is_refused(409, "conflict");
    }
}

#[test]
fn a_replay_has_its_own_audit_entry_that_says_so() {
    let service = Service::spawn();
    let operator = service.token("operator");
    for id in ["first", "again"] {
        let headers = [("idempotency-key", "k"), ("x-request-id", id)];
        service
            .send(&operator, "POST", "/v1/deks", &headers, DEK)
            .is(201);
    }
    let entries = service.audit();
    let of = |id: &str| {
        let mut found = entries.iter().filter(|entry| entry["request_id"] == id);
        let entry = found.next().unwrap();
        assert!(found.next().is_none());
        assert_eq!(
            (&entry["action"], &entry["outcome"]),
            (&json!("dek.create"), &json!("ok"))
        );
        entry["detail"]["replayed"].clone()
    };
    assert_eq!(of("first"), Value::Null);
    assert_eq!(of("again"), true);
}

#[test]
fn whoever_is_deleted_gets_no_replay() {
    let service = Service::spawn();
    let second = service.principal("second", &["operator"], &Value::Null);
    let again = || post(&service, &second.token, "/v1/deks", "k", DEK);
    again().is(201);
    assert!(replayed(&again()));
    let path = format!("/v1/admin/principals/{}", second.id);
    service.call("admin", "DELETE", &path, None).is(204);
    again().is_refused(401, "unauthenticated");
}

#[test]
fn a_replay_outlives_a_restart() {
    let home = tempfile::TempDir::new().unwrap();
    let first = {
        let service = Service::start(home.path(), &[]);
        let made = post(&service, &service.token("operator"), "/v1/deks", "k", DEK).is(201);
        service.kill();
        made
    };
    let service = Service::start(home.path(), &[]);
    let again = post(&service, &service.token("operator"), "/v1/deks", "k", DEK);
    assert!(replayed(&again));
    assert_eq!(again.is(201), first);
}
