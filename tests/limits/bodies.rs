//! Bodies: how large one may be, and how much memory all large ones have together.

use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
};

use crate::{
    callers::{HERE, answer, from, once, request},
    scene::{Scene, WRAP, secret, wait},
    service::eventually,
    wire::Reply,
};

const MEBIBYTE: usize = 1024 * 1024;

/// Room for two of the largest bodies, one for each principal, and little time to wait for it.
const TWO: &str = "body_bytes = 1048576\nevent_bytes = 1048576\nlarge_bytes = 2097152\nkey_wait = \"300ms\"\nbody = \"10m\"";

/// A secret to wrap, with so many bytes around it.
fn padded(bytes: usize) -> String {
    let small = secret().to_string();
    let (most, end) = small.split_at(small.len() - 1);
    format!("{most}{}{end}", " ".repeat(bytes - small.len()))
}

/// Of a body of a mebibyte that is large already, and not whole.
fn held(scene: &Scene, token: &str) -> TcpStream {
    let mut stream = from(HERE, &scene.served.url);
    let whole = request("POST", WRAP, token, &padded(MEBIBYTE));
    let (beginning, _) = whole.as_bytes().split_at(MEBIBYTE / 2);
    stream.write_all(beginning).unwrap();
    stream
}

fn finish(mut stream: TcpStream, token: &str) {
    let whole = request("POST", WRAP, token, &padded(MEBIBYTE));
    let (_, rest) = whole.as_bytes().split_at(MEBIBYTE / 2);
    stream.write_all(rest).unwrap();
    assert_eq!(answer(&mut stream).unwrap().status, 200);
}

fn large(scene: &Scene, token: &str) -> Reply {
    let mut stream = from(HERE, &scene.served.url);
    once(
        &mut stream,
        &request("POST", WRAP, token, &padded(MEBIBYTE)),
    )
}

fn waits(reply: &Reply) -> bool {
    if reply.status != 503 {
        return false;
    }
    reply.is_refused(503, "not_ready");
    wait(reply.header("retry-after")).as_secs() == 1
}

#[test]
fn large_bodies_share_their_memory_and_no_principal_has_more_than_half() {
    let scene = Scene::open(TWO);
    let [greedy, second, third] = ["greedy", "second", "third"].map(|name| scene.app(name).1);
    let first = held(&scene, &greedy);
    eventually("its second large body waits", || {
        waits(&large(&scene, &greedy))
    });
    assert_eq!(large(&scene, &second).status, 200);
    scene.post(&greedy, WRAP, &secret()).is(200);
    let other = held(&scene, &second);
    eventually("all of it is taken", || waits(&large(&scene, &third)));
    scene.post(&third, WRAP, &secret()).is(200);
    finish(first, &greedy);
    eventually("there is memory again", || {
        large(&scene, &third).status == 200
    });
    finish(other, &second);
}

#[test]
fn up_to_8_mib_are_read_to_their_end_so_that_the_413_is_heard() {
    let scene = Scene::open("body_bytes = 65536\nevent_bytes = 65536");
    let (_, token) = scene.app("large");
    for bytes in [65_537, MEBIBYTE, 8 * MEBIBYTE] {
        let mut stream = from(HERE, &scene.served.url);
        let refused = once(&mut stream, &request("POST", WRAP, &token, &padded(bytes)));
        refused.is_refused(413, "too_large");
        // The connection is as good as before.
        let answer = once(&mut stream, &request("POST", WRAP, &token, &padded(65_536)));
        assert_eq!(answer.status, 200, "{bytes}: {answer:?}");
    }
}

/// Sends the head, then mebibytes until the service hears no more; answers how many it took.
fn pour(scene: &Scene, token: &str) -> (usize, Option<Reply>) {
    let mut stream = from(HERE, &scene.served.url);
    let head = request("POST", WRAP, token, "");
    let about = "Content-Type: application/json\r\nTransfer-Encoding: chunked";
    let head = format!("{}\r\n{about}\r\n\r\n", head.trim_end());
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("{MEBIBYTE:x}\r\n{}\r\n", " ".repeat(MEBIBYTE));
    for taken in 0..64 {
        if let Err(error) = stream.write_all(chunk.as_bytes()) {
            let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            assert!(kinds.contains(&error.kind()), "{error}");
            return (taken, answer(&mut stream));
        }
    }
    panic!("64 mebibytes were taken");
}

#[test]
fn a_body_without_an_end_is_read_no_further_and_takes_no_memory() {
    let scene = Scene::open("");
    let (_, token) = scene.app("endless");
    scene.post(&token, WRAP, &secret()).is(200);
    let before = scene.figure("VmRSS");
    for token in [&*token, "cst_guess"] {
        for _ in 0..4 {
            let (taken, _) = pour(&scene, token);
            println!("limits: {taken} MiB of an endless body were taken");
        }
    }
    let after = scene.figure("VmRSS");
    assert!(
        after < before + 24 * 1024,
        "{before} KiB became {after} KiB"
    );
    scene.post(&token, WRAP, &secret()).is(200);
}

#[test]
fn a_stranger_is_refused_before_its_body_is_sent() {
    let scene = Scene::open("");
    let mut stream = from(HERE, &scene.served.url);
    let whole = request("POST", WRAP, "cst_guess", &padded(MEBIBYTE));
    let (head, _) = whole.split_once("\r\n\r\n").unwrap();
    let refused = once(&mut stream, &format!("{head}\r\n\r\n"));
    refused.is_refused(401, "unauthenticated");
    assert_eq!(refused.header("connection"), Some("close"));
}
