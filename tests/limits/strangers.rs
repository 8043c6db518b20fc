//! What whoever has no valid token may do: guess so often from each source, and shut nobody out by it.

use std::{
    net::{Ipv4Addr, TcpStream},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    callers::{HERE, THERE, from, once, request},
    scene::{CHEAP, LIVE, Scene, WRAP, batch, sum, wait},
    service::Stop,
    wire::Reply,
};

/// Guesses that one source may make at once, and each second after that (src/http.rs).
const AT_ONCE: u64 = 200;
const A_SECOND: u64 = 10;

/// Guesses until it is refused for that; answers the refusal and how many were only 401.
fn until_limited(stream: &mut TcpStream, guess: &str) -> (Reply, u64) {
    let (begun, mut wrong) = (Instant::now(), 0);
    loop {
        let reply = once(stream, guess);
        if reply.status == 429 {
            reply.is_refused(429, "rate_limited");
            return (reply, wrong);
        }
        reply.is_refused(401, "unauthenticated");
        wrong += 1;
        let most = AT_ONCE + (begun.elapsed().as_secs() + 1) * A_SECOND;
        assert!(wrong <= most, "{wrong} guesses");
    }
}

/// A token that differs from a valid one at its end only.
fn nearly(token: &str) -> String {
    let (most, last) = token.trim().split_at(token.trim().len() - 1);
    format!("{most}{}", if last == "A" { "E" } else { "A" })
}

#[test]
fn who_guesses_waits_and_a_valid_token_from_the_same_address_never_does() {
    let scene = Scene::open("");
    let (auditor, ada) = (scene.auditor(), scene.site.token("ada"));
    let guess = request("GET", CHEAP, &nearly(&ada), "");
    let mut here = from(HERE, &scene.served.url);
    let (refused, mut wrong) = until_limited(&mut here, &guess);
    let mut limited = 1;
    assert!(wrong >= AT_ONCE, "{wrong} guesses");
    for _ in 0..20 {
        // The one that it nearly guesses too: no account is locked.
        assert_eq!(scene.ask(HERE, &ada, CHEAP).status, 200);
        match once(&mut here, &guess).status {
            401 => wrong += 1,
            status => {
                assert_eq!(status, 429);
                limited += 1;
            }
        }
    }
    let there = scene.ask(THERE, "cst_guess", CHEAP);
    there.is_refused(401, "unauthenticated");
    let (_, last) = until_limited(&mut here, &guess);
    (wrong, limited) = (wrong + last, limited + 1);
    thread::sleep(wait(refused.header("retry-after")));
    once(&mut here, &guess).is_refused(401, "unauthenticated");
    wrong += 1;
    counted(scene, &auditor, wrong, limited);
}

/// One entry for each source and minute says how many there were of either.
fn counted(scene: Scene, auditor: &str, wrong: u64, limited: u64) {
    let scene = scene.restarted();
    let told = scene.entries(auditor, "sign_in");
    let of = |source: Ipv4Addr| -> Vec<Value> {
        let ours = told
            .iter()
            .filter(|one| one["object"] == source.to_string());
        ours.cloned().collect()
    };
    assert!((1..=2).contains(&of(HERE).len()), "{told:?}");
    assert_eq!(sum(&of(HERE), "requests"), wrong);
    assert_eq!(sum(&of(HERE), "rate_limited"), limited);
    assert_eq!(of(THERE).len(), 1);
    assert_eq!(sum(&of(THERE), "requests"), 1);
    assert_eq!(sum(&of(THERE), "rate_limited"), 0);
}

#[test]
fn what_needs_no_token_is_limited_for_each_source_and_health_never_is() {
    let scene = Scene::open("");
    let ada = scene.site.token("ada");
    let keys = request("GET", "/v1/signing-keys", "", "");
    // By four, since it refills as fast as one asks on a slow machine; the first refusal ends it for all.
    let ended = AtomicBool::new(false);
    let until_refused = || {
        let mut stream = from(HERE, &scene.served.url);
        let asks = (0..20_000).take_while(|_| !ended.load(SeqCst));
        let mut answers = asks.map(|_| once(&mut stream, &keys));
        let refusal = answers.find(|reply| reply.status != 200);
        ended.fetch_or(refusal.is_some(), SeqCst);
        refusal
    };
    let refused: Vec<Reply> = thread::scope(|scope| {
        let asking = [(); 4].map(|()| scope.spawn(until_refused));
        asking
            .into_iter()
            .filter_map(|one| one.join().unwrap())
            .collect()
    });
    assert!(!refused.is_empty());
    for refusal in &refused {
        refusal.is_refused(429, "rate_limited");
    }
    assert_eq!(scene.ask(THERE, "", "/v1/signing-keys").status, 200);
    assert_eq!(scene.ask(HERE, &ada, CHEAP).status, 200);
    let mut here = from(HERE, &scene.served.url);
    for _ in 0..1500 {
        assert_eq!(once(&mut here, &request("GET", LIVE, "", "")).status, 200);
    }
    thread::sleep(wait(refused[0].header("retry-after")));
    assert_eq!(once(&mut here, &keys).status, 200);
}

#[test]
fn a_flood_of_guesses_keeps_no_caller_waiting() {
    const STRANGERS: usize = 32;
    let scene = Scene::open("");
    let ada = scene.site.token("ada");
    let stop = AtomicBool::new(false);
    let (guesses, took) = thread::scope(|scope| {
        let guess = || {
            let mut stream = from(HERE, &scene.served.url);
            let guess = request("GET", CHEAP, "cst_guess", "");
            let mut number = 0;
            while !stop.load(SeqCst) {
                let status = once(&mut stream, &guess).status;
                assert!([401, 429].contains(&status), "{status}");
                number += 1;
            }
            number
        };
        let strangers: Vec<_> = (0..STRANGERS).map(|_| scope.spawn(guess)).collect();
        let (stopped, begun, mut took) = (Stop(&stop), Instant::now(), Vec::new());
        while begun.elapsed() < Duration::from_secs(3) {
            let asked = Instant::now();
            assert_eq!(scene.ask(HERE, &ada, CHEAP).status, 200);
            took.push(asked.elapsed());
        }
        drop(stopped);
        let guesses = strangers.into_iter().map(|one| one.join().unwrap());
        (guesses.sum::<usize>(), took)
    });
    let slowest = took.iter().max().unwrap();
    println!(
        "limits: beside {guesses} guesses in 3 s, {} requests with a valid token from the same address, the slowest {slowest:.1?}",
        took.len()
    );
    assert!(*slowest < Duration::from_secs(5), "{slowest:?}");
}

/// The flood of a thousand times as many is a test of the limiter itself (src/http/rates.rs).
#[test]
fn guesses_from_thousands_of_addresses_take_little_memory_and_few_entries() {
    const SOURCES: u32 = 4300;
    /// Sources that the log tells apart in a minute; the others are one (src/custodian/strangers.rs).
    const TOLD_APART: usize = 4096;
    let scene = Scene::open("");
    let (auditor, ada) = (scene.auditor(), scene.site.token("ada"));
    scene
        .post(&ada, WRAP, &batch(1))
        .is_refused(403, "forbidden");
    let before = scene.figure("VmRSS");
    let base = u32::from(Ipv4Addr::new(127, 1, 0, 0));
    let begun = Instant::now();
    thread::scope(|scope| {
        for half in [0, 1] {
            let scene = &scene;
            scope.spawn(move || {
                for source in (half..SOURCES).step_by(2) {
                    let source = Ipv4Addr::from(base + source);
                    let reply = scene.ask(source, "cst_guess", CHEAP);
                    reply.is_refused(401, "unauthenticated");
                }
            });
        }
    });
    let (after, took) = (scene.figure("VmRSS"), begun.elapsed());
    println!("limits: {SOURCES} sources guessed in {took:.1?}: {before} KiB became {after} KiB");
    assert!(
        after < before + 32 * 1024,
        "{before} KiB became {after} KiB"
    );
    assert_eq!(scene.ask(HERE, &ada, CHEAP).status, 200);
    let scene = scene.restarted();
    let told = scene.entries(&auditor, "sign_in");
    let minutes = took.as_secs() as usize / 60 + 2;
    assert!(told.len() <= minutes * (TOLD_APART + 1), "{}", told.len());
    assert_eq!(sum(&told, "requests"), u64::from(SOURCES));
}
