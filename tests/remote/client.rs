//! Which service is asked, by whose token, what is sent again, and what whoever runs a command reads.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    desk::Desk,
    fake::{answer, service_that_says},
    service::Service,
};

const TAIL: [&str; 2] = ["audit", "tail"];

const BUSY: &str = r#"{"type":"urn:aegis-custodian:problem:not_ready","title":"t","status":503,"detail":"come again","code":"not_ready","request_id":"r-1"}"#;

const NOTHING: &str = r#"{"items":[],"size":0}"#;

fn a_token() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("token");
    fs::write(&path, "cst_abc").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (home, path)
}

#[test]
fn a_refusal_shows_what_the_service_said_and_ends_with_2() {
    let service = Service::spawn();
    let refused = Desk::of(&service, "app").run(&TAIL);
    assert_eq!(refused.code, 2, "{refused:?}");
    for said in ["(forbidden, request ", "the service refused: "] {
        assert!(refused.error.contains(said), "{refused:?}");
    }
    let (_home, token) = a_token();
    let stranger = Desk::at(&service.url, token).run(&TAIL);
    assert_eq!(stranger.code, 2);
    assert!(
        stranger.error.contains("(unauthenticated, "),
        "{stranger:?}"
    );
    assert!(!stranger.error.contains("cst_abc"), "{stranger:?}");
}

#[test]
fn a_token_that_others_can_read_is_not_sent() {
    let service = Service::spawn();
    let desk = Desk::of(&service, "auditor");
    let token = service.dir.join("auditor.token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = desk.run(&TAIL);
    assert_eq!(refused.code, 1);
    assert!(refused.error.contains("chmod 600"), "{refused:?}");
}

#[test]
fn a_token_goes_through_tls_or_stays_on_this_machine() {
    let (_home, token) = a_token();
    for url in [
        "http://192.0.2.1:7820",
        "http://localhost.example",
        "ftp://127.0.0.1",
    ] {
        let refused = Desk::at(url, token.clone()).run(&TAIL);
        assert_eq!(refused.code, 1, "{refused:?}");
    }
    let https = Desk::at("https://127.0.0.1:1", token).run(&TAIL);
    assert_eq!(https.code, 1);
    assert!(https.error.contains("CUSTODIAN_CA_FILE"), "{https:?}");
}

#[test]
fn a_service_that_is_not_there_is_not_waited_for() {
    let (_home, token) = a_token();
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let begun = Instant::now();
    let desk = Desk::at(&format!("http://127.0.0.1:{port}"), token);
    let ended = desk.run(&TAIL);
    assert_eq!(ended.code, 2);
    assert!(
        ended
            .error
            .contains("could not be reached: check CUSTODIAN_URL"),
        "{ended:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_busy_service_is_asked_again_when_it_says_and_no_longer_than_patience_lasts() {
    let (_home, token) = a_token();
    let busy = || answer("503 Service Unavailable", "retry-after: 1\r\n", BUSY);
    let fine = || answer("200 OK", "", NOTHING);
    let (url, served) = service_that_says(vec![busy(), fine(), fine()]);
    let begun = Instant::now();
    let ended = Desk::at(&url, token.clone()).run(&TAIL);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(served.join().unwrap().len(), 3);

    let (url, _served) = service_that_says((0..100).map(|_| busy()).collect());
    let begun = Instant::now();
    let ended = Desk::at(&url, token).run(&["audit", "tail", "--patience", "2s"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(
        ended.error.contains("come again (not_ready, request r-1)"),
        "{ended:?}"
    );
    assert!((2..20).contains(&begun.elapsed().as_secs()));
}

#[test]
fn what_is_no_custodian_is_not_believed_and_not_followed_elsewhere() {
    let (_home, token) = a_token();
    for (status, more, body) in [
        ("200 OK", "", "<html>"),
        ("200 OK", "", "{}"),
        ("404 Not Found", "", "not here"),
        ("302 Found", "location: http://192.0.2.1/\r\n", ""),
    ] {
        let (url, _served) = service_that_says(vec![answer(status, more, body)]);
        let ended = Desk::at(&url, token.clone()).run(&TAIL);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(
            ended.error.contains("does not answer as a custodian does"),
            "{ended:?}"
        );
    }
}

#[test]
fn nothing_that_whoever_answers_says_reaches_the_terminal_as_it_is() {
    let (_home, token) = a_token();
    for member in ["code", "detail", "request_id"] {
        let mut problem: Value = serde_json::from_str(BUSY).unwrap();
        problem[member] = "\u{1b}[2Jall is\nwell\u{202e}\u{7f}".into();
        let (url, _served) =
            service_that_says(vec![answer("409 Conflict", "", &problem.to_string())]);
        let ended = Desk::at(&url, token.clone()).run(&TAIL);
        assert_eq!(ended.code, 2, "{ended:?}");
        let lines: Vec<&str> = ended.error.lines().collect();
        assert_eq!(lines.len(), 1, "{member}: {ended:?}");
        assert!(lines[0].contains("well"), "{member}: {ended:?}");
        let is_bare = |char: char| char.is_control() || char == '\u{202e}';
        assert!(!lines[0].contains(is_bare), "{member}: {ended:?}");
    }
}

/// Starts a service whose certificate and TLS are Python's: nothing of ours is on the other side.
fn over_tls(home: &Path, newest: &str) -> (Child, String) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut server = Command::new(root.join(".venv/bin/python"))
        .arg("-B")
        .arg(root.join("tests/remote/https.py"))
        .arg(home)
        .arg(newest)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (server, line.trim().to_owned())
}

#[test]
fn a_service_that_speaks_no_tls_1_3_sees_no_token() {
    let (home, token) = a_token();
    let (mut server, url) = over_tls(home.path(), "TLSv1_2");
    let ca = home.path().join("ca.pem");
    let ended = Desk::at(&url, token).run(&["audit", "tail", "--ca-file", ca.to_str().unwrap()]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(!home.path().join("seen").exists());
}

#[test]
fn over_https_only_who_the_ca_file_says_is_the_service() {
    let (home, token) = a_token();
    let (mut server, url) = over_tls(home.path(), "TLSv1_3");
    let desk = Desk::at(&url, token);
    let tail = |ca: &str| {
        let ca = home.path().join(ca);
        desk.run(&["audit", "tail", "--ca-file", ca.to_str().unwrap()])
    };
    let (known, stranger) = (tail("ca.pem"), tail("other.pem"));
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(known.code, 0, "{known:?}");
    assert_eq!(stranger.code, 2, "{stranger:?}");
    let seen = fs::read_to_string(home.path().join("seen")).unwrap();
    assert_eq!(seen, "Bearer cst_abc\n".repeat(2));
}
