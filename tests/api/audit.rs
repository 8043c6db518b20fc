//! The audit log (api.md section 12): one entry for each request that counts, and no secret in any.

use std::{fs, thread};

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use crate::service::{Answer, Service};

const FIELDS: [&str; 8] = [
    "action",
    "actor",
    "at",
    "detail",
    "index",
    "object",
    "outcome",
    "request_id",
];

/// A role, a request and what its one entry says: action, outcome and code; an empty action is no entry.
type Step = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

#[rustfmt::skip] // one row, one request
const STEPS: [Step; 26] = [
    ("operator", "POST", "/v1/deks", r#"{"name":"telemetry","algorithm":"aes-256-gcm"}"#, "dek.create", ""),
    ("operator", "POST", "/v1/deks", r#"{"name":"telemetry","algorithm":"aes-256-gcm"}"#, "dek.create", "already_exists"),
    ("operator", "POST", "/v1/deks", "{", "dek.create", "invalid_request"),
    ("app", "POST", "/v1/deks", "{}", "dek.create", "forbidden"),
    ("operator", "POST", "/v1/deks/telemetry/rotate", "{}", "dek.rotate", ""),
    ("operator", "POST", "/v1/deks/absent/rotate", "{}", "dek.rotate", "not_found"),
    ("app", "POST", "/v1/deks/telemetry/encrypt", r#"{"plaintext":"YQ=="}"#, "dek.encrypt", ""),
    ("app", "POST", "/v1/deks/absent/encrypt", r#"{"plaintext":"YQ=="}"#, "dek.encrypt", "not_found"),
    ("operator", "POST", "/v1/deks/telemetry/encrypt", r#"{"plaintext":"YQ=="}"#, "dek.encrypt", "forbidden"),
    ("app", "POST", "/v1/deks/telemetry/decrypt", r#"{"ciphertext":"x"}"#, "dek.decrypt", "integrity_failure"),
    ("app", "POST", "/v1/wrap", r#"{"plaintext":"YQ=="}"#, "kek.wrap", ""),
    ("app", "POST", "/v1/wrap", r#"{"plaintext":"!"}"#, "kek.wrap", "invalid_request"),
    ("auditor", "POST", "/v1/unwrap", "{}", "kek.unwrap", "forbidden"),
    ("app", "POST", "/v1/unwrap", r#"{"wrapped":"x"}"#, "kek.unwrap", "integrity_failure"),
    ("operator", "POST", "/v1/rewrap", r#"{"wrapped":"x"}"#, "kek.rewrap", "integrity_failure"),
    ("app", "POST", "/v1/wrap", r#"{"items":[]}"#, "kek.wrap", "invalid_request"),
    ("admin", "POST", "/v1/admin/principals", r#"{"name":"n","subject":"s","roles":["app"]}"#, "principal.create", ""),
    ("admin", "POST", "/v1/admin/principals", r#"{"roles":["app","admin"]}"#, "principal.create", "two_person_rule"),
    ("admin", "DELETE", "/v1/admin/principals/0199e1e8-0000-7000-8000-000000000000", "", "principal.delete", "not_found"),
    ("app", "DELETE", "/v1/admin/principals/0199e1e8-0000-7000-8000-000000000000", "", "principal.delete", "forbidden"),
    ("app", "GET", "/v1/deks/telemetry", "", "", ""),
    ("admin", "GET", "/v1/admin/principals", "", "", ""),
    ("auditor", "GET", "/v1/audit/entries", "", "", ""),
    ("app", "GET", "/v1/nothing", "", "", ""),
    ("app", "GET", "/v1/wrap", "", "", ""),
    ("", "GET", "/v1/health/live", "", "", ""),
];

fn ask(service: &Service, id: &str, step: &Step) -> Answer {
    let (role, method, path, body, ..) = *step;
    let token = if role.is_empty() {
        String::new()
    } else {
        service.token(role)
    };
    service.send(&token, method, path, &[("x-request-id", id)], body)
}

#[test]
fn each_request_that_changes_something_or_uses_a_key_has_one_entry() {
    let service = Service::spawn();
    let before = service.audit().len();
    for (at, step) in STEPS.iter().enumerate() {
        let answer = ask(&service, &format!("step-{at}"), step);
        assert!(answer.status < 500, "{step:?}: {answer:?}");
    }
    let entries = service.audit();
    for (at, step) in STEPS.iter().enumerate() {
        let id = format!("step-{at}");
        let found: Vec<_> = entries
            .iter()
            .filter(|entry| entry["request_id"] == id.as_str())
            .collect();
        says(&found, step);
    }
    let audited = STEPS.iter().filter(|step| !step.4.is_empty()).count();
    assert_eq!(entries.len(), before + audited);
}

#[track_caller]
fn says(found: &[&Value], step: &Step) {
    let (role, _, _, _, action, code) = *step;
    if action.is_empty() {
        assert!(found.is_empty(), "{step:?}: {found:?}");
        return;
    }
    let [entry] = found else {
        panic!("{} entries: {step:?}", found.len());
    };
    assert_eq!(entry["action"], action);
    assert_eq!(
        entry["outcome"],
        if code.is_empty() { "ok" } else { "refused" },
        "{entry}"
    );
    assert_eq!(
        entry["detail"]["code"].as_str().unwrap_or_default(),
        code,
        "{entry}"
    );
    assert_eq!(entry["actor"]["subject"], format!("dev-{role}"));
    assert!(entry["actor"]["id"].is_string());
}

#[test]
fn an_entry_has_exactly_its_fields_and_the_log_no_gap() {
    let service = Service::spawn();
    for (at, step) in STEPS.iter().enumerate() {
        ask(&service, &format!("step-{at}"), step);
    }
    let entries = service.audit();
    let mut last = String::new();
    for (index, entry) in entries.iter().enumerate() {
        let mut fields: Vec<_> = entry
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        fields.sort_unstable();
        assert_eq!(fields, FIELDS);
        assert_eq!(entry["index"], index);
        let at = entry["at"].as_str().unwrap();
        assert!(at.ends_with('Z'));
        let at = at.parse::<jiff::Timestamp>().unwrap().as_microsecond();
        let at = format!("{at:020}");
        assert!(at >= last, "time ran backwards");
        last = at;
        assert!(["ok", "refused", "failed"].contains(&entry["outcome"].as_str().unwrap()));
    }
    let page = service.get("auditor", "/v1/audit/entries?limit=1").is(200);
    assert_eq!(page["size"], entries.len());
}

#[test]
fn the_log_is_read_from_any_index_in_parts() {
    let service = Service::spawn();
    for _ in 0..9 {
        service
            .post("app", "/v1/wrap", json!({"plaintext": ""}))
            .is(200);
    }
    let all = service.audit();
    for from in 0..=all.len() + 1 {
        let page = service
            .get("auditor", &format!("/v1/audit/entries?from={from}&limit=3"))
            .is(200);
        let wanted: Vec<_> = all.iter().skip(from).take(3).cloned().collect();
        assert_eq!(page["items"], json!(wanted));
        assert_eq!(page["size"], all.len());
    }
    for bad in ["-1", "x", "18446744073709551616", "1.0"] {
        service
            .get("auditor", &format!("/v1/audit/entries?from={bad}"))
            .is_refused(400, "invalid_request");
    }
    let far = service
        .get("auditor", "/v1/audit/entries?from=18446744073709551615")
        .is(200);
    assert_eq!(far["items"], json!([]));
}

#[test]
fn an_entry_names_what_it_is_about() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    service
        .post("app", "/v1/deks/telemetry/rotate", json!({}))
        .is_refused(403, "forbidden");
    let refused = service.audit().pop().unwrap();
    assert_eq!(refused["object"], "telemetry");
    let made = service.principal("someone", &["app"], &Value::Null);
    assert_eq!(service.audit().pop().unwrap()["object"], made.id.as_str());
    let sealed = service.post(
        "app",
        "/v1/deks/telemetry/encrypt",
        json!({"plaintext": ""}),
    );
    sealed.is(200);
    let object = service.audit().pop().unwrap()["object"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(object.starts_with("telemetry"), "{object}");
}

#[test]
fn a_batch_has_one_entry_with_its_numbers() {
    let service = Service::spawn();
    let before = service.audit().len();
    let items = json!({"items": [{"plaintext": "YQ=="}, {"plaintext": "!"}, {"plaintext": "YQ=="}, {"plaintext": "?"}]});
    service.post("app", "/v1/wrap", items).is(200);
    let bad = json!({"items": [{"wrapped": ""}]});
    service.post("app", "/v1/unwrap", bad).is(200);
    let entries = service.audit();
    assert_eq!(entries.len(), before + 2);
    assert_eq!(entries[before]["detail"], json!({"items": 4, "refused": 2}));
    assert_eq!(
        entries[before + 1]["detail"],
        json!({"items": 1, "refused": 1})
    );
}

#[test]
fn many_at_once_leave_one_entry_each_without_a_gap() {
    let service = Service::spawn();
    let before = service.audit().len();
    let app = service.token("app");
    thread::scope(|scope| {
        for thread in 0..8 {
            let (service, app) = (&service, &app);
            scope.spawn(move || {
                for number in 0..10 {
                    let id = format!("t{thread}.{number}");
                    service
                        .send(
                            app,
                            "POST",
                            "/v1/wrap",
                            &[("x-request-id", &id)],
                            r#"{"plaintext":""}"#,
                        )
                        .is(200);
                    let newest = service.audit();
                    assert!(
                        newest
                            .iter()
                            .any(|entry| entry["request_id"] == id.as_str()),
                        "answered before it was logged"
                    );
                }
            });
        }
    });
    let entries = service.audit();
    assert_eq!(entries.len(), before + 80);
    assert!(
        entries
            .iter()
            .enumerate()
            .all(|(at, entry)| entry["index"] == at)
    );
}

#[test]
fn what_was_answered_is_in_the_log_after_a_kill() {
    let home = tempfile::TempDir::new().unwrap();
    let before = {
        let service = Service::start(home.path(), &[]);
        service.make_dek("telemetry");
        service
            .post("app", "/v1/wrap", json!({"plaintext": ""}))
            .is(200);
        let before = service.audit();
        service.kill();
        before
    };
    let service = Service::start(home.path(), &[]);
    assert_eq!(service.audit()[..before.len()], before);
}

#[test]
fn requests_without_a_valid_token_are_counted_together() {
    let home = tempfile::TempDir::new().unwrap();
    let first = Service::start(home.path(), &[]);
    let before = first.audit().len();
    for number in 0..12 {
        let token = if number % 2 == 0 { "" } else { "cst_unknown" };
        first
            .send(
                token,
                "POST",
                "/v1/wrap",
                &[("x-request-id", "stranger")],
                "{}",
            )
            .is_refused(401, "unauthenticated");
    }
    assert_eq!(first.stop(), Some(0));
    let again = Service::start(home.path(), &[]);
    let entries = again.audit()[before..].to_vec();
    assert!(
        (1..=2).contains(&entries.len()),
        "not one entry a source and minute: {entries:?}"
    );
    let counted: u64 = entries
        .iter()
        .map(|entry| entry["detail"]["requests"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, 12);
    for entry in &entries {
        assert_eq!(
            (&entry["actor"], &entry["object"]),
            (&Value::Null, &json!("127.0.0.1"))
        );
        assert_eq!(entry["outcome"], "refused");
    }
}

#[test]
fn no_plaintext_and_no_token_reaches_the_database_or_the_log() {
    let service = Service::spawn();
    let marker = "MARKER-of-a-plaintext-that-nobody-keeps";
    let encoded = Base64::encode_string(marker.as_bytes());
    let plaintext = json!({"plaintext": encoded, "context": {"a": "b"}});
    service.make_dek("telemetry");
    let wrapped = service.post("app", "/v1/wrap", plaintext.clone()).is(200);
    let sealed = service
        .post("app", "/v1/deks/telemetry/encrypt", plaintext)
        .is(200);
    let open = json!({"wrapped": wrapped["wrapped"], "context": {"a": "b"}});
    service.post("app", "/v1/unwrap", open).is(200);
    let open = json!({"ciphertext": sealed["ciphertext"], "context": {"a": "b"}});
    service
        .post("app", "/v1/deks/telemetry/decrypt", open)
        .is(200);
    let bad = format!("{{\"plaintext\":\"{encoded}\",\"{marker}\":1,\"{marker}\":2}}");
    service
        .send(&service.token("app"), "POST", "/v1/wrap", &[], &bad)
        .is_refused(400, "invalid_request");
    let body = r#"{"name":"n","subject":"s","roles":["auditor"]}"#;
    let key = [("idempotency-key", "k")];
    let made = service
        .send(
            &service.token("admin"),
            "POST",
            "/v1/admin/principals",
            &key,
            body,
        )
        .is(201);
    let issued = made["token"].as_str().unwrap().to_owned();
    service
        .send(&issued, "GET", "/v1/capabilities", &[], "")
        .is(200);
    let mut secrets = vec![marker.to_owned(), encoded, issued];
    secrets.extend(crate::service::ROLES.map(|role| service.token(role)));
    nowhere(&service, &secrets);
}

/// Looks at the bytes of the database, its write-ahead log, and the service's log at trace level.
#[track_caller]
fn nowhere(service: &Service, secrets: &[String]) {
    let files = fs::read_dir(&service.dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let kept: Vec<_> = files
        .filter(|path| path.is_file() && path.extension().is_none_or(|kind| kind != "token"))
        .collect();
    assert!(
        kept.iter()
            .any(|path| path.to_string_lossy().ends_with(".db-wal")),
        "{kept:?}"
    );
    for path in kept {
        let bytes = fs::read(&path).unwrap();
        for secret in secrets {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "a secret stands in {}", path.display());
        }
    }
}
