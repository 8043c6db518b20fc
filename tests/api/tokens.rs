//! Tokens and grants of principals (api.md section 4): issued, revoked, changed, in force at once.

use serde_json::{Value, json};

use crate::service::{Answer, Principal, Service};

fn issue(service: &Service, id: &str, body: Value) -> Answer {
    service.post("admin", &format!("/v1/admin/principals/{id}/tokens"), body)
}

fn revoke(service: &Service, id: &str, token: &Value) -> Answer {
    let path = format!(
        "/v1/admin/principals/{id}/tokens/{}",
        token.as_str().unwrap()
    );
    service.call("admin", "DELETE", &path, None)
}

fn opens(service: &Service, token: &str) -> bool {
    match service
        .send(token, "GET", "/v1/capabilities", &[], "")
        .status
    {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// A principal, its first token's id, and a second token with its id.
fn with_two(service: &Service) -> (Principal, Value, String, Value) {
    let app = service.principal("one", &["app"], &Value::Null);
    let shown = service
        .get("admin", &format!("/v1/admin/principals/{}", app.id))
        .is(200);
    let first = shown["tokens"][0]["id"].clone();
    let issued = issue(service, &app.id, json!({})).is(201);
    let second = issued["token"].as_str().unwrap().to_owned();
    service.hide(&second);
    (app, first, second, issued["id"].clone())
}

#[test]
fn a_second_token_opens_too_and_each_is_revoked_alone_and_at_once() {
    let service = Service::spawn();
    let (app, first, second, second_id) = with_two(&service);
    assert!(opens(&service, &app.token) && opens(&service, &second));
    assert_ne!(app.token, second);
    revoke(&service, &app.id, &first).is(204);
    assert!(!opens(&service, &app.token) && opens(&service, &second));
    revoke(&service, &app.id, &second_id).is(204);
    assert!(!opens(&service, &second));
    let third = issue(&service, &app.id, json!({"expires_in": "never"})).is(201);
    assert_eq!(third["expires_at"], Value::Null);
    assert!(opens(&service, third["token"].as_str().unwrap()));
    service.hide(third["token"].as_str().unwrap());
}

#[test]
fn the_tokens_of_a_principal_are_listed_without_the_tokens() {
    let service = Service::spawn();
    let (app, first, second, second_id) = with_two(&service);
    revoke(&service, &app.id, &first).is(204);
    let shown = service.get("admin", &format!("/v1/admin/principals/{}", app.id));
    assert!(!shown.text.contains(&second) && !shown.text.contains(&app.token));
    let shown = shown.is(200);
    let of = |id: &Value| {
        shown["tokens"]
            .as_array()
            .unwrap()
            .iter()
            .find(|token| token["id"] == *id)
            .cloned()
    };
    assert_eq!(of(&second_id).unwrap()["status"], "active");
    assert!(of(&first).is_none_or(|token| token["status"] == "revoked"));
}

#[test]
fn a_token_of_another_principal_is_404() {
    let service = Service::spawn();
    let (app, first, ..) = with_two(&service);
    let other = service.principal("other", &["app"], &Value::Null);
    revoke(&service, &other.id, &first).is_refused(404, "not_found");
    assert!(opens(&service, &app.token));
    let absent = json!("0199e1e8-0000-7000-8000-000000000000");
    revoke(&service, &app.id, &absent).is_refused(404, "not_found");
    issue(&service, absent.as_str().unwrap(), json!({})).is_refused(404, "not_found");
}

#[test]
fn a_lifetime_that_is_none_is_400() {
    let service = Service::spawn();
    let app = service.principal("one", &["app"], &Value::Null);
    for bad in [
        json!("0d"),
        json!("1w"),
        json!(""),
        json!(90),
        json!("forever"),
        json!(["1d"]),
    ] {
        issue(&service, &app.id, json!({"expires_in": bad})).is_refused(400, "invalid_request");
    }
}

#[test]
fn a_revoked_token_stays_revoked_and_revoking_again_harms_nothing() {
    let service = Service::spawn();
    let (app, first, second, _) = with_two(&service);
    for _ in 0..2 {
        let status = revoke(&service, &app.id, &first).status;
        assert!([204, 404, 409].contains(&status), "{status}");
        assert!(!opens(&service, &app.token) && opens(&service, &second));
    }
}

#[test]
fn the_last_token_of_the_last_admin_cannot_be_revoked() {
    let service = Service::spawn();
    let list = service.get("admin", "/v1/admin/principals").is(200);
    let admin = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "admin")
        .unwrap()
        .clone();
    let (id, token) = (admin["id"].as_str().unwrap(), &admin["tokens"][0]["id"]);
    revoke(&service, id, token).is_refused(409, "conflict");
    assert!(opens(&service, &service.token("admin")));
    let second = service.principal("second", &["admin"], &Value::Null);
    revoke(&service, id, token).is(204);
    assert!(!opens(&service, &service.token("admin")));
    assert!(opens(&service, &second.token));
}

#[test]
fn a_change_of_grants_is_in_force_with_the_next_request() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    let app = service.principal("one", &["app"], &Value::Null);
    let path = format!("/v1/admin/principals/{}/grants", app.id);
    let grant = |deks: Value| service.call("admin", "PUT", &path, Some(json!({"deks": deks})));
    let seal = || {
        service.send(
            &app.token,
            "POST",
            "/v1/deks/telemetry/encrypt",
            &[],
            r#"{"plaintext":""}"#,
        )
    };
    seal().is_refused(404, "not_found");
    for pattern in ["telemetry", "tele*", "*"] {
        let changed = grant(json!([pattern])).is(200);
        assert_eq!(changed["grants"], json!({"deks": [pattern]}));
        seal().is(200);
        grant(json!([])).is(200);
        seal().is_refused(404, "not_found");
    }
    for bad in [
        json!(["*a"]),
        json!(["A"]),
        json!("a"),
        json!([1]),
        json!(null),
    ] {
        grant(bad).is_refused(400, "invalid_request");
    }
    seal().is_refused(404, "not_found");
}

#[test]
fn nothing_waits_for_an_approval_where_one_admin_decides_alone() {
    let service = Service::spawn();
    let (app, first, ..) = with_two(&service);
    let path = format!("/v1/admin/principals/{}", app.id);
    let token = format!("{path}/tokens/{}", first.as_str().unwrap());
    let seen = json!({"deks": ["*"]});
    for (path, body) in [
        (&path, json!({})),
        (&format!("{path}/grants"), seen),
        (&token, json!({})),
    ] {
        let answer = service.post("admin", &format!("{path}/approve"), body);
        answer.is_refused(409, "conflict");
    }
}

#[test]
fn what_needs_no_field_needs_no_body() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    let operator = service.token("operator");
    service
        .send(&operator, "POST", "/v1/deks/telemetry/rotate", &[], "")
        .is(201);
    let app = service.principal("one", &["app"], &Value::Null);
    let path = format!("/v1/admin/principals/{}/tokens", app.id);
    service
        .send(&service.token("admin"), "POST", &path, &[], "")
        .is(201);
}
