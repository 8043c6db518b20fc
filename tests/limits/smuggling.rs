//! Requests that two parties could read differently, and heads beyond measure: refused, and nothing after them is read.

use std::io::{Read, Write};

use crate::{
    callers::{HERE, from},
    scene::Scene,
    wire::{Reply, exchange},
};

/// What stands behind each: if it is answered too, it was smuggled in.
const SMUGGLED: &str = "GET /v1/capabilities HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Sends this head and body, and a request behind it.
fn answered(scene: &Scene, head: &str, body: &str) -> Reply {
    exchange(
        &scene.served.url,
        format!("{head}\r\n\r\n{body}{SMUGGLED}").as_bytes(),
    )
}

fn posted(token: &str, more: &str) -> String {
    format!(
        "POST /v1/wrap HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n{more}"
    )
}

#[test]
fn a_body_whose_length_is_said_in_two_ways_is_400_and_smuggles_nothing() {
    let scene = Scene::open("");
    let (_, token) = scene.app("smuggler");
    let body = r#"{"plaintext":"YQ=="}"#;
    let chunked: &str = &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let cases = [
        ("Content-Length: 20\r\nContent-Length: 20", body),
        ("Content-Length: 20\r\nContent-Length: 4", body),
        ("Content-Length: 20, 20", body),
        ("Content-Length: +20", body),
        ("Content-Length: -1", body),
        ("Content-Length: 0x14", body),
        ("Content-Length: 20\r\nTransfer-Encoding: chunked", chunked),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4", chunked),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            chunked,
        ),
        ("Transfer-Encoding: chunked, identity", chunked),
        ("Transfer-Encoding: xchunked", chunked),
        ("Transfer-Encoding : chunked", chunked),
        ("Content-Length : 20", body),
        ("X: y\r\n Content-Length: 20", body),
        ("Upgrade: websocket\r\nContent-Length: 20", body),
        (
            "Upgrade: x\r\nUpgrade: WebSocket\r\nContent-Length: 20",
            body,
        ),
    ];
    for (how_long, body) in cases {
        let reply = answered(&scene, &posted(&token, how_long), body);
        assert_eq!(reply.status, 400, "{how_long}: {reply:?}");
        let answers = reply.text.matches("HTTP/1.1 ").count();
        assert_eq!(answers, 1, "{how_long}: {reply:?}");
    }
    let sound = answered(&scene, &posted(&token, "Content-Length: 20"), body);
    assert_eq!(sound.status, 200);
    assert_eq!(sound.text.matches("HTTP/1.1 ").count(), 2, "{sound:?}");
}

#[test]
fn a_broken_chunk_ends_the_connection() {
    let scene = Scene::open("");
    let (_, token) = scene.app("smuggler");
    for broken in [
        "zz\r\n",
        "ffffffffffffffffff\r\n",
        "-1\r\n",
        "1\r\nxx\r\n",
        "1;\n\r\n",
    ] {
        let mut stream = from(HERE, &scene.served.url);
        let head = posted(&token, "Transfer-Encoding: chunked");
        let all = format!("{head}\r\n\r\n{broken}{SMUGGLED}");
        stream.write_all(all.as_bytes()).unwrap();
        let mut said = String::new();
        let _reset = stream.read_to_string(&mut said);
        assert!(!said.contains("HTTP/1.1 2"), "{broken:?}: {said}");
        assert!(said.matches("HTTP/1.1 ").count() <= 1, "{broken:?}: {said}");
    }
}

#[test]
fn what_is_no_request_is_refused_and_nothing_is_read_behind_it() {
    let scene = Scene::open("");
    for head in [
        "GET  /v1/health/live HTTP/1.1",
        "GET /v1/health/live",
        "GET /v1/health/live HTTP/3.0",
        "PRI * HTTP/2.0",
        "\0\u{1}\u{2}",
        "GET /v1/health/live HTTP/1.1\r\nHost: x\0y",
        "GET /v1/health/live HTTP/1.1\r\nno colon",
        "GET /v1/health/live HTTP/1.1\r\n: no name",
        "\u{16}\u{3}\u{1}\u{2}",
    ] {
        let reply = answered(&scene, head, "");
        assert_eq!(reply.status, 400, "{head:?}: {reply:?}");
        assert_eq!(reply.text.matches("HTTP/1.1 ").count(), 1, "{head:?}");
    }
    scene.is_live();
}

#[test]
fn a_head_beyond_measure_is_refused_and_takes_no_memory() {
    let scene = Scene::open("");
    let before = scene.figure("VmRSS");
    let long = "a".repeat(1024 * 1024);
    let many = "A: b\r\n".repeat(50_000);
    for head in [
        format!("GET /{long} HTTP/1.1\r\nHost: x"),
        format!("GET /v1/health/live HTTP/1.1\r\nHost: x\r\nX-Long: {long}"),
        format!("GET /v1/health/live HTTP/1.1\r\nHost: x\r\n{many}X: y"),
        format!("GET /v1/capabilities HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {long}"),
    ] {
        let reply = answered(&scene, &head, "");
        assert!([400, 414, 431].contains(&reply.status), "{}", reply.status);
        assert_eq!(reply.text.matches("HTTP/1.1 ").count(), 1);
    }
    let after = scene.figure("VmRSS");
    assert!(
        after < before + 16 * 1024,
        "{before} KiB became {after} KiB"
    );
    assert_eq!(scene.ask(HERE, "", "/v1/health/live").status, 200);
}
