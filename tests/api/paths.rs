//! Paths that are not there, segments that cannot be, and methods that are not taken (api.md section 1).

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    routes::{GUARDED, OPEN, World},
    wire,
};

#[test]
fn a_path_that_is_not_there_is_404_with_and_without_a_token() {
    let world = World::new();
    let long = format!("/{}", "a".repeat(4000));
    let unknown = [
        "/",
        "/v1",
        "/v1/",
        "/v2/deks",
        "/v1/Deks",
        "/v1/deks/",
        "/v1//deks",
        "//v1/deks",
        "/v1/deks/telemetry/",
        "/v1/deks/telemetry/nothing",
        "/v1/health",
        "/V1/health/live",
        "/v1/health/live/",
        "/v1/wrap/x",
        "/openapi.yaml",
        "/v1/admin",
        "/v1/audit",
        "/%00",
        "/%ff",
        "/..",
        "/../etc/passwd",
        "/v1/../../etc/passwd",
        "/v1/%2e%2e/deks",
        "/.git/config",
        "/docsx%2f..",
        &long,
    ];
    for path in unknown {
        for role in ["", "operator", "admin"] {
            for method in ["GET", "POST"] {
                let reply = wire::ask(&world.service.url, method, path, &world.token(role));
                assert_eq!(reply.status, 404, "{method} {path} as {role:?}: {reply:?}");
                reply.is_refused(404, "not_found");
            }
        }
    }
}

#[test]
fn a_segment_that_cannot_be_a_name_is_404_with_and_without_a_token() {
    let world = World::new();
    let long = "a".repeat(2000);
    let segments = [
        "%ff",
        "%00",
        "%0a",
        "%C0%AF",
        "..",
        ".",
        "%2e%2e",
        "%2F",
        "a%2Fb",
        "Telemetry",
        "-a",
        "a_b",
        "a.b",
        "a%20b",
        "%F0%9F%98%80",
        "%",
        "%g1",
        "a;b",
        &"a".repeat(64),
        &long,
    ];
    let routes = GUARDED.iter().filter(|route| route.path.contains('{'));
    for route in routes {
        for segment in segments {
            let path = route
                .path
                .replacen("{dek}", segment, 1)
                .replacen("{id}", segment, 1)
                .replacen("{custodian}", segment, 1)
                .replacen("{override}", segment, 1)
                .replacen("{kek}", segment, 1)
                .replacen("{job}", segment, 1)
                .replacen("{tile}", segment, 1);
            let path = world.fill(&path);
            for role in ["", route.allowed(), "auditor"] {
                let reply = wire::ask(&world.service.url, route.method, &path, &world.token(role));
                assert_eq!(
                    reply.status, 404,
                    "{} {path} as {role:?}: {reply:?}",
                    route.method
                );
                reply.is_refused(404, "not_found");
            }
        }
    }
}

#[test]
fn an_id_that_nothing_has_is_404_to_whoever_may() {
    let world = World::new();
    let absent = "0199e1e8-0000-7000-8000-000000000001";
    for route in GUARDED.iter().filter(|route| route.path.contains('{')) {
        let path = route
            .path
            .replacen("{dek}", "absent", 1)
            .replacen("{id}", absent, 1)
            .replacen("{custodian}", absent, 1)
            .replacen("{override}", absent, 1)
            .replacen("{kek}", "kek-v99-20261123", 1)
            .replacen("{job}", absent, 1)
            .replacen("{tile}", "0/000", 1);
        let body = route.body.replacen("{dek}", "absent", 1);
        let body = world.fill(&body.replacen("{kek}", "kek-v99-20261123", 1));
        let token = world.token(route.allowed());
        let answer = world
            .service
            .send(&token, route.method, &world.fill(&path), &[], &body);
        answer.is_refused(404, "not_found");
        assert!(!answer.text.contains(absent));
    }
}

#[test]
fn every_other_method_is_405_and_says_which_there_are() {
    let world = World::new();
    let mut taken: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for route in &GUARDED {
        taken.entry(route.path).or_default().insert(route.method);
    }
    for path in OPEN {
        taken.entry(path).or_default().insert("GET");
    }
    for (path, methods) in &taken {
        let all = [
            "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW",
        ];
        for method in all.iter().filter(|method| !methods.contains(*method)) {
            for role in ["", "app"] {
                let reply = wire::ask(
                    &world.service.url,
                    method,
                    &world.fill(path),
                    &world.token(role),
                );
                assert_eq!(reply.status, 405, "{method} {path}: {reply:?}");
                reply.is_refused(405, "method_not_allowed");
                let allow = reply.header("allow").unwrap();
                let allowed: BTreeSet<_> = allow.split(", ").collect();
                assert_eq!(&allowed, methods, "{path}");
            }
        }
    }
}

#[test]
fn head_is_a_method_like_another_and_never_a_5xx() {
    let world = World::new();
    for route in &GUARDED {
        let path = world.fill(route.path);
        let reply = wire::ask(
            &world.service.url,
            "HEAD",
            &path,
            &world.token(route.allowed()),
        );
        assert!(
            reply.status == 405 || reply.status == 200,
            "{path}: {reply:?}"
        );
    }
}

#[test]
fn requests_that_are_hardly_http_are_refused_without_harm() {
    let world = World::new();
    let url = &world.service.url;
    let requests: [&[u8]; 6] = [
        b"GET /v1/health/live\r\n\r\n",
        b"GET /v1/health/live HTTP/9.9\r\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /v1/wrap HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/wrap HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    for request in requests {
        let status = wire::exchange(url, request).status;
        assert!((400..500).contains(&status), "{status}: {request:?}");
    }
    world.service.get("", "/v1/health/live").is(200);
}
