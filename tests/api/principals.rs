//! Principals (api.md sections 2 and 4): made, shown, deleted, kept apart.

use std::thread;

use serde_json::{Value, json};

use crate::service::{Answer, Service};

pub const PRINCIPALS: &str = "/v1/admin/principals";

pub fn create(service: &Service, body: Value) -> Answer {
    service.post("admin", PRINCIPALS, body)
}

pub fn named(name: &str, subject: &str, roles: &[&str]) -> Value {
    json!({"name": name, "subject": subject, "roles": roles})
}

pub fn delete(service: &Service, id: &str) -> Answer {
    service.call("admin", "DELETE", &format!("{PRINCIPALS}/{id}"), None)
}

#[test]
fn a_new_principal_is_answered_with_its_token_this_once() {
    let service = Service::spawn();
    let body = json!({"name": "Ingest (EU)", "subject": "Ingest@Example.org", "roles": ["app"], "grants": {"deks": ["a", "b-*"]}});
    let made = create(&service, body).is(201);
    let token = made["token"].as_str().unwrap();
    service.hide(token);
    assert!(token.starts_with("cst_") && token.len() == 4 + 43);
    assert_eq!(made["subject"], "ingest@example.org");
    assert_eq!(
        (&made["name"], &made["roles"]),
        (&json!("Ingest (EU)"), &json!(["app"]))
    );
    assert_eq!(made["grants"], json!({"deks": ["a", "b-*"]}));
    assert_eq!(made["wrap_scope"], made["id"]);
    let id = made["id"].as_str().unwrap();
    let shown = service.get("admin", &format!("{PRINCIPALS}/{id}"));
    let listed = service.get("admin", PRINCIPALS);
    assert!(!shown.text.contains(token) && !listed.text.contains(token));
    let (shown, listed) = (shown.is(200), listed.is(200));
    assert!(listed["items"].as_array().unwrap().contains(&shown));
    for field in ["id", "name", "subject", "roles", "grants"] {
        assert_eq!(shown[field], made[field]);
    }
    service
        .send(token, "GET", "/v1/capabilities", &[], "")
        .is(200);
}

#[test]
fn a_token_lives_90_days_unless_another_time_is_asked_for() {
    let service = Service::spawn();
    let life = |name: &str, expires_in: Option<&str>| {
        let mut body = named(name, name, &["auditor"]);
        if let Some(text) = expires_in {
            body["expires_in"] = json!(text);
        }
        let made = create(&service, body).is(201);
        let end: Option<jiff::Timestamp> =
            made["expires_at"].as_str().map(|at| at.parse().unwrap());
        let start: jiff::Timestamp = made["created_at"].as_str().unwrap().parse().unwrap();
        end.map(|end| end.duration_since(start).as_secs_f64().round() as i64)
    };
    assert_eq!(life("default", None), Some(90 * 86_400));
    assert_eq!(life("asked", Some("36h")), Some(36 * 3600));
    assert_eq!(life("never", Some("never")), None);
}

#[test]
fn a_token_that_has_expired_opens_nothing() {
    let service = Service::spawn();
    let brief = service.principal("brief", &["auditor"], &json!({"expires_in": "2s"}));
    let ask = || service.send(&brief.token, "GET", "/v1/capabilities", &[], "");
    ask().is(200);
    crate::service::eventually("the token expires", || ask().status == 401);
    ask().is_refused(401, "unauthenticated");
}

#[test]
fn each_field_is_checked() {
    let service = Service::spawn();
    let (long, over) = ("a".repeat(128), "a".repeat(129));
    let refused = |field: &str, value: Value| {
        let mut body = named("n", "s", &["app"]);
        body[field] = value;
        let answer = create(&service, body);
        assert_eq!(answer.status, 400, "{field}: {answer:?}");
        answer.is_refused(400, "invalid_request");
    };
    for bad in ["", "a b", "é", "a/b", "a:b", "a\0", "a\n", &over] {
        refused("subject", json!(bad));
        refused("wrap_scope", json!(bad));
    }
    for bad in ["", "a\0", "a\nb", &over] {
        refused("name", json!(bad));
    }
    for bad in [
        json!([]),
        json!(["root"]),
        json!(["App"]),
        json!([""]),
        json!(["app", "root"]),
    ] {
        refused("roles", bad);
    }
    for bad in [
        "",
        "0d",
        "01d",
        "90",
        "1w",
        "Never",
        "-1d",
        "1.5d",
        "1d ",
        "9999999999999999999d",
    ] {
        refused("expires_in", json!(bad));
    }
    for bad in [
        "",
        "*a",
        "a*b",
        "a**",
        "A",
        "a b",
        "-",
        "é",
        &"a".repeat(64),
    ] {
        refused("grants", json!({"deks": [bad]}));
    }
    let digest = "ab".repeat(32);
    for bad in [
        "",
        &digest[1..],
        &digest.to_uppercase(),
        &digest.replace('a', "g"),
        &format!("{digest}00"),
    ] {
        refused("client_cert_sha256", json!(bad));
    }
    let mut body = named(&long, &long, &["app"]);
    body["wrap_scope"] = json!(long);
    create(&service, body).is(201);
}

#[test]
fn a_missing_field_is_400() {
    let service = Service::spawn();
    for field in ["name", "subject", "roles"] {
        let mut body = named("n", "s", &["app"]);
        body.as_object_mut().unwrap().remove(field);
        create(&service, body).is_refused(400, "invalid_request");
    }
    create(&service, json!({})).is_refused(400, "invalid_request");
}

#[test]
fn a_custodian_needs_a_custodian_record_and_there_is_none() {
    let service = Service::spawn();
    create(&service, named("c", "c", &["custodian"])).is_refused(400, "invalid_request");
    for roles in [["custodian"], ["app"]] {
        let mut body = named("c", "c", &roles);
        body["custodian_id"] = json!("0199e1e8-0000-7000-8000-000000000000");
        create(&service, body).is_refused(400, "invalid_request");
    }
}

#[test]
fn a_name_is_unique_among_the_living() {
    let service = Service::spawn();
    let first = create(&service, named("n", "one", &["app"])).is(201);
    create(&service, named("n", "two", &["auditor"])).is_refused(409, "already_exists");
    create(&service, named("admin", "two", &["auditor"])).is_refused(409, "already_exists");
    delete(&service, first["id"].as_str().unwrap()).is(204);
    let second = create(&service, named("n", "two", &["auditor"])).is(201);
    assert_ne!(first["id"], second["id"]);
}

#[test]
fn a_certificate_is_unique_among_the_living() {
    let service = Service::spawn();
    let with = |name: &str| {
        let mut body = named(name, name, &["app"]);
        body["client_cert_sha256"] = json!("ab".repeat(32));
        create(&service, body)
    };
    let first = with("one").is(201);
    with("two").is_refused(409, "already_exists");
    delete(&service, first["id"].as_str().unwrap()).is(204);
    with("two").is(201);
}

#[test]
fn eight_at_once_cannot_take_one_name() {
    let service = Service::spawn();
    let statuses: Vec<_> = thread::scope(|scope| {
        let one = |_| scope.spawn(|| create(&service, named("n", "s", &["app"])).status);
        let all: Vec<_> = (0..8).map(one).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1);
    assert!(
        statuses.iter().all(|status| [201, 409].contains(status)),
        "{statuses:?}"
    );
}

#[test]
fn a_principal_that_was_deleted_is_gone_with_its_tokens() {
    let service = Service::spawn();
    let gone = service.principal("gone", &["app"], &Value::Null);
    let path = format!("{PRINCIPALS}/{}", gone.id);
    let more = service
        .post("admin", &format!("{path}/tokens"), json!({}))
        .is(201);
    let second = more["token"].as_str().unwrap();
    service.hide(second);
    delete(&service, &gone.id).is(204);
    for token in [gone.token.as_str(), second] {
        let answer = service.send(token, "GET", "/v1/capabilities", &[], "");
        answer.is_refused(401, "unauthenticated");
    }
    delete(&service, &gone.id).is_refused(404, "not_found");
    service.get("admin", &path).is_refused(404, "not_found");
    service
        .post("admin", &format!("{path}/tokens"), json!({}))
        .is_refused(404, "not_found");
    service
        .call(
            "admin",
            "PUT",
            &format!("{path}/grants"),
            Some(json!({"deks": []})),
        )
        .is_refused(404, "not_found");
    assert!(!service.get("admin", PRINCIPALS).text.contains(&gone.id));
}

#[test]
fn the_last_two_admins_cannot_be_deleted() {
    let service = Service::spawn();
    let list = service.get("admin", PRINCIPALS).is(200);
    let first = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "admin")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    delete(&service, &first).is_refused(409, "conflict");
    let second = service.principal("second", &["admin"], &Value::Null).id;
    delete(&service, &first).is_refused(409, "conflict");
    delete(&service, &second).is_refused(409, "conflict");
    let third = service
        .principal("third", &["admin", "auditor"], &Value::Null)
        .id;
    delete(&service, &second).is(204);
    delete(&service, &third).is_refused(409, "conflict");
    delete(&service, &first).is_refused(409, "conflict");
    service.get("admin", PRINCIPALS).is(200);
}

#[test]
fn admins_that_are_deleted_at_once_leave_two() {
    let service = Service::spawn();
    let others: Vec<_> = (0..4)
        .map(|number| {
            service
                .principal(&format!("admin-{number}"), &["admin"], &Value::Null)
                .id
        })
        .collect();
    let statuses: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = others
            .iter()
            .map(|id| scope.spawn(|| delete(&service, id).status))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 3);
    assert!(
        statuses.iter().all(|status| [204, 409].contains(status)),
        "{statuses:?}"
    );
}
