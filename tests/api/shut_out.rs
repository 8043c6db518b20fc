//! A caller that is shut out while its request is on the way (api.md section 7, last line).

use std::io::Write;

use serde_json::{Value, json};

use crate::{
    service::{Service, eventually},
    wire::{BEGUN, Reply, begin, read},
};

/// Sends a request's head, lets `meanwhile` happen once it is signed in, then sends the body.
fn interrupted(
    service: &Service,
    token: &str,
    path: &str,
    body: &Value,
    meanwhile: impl FnOnce(),
) -> Reply {
    let body = body.to_string();
    let mut stream = begin(&service.url, path, token, body.len());
    eventually("the caller is let in", || {
        let log = service.log();
        let mut lines = log.lines().filter(|line| line.contains(BEGUN));
        lines.any(|line| line.contains("let in"))
    });
    meanwhile();
    stream.write_all(body.as_bytes()).unwrap();
    read(&mut stream)
}

fn app(service: &Service) -> (String, String) {
    let body =
        json!({"name": "late", "subject": "late", "roles": ["app"], "grants": {"deks": ["*"]}});
    let made = service.post("admin", "/v1/admin/principals", body).is(201);
    let path = format!("/v1/admin/principals/{}", made["id"].as_str().unwrap());
    (path, made["token"].as_str().unwrap().to_owned())
}

#[test]
fn a_principal_deleted_while_its_body_arrives_gets_no_plaintext() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    let (path, token) = app(&service);
    let body = json!({"plaintext": "bWFya2Vy"});
    let made = service
        .post("app", "/v1/deks/telemetry/encrypt", body)
        .is(200);
    let body = json!({"ciphertext": made["ciphertext"]});
    let reply = interrupted(
        &service,
        &token,
        "/v1/deks/telemetry/decrypt",
        &body,
        || {
            service.call("admin", "DELETE", &path, None).is(204);
        },
    );
    reply.is_refused(401, "unauthenticated");
    let mut entries = service.audit();
    entries.retain(|entry| entry["action"] == "dek.decrypt");
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["outcome"], "refused");
}

#[test]
fn a_grant_taken_while_the_body_arrives_opens_nothing_any_more() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    let (path, token) = app(&service);
    let body = json!({"plaintext": "bWFya2Vy"});
    let reply = interrupted(
        &service,
        &token,
        "/v1/deks/telemetry/encrypt",
        &body,
        || {
            let none = json!({"deks": []});
            service
                .call("admin", "PUT", &format!("{path}/grants"), Some(none))
                .is(200);
        },
    );
    reply.is_refused(404, "not_found");
}

#[test]
fn a_server_taken_while_the_body_arrives_has_nothing_signed_any_more() {
    let service = Service::spawn();
    let (path, token) = app(&service);
    let grant = |servers: Value| {
        let grants = json!({"deks": [], "servers": servers});
        service
            .call("admin", "PUT", &format!("{path}/grants"), Some(grants))
            .is(200);
    };
    grant(json!(["payments"]));
    let body = json!({"tools": [], "server": "payments"});
    let sign = "/v1/mcp/tools/sign";
    let reply = interrupted(&service, &token, sign, &body, || grant(json!([])));
    reply.is_refused(403, "forbidden");
    let entries = service.audit();
    let mut signed = entries
        .iter()
        .filter(|entry| entry["action"] == "tools.sign");
    assert!(signed.all(|entry| entry["outcome"] == "refused"));
}

#[test]
fn a_grant_given_while_the_body_arrives_takes_nothing_away() {
    let service = Service::spawn();
    service.make_dek("telemetry");
    let (path, token) = app(&service);
    let body = json!({"plaintext": "bWFya2Vy"});
    let path_of_grants = format!("{path}/grants");
    let reply = interrupted(
        &service,
        &token,
        "/v1/deks/telemetry/encrypt",
        &body,
        || {
            let wider = json!({"deks": ["telemetry", "payroll"]});
            service
                .call("admin", "PUT", &path_of_grants, Some(wider))
                .is(200);
        },
    );
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[test]
fn an_admin_revoked_while_its_body_arrives_changes_nothing() {
    let service = Service::spawn();
    let all = service.get("admin", "/v1/admin/principals").is(200);
    let admin = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["name"] == "admin")
        .unwrap();
    let tokens = format!(
        "/v1/admin/principals/{}/tokens",
        admin["id"].as_str().unwrap()
    );
    let second = service.post("admin", &tokens, json!({})).is(201);
    let revoke = format!("{tokens}/{}", second["id"].as_str().unwrap());
    let body = json!({"name": "thief", "subject": "thief", "roles": ["app"]});
    let token = second["token"].as_str().unwrap();
    let reply = interrupted(&service, token, "/v1/admin/principals", &body, || {
        service.call("admin", "DELETE", &revoke, None).is(204);
    });
    reply.is_refused(401, "unauthenticated");
    let all = service.get("admin", "/v1/admin/principals").is(200);
    let mut names = all["items"].as_array().unwrap().iter();
    assert!(names.all(|item| item["name"] != "thief"));
}

#[test]
fn an_admin_may_revoke_the_token_that_it_uses() {
    let service = Service::spawn();
    let all = service.get("admin", "/v1/admin/principals").is(200);
    let admin = &all["items"][0];
    let path = format!(
        "/v1/admin/principals/{}/tokens",
        admin["id"].as_str().unwrap()
    );
    let second = service.post("admin", &path, json!({})).is(201);
    let bearer = format!("Bearer {}", second["token"].as_str().unwrap());
    let own = format!("{path}/{}", second["id"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    service.raw("DELETE", &own, &headers, b"").is(204);
    service
        .raw("GET", "/v1/capabilities", &headers, b"")
        .is_refused(401, "unauthenticated");
}
