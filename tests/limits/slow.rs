//! Callers that are too slow at one step of an exchange, twenty at each at once: every one is cut off in its time, and
//! callers beside them are served.

use std::{
    io::Write,
    net::{Ipv4Addr, TcpStream},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use crate::{
    appliance::Site,
    authority::Authority,
    callers::{HERE, THERE, answer, from, held, narrow, once, ports, request},
    scene::{CHEAP, LIVE, Scene, WRAP},
};

/// Short, and long enough for a machine that has much to do.
const SHORT: &str =
    "handshake = \"3s\"\nhead = \"3s\"\nbody = \"3s\"\nanswer = \"3s\"\nidle = \"3s\"";

const AT_ONCE: usize = 20;

/// No step takes more than two of those times: an answer, and what a caller still sends after it.
const LATEST: Duration = Duration::from_secs(15);
/// The transport's own clock for quiet connections is half a second coarse.
const EARLIEST: Duration = Duration::from_millis(2400);

/// A slow caller: what it does first, and what it sends of it again and again.
struct Slow {
    step: &'static str,
    begin: fn(&Scene, &str, usize) -> TcpStream,
    drip: &'static [u8],
}

const SLOW: [Slow; 7] = [
    Slow {
        step: "no byte",
        begin: |scene, _, _| from(HERE, &scene.served.url),
        drip: b"",
    },
    Slow {
        step: "a head that drips",
        begin: |scene, _, _| sent(scene, "GET /v1/health/live HTTP/1.1\r\nX-Slow: "),
        drip: b"x",
    },
    Slow {
        step: "a second head that drips",
        begin: |scene, _, _| {
            let mut stream = from(HERE, &scene.served.url);
            once(&mut stream, &request("GET", LIVE, "", ""));
            stream
        },
        drip: b"G",
    },
    Slow {
        step: "a body that drips",
        begin: |scene, token, _| sent(scene, &announced(WRAP, token, "Content-Length: 1000")),
        drip: b" ",
    },
    Slow {
        step: "a body for nobody that drips",
        begin: |scene, _, _| sent(scene, &announced("/none", "", "Transfer-Encoding: chunked")),
        drip: b"1\r\nx\r\n",
    },
    Slow {
        step: "no request after an answer",
        begin: |scene, _, _| {
            let mut stream = from(HERE, &scene.served.url);
            once(&mut stream, &request("GET", LIVE, "", ""));
            stream
        },
        drip: b"",
    },
    Slow {
        step: "answers that nobody reads",
        begin: |scene, _, number| {
            let source = Ipv4Addr::new(127, 0, 1, number as u8);
            let mut stream = narrow(source, &scene.served.url, Some(4096));
            let large = request("GET", "/openapi.json", "", "").repeat(100);
            stream.write_all(large.as_bytes()).unwrap();
            stream
        },
        drip: b"",
    },
];

fn sent(scene: &Scene, beginning: &str) -> TcpStream {
    let mut stream = from(HERE, &scene.served.url);
    stream.write_all(beginning.as_bytes()).unwrap();
    stream
}

fn announced(path: &str, token: &str, how_long: &str) -> String {
    let head = request("POST", path, token, "");
    let head = head.trim_end();
    format!("{head}\r\nContent-Type: application/json\r\n{how_long}\r\n\r\n")
}

/// Sends drop by drop until the service has closed each; answers how long each was held.
fn watch(url: &str, drip: &[u8], mut begin: impl FnMut(usize) -> TcpStream) -> Vec<Duration> {
    let timed = |number| (Instant::now(), begin(number));
    let mut callers: Vec<_> = (1..=AT_ONCE).map(timed).collect();
    let mut ends = Vec::new();
    while let Some((first, _)) = callers.first() {
        assert!(first.elapsed() < LATEST, "{} are held", callers.len());
        thread::sleep(Duration::from_millis(100));
        let held = held();
        callers.retain_mut(|(begun, caller)| {
            let _gone = caller.write_all(drip);
            let is_held = held.contains(&ports(caller, url));
            if !is_held {
                ends.push(begun.elapsed());
            }
            is_held
        });
    }
    ends
}

#[track_caller]
fn each_in_its_time(step: &str, ends: &[Duration]) {
    let (first, last) = (ends.iter().min().unwrap(), ends.iter().max().unwrap());
    println!(
        "limits: {step}: {} cut off after {first:.1?} to {last:.1?}",
        ends.len()
    );
    assert!(*first >= EARLIEST, "{step}: {first:?}");
}

/// Asks again and again until it is told to stop; answers how long each took.
fn served_meanwhile(scene: &Scene, token: &str, stop: &AtomicBool) -> Vec<Duration> {
    let ask = request("GET", CHEAP, token, "");
    let mut stream = from(THERE, &scene.served.url);
    let mut took = Vec::new();
    while !stop.load(SeqCst) {
        let begun = Instant::now();
        let reply = once(&mut stream, &ask);
        assert_eq!(reply.status, 200, "{reply:?}");
        took.push(begun.elapsed());
    }
    took.sort();
    took
}

#[test]
fn who_is_slow_at_a_step_is_cut_off_and_keeps_nobody_waiting() {
    let scene = Scene::open(SHORT);
    let ada = scene.site.token("ada");
    let (_, slow) = scene.app("slow");
    let stop = AtomicBool::new(false);
    let took = thread::scope(|scope| {
        let meanwhile = scope.spawn(|| served_meanwhile(&scene, &ada, &stop));
        let watches = SLOW.map(|slowly| {
            let (scene, slow) = (&scene, &slow);
            let watched = scope.spawn(move || {
                let begin = |number| (slowly.begin)(scene, slow, number);
                watch(&scene.served.url, slowly.drip, begin)
            });
            (slowly.step, watched)
        });
        let watched = watches.map(|(step, watched)| (step, watched.join()));
        stop.store(true, SeqCst);
        for (step, ends) in watched {
            each_in_its_time(step, &ends.unwrap_or_else(|why| panic!("{step}: {why:?}")));
        }
        meanwhile.join().unwrap()
    });
    let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
    println!(
        "limits: beside {} slow callers {} requests, median {median:.1?}, slowest {slowest:.1?}",
        AT_ONCE * SLOW.len(),
        took.len()
    );
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

#[test]
fn a_body_that_is_too_slow_is_refused_with_a_sentence() {
    let scene = Scene::open(SHORT);
    let (_, slow) = scene.app("slow");
    let mut stream = sent(&scene, &announced(WRAP, &slow, "Content-Length: 1000"));
    let refused = answer(&mut stream).unwrap();
    refused.is_refused(400, "invalid_request");
    assert!(refused.text.contains("in time"), "{refused:?}");
}

#[test]
fn a_handshake_that_stalls_or_drips_is_cut_off_and_keeps_nobody_waiting() {
    let site = Site::new();
    let authority = Authority::new(site.folder(), "authority");
    let pair = authority.server("server");
    let (certificate, key) = (&pair.certificate, &pair.key);
    site.configure(&format!(
        "[limits]\n{SHORT}\n[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n"
    ));
    let served = site.serve_new();
    let scene = Scene { site, served };
    let url = &*scene.served.url;
    // The beginning of a ClientHello of 512 bytes (RFC 8446 section 5.1).
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    thread::scope(|scope| {
        let silent = scope.spawn(|| watch(url, b"", |_| from(HERE, url)));
        let dripping = scope.spawn(|| {
            watch(url, b"x", |_| {
                let mut stream = from(HERE, url);
                stream.write_all(hello).unwrap();
                stream
            })
        });
        let agent = authority.agent(None);
        for _ in 0..20 {
            let answer = agent.get(format!("{url}{LIVE}")).call().unwrap();
            assert_eq!(answer.status(), 200);
        }
        each_in_its_time("no handshake", &silent.join().unwrap());
        each_in_its_time("a handshake that drips", &dripping.join().unwrap());
    });
}
