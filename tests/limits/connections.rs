//! Who holds connections keeps nobody else out.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

use crate::{
    callers::{ELSEWHERE, HERE, THERE, answer, from, held, once, ports, request},
    scene::{CHEAP, LIVE, Scene, wait},
    service::eventually,
    wire::Reply,
};

/// As few as there can be, and time enough to hold them.
const FEW: &str = "connections = 16\nconnections_per_source = 8\nhead = \"1m\"\nidle = \"1m\"";

/// What hears only that there are too many: for a second, and so many of loopback (src/server/line.rs).
const CROWD: usize = 64;

fn silent(scene: &Scene, source: Ipv4Addr, number: usize) -> Vec<TcpStream> {
    let one = |_| from(source, &scene.served.url);
    (0..number).map(one).collect()
}

/// Connections whose callers are known, and quiet now.
fn known(scene: &Scene, source: Ipv4Addr, token: &str, number: usize) -> Vec<TcpStream> {
    let mut all = silent(scene, source, number);
    for stream in &mut all {
        assert_eq!(once(stream, &request("GET", CHEAP, token, "")).status, 200);
    }
    all
}

#[track_caller]
fn is_turned_away(reply: &Reply) {
    reply.is_refused(503, "not_ready");
    assert_eq!(wait(reply.header("retry-after")).as_secs(), 1);
    assert_eq!(reply.header("connection"), Some("close"));
}

#[test]
fn a_stranger_who_holds_all_it_may_keeps_no_caller_out_whatever_its_address() {
    let scene = Scene::open(FEW);
    let ada = scene.site.token("ada");
    let _held = silent(&scene, HERE, 8);
    for source in [THERE, HERE] {
        let mut stream = from(source, &scene.served.url);
        for path in [CHEAP, LIVE, CHEAP] {
            let reply = once(&mut stream, &request("GET", path, &ada, ""));
            assert_eq!(reply.status, 200, "{source} {path}: {reply:?}");
        }
    }
}

#[test]
fn strangers_of_many_addresses_who_hold_all_connections_keep_no_caller_out() {
    let scene = Scene::open(FEW);
    let ada = scene.site.token("ada");
    let mut caller = known(&scene, THERE, &ada, 1).pop().unwrap();
    let mut crowd = Vec::new();
    for last in 10..14 {
        crowd.extend(silent(&scene, Ipv4Addr::new(127, 0, 0, last), 8));
    }
    let begun = Instant::now();
    assert_eq!(scene.ask(ELSEWHERE, &ada, CHEAP).status, 200);
    let took = begun.elapsed();
    println!(
        "limits: a caller among 32 strangers' connections, of 16 that there may be: {took:.1?}"
    );
    // Who is known keeps its connection.
    assert_eq!(
        once(&mut caller, &request("GET", CHEAP, &ada, "")).status,
        200
    );
    eventually("no more are held than there may be", || {
        let held = held();
        let is_held = |stream: &&TcpStream| held.contains(&ports(stream, &scene.served.url));
        crowd.iter().filter(is_held).count() < 16
    });
}

#[test]
fn one_connection_too_many_hears_that_at_once_or_how_the_service_is() {
    let scene = Scene::open(FEW);
    let ada = scene.site.token("ada");
    let mut own = known(&scene, HERE, &ada, 8);
    is_turned_away(&scene.ask(HERE, &ada, CHEAP));
    let live = scene.ask(HERE, "", LIVE);
    assert_eq!(
        (live.status, live.header("connection")),
        (200, Some("close"))
    );
    assert_eq!(scene.ask(THERE, &ada, CHEAP).status, 200);
    let _others = known(&scene, THERE, &ada, 8);
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let begun = Instant::now();
        is_turned_away(&scene.ask(ELSEWHERE, &ada, CHEAP));
        slowest = slowest.max(begun.elapsed());
        assert_eq!(scene.ask(ELSEWHERE, "", LIVE).status, 200);
    }
    println!(
        "limits: where all connections are taken, the slowest of 50 refusals took {slowest:.1?}"
    );
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    drop(own.pop());
    eventually("the place of one that went is free", || {
        scene.ask(ELSEWHERE, &ada, CHEAP).status == 200
    });
}

#[test]
fn a_crowd_takes_no_more_files_than_it_may_and_leaves_within_seconds() {
    let scene = Scene::open(FEW);
    let ada = scene.site.token("ada");
    let _own = known(&scene, HERE, &ada, 8);
    let _others = known(&scene, THERE, &ada, 8);
    // Some more for the log and the token.
    let files = scene.open_files() + 8;
    let crowd = silent(&scene, ELSEWHERE, 500);
    let most = files + CROWD;
    eventually("those beyond the crowd are gone", || {
        scene.open_files() <= most
    });
    eventually("the crowd is gone", || scene.open_files() <= files);
    for mut stream in crowd {
        let _reset = stream.write_all(request("GET", CHEAP, &ada, "").as_bytes());
        let mut nothing = Vec::new();
        let _reset = stream.read_to_end(&mut nothing);
        assert!(!nothing.starts_with(b"HTTP/1.1 2"), "{nothing:?}");
    }
    scene.is_live();
}

#[test]
fn answers_are_pipelined_in_order_and_no_more_is_read_than_is_answered() {
    let scene = Scene::open("");
    let ada = scene.site.token("ada");
    let mut stream = from(HERE, &scene.served.url);
    let one = |number: usize| {
        let named = format!("Host: x\r\nX-Request-Id: n{number}\r\n");
        request("GET", CHEAP, &ada, "").replace("Host: x\r\n", &named)
    };
    let many: String = (0..200).map(one).collect();
    stream.write_all(many.as_bytes()).unwrap();
    for number in 0..200 {
        let reply = answer(&mut stream).unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("x-request-id"), Some(&*format!("n{number}")));
    }
}
