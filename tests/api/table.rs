//! Every route × every role × every way to have no valid token (api.md sections 1 and 2).

use serde_json::Value;

use crate::{
    routes::{ALL_ROLES, GUARDED, OPEN, Route, World},
    service::{Answer, Service},
    wire,
};

fn ask(world: &World, route: &Route, role: &str) -> Answer {
    let (path, body) = (world.fill(route.path), world.fill(route.body));
    world
        .service
        .send(&world.token(role), route.method, &path, &[], &body)
}

#[test]
fn each_route_lets_in_the_roles_of_the_contract_and_no_other() {
    let world = World::new();
    for route in &GUARDED {
        for role in ALL_ROLES.iter().filter(|role| !route.roles.contains(role)) {
            ask(&world, route, role).is_refused(403, "forbidden");
        }
    }
    let mut deletes_last = GUARDED;
    deletes_last.sort_by_key(|route| route.method == "DELETE");
    for route in &deletes_last {
        for role in route.roles {
            let status = ask(&world, route, role).status;
            assert!(
                ![401, 403, 405].contains(&status),
                "{role} {route:?}: {status}"
            );
            // The table's token id is made up: whoever gets that far is told that there is none.
            assert_eq!(
                status == 404,
                route.path.contains("{token}"),
                "{role} {route:?}"
            );
            assert!(status < 500, "{role} {route:?}: {status}");
        }
    }
}

#[test]
fn nobody_gets_in_without_a_valid_token() {
    let world = World::new();
    let unknown = format!("Bearer cst_{}", "A".repeat(43));
    let headers: [&[(&str, &str)]; 3] = [
        &[],
        &[("authorization", "Bearer")],
        &[("authorization", &unknown)],
    ];
    for route in &GUARDED {
        for header in headers {
            let (path, body) = (world.fill(route.path), world.fill(route.body));
            let mut headers = header.to_vec();
            headers.push(("content-type", "application/json"));
            let answer = world
                .service
                .raw(route.method, &path, &headers, body.as_bytes());
            is_unauthenticated(&answer);
        }
    }
}

#[track_caller]
fn is_unauthenticated(answer: &Answer) {
    answer.is_refused(401, "unauthenticated");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.is_some_and(|scheme| scheme.starts_with("Bearer")));
}

#[test]
fn a_token_is_taken_to_the_byte_and_under_its_scheme_only() {
    let service = Service::spawn();
    let token = service.token("app");
    let flipped = token.replacen(char::from(token.as_bytes()[9]), "_", 1) + "_";
    let wrong = [
        format!("Basic {token}"),
        format!("Token {token}"),
        token.clone(),
        format!("Bearer{token}"),
        format!("Bearer  {token}"),
        format!("Bearer {token} x"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {}", &token[..token.len() - 1]),
        format!("Bearer {token}A"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {}", &token[4..]),
        format!("Bearer {flipped}"),
        "Bearer ".to_owned() + &"A".repeat(6000),
    ];
    for header in &wrong {
        let headers = [("authorization", header.as_str())];
        is_unauthenticated(&service.raw("GET", "/v1/capabilities", &headers, b""));
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let header = format!("{scheme} {token}");
        let headers = [("authorization", header.as_str())];
        service
            .raw("GET", "/v1/capabilities", &headers, b"")
            .is(200);
    }
}

#[test]
fn two_authorization_headers_are_none() {
    let service = Service::spawn();
    let token = service.token("app");
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("authorization", bearer.as_str()),
    ];
    is_unauthenticated(&service.raw("GET", "/v1/capabilities", &headers, b""));
}

#[test]
fn bytes_that_are_no_text_in_the_authorization_header_are_no_token() {
    let service = Service::spawn();
    let request = b"GET /v1/capabilities HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer cst_\xff\xfe\r\n\r\n";
    wire::exchange(&service.url, request).is_refused(401, "unauthenticated");
}

#[test]
fn what_is_open_needs_no_token_and_a_bad_one_does_no_harm() {
    let service = Service::spawn();
    for path in OPEN {
        service.get("", path).is(200);
        service.send("cst_nothing", "GET", path, &[], "").is(200);
    }
}

#[test]
fn strangers_are_slowed_down_but_a_valid_token_never_is() {
    let service = Service::spawn();
    let stranger = || service.send("cst_no", "GET", "/v1/capabilities", &[], "");
    let limited = (0..400)
        .map(|_| stranger())
        .find(|answer| answer.status != 401);
    let limited = limited.expect("400 failed sign-ins at once went through");
    limited.is_refused(429, "rate_limited");
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    service.get("app", "/v1/capabilities").is(200);
}

#[test]
fn capabilities_say_what_this_build_can_do() {
    let service = Service::spawn();
    for role in ["admin", "operator", "app", "auditor"] {
        let able = service.get(role, "/v1/capabilities").is(200);
        assert_eq!(able["kek"]["provider"], "pkcs11");
        assert_eq!(able["kek"]["keys_in_token"], true);
        assert!(able["kek"]["mechanism"].is_string() && able["version"].is_string());
        for list in ["signature_schemes", "encryption", "features"] {
            assert!(able[list].is_array(), "{list}");
        }
        assert!(able["schema_signing"].is_object());
        assert_eq!(
            able["encryption"],
            Value::from(vec!["aes-256-gcm", "mlkem768-x25519"])
        );
    }
}
