//! Which refusal comes first: 404 and 405, 401, 403 or the hiding 404, 415, 413, 400, then state (api.md section 1).

use serde_json::json;

use crate::{
    routes::{GUARDED, Route, World},
    service::Answer,
};

const TEXT: (&str, &str) = ("content-type", "text/plain");
const JSON: (&str, &str) = ("content-type", "application/json");
const OVER: usize = 1024 * 1024 + 1;

fn routes() -> impl Iterator<Item = Route> {
    GUARDED.into_iter().filter(Route::takes_body)
}

fn ask(
    world: &World,
    token: &str,
    method: &str,
    path: &str,
    kind: Option<(&str, &str)>,
    body: &[u8],
) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers: Vec<_> = kind.into_iter().collect();
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    world.service.raw(method, path, &headers, body)
}

#[test]
fn an_unknown_path_and_a_wrong_method_come_before_the_token() {
    let world = World::new();
    let over = vec![b'x'; OVER];
    for token in ["", "cst_no", &world.token("app")] {
        for body in [&b"{"[..], &over] {
            ask(&world, token, "POST", "/v1/nothing", Some(TEXT), body)
                .is_refused(404, "not_found");
            ask(&world, token, "POST", "/v1/capabilities", Some(TEXT), body)
                .is_refused(405, "method_not_allowed");
        }
    }
}

#[test]
fn the_token_comes_before_everything_about_the_body() {
    let world = World::new();
    let over = vec![b'x'; OVER];
    for route in routes() {
        let path = world.fill(route.path);
        for (kind, body) in [(TEXT, &b"x"[..]), (JSON, b"{"), (JSON, &over)] {
            ask(&world, "", route.method, &path, Some(kind), body)
                .is_refused(401, "unauthenticated");
        }
    }
}

#[test]
fn the_role_comes_before_everything_about_the_body() {
    let world = World::new();
    let over = vec![b'x'; OVER];
    for route in routes() {
        let Some(role) = route.forbidden() else {
            continue;
        };
        let (path, token) = (world.fill(route.path), world.token(role));
        for (kind, body) in [(TEXT, &b"x"[..]), (JSON, b"{"), (JSON, &over)] {
            ask(&world, &token, route.method, &path, Some(kind), body).is_refused(403, "forbidden");
        }
    }
}

#[test]
fn a_dek_outside_the_grants_is_hidden_before_the_body_is_looked_at() {
    let world = World::new();
    let more = json!({"grants": {"deks": ["other-*"]}});
    let app = world.service.principal("narrow", &["app"], &more).token;
    let over = vec![b'x'; OVER];
    for verb in ["encrypt", "decrypt"] {
        for name in ["telemetry", "absent"] {
            let path = format!("/v1/deks/{name}/{verb}");
            for (kind, body) in [
                (TEXT, &b"x"[..]),
                (JSON, b"{"),
                (JSON, b"{}"),
                (JSON, &over),
            ] {
                ask(&world, &app, "POST", &path, Some(kind), body).is_refused(404, "not_found");
            }
        }
    }
}

#[test]
fn the_content_type_comes_before_the_size_and_that_before_the_json() {
    let world = World::new();
    for route in routes() {
        let over = vec![b'x'; route.largest_body() + 1];
        let (path, token) = (world.fill(route.path), world.token(route.allowed()));
        for kind in [Some(TEXT), None] {
            ask(&world, &token, route.method, &path, kind, &over)
                .is_refused(415, "unsupported_media_type");
        }
        ask(&world, &token, route.method, &path, Some(JSON), &over).is_refused(413, "too_large");
    }
}

#[test]
fn a_bad_request_comes_before_the_state() {
    let world = World::new();
    let bad = r#"{"name":"telemetry","algorithm":"aes-256-gcm","rotation_period":"0d"}"#;
    let operator = world.token("operator");
    ask(
        &world,
        &operator,
        "POST",
        "/v1/deks",
        Some(JSON),
        bad.as_bytes(),
    )
    .is_refused(400, "invalid_request");
    let taken = bad.replace("0d", "9d");
    ask(
        &world,
        &operator,
        "POST",
        "/v1/deks",
        Some(JSON),
        taken.as_bytes(),
    )
    .is_refused(409, "already_exists");
}

#[test]
fn a_refusal_that_reads_no_body_is_read_by_whoever_sends_a_large_one() {
    let world = World::new();
    let large = vec![b'x'; 7 * 1024 * 1024];
    let auditor = world.token("auditor");
    ask(&world, "", "POST", "/v1/wrap", Some(JSON), &large).is_refused(401, "unauthenticated");
    ask(&world, &auditor, "POST", "/v1/wrap", Some(JSON), &large).is_refused(403, "forbidden");
    ask(&world, &auditor, "POST", "/v1/nothing", Some(JSON), &large).is_refused(404, "not_found");
    ask(&world, &auditor, "POST", "/metrics", Some(JSON), &large)
        .is_refused(405, "method_not_allowed");
    let app = world.token("app");
    ask(&world, &app, "POST", "/v1/wrap", Some(TEXT), &large)
        .is_refused(415, "unsupported_media_type");
}
